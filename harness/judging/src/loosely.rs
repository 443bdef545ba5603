//! Lenient reading of what programs say: numbers in sentences, colour, blanks round a bar.
//! What is let pass here is form; substance is compared by [`super::closely`].

use std::collections::BTreeSet;

/// What was said without what only form adds: colour and other terminal sequences, carriage
/// returns, zero bytes, blanks round a bar, runs of blanks.
pub fn loosen(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            0x1b => rest = after_escape(after),
            b'\r' | 0 => rest = after,
            b' ' | b'\t' => {
                rest = after;
                if !matches!(plain.last(), Some(b' ' | b'|' | b'\n') | None) {
                    plain.push(b' ');
                }
            }
            b'|' | b'\n' => {
                rest = after;
                if plain.last() == Some(&b' ') {
                    plain.pop();
                }
                plain.push(byte);
            }
            _ => {
                rest = after;
                plain.push(byte);
            }
        }
    }
    if plain.last() == Some(&b' ') {
        plain.pop();
    }
    plain
}

/// What follows a terminal's control sequence (ECMA-48: `ESC [`, parameters, a final byte).
fn after_escape(after: &[u8]) -> &[u8] {
    match after.split_first() {
        Some((b'[', parameters)) => {
            let end = parameters.iter().position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(&[], |end| &parameters[end + 1..])
        }
        Some((_, rest)) => rest,
        None => &[],
    }
}

/// Every number in a text, in order: digits with an optional sign, decimals and exponent. A sign
/// directly after a digit is an operator.
pub fn numbers(bytes: &[u8]) -> Vec<f64> {
    tokens(bytes).into_iter().map(|token| token.value).collect()
}

/// A number in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Token {
    /// Its value.
    pub value: f64,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Every number in a text with its place.
pub fn tokens(bytes: &[u8]) -> Vec<Token> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Some((start, end)) = number_at(bytes, at) else {
            at += 1;
            continue;
        };
        let value = std::str::from_utf8(&bytes[start..end]).ok().and_then(|text| text.parse().ok());
        if let Some(value) = value {
            found.push(Token { value, start, end });
        }
        at = end;
    }
    found
}

/// The number that begins exactly at `at`, if one does: where it begins and ends.
fn number_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let before = at.checked_sub(1).map(|before| bytes[before]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_') {
        return None;
    }
    let mut end = at;
    if matches!(bytes[at], b'-' | b'+') {
        // After a digit, a bracket or another operator's operand this is an operator.
        if before.is_some_and(|byte| byte == b')') {
            return None;
        }
        end += 1;
    }
    let whole = end;
    while digit(end) {
        end += 1;
    }
    // A full stop at the end of a sentence is none of the number's.
    if bytes.get(end) == Some(&b'.') && digit(end + 1) {
        end += 1;
        while digit(end) {
            end += 1;
        }
    }
    if end == whole {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        if digit(end + 1 + sign) {
            end += 1 + sign;
            while digit(end) {
                end += 1;
            }
        }
    }
    Some((at, end))
}

/// Whether two results of a calculation are the same number: `7`, `7.0` and `7.0000001` are.
pub fn same_number(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

/// Whether a number is said in a text. A number at the very end may still be growing.
pub fn says_number(bytes: &[u8], number: f64, complete: bool) -> bool {
    let plain = loosen(bytes);
    tokens(&plain).iter().any(|token| same_number(token.value, number) && (complete || token.end < plain.len()))
}

/// Whether a reply is one line that is this number and nothing else.
pub fn is_only_number(bytes: &[u8], number: f64) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let line = text.strip_suffix('\n').unwrap_or(text);
    let said = line.trim_matches([' ', '\t', '\r']);
    said.parse().is_ok_and(|said| same_number(said, number))
}

/// The words of a text, in small letters. What floating-point arithmetic prints for want of a number is none.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = String> {
    const NUMBERS: [&str; 4] = ["inf", "infinity", "nan", "e"];
    let text = String::from_utf8_lossy(&loosen(bytes)).to_lowercase();
    let words: Vec<String> = text.split(|c: char| !c.is_alphabetic()).map(str::to_owned).collect();
    words.into_iter().filter(|word| !word.is_empty() && !NUMBERS.contains(&word.as_str()))
}

/// Whether a reply says in words that something is wrong, or at least is no bare number.
pub fn is_error_line(bytes: &[u8]) -> bool {
    words(bytes).next().is_some()
}

