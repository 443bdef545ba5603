//! Comparing what came with what was expected, byte by byte: only a line end may be one too many, or missing.

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Equal, or equal but for a stray line end (then with a finding).
    Equal(Option<&'static str>),
    /// So far a beginning of what is expected: more may come.
    Beginning,
    /// Different, whatever may still come.
    Different,
}

/// Compares bytes with expected ones, letting one stray line end at the end pass, and CRLF
/// for LF.
pub fn compare(actual: &[u8], expected: &[u8], ignoring_case: bool) -> Compared {
    let same = |a: &[u8], b: &[u8]| if ignoring_case { a.eq_ignore_ascii_case(b) } else { a == b };
    if same(actual, expected) {
        return Compared::Equal(None);
    }
    if let Some((beginning, more)) = actual.split_at_checked(expected.len())
        && same(beginning, expected)
    {
        match more {
            b"\n" | b"\r\n" => return Compared::Equal(Some("a line end is added at the end")),
            b"\r" => return Compared::Beginning,
            _ => {}
        }
    }
    if let Some(stem) = expected.strip_suffix(b"\n")
        && same(actual, stem)
    {
        // The line end may still come; a program that leaves it out is let pass.
        return Compared::Equal(Some("the line end at the end is left out"));
    }
    if actual.contains(&b'\r') && !expected.contains(&b'\r') {
        let without: Vec<u8> = actual.iter().copied().filter(|byte| *byte != b'\r').collect();
        return match compare(&without, expected, ignoring_case) {
            Compared::Equal(_) => Compared::Equal(Some("line ends are CR LF")),
            other => other,
        };
    }
    match expected.split_at_checked(actual.len()) {
        Some((beginning, _)) if same(actual, beginning) => Compared::Beginning,
        _ => Compared::Different,
    }
}

/// Whether `needle` stands in `hay` in one piece.
pub fn contains(hay: &[u8], needle: &[u8], ignoring_case: bool) -> bool {
    if needle.is_empty() {
        return true;
    }
    if ignoring_case {
        hay.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
    } else {
        find(hay, needle).is_some()
    }
}

/// With which of the words a text stands, wherever it stands: the first word if always with that one, else one of the
/// others. Nothing if it is not there, or without any of them. Letters count as equal in both cases.
pub fn stands_with<'w>(output: &[u8], text: &[u8], words: &'w [String]) -> Option<&'w str> {
    let output = String::from_utf8_lossy(output).to_ascii_lowercase();
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let alone = |from: usize, length: usize| {
        let before = from.checked_sub(1).and_then(|at| output.as_bytes().get(at).copied());
        !is_part(before) && !is_part(output.as_bytes().get(from + length).copied())
    };
    let mut places: Vec<(usize, &str)> = Vec::new();
    for word in words {
        let lower = word.to_ascii_lowercase();
        let found = output.match_indices(&lower).map(|(at, _)| at);
        places.extend(found.filter(|at| alone(*at, word.len())).map(|at| (at, word.as_str())));
    }
    places.sort_unstable();
    let owner = |at: usize| {
        let line = output[..at].rfind('\n').unwrap_or_default();
        let end = output[at..].find('\n').map_or(output.len(), |length| at + length);
        let before = places.iter().rev().find(|(place, _)| *place < at);
        let behind = places.iter().find(|(place, _)| (at..end).contains(place));
        let same_line = before.filter(|(place, _)| *place >= line);
        same_line.or(behind).or(before).map(|(_, word)| *word)
    };
    let mut owners =
        output.match_indices(&text).filter(|(at, _)| alone(*at, text.len())).filter_map(|(at, _)| owner(at));
    let first = owners.next()?;
    Some(owners.find(|word| *word != words[0]).filter(|_| first == words[0]).unwrap_or(first))
}

