//! Text on its way into the page. Markup is escaped by the templates; here characters that act,
//! hide or reorder are made visible, and length is bounded.

use maud::{Markup, Render, html};

use crate::report::{escape, prose};

/// Longest text in one field, in characters.
const LIMIT: usize = 2_000;

/// Text of unknown origin on one line, whatever stands in it; beyond 2000 characters it is cut.
pub struct Line<'t>(pub &'t str);

impl Render for Line<'_> {
    fn render_to(&self, page: &mut String) {
        shortened(self.0, LIMIT).render_to(page);
    }
}

/// One line, escaped, of at most so many characters and a remark about the rest.
pub fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => escape::line(text),
        Some((end, _)) => {
            let left_out = text[end..].chars().count();
            format!("{} … ({left_out} characters more)", escape::line(&text[..end]))
        }
    }
}

/// Text of unknown origin in as many lines as it has, each of which is a block of its own with a
/// bar before it, so that it is seen to belong here. At most `most` of them are shown.
pub fn barred(text: &str, most: usize) -> Markup {
    let (kept, cut) = match text.char_indices().nth(LIMIT) {
        None => (text, 0),
        Some((end, _)) => (&text[..end], text[end..].chars().count()),
    };
    let lines = escape::lines(kept);
    html! {
        div.said {
            @for line in lines.iter().take(most) { code { (line) } }
        }
        @if lines.len() > most { p.quiet { "(cut: " (lines.len() - most) " lines more)" } }
        @else if cut > 0 { p.quiet { "(cut: " (cut) " characters more)" } }
    }
}

/// The kit's own prose on one line, its code spans as such.
pub fn kit(text: &str) -> Markup {
    spans(&prose::one_line(text))
}

/// The kit's own prose with its paragraphs, lists and source.
pub fn kit_blocks(text: &str) -> Markup {
    let blocks = prose::blocks(text);
    let mut groups: Vec<&[prose::Block]> = Vec::new();
    let is_item = |block: &prose::Block| matches!(block, prose::Block::Item(_));
    groups.extend(blocks.chunk_by(|a, b| is_item(a) && is_item(b)));
    html! {
        @for group in groups {
            @match group {
                [prose::Block::Paragraph(text)] => { p { (spans(text)) } }
                [prose::Block::Verbatim(lines)] => { pre { @for line in lines { (line) "\n" } } }
                items => {
                    ul { @for item in items { @if let prose::Block::Item(text) = item { li { (spans(text)) } } } }
                }
            }
        }
    }
}

/// An odd number of backticks: none of them marks a span.
fn spans(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let whole = [text];
    let parts: &[&str] = if parts.len().is_multiple_of(2) { &whole } else { &parts };
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::markup("<b>&\"", "&lt;b&gt;&amp;&quot;")]
    #[case::acting("a\n\u{202e}\0b", "a\\n\\u{202e}\\x00b")]
    fn one_line(#[case] text: &str, #[case] markup: &str) {
        assert_eq!(Line(text).render().into_string(), markup);
    }

    #[test]
    fn a_flood_is_cut() {
        let flood = "x".repeat(3_000);
        assert!(Line(&flood).render().into_string().ends_with(" … (1000 characters more)"));
        let shown = barred(&"y\n".repeat(500), 3).into_string();
        assert_eq!(shown.matches("<code>").count(), 3);
        assert!(shown.contains("(cut: 497 lines more)"), "{shown}");
    }

    #[rstest]
    #[case("`send` is <short>", "<code>send</code> is &lt;short&gt;")]
    #[case("a ` b", "a ` b")]
    fn own_prose(#[case] text: &str, #[case] markup: &str) {
        assert_eq!(kit(text).into_string(), markup);
    }

    #[test]
    fn own_paragraphs() {
        let text = "A call\nmay be short:\n- send\n- recv\n\n    n = 1;\n";
        let markup = "<p>A call may be short:</p><ul><li>send</li><li>recv</li></ul><pre>n = 1;\n</pre>";
        assert_eq!(kit_blocks(text).into_string(), markup);
    }
}
