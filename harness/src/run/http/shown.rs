//! What a browser shows of a body: lines of text. Only as much of HTML as decides where lines end.

/// Elements that begin and end lines (HTML, section 15.3, "flow content").
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
    "textarea",
    "plaintext",
    "xmp",
    "listing",
];

/// Elements inside which line ends are kept.
const PREFORMATTED: &[&str] = &["pre", "textarea", "xmp", "plaintext", "listing"];

/// Elements whose content is not shown.
const HIDDEN: &[&str] = &["head", "script", "style", "title", "template", "noscript"];

/// The lines of text that are to be seen, blank ones left out.
pub fn lines(body: &[u8], content_type: Option<&str>) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let html = match content_type {
        Some(kind) => kind.contains("html"),
        None => is_html(&text),
    };
    let shown = if html { render(&text) } else { text.into_owned() };
    shown.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Whether a browser that is told no type takes a text for HTML (MIME Sniffing, section 7.1).
fn is_html(text: &str) -> bool {
    const SIGNS: &[&str] = &[
        "<!doctype html",
        "<html",
        "<head",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<body",
        "<br",
        "<p",
        "<!--",
    ];
    let start = text.trim_start().to_ascii_lowercase();
    SIGNS
        .iter()
        .any(|sign| start.strip_prefix(sign).is_some_and(|rest| *sign == "<!--" || rest.starts_with([' ', '>'])))
}

fn render(text: &str) -> String {
    let mut shown = String::new();
    let mut preformatted = false;
    let mut hidden: Option<String> = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (words, tag, after) = next_tag(rest);
        rest = after;
        if hidden.is_none() {
            match preformatted {
                true => shown.push_str(words),
                false => add_collapsed(&mut shown, words),
            }
        }
        let Some(tag) = tag else { break };
        let closing = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        match &hidden {
            Some(until) if closing && *until == name => hidden = None,
            Some(until) if until == "head" && name == "body" => hidden = None,
            Some(_) => continue,
            None if !closing && HIDDEN.contains(&name.as_str()) => hidden = Some(name.clone()),
            None => {}
        }
        if PREFORMATTED.contains(&name.as_str()) {
            preformatted = !closing;
        }
        if name == "br" || BLOCKS.contains(&name.as_str()) {
            shown.push('\n');
        }
    }
    shown
}

/// The text before the next tag, the tag without its brackets, and what stands behind it.
fn next_tag(text: &str) -> (&str, Option<&str>, &str) {
    let is_tag = |(at, _): &(usize, &str)| {
        text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    };
    let Some((open, _)) = text.match_indices('<').find(is_tag) else { return (text, None, "") };
    let (end, width) = match text[open..].strip_prefix("<!--") {
        Some(comment) => (comment.find("-->").map(|at| at + 4), 3),
        None => (text[open..].find('>'), 1),
    };
    match end {
        Some(end) => (&text[..open], Some(&text[open + 1..open + end]), &text[open + end + width..]),
        None => (&text[..open], None, ""),
    }
}

/// Adds text in which every run of blanks and line ends is one blank.
fn add_collapsed(shown: &mut String, words: &str) {
    if words.starts_with(|c: char| c.is_ascii_whitespace()) {
        shown.push(' ');
    }
    for word in words.split_ascii_whitespace() {
        shown.push_str(&word.replace("&nbsp;", " "));
        shown.push(' ');
    }
    if !words.ends_with(|c: char| c.is_ascii_whitespace()) && shown.ends_with(' ') && !words.is_empty() {
        shown.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("one\ntwo\n", Some("text/plain"), &["one", "two"])]
    #[case("one\r\n\r\ntwo", None, &["one", "two"])]
    #[case("one\ntwo\n", Some("text/html"), &["one two"])]
    #[case("one<br>two<BR/>three", Some("text/html"), &["one", "two", "three"])]
    #[case("<p>one</p><p>two", None, &["one", "two"])]
    #[case("<html><head><title>No</title></head><body><h1>One</h1>two <b>bold</b>,\nstill two</body></html>", None, &["One", "two bold, still two"])]
    #[case("<pre>one\ntwo</pre>", Some("text/html"), &["one", "two"])]
    #[case("<script>var a;\nvar b;</script><style>p {}</style>", None, &[])]
    #[case("<!-- <p>no --><p>a < b", Some("text/html; charset=utf-8"), &["a < b"])]
    #[case("<html><head><title>x</title><body>seen", None, &["seen"])]
    #[case("", None, &[])]
    fn shows(#[case] body: &str, #[case] kind: Option<&str>, #[case] seen: &[&str]) {
        assert_eq!(lines(body.as_bytes(), kind), seen);
    }
}