/// Whether bytes begin like those that were expected, so that it makes sense to lay them side by side.
pub fn begins_alike(expected: &[u8], came: &[u8]) -> bool {
    const ALIKE: usize = 4;
    let alike = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
    !came.is_empty() && alike >= ALIKE.min(expected.len()).min(came.len())
}

/// Where `needle` begins in `hay`. Needles of megabytes are found by their beginning: preparing
/// a search for the whole would cost more than the comparison.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    const SHORT: usize = 4096;
    const BEGINNING: usize = 256;
    const CANDIDATES: usize = 256;
    if needle.len() > hay.len() {
        return None;
    }
    if needle.len() <= SHORT {
        return memchr::memmem::find(hay, needle);
    }
    let mut candidates = memchr::memmem::find_iter(hay, &needle[..BEGINNING]);
    for _ in 0..CANDIDATES {
        let at = candidates.next()?;
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
    }
    memchr::memmem::find(hay, needle)
}

/// How often each message stands in the output, in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Messages {
    /// Each once; what remains besides, line ends left out.
    Whole(Vec<u8>),
    /// The number of the first one that is missing or in pieces.
    Missing(usize),
    /// The number of the first one that is there twice.
    Twice(usize),
}

/// Looks for messages in an output, in any order.
pub fn messages(output: &[u8], expected: &[Vec<u8>]) -> Messages {
    let mut rest = output.to_vec();
    for (index, message) in expected.iter().enumerate().filter(|(_, message)| !message.is_empty()) {
        // The last line end of a message may be missing or translated.
        let core: &[u8] = message.strip_suffix(b"\n").filter(|core| !core.is_empty()).unwrap_or(message);
        match find(&rest, core) {
            Some(at) => {
                rest.drain(at..at + core.len());
            }
            None => return Messages::Missing(index),
        }
        if core.len() >= 16 && find(&rest, core).is_some() {
            return Messages::Twice(index);
        }
    }
    rest.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    Messages::Whole(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::a_line_each("lo 127.0.0.1\nattic 10.0.0.1 fd00::1\ncellar 10.0.0.2\n", Some("attic"))]
    #[case::the_wrong_line("attic 10.0.0.2\ncellar 10.0.0.1\n", Some("cellar"))]
    #[case::on_every_line("attic 10.0.0.1 10.0.0.2\ncellar 10.0.0.1 10.0.0.2\n", Some("cellar"))]
    #[case::below_its_name("attic:\n  inet 10.0.0.1\ncellar:\n  inet 10.0.0.2\n", Some("attic"))]
    #[case::before_its_name("10.0.0.2 cellar\n10.0.0.1 ATTIC\n", Some("attic"))]
    #[case::all_in_one_line("{'attic': ['10.0.0.1'], 'cellar': ['10.0.0.2']}", Some("attic"))]
    #[case::part_of_another("attic 10.0.0.11\n", None)]
    #[case::part_of_a_name("lo\nattics 10.0.0.1\n", None)]
    #[case::nowhere("attic\ncellar\n", None)]
    fn tells_with_which_word_a_text_stands(#[case] output: &str, #[case] word: Option<&str>) {
        let words = ["attic".to_owned(), "cellar".to_owned()];
        assert_eq!(stands_with(output.as_bytes(), b"10.0.0.1", &words), word);
    }

    #[rstest]
    #[case("abc", "abc", false, Compared::Equal(None))]
    #[case("abc\n", "abc", false, Compared::Equal(Some("a line end is added at the end")))]
    #[case("abc\r\n", "abc", false, Compared::Equal(Some("a line end is added at the end")))]
    #[case("abc\r", "abc", false, Compared::Beginning)]
    #[case("abc\n\n", "abc", false, Compared::Different)]
    #[case("abc", "abc\n", false, Compared::Equal(Some("the line end at the end is left out")))]
    #[case("a\r\nb\r\n", "a\nb\n", false, Compared::Equal(Some("line ends are CR LF")))]
    #[case("ab", "abc", false, Compared::Beginning)]
    #[case("", "abc", false, Compared::Beginning)]
    #[case("ABC", "abc", false, Compared::Different)]
    #[case("ABC", "abc", true, Compared::Equal(None))]
    #[case("abd", "abc", false, Compared::Different)]
    fn compares(#[case] actual: &str, #[case] expected: &str, #[case] ignoring_case: bool, #[case] outcome: Compared) {
        assert_eq!(compare(actual.as_bytes(), expected.as_bytes(), ignoring_case), outcome);
    }

    #[rstest]
    #[case("one", "one and more", true)]
    #[case("a sentence", "a sent word", true)]
    #[case("a sentence", "a s", true)]
    #[case("a sentence", "a stone", false)]
    #[case("a sentence", "a sound", false)]
    #[case("a sentence", "", false)]
    fn what_begins_alike_is_laid_side_by_side(#[case] expected: &str, #[case] came: &str, #[case] alike: bool) {
        assert_eq!(begins_alike(expected.as_bytes(), came.as_bytes()), alike);
    }

    #[rstest]
    #[case("a sentence", "sent", false, true)]
    #[case("a sentence", "Sent", false, false)]
    #[case("a sentence", "Sent", true, true)]
    #[case("a sentence", "since", true, false)]
    #[case("a", "", true, true)]
    #[case("a", "ab", false, false)]
    fn contains_what_stands_in_one_piece(
        #[case] hay: &str,
        #[case] needle: &str,
        #[case] ignoring_case: bool,
        #[case] there: bool,
    ) {
        assert_eq!(contains(hay.as_bytes(), needle.as_bytes(), ignoring_case), there);
    }

    #[test]
    fn finds_what_is_long_behind_what_begins_alike() {
        let needle = [[b'a'; 5000].as_slice(), b"!"].concat();
        // More places that begin alike than are looked at one by one.
        let hay = [[b'a'; 600].as_slice(), b" ", &needle].concat();
        assert_eq!(find(&hay, &needle), Some(601));
        assert_eq!(find(&hay[..5000], &needle[..4500]), None);
    }

    #[rstest]
    #[case("onetwo", &["one", "two"], Messages::Whole(vec![]))]
    #[case("two\none\n", &["one\n", "two\n"], Messages::Whole(vec![]))]
    #[case("from x: one two", &["one", "two"], Messages::Whole(b"from x:  ".to_vec()))]
    #[case("otnweo", &["one", "two"], Messages::Missing(0))]
    #[case("one", &["one", "two"], Messages::Missing(1))]
    #[case("a message of some size, a message of some size", &["a message of some size"], Messages::Twice(0))]
    #[case("one two", &["one\n", "two\n"], Messages::Whole(b" ".to_vec()))]
    #[case("a\nb\n", &["\n", "a"], Messages::Whole(b"b".to_vec()))]
    #[case("one", &["", "one"], Messages::Whole(vec![]))]
    #[case("one one", &["one"], Messages::Whole(b" one".to_vec()))]
    #[case("a message of some size", &["a message of some size"], Messages::Whole(vec![]))]
    fn finds_messages(#[case] output: &str, #[case] expected: &[&str], #[case] found: Messages) {
        let expected: Vec<Vec<u8>> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(messages(output.as_bytes(), &expected), found);
    }

    proptest! {
        #[test]
        fn equal_is_equal(bytes: Vec<u8>) {
            prop_assert_eq!(compare(&bytes, &bytes, false), Compared::Equal(None));
        }

        #[test]
        fn no_long_message_passes_when_cut(bytes in proptest::collection::vec(97u8..123, 40..200), at in 1usize..39) {
            let mut cut = bytes.clone();
            cut.insert(at, b'!');
            prop_assert_eq!(messages(&cut, std::slice::from_ref(&bytes)), Messages::Missing(0));
        }
    }
}
