//! Comparing what came with what was expected: lenient in form, strict in substance.

use std::fmt::Write;

use crate::diagnose::{counted, counted_are};
use crate::run::ports::without_folder;

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
    if actual.len() > expected.len() && same(&actual[..expected.len()], expected) {
        match &actual[expected.len()..] {
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
    if actual.len() < expected.len() && same(actual, &expected[..actual.len()]) {
        return Compared::Beginning;
    }
    Compared::Different
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
        let line = output[..at].rfind('\n').map_or(0, |end| end + 1);
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

/// Where `needle` begins in `hay`. Needles of megabytes are found by their beginning: preparing
/// a search for the whole would cost more than the comparison.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    const BEGINNING: usize = 256;
    const CANDIDATES: usize = 256;
    if needle.len() > hay.len() {
        return None;
    }
    if needle.len() <= 16 * BEGINNING {
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

/// Bytes in a sentence: short text is quoted; long data is counted, and both of its ends are quoted.
pub fn describe(bytes: &[u8]) -> String {
    match bytes.len() {
        0 => "nothing".to_owned(),
        length if length <= 200 => format!("{} ({})", quote(bytes), counted(length, "byte")),
        length => {
            // The same in every run, whose folder has a name of its own.
            let text = std::str::from_utf8(bytes).map(without_folder);
            let bytes = text.as_ref().map_or(bytes, String::as_bytes);
            format!("{length} bytes, beginning {}, ending {}", quote(beginning(bytes, 60)), quote(ending(bytes, 60)))
        }
    }
}

/// The first bytes, and the rest of a number that would be cut in two: half a number says something else.
pub fn beginning(bytes: &[u8], length: usize) -> &[u8] {
    let Some((_, rest)) = bytes.split_at_checked(length) else { return bytes };
    let cut = length > 0 && bytes[length - 1].is_ascii_digit();
    let more = rest.iter().take_while(|byte| cut && byte.is_ascii_digit()).count();
    &bytes[..length + more.min(8)]
}

/// The last bytes, from the beginning of a letter on, and the rest of a number that would be cut in two.
fn ending(bytes: &[u8], length: usize) -> &[u8] {
    let Some(from) = bytes.len().checked_sub(length) else { return bytes };
    // A letter has three bytes more at most; where there are none, it is no text.
    let at = (from..from + 4).find(|at| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80)).unwrap_or(from);
    let cut = bytes.get(at).is_some_and(u8::is_ascii_digit);
    let more = bytes[..at].iter().rev().take_while(|byte| cut && byte.is_ascii_digit()).count();
    &bytes[at - more.min(8)..]
}

/// Bytes as a quoted string with escapes, safe to print anywhere.
pub fn quote(bytes: &[u8]) -> String {
    if is_binary(bytes) {
        return hexadecimal(bytes);
    }
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() || is_direction(c) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// Bytes of binary data that are shown.
const HEX: usize = 24;

/// Whether bytes are read worse as text than as figures: more than a quarter of them is none.
fn is_binary(bytes: &[u8]) -> bool {
    let invalid: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    let control = |byte: &&u8| byte.is_ascii_control() && !matches!(**byte, b'\n' | b'\r' | b'\t' | 0x1b);
    bytes.len() >= 8 && 4 * (invalid + bytes.iter().filter(control).count()) > bytes.len()
}

/// The first bytes in hexadecimal, and how many more there are.
fn hexadecimal(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(HEX)];
    let figures: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let more = match bytes.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("<{}{more}>", figures.join(" "))
}

/// Characters that change the direction of text and could disguise a line.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where two byte strings part, in a sentence.
pub fn first_difference(actual: &[u8], expected: &[u8]) -> String {
    let at = actual.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| match bytes.get(at..) {
        None | Some([]) => "the end".to_owned(),
        Some(rest) => quote(beginning(rest, 24)),
    };
    if at == actual.len() && at < expected.len() {
        let missing = expected.len() - at;
        let are = if missing == 1 { "is" } else { "are" };
        return format!("the first {} right, the other {missing} {are} missing", counted_are(at, "byte"));
    }
    if at == expected.len() && at < actual.len() {
        return format!(
            "all {} there, and then {} more: {}",
            counted_are(at, "byte"),
            actual.len() - at,
            around(actual)
        );
    }
    format!("from byte {} on: expected {}, got {}", at + 1, around(expected), around(actual))
}

/// Whether what was printed is a bare traceback of a language's runtime.
pub fn is_traceback(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let text = without_logs(&text);
    [
        "Traceback (most recent call last)",
        "Exception in thread",
        "goroutine 1 [",
        "    at ",
        "thread 'main' panicked",
        "panicked at",
        "Uncaught",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// A text without the tracebacks that Paramiko logs of its own thread before it raises an exception in the program's. What
/// nobody has caught there comes without its heading.
fn without_logs(text: &str) -> String {
    const HEADINGS: [&str; 2] = ["Exception (client): ", "Exception (server): "];
    let mut left = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if !HEADINGS.iter().any(|heading| line.starts_with(heading)) {
            left.push_str(line);
            continue;
        }
        // One traceback, or several of which each says that it came of the one before: calls, the exception, an empty line.
        while lines.next_if(|line| line.starts_with("Traceback (most recent call last)")).is_some() {
            while lines.next_if(|line| line.starts_with(' ')).is_some() {}
            lines.next();
            lines.next_if(|line| line.trim().is_empty());
            if lines.next_if(|line| line.starts_with("During handling of") || line.starts_with("The above")).is_some() {
                lines.next_if(|line| line.trim().is_empty());
            } else {
                break;
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const RAISED: &str =
        "Traceback (most recent call last):\n  File \"a.py\", line 1\n    go()\n    ^^^^\nSSHException: none\n";

    #[rstest]
    #[case(RAISED.to_owned(), true)]
    #[case(format!("Exception (client): none\n{RAISED}\nError: no SSH server there\n"), false)]
    #[case(format!("Exception (client): none\n{RAISED}\nDuring handling of it, another\n\n{RAISED}\n"), false)]
    #[case(format!("Exception (client): none\n{RAISED}\n{RAISED}"), true)]
    #[case(format!("cannot connect\n{RAISED}"), true)]
    #[case("no SSH server there\n".to_owned(), false)]
    fn a_log_of_a_library_is_no_bare_traceback(#[case] said: String, #[case] bare: bool) {
        assert_eq!(is_traceback(said.as_bytes()), bare);
    }

    #[rstest]
    #[case::short("abc".as_bytes(), 5, "abc".as_bytes())]
    #[case::letters("abcdef".as_bytes(), 2, "ef".as_bytes())]
    #[case::in_mid_letter("aé晴b".as_bytes(), 3, "b".as_bytes())]
    #[case::in_mid_number("port 4217 x".as_bytes(), 4, "4217 x".as_bytes())]
    #[case::no_text(&[0x81; 9], 6, &[0x81; 6])]
    fn ends_at_a_letter(#[case] bytes: &[u8], #[case] length: usize, #[case] end: &[u8]) {
        assert_eq!(ending(bytes, length), end);
    }

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
    #[case("onetwo", &["one", "two"], Messages::Whole(vec![]))]
    #[case("two\none\n", &["one\n", "two\n"], Messages::Whole(vec![]))]
    #[case("from x: one two", &["one", "two"], Messages::Whole(b"from x:  ".to_vec()))]
    #[case("otnweo", &["one", "two"], Messages::Missing(0))]
    #[case("one", &["one", "two"], Messages::Missing(1))]
    #[case("a message of some size, a message of some size", &["a message of some size"], Messages::Twice(0))]
    fn finds_messages(#[case] output: &str, #[case] expected: &[&str], #[case] found: Messages) {
        let expected: Vec<Vec<u8>> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(messages(output.as_bytes(), &expected), found);
    }

    #[rstest]
    #[case(b"a\x1b[31m\"\\\n", r#""a\u{1b}[31m\"\\\n""#)]
    #[case(b"\xff\xfe", r#""\xff\xfe""#)]
    #[case("\u{202e}x".as_bytes(), r#""\u{202e}x""#)]
    fn quotes(#[case] bytes: &[u8], #[case] text: &str) {
        assert_eq!(quote(bytes), text);
    }

    proptest! {
        #[test]
        fn equal_is_equal(bytes: Vec<u8>) {
            prop_assert_eq!(compare(&bytes, &bytes, false), Compared::Equal(None));
        }

        #[test]
        fn quoting_leaves_nothing_raw(bytes: Vec<u8>) {
            prop_assert!(!quote(&bytes).chars().any(char::is_control));
        }

        #[test]
        fn no_long_message_passes_when_cut(bytes in proptest::collection::vec(97u8..123, 40..200), at in 1usize..39) {
            let mut cut = bytes.clone();
            cut.insert(at, b'!');
            prop_assert_eq!(messages(&cut, std::slice::from_ref(&bytes)), Messages::Missing(0));
        }
    }
}
