//! The sections of a handout.

/// The headings, in order.
pub fn headings(text: &str) -> impl Iterator<Item = &str> {
    sections(text).map(|(_, heading, _)| heading)
}

/// The section under a heading, with those below it: the one that is called so, else the first that begins so.
pub fn find<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    let wanted = wanted.to_lowercase();
    let is_it = |heading: &str| heading.to_lowercase() == wanted;
    let begins = |heading: &str| heading.to_lowercase().starts_with(&wanted);
    let place = sections(text)
        .position(|(_, heading, _)| is_it(heading))
        .or_else(|| sections(text).position(|(_, heading, _)| begins(heading)))?;
    let (level, _, at) = sections(text).nth(place)?;
    let end =
        sections(text).skip(place + 1).find(|(other, _, _)| *other <= level).map_or(text.len(), |(_, _, end)| end);
    text.get(at..end)
}

/// Level, heading and place of each section. A sign inside of source text is none.
fn sections(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    let mut at = 0;
    let mut fenced = false;
    text.split_inclusive('\n').filter_map(move |line| {
        let begin = at;
        at += line.len();
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let heading = line.get(level..).filter(|rest| rest.starts_with(' ')).map(str::trim);
        heading.filter(|_| level > 0 && !fenced).map(|heading| (level, heading, begin))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const TEXT: &str = "# All\nintro\n## Start\none\n```\n# no heading\n```\n### Below\ntwo\n## Short counts\nthree\n";

    #[rstest]
    #[case("Start", Some("## Start\none\n```\n# no heading\n```\n### Below\ntwo\n"))]
    #[case("below", Some("### Below\ntwo\n"))]
    #[case("Short", Some("## Short counts\nthree\n"))]
    #[case("All", Some(TEXT))]
    #[case("no heading", None)]
    fn finds_a_section(#[case] wanted: &str, #[case] found: Option<&str>) {
        assert_eq!(find(TEXT, wanted), found);
    }

    #[test]
    fn headings_in_order() {
        assert_eq!(headings(TEXT).collect::<Vec<_>>(), ["All", "Start", "Below", "Short counts"]);
    }
}
