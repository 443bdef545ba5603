//! How a page for people is laid out: its width, and whether it may use colour.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Narrower pages than this are laid out as if they had this width, in columns.
const MIN_WIDTH: usize = 40;

/// Layout of a page for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to write ANSI colour codes.
    pub color: bool,
    /// Columns of the page. Only what must stay in one piece is wider: the first line, and
    /// commands to copy.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, width: 100 }
    }
}

/// What a colour stands for; never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Holds.
    Good,
    /// Does not hold.
    Bad,
    /// Was not decided.
    Caution,
    /// Belongs to the frame and not to the message.
    Quiet,
    /// A heading.
    Strong,
    /// As it is.
    Plain,
}

impl Style {
    /// The same page without colour.
    pub fn plain(self) -> Self {
        Self { color: false, ..self }
    }

    /// Columns to lay out in, at least 40.
    pub fn columns(self) -> usize {
        self.width.max(MIN_WIDTH)
    }

    /// The text in its colour, if colour is on. The text must be escaped before.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let codes = match paint {
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Bad => AnsiColor::Red.on_default() | Effects::BOLD,
            Paint::Caution => AnsiColor::Yellow.on_default(),
            Paint::Quiet => anstyle::Style::new().dimmed(),
            Paint::Strong => anstyle::Style::new().bold(),
            Paint::Plain => anstyle::Style::new(),
        };
        if self.color && !text.is_empty() { format!("{codes}{text}{codes:#}") } else { text.to_owned() }
    }
}

/// Columns that a text takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Cuts a text to a number of columns; what was cut is marked by `…`.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

/// Fills up with blanks on the right.
pub fn pad(text: &str, width: usize) -> String {
    let mut padded = text.to_owned();
    let blanks = width.saturating_sub(text.width());
    let _ = write!(padded, "{:blanks$}", "");
    padded
}

/// Breaks one line into lines of at most `width` columns, at blanks where there are any.
///
/// Blanks inside a line are kept as they are, because they may be what a program got wrong.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut done = Vec::new();
    let mut current = String::new();
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        if current.width() + word.width() > width && !current.trim_end().is_empty() {
            done.push(current.trim_end().to_owned());
            current.clear();
        }
        for character in word.chars() {
            if current.width() + character.width().unwrap_or(0) > width && !current.is_empty() {
                done.push(current.trim_end().to_owned());
                current.clear();
            }
            current.push(character);
        }
        current.push_str(&piece[word.len()..]);
    }
    let last = current.trim_end();
    if !last.is_empty() || done.is_empty() {
        done.push(last.to_owned());
    }
    done
}

/// Wraps with a first prefix and blanks of the same width below it.
pub fn hang(prefix: &str, text: &str, width: usize) -> Vec<String> {
    let indent = prefix.width();
    wrap(text, width.saturating_sub(indent).max(16))
        .into_iter()
        .enumerate()
        .map(|(index, line)| if index == 0 { format!("{prefix}{line}") } else { format!("{:indent$}{line}", "") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::fits("one two", 10, &["one two"])]
    #[case::breaks("one two three", 7, &["one two", "three"])]
    #[case::keeps_blanks("a  b", 10, &["a  b"])]
    #[case::long_word("abcdefgh ij", 4, &["abcd", "efgh", "ij"])]
    #[case::wide("你好你好", 4, &["你好", "你好"])]
    #[case::empty("", 4, &[""])]
    fn wraps(#[case] text: &str, #[case] width: usize, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, width), lines);
    }

    #[rstest]
    #[case("HELLO", 5, "HELLO")]
    #[case("HELLO!", 5, "HELL…")]
    #[case("你好你好", 5, "你好…")]
    fn cuts(#[case] text: &str, #[case] width: usize, #[case] short: &str) {
        assert_eq!(cut(text, width), short);
    }

    #[test]
    fn colour_only_when_asked() {
        let on = Style { color: true, width: 80 };
        assert_eq!(on.paint(Paint::Good, "pass"), "\u{1b}[32mpass\u{1b}[0m");
        assert_eq!(on.plain().paint(Paint::Good, "pass"), "pass");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(text in "[ a-z你]{0,80}", width in 2usize..40) {
            for line in wrap(&text, width) {
                prop_assert!(columns(&line) <= width, "{line:?}");
            }
        }

        #[test]
        fn wrapping_loses_only_blanks(text in "[ a-z]{0,80}", width in 2usize..40) {
            let without = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without(&wrap(&text, width).concat()), without(&text));
        }
    }
}
