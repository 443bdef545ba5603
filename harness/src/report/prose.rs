//! The kit's own prose (teaching texts, titles): paragraphs, first sentences, wrapping.
//! Source texts are broken anywhere, because they stand in TOML files.

use super::escape;
use super::style::{hang, wrap};

/// A piece of a teaching text.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// Running text, on one line.
    Paragraph(String),
    /// An item of a list, without its sign.
    Item(String),
    /// Lines that keep their breaks and indents (source text with four blanks before it).
    Verbatim(Vec<String>),
}

/// Splits a text at empty lines, list signs and indented lines.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open = false;
    for raw in text.lines() {
        let words = escape::line(raw.trim());
        if words.is_empty() {
            open = false;
        } else if let Some(source) = raw.strip_prefix("    ") {
            let kept = escape::line(source.trim_end());
            match blocks.last_mut() {
                Some(Block::Verbatim(lines)) if open => lines.push(kept),
                _ => blocks.push(Block::Verbatim(vec![kept])),
            }
            open = true;
        } else if let Some(item) = words.strip_prefix("- ").or_else(|| words.strip_prefix("* ")) {
            blocks.push(Block::Item(item.to_owned()));
            open = true;
        } else {
            match blocks.last_mut() {
                Some(Block::Paragraph(text) | Block::Item(text)) if open => {
                    text.push(' ');
                    text.push_str(&words);
                }
                _ => blocks.push(Block::Paragraph(words)),
            }
            open = true;
        }
    }
    blocks
}

/// The whole text wrapped, an empty line between paragraphs, every line indented.
pub fn wrapped(text: &str, indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(16);
    let mut lines: Vec<String> = Vec::new();
    let mut after_item = false;
    for block in blocks(text) {
        let is_item = matches!(block, Block::Item(_));
        let within_list = is_item && after_item;
        if !lines.is_empty() && !within_list {
            lines.push(String::new());
        }
        after_item = is_item;
        match block {
            Block::Paragraph(text) => lines.extend(wrap(&text, room)),
            Block::Item(text) => lines.extend(hang("- ", &text, room)),
            Block::Verbatim(kept) => lines.extend(kept.iter().map(|line| format!("    {line}"))),
        }
    }
    for line in lines.iter_mut().filter(|line| !line.is_empty()) {
        line.insert_str(0, &" ".repeat(indent));
    }
    lines
}

/// On one line, whatever line breaks the source has.
pub fn one_line(text: &str) -> String {
    escape::line(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The first sentences of the first paragraph: at least one, more while all of them stay
/// within `limit` characters.
pub fn first_sentences(text: &str, limit: usize) -> String {
    let paragraph = blocks(text).into_iter().find_map(|block| match block {
        Block::Paragraph(text) => Some(text),
        Block::Item(_) | Block::Verbatim(_) => None,
    });
    let Some(paragraph) = paragraph else {
        return one_line(text);
    };
    let mut taken = 0;
    for end in sentence_ends(&paragraph) {
        if taken > 0 && paragraph[..end].chars().count() > limit {
            break;
        }
        taken = end;
    }
    paragraph[..taken].to_owned()
}

/// Byte positions just behind each sentence. A full stop ends one only if a capital letter or
/// quoted code follows, so that "e.g. this" is no end.
fn sentence_ends(paragraph: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    for (at, mark) in paragraph.match_indices(['.', '!', '?']) {
        let rest = &paragraph[at + mark.len()..];
        let next = rest.trim_start();
        let starts_sentence = next.starts_with(|c: char| c.is_uppercase() || c == '`');
        if rest.starts_with(' ') && starts_sentence {
            ends.push(at + mark.len());
        }
    }
    ends.push(paragraph.len());
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::one("One thing. Another thing. A third.", 10, "One thing.")]
    #[case::two("One thing. Another thing. A third.", 25, "One thing. Another thing.")]
    #[case::abbreviation("Some calls, e.g. send, are short. Always.", 1, "Some calls, e.g. send, are short.")]
    #[case::code("It is short. `send` says so.", 1, "It is short.")]
    #[case::broken("One\nthing. Another\n\nparagraph.", 99, "One thing. Another")]
    #[case::no_stop("no full stop", 5, "no full stop")]
    #[case::empty("", 5, "")]
    fn sentences(#[case] text: &str, #[case] limit: usize, #[case] first: &str) {
        assert_eq!(first_sentences(text, limit), first);
    }

    #[test]
    fn blocks_keep_lists_and_source() {
        let text = "A call\nmay be short:\n- send\n  too\n- recv\n\n    n = send(b)\n      more\n\nEnd.";
        assert_eq!(
            blocks(text),
            [
                Block::Paragraph("A call may be short:".to_owned()),
                Block::Item("send too".to_owned()),
                Block::Item("recv".to_owned()),
                Block::Verbatim(vec!["n = send(b)".to_owned(), "  more".to_owned()]),
                Block::Paragraph("End.".to_owned()),
            ]
        );
    }
}
