//! Makes text from programs under test safe to print: what a terminal, an XML parser or a
//! reader's eye would take for something else is written out instead.
//!
//! Never shortens and never wraps. A backslash that was already there stays as it is, so
//! `\n` in a report may also be the two characters themselves.

/// Text that has to stay on one line: line ends are written out too.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut safe, character);
    }
    safe
}

/// Text that may span lines: cut at each `\n`, everything else as in [`line`].
///
/// A line end at the very end does not make an empty last line.
pub fn lines(text: &str) -> Vec<String> {
    text.strip_suffix('\n').unwrap_or(text).split('\n').map(line).collect()
}

/// Whether a character acts on the display, hides, or reorders its neighbours.
pub fn acts(character: char) -> bool {
    character.is_control() || is_format(character) || is_noncharacter(character)
}

/// Writes a character, or its name in the notation of Rust and C if it acts.
fn push(safe: &mut String, character: char) {
    match character {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        control if control.is_ascii_control() => {
            safe.push_str(&format!("\\x{:02x}", u32::from(control)));
        }
        other if acts(other) => safe.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
        plain => safe.push(plain),
    }
}

/// Unicode general categories Cf, Zl and Zp: direction marks, joiners, invisible signs,
/// and the two line separators (Unicode 16, `UnicodeData.txt`).
fn is_format(character: char) -> bool {
    matches!(
        u32::from(character),
        0xad | 0x600..=0x605
            | 0x61c
            | 0x6dd
            | 0x70f
            | 0x890..=0x891
            | 0x8e2
            | 0x180e
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0xfeff
            | 0xfff9..=0xfffb
            | 0x110bd
            | 0x110cd
            | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe007f
    )
}

/// Code points that are no characters; XML 1.0 forbids some of them outright.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("HELLO, Wörld! 你好", "HELLO, Wörld! 你好")]
    #[case::colour("\u{1b}[32mpass\u{1b}[0m", "\\x1b[32mpass\\x1b[0m")]
    #[case::c1("\u{9b}2J", "\\u{9b}2J")]
    #[case::bell_backspace_delete("\u{7}\u{8}\u{7f}", "\\x07\\x08\\x7f")]
    #[case::nul("a\0b", "a\\x00b")]
    #[case::line_ends("a\r\nb\tc", "a\\r\\nb\\tc")]
    #[case::bidi("\u{202e}ssap\u{202c}", "\\u{202e}ssap\\u{202c}")]
    #[case::isolate("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}")]
    #[case::invisible("pa\u{200b}ss\u{feff}", "pa\\u{200b}ss\\u{feff}")]
    #[case::separators("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c")]
    #[case::next_line("a\u{85}b", "a\\u{85}b")]
    #[case::not_xml("\u{fffe}\u{ffff}", "\\u{fffe}\\u{ffff}")]
    #[case::tags("\u{e0041}", "\\u{e0041}")]
    #[case::backslash_stays("C:\\new", "C:\\new")]
    fn one_line(#[case] hostile: &str, #[case] shown: &str) {
        assert_eq!(line(hostile), shown);
    }

    #[rstest]
    #[case::empty("", &[""])]
    #[case::one_end("a\n", &["a"])]
    #[case::two_ends("a\n\n", &["a", ""])]
    #[case::dos("a\r\nb", &["a\\r", "b"])]
    fn many_lines(#[case] hostile: &str, #[case] shown: &[&str]) {
        assert_eq!(lines(hostile), shown);
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).contains(acts));
            prop_assert!(!lines(&text).concat().contains(acts));
        }
    }
}
