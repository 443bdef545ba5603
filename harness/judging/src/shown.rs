//! What came, as a sentence shows it: safe to print anywhere, the same in every run.

use std::fmt::Write;

/// A number of things: `1 byte`, `2 bytes`, `3 processes`.
pub fn counted(count: impl TryInto<u64>, thing: &str) -> String {
    // More things than fit are many.
    let count = count.try_into().unwrap_or(u64::MAX);
    let ending = match count {
        1 => "",
        _ if thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {thing}{ending}")
}

/// What the program of a role is called: a server is a server, and what has no such name (`mail`) is a program.
pub fn doer(role: &str) -> String {
    let is_one = role.ends_with("er") || role.ends_with("or") || ["client", "proxy"].contains(&role);
    if is_one { role.to_owned() } else { format!("{role} program") }
}

/// A program of a run in a sentence: a name of the scenario's own says nothing without the role.
pub fn program(name: &str, role: &str) -> String {
    if name == role { format!("the {}", doer(role)) } else { format!("the {} \"{name}\"", doer(role)) }
}

/// The same with its verb: `1 byte is`, `2 bytes are`.
pub fn counted_are(count: usize, thing: &str) -> String {
    format!("{} {}", counted(count, thing), if count == 1 { "is" } else { "are" })
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

/// Paths begin where the program runs: above it is a temporary folder with a made-up name.
pub fn without_folder(text: &str) -> String {
    let prefix = std::env::temp_dir().join("run-").display().to_string();
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&prefix) {
        short.push_str(&rest[..at]);
        let after = rest[at + prefix.len()..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        rest = after.strip_prefix("/work").unwrap_or(after);
        match rest.strip_prefix('/') {
            Some(below) => rest = below,
            None => short.push('.'),
        }
    }
    short.push_str(rest);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::server("server", "server", "the server")]
    #[case::forwarder("forwarder", "forwarder", "the forwarder")]
    #[case::supervisor("supervisor", "supervisor", "the supervisor")]
    #[case::client("client", "client", "the client")]
    #[case::proxy("proxy", "proxy", "the proxy")]
    #[case::no_noun("mail", "mail", "the mail program")]
    #[case::by_name("early", "client", "the client \"early\"")]
    #[case::by_name_and_no_noun("first", "read", "the read program \"first\"")]
    fn what_a_program_is_called(#[case] name: &str, #[case] role: &str, #[case] noun: &str) {
        assert_eq!(program(name, role), noun);
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
    #[case(b"a\x1b[31m\"\\\n", r#""a\u{1b}[31m\"\\\n""#)]
    #[case(b"\xff\xfe", r#""\xff\xfe""#)]
    #[case("\u{202e}x".as_bytes(), r#""\u{202e}x""#)]
    fn quotes(#[case] bytes: &[u8], #[case] text: &str) {
        assert_eq!(quote(bytes), text);
    }

    #[test]
    fn paths_begin_where_the_program_runs() {
        let run = std::env::temp_dir().join("run-aB3dE9");
        let said = |text: &str| without_folder(&text.replace("RUN", &run.display().to_string()));
        assert_eq!(said("File \"RUN/work/server.py\", RUN/notes.txt"), "File \"server.py\", notes.txt");
        assert_eq!(said("in RUN/work and RUN"), "in . and .");
        assert_eq!(said("the folder lib/other"), "the folder lib/other");
    }

    #[rstest]
    #[case(1, "1 byte is")]
    #[case(2, "2 bytes are")]
    fn counts_with_a_verb(#[case] count: usize, #[case] said: &str) {
        assert_eq!(counted_are(count, "byte"), said);
    }

    #[rstest]
    #[case::nothing("", "nothing")]
    #[case::short("abc", "\"abc\" (3 bytes)")]
    #[case::all_of_it(&"x".repeat(200), &format!("\"{}\" (200 bytes)", "x".repeat(200)))]
    #[case::its_ends(
        &format!("a{}z", "x".repeat(200)),
        &format!("202 bytes, beginning \"a{}\", ending \"{}z\"", "x".repeat(59), "x".repeat(59)),
    )]
    fn describes(#[case] bytes: &str, #[case] said: &str) {
        assert_eq!(describe(bytes.as_bytes()), said);
    }

    #[rstest]
    #[case::all("abc", 5, "abc")]
    #[case::exactly("abc", 3, "abc")]
    #[case::cut("abcdef", 2, "ab")]
    #[case::in_mid_number("port 4217 x", 7, "port 4217")]
    #[case::before_a_number("port 4217 x", 5, "port ")]
    #[case::behind_a_number("port 4217 x", 9, "port 4217")]
    #[case::a_long_number("12345678901234567890", 3, "12345678901")]
    #[case::nothing("123", 0, "")]
    fn begins_with_whole_numbers(#[case] bytes: &str, #[case] length: usize, #[case] beginning: &str) {
        assert_eq!(super::beginning(bytes.as_bytes(), length), beginning.as_bytes());
    }

    #[rstest]
    #[case::too_short_to_tell(b"\x00\x01\x02\x03\x04\x05\x06", r#""\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}""#)]
    #[case::eight(b"\x00\x01\x02\x03\x04\x05\x06\x07", "<00 01 02 03 04 05 06 07>")]
    #[case::a_quarter(b"abcdef\x00\x01", r#""abcdef\u{0}\u{1}""#)]
    #[case::more_than_a_quarter(b"abcde\x00\x01\xff", "<61 62 63 64 65 00 01 ff>")]
    #[case::of_both_kinds(b"abcdef\x00\xff\xff", "<61 62 63 64 65 66 00 ff ff>")]
    #[case::lines_are_text(b"\n\r\t\n\r\t\n\r", r#""\n\r\t\n\r\t\n\r""#)]
    #[case::long(&[0xff; 30], "<ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff and 6 more>")]
    #[case::as_long_as_is_shown(&[0xfe; 24], "<fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe fe>")]
    fn shows_binary_data_as_figures(#[case] bytes: &[u8], #[case] shown: &str) {
        assert_eq!(quote(bytes), shown);
    }

    #[rstest]
    #[case("ab", "abcd", "the first 2 bytes are right, the other 2 are missing")]
    #[case("a", "ab", "the first 1 byte is right, the other 1 is missing")]
    #[case("abc", "a", "all 1 byte is there, and then 2 more: \"bc\"")]
    #[case("abc", "axc", "from byte 2 on: expected \"xc\", got \"bc\"")]
    #[case("abc", "abc", "from byte 4 on: expected the end, got the end")]
    fn tells_the_first_difference(#[case] actual: &str, #[case] expected: &str, #[case] said: &str) {
        assert_eq!(first_difference(actual.as_bytes(), expected.as_bytes()), said);
    }

    #[rstest]
    #[case(0, "task", "0 tasks")]
    #[case(1, "task", "1 task")]
    #[case(2, "task", "2 tasks")]
    #[case(1, "process", "1 process")]
    #[case(5, "process", "5 processes")]
    fn counts_things(#[case] count: usize, #[case] thing: &str, #[case] said: &str) {
        assert_eq!(counted(count, thing), said);
    }

    proptest! {
        #[test]
        fn quoting_leaves_nothing_raw(bytes: Vec<u8>) {
            prop_assert!(!quote(&bytes).chars().any(char::is_control));
        }
    }
}