/// The words that stand in one line with a number, wherever it is said.
pub fn words_beside<'p>(pieces: impl Iterator<Item = &'p [u8]>, number: f64) -> BTreeSet<String> {
    let lines = pieces.flat_map(|piece| piece.split(|byte| *byte == b'\n'));
    lines.filter(|line| says_number(line, number, true)).flat_map(words).collect()
}

/// Whether a line is said that another was not told.
pub fn tells_more(said: &[u8], than: &[u8]) -> bool {
    let plain = |text: &[u8]| String::from_utf8_lossy(&loosen(text)).to_lowercase();
    let than = plain(than);
    plain(said).lines().map(str::trim).any(|line| !than.contains(line))
}

/// Whether `text` is said, form let pass.
pub fn contains(hay: &[u8], text: &[u8], ignoring_case: bool) -> bool {
    let (hay, text) = (loosen(hay), loosen(text));
    let core = text.strip_suffix(b"\n").filter(|core| !core.is_empty()).unwrap_or(&text);
    match as_number(core) {
        Some(number) => holds_number(&hay, core, number),
        None => super::closely::contains(&hay, core, ignoring_case),
    }
}

/// The number that a text is, if it is nothing else.
fn as_number(text: &[u8]) -> Option<f64> {
    let plain = text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// Whether a number is said: as a number of its own, also with a word before it, or several times with nothing between.
fn holds_number(hay: &[u8], text: &[u8], number: f64) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let runs = hay.split(|byte| !is_part(byte)).map(|run| run.strip_suffix(b".").unwrap_or(run));
    let repeats = |run: &[u8]| run.len().is_multiple_of(text.len()) && run.chunks(text.len()).all(|part| part == text);
    tokens(hay).iter().any(|token| same_number(token.value, number)) || runs.filter(|run| !run.is_empty()).any(repeats)
}

/// How often `text` is said, form let pass.
pub fn count(hay: &[u8], text: &[u8], ignoring_case: bool) -> usize {
    let (mut hay, mut text) = (loosen(hay), loosen(text));
    if ignoring_case {
        hay.make_ascii_lowercase();
        text.make_ascii_lowercase();
    }
    let core = text.strip_suffix(b"\n").unwrap_or(&text);
    if core.is_empty() { 0 } else { memchr::memmem::find_iter(&hay, core).count() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("25", "1256688980", false)]
    #[case("25", "125", false)]
    #[case("25", "2.5", false)]
    #[case("25", "-25", false)]
    #[case("25", "(2 + 3) * 5 = 25", true)]
    #[case("25", "result25.", true)]
    #[case("25", "25.0", true)]
    #[case("25", "2525", true)]
    #[case("3.5", "3.53.5", true)]
    #[case("0.25", ".25", true)]
    #[case("-42", "5 - 47 = -42", true)]
    #[case("good day", "a good  day to you", true)]
    #[case("good day\n", "a good day to you", true)]
    fn numbers_are_looked_for_as_numbers(#[case] text: &str, #[case] hay: &str, #[case] there: bool) {
        assert_eq!(contains(hay.as_bytes(), text.as_bytes(), false), there);
    }

    #[rstest]
    #[case::bare("725\n", "")]
    #[case::labelled("Result: 725\n", "result")]
    #[case::as_a_sentence("The sum is 725.\n", "is sum the")]
    #[case::with_a_prompt_on_another_line("725\nnext expression: ", "")]
    #[case::another_number("Result: 7250\nerror 12\n", "")]
    #[case::twice("Sum 725\nTotal 725.0\n", "sum total")]
    fn words_beside_a_number(#[case] text: &str, #[case] words: &str) {
        let found: Vec<String> = words_beside([text.as_bytes()].into_iter(), 725.0).into_iter().collect();
        assert_eq!(found.join(" "), words);
    }

    #[rstest]
    #[case::nothing("", "welcome\n", false)]
    #[case::the_same("Welcome, anna!\n", "your name: welcome,  anna!\nbert has joined\n", false)]
    #[case::with_empty_lines("\nwelcome\n\n", "welcome\n", false)]
    #[case::a_line_more("welcome\nthe name is taken\n", "welcome\n", true)]
    #[case::another_line("taken\n", "welcome\n", true)]
    #[case::where_nothing_was_told("welcome\n", "", true)]
    fn what_somebody_else_was_told_is_not_more(#[case] said: &str, #[case] than: &str, #[case] more: bool) {
        assert_eq!(tells_more(said.as_bytes(), than.as_bytes()), more);
    }

    #[rstest]
    #[case("7", &[7.0])]
    #[case("7.0\n", &[7.0])]
    #[case("Result: 7.", &[7.0])]
    #[case("2+5 = 7", &[2.0, 5.0, 7.0])]
    #[case("2-3=-1", &[2.0, 3.0, -1.0])]
    #[case("2 - 3 = -1", &[2.0, 3.0, -1.0])]
    #[case("(2)-3", &[2.0, 3.0])]
    #[case("1e3 .5 x7 7x", &[1000.0, 0.5, 7.0])]
    #[case("from 127.0.0.1:5000", &[127.0, 5000.0])]
    #[case("", &[])]
    #[case("x_7 1.2.3 - + .", &[1.2])]
    #[case("2e3 2e+3 2e-3 2e 2e- 2E1", &[2000.0, 2000.0, 0.002, 2.0, 2.0, 20.0])]
    #[case("+7 )-7 (-7", &[7.0, 7.0, -7.0])]
    fn finds_numbers(#[case] text: &str, #[case] found: &[f64]) {
        assert_eq!(numbers(text.as_bytes()), found);
    }

    #[rstest]
    #[case("alice | hi there", "alice|hi there")]
    #[case("\u{1b}[1;32malice\u{1b}[0m|hi", "alice|hi")]
    #[case("a  b\t c\r\n", "a b c\n")]
    #[case("NUL\0\0padded\0", "NULpadded")]
    #[case("> ", ">")]
    fn loosens(#[case] said: &str, #[case] plain: &str) {
        assert_eq!(loosen(said.as_bytes()), plain.as_bytes());
    }

    #[rstest]
    #[case("3.5\n", true)]
    #[case(" 3.50 \r\n", true)]
    #[case("3.5", true)]
    #[case("3.5\n\n", false)]
    #[case("= 3.5\n", false)]
    #[case("\u{1b}[32m3.5\u{1b}[0m\n", false)]
    #[case("4\n", false)]
    fn knows_a_bare_number(#[case] text: &str, #[case] bare: bool) {
        assert_eq!(is_only_number(text.as_bytes(), 3.5), bare);
    }

    #[rstest]
    #[case("error: division by zero", true)]
    #[case("infinite result", true)]
    #[case("7\n", false)]
    #[case("-inf\n", false)]
    #[case("1e9", false)]
    #[case("", false)]
    fn knows_an_error_line(#[case] text: &str, #[case] error: bool) {
        assert_eq!(is_error_line(text.as_bytes()), error);
    }

    #[rstest]
    #[case("Answer: 3.50", 3.5, true, true)]
    #[case("3", 3.5, true, false)]
    #[case("35", 3.5, true, false)]
    #[case("3", 3.0, false, false)]
    #[case("3\n", 3.0, false, true)]
    #[case("\u{1b}[32m7\u{1b}[0m\n", 7.0, false, true)]
    fn hears_a_number(#[case] text: &str, #[case] number: f64, #[case] complete: bool, #[case] said: bool) {
        assert_eq!(says_number(text.as_bytes(), number, complete), said);
    }

    #[rstest]
    #[case(1e9, 1e9 + 100.0, true)]
    #[case(1e9, 1e9 + 2000.0, false)]
    #[case(1.0, 1.001, false)]
    #[case(0.0, 1e-7, true)]
    fn same_is_nearly_the_same(#[case] a: f64, #[case] b: f64, #[case] same: bool) {
        assert_eq!(same_number(a, b), same);
    }

    #[rstest]
    #[case("one, One and  one", "one\n", false, 2)]
    #[case("one, One and  one", "one", true, 3)]
    #[case("one\n", "\n", false, 0)]
    fn says_how_often(#[case] hay: &str, #[case] text: &str, #[case] ignoring_case: bool, #[case] times: usize) {
        assert_eq!(count(hay.as_bytes(), text.as_bytes(), ignoring_case), times);
    }

    proptest! {
        #[test]
        fn a_printed_number_is_found(number in -1.0e6f64..1.0e6) {
            let text = format!("the result is {number} today");
            prop_assert!(says_number(text.as_bytes(), number, true));
        }

        #[test]
        fn loosening_twice_changes_nothing(bytes: Vec<u8>) {
            let once = loosen(&bytes);
            prop_assert_eq!(loosen(&once), once);
        }
    }
}
