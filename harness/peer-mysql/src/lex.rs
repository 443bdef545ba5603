//! The words of a statement, as MySQL cuts them (MySQL 8.0 Reference Manual, sections 11.1 and 11.7).

use std::ops::Range;

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A word without quotes; system variables with their `@@`.
    Word,
    /// A name in backticks.
    Name,
    /// A string, in either kind of quotes.
    Text,
    /// `x'…'` or `0x…`: hexadecimal digits.
    Hex,
    /// A number.
    Number,
    /// An operator, a bracket, a comma, a placeholder.
    Mark,
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Its content, without quotes and escapes.
    pub text: String,
    /// Where it stands in the statement, in bytes.
    pub at: Range<usize>,
}

impl Piece {
    /// Whether it is this keyword, written in capitals here.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is one of these keywords.
    pub fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether it is this operator or bracket.
    pub fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// The name that it may be.
    pub fn name(&self) -> Option<&str> {
        matches!(self.kind, Kind::Word | Kind::Name).then_some(self.text.as_str())
    }

    /// A piece that stands nowhere.
    pub fn made(kind: Kind, text: &str) -> Self {
        Self { kind, text: text.to_owned(), at: 0..0 }
    }
}

/// A quote or a comment without an end: where it begins, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what begins at byte {0} has no end")]
pub struct Unended(pub usize);

/// Operators of more than one character, the longest first.
const MARKS: [&str; 12] = ["<=>", "->>", "<>", "!=", "<=", ">=", ":=", "&&", "||", "<<", ">>", "->"];

/// Cuts a statement, or several, into pieces. Comments are left out; what stands in `/*! … */` is not one.
///
/// # Errors
/// A quote or a comment that does not end.
pub fn pieces(sql: &str) -> Result<Vec<Piece>, Unended> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &sql[at..];
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let dashes =
            rest.starts_with("--") && rest[2..].chars().next().is_none_or(|c| c.is_whitespace() || c.is_control());
        if byte == b'#' || dashes {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            continue;
        }
        if let Some(after) = rest.strip_prefix("/*!") {
            // Version comments are for MySQL to read.
            at += 3 + after.bytes().take_while(u8::is_ascii_digit).count();
            continue;
        }
        if rest.starts_with("*/") {
            at += 2;
            continue;
        }
        if rest.starts_with("/*") {
            at += rest.find("*/").ok_or(Unended(at))? + 2;
            continue;
        }
        let (kind, text, length) = piece(rest).ok_or(Unended(at))?;
        found.push(Piece { kind, text, at: at..at + length });
        at += length;
    }
    Ok(found)
}

/// The piece at the beginning of a text that is not empty: what it is, its content, its length in bytes.
fn piece(rest: &str) -> Option<(Kind, String, usize)> {
    let bytes = rest.as_bytes();
    let byte = bytes[0];
    if byte == b'\'' || byte == b'"' {
        return quoted(rest, 0, byte).map(|(text, length)| (Kind::Text, text, length));
    }
    if byte == b'`' {
        return in_backticks(rest).map(|(text, length)| (Kind::Name, text, length));
    }
    if matches!(byte, b'x' | b'X') && bytes.get(1) == Some(&b'\'') {
        let (text, length) = quoted(rest, 1, b'\'')?;
        return Some((Kind::Hex, text, length));
    }
    if matches!(byte, b'n' | b'N' | b'b' | b'B') && bytes.get(1) == Some(&b'\'') {
        let (text, length) = quoted(rest, 1, b'\'')?;
        return Some((Kind::Text, text, length));
    }
    if rest.starts_with("0x") || rest.starts_with("0X") {
        let digits = bytes[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        return Some((Kind::Hex, rest[2..2 + digits].to_owned(), 2 + digits));
    }
    if byte.is_ascii_digit() || byte == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit) {
        return Some(number(rest));
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let marks = bytes.iter().take_while(|byte| **byte == b'@').count();
    let first = rest[marks..].chars().next();
    if first.is_some_and(is_word) {
        let word: String = rest[marks..].chars().take_while(|c| is_word(*c) || marks > 0 && *c == '.').collect();
        return Some((Kind::Word, rest[..marks + word.len()].to_owned(), marks + word.len()));
    }
    let mark = MARKS
        .iter()
        .find(|mark| rest.starts_with(**mark))
        .map_or_else(|| rest.chars().next().map(String::from).unwrap_or_default(), |mark| (*mark).to_owned());
    let length = mark.len();
    Some((Kind::Mark, mark, length))
}

/// Digits, a point, an exponent. A word may begin with digits as well.
fn number(rest: &str) -> (Kind, String, usize) {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let word = rest[end..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
        .map(char::len_utf8)
        .sum::<usize>();
    let kind = if word > 0 { Kind::Word } else { Kind::Number };
    (kind, rest[..end + word].to_owned(), end + word)
}

/// A string after `before` bytes: doubled quotes and backslashes are resolved (section 11.1.1).
fn quoted(rest: &str, before: usize, quote: u8) -> Option<(String, usize)> {
    let quote = char::from(quote);
    let mut text = String::new();
    let mut chars = rest[before + 1..].char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
                text.push(quote);
                continue;
            }
            return Some((text, before + 1 + index + 1));
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next()?.1 {
            '0' => text.push('\0'),
            'b' => text.push('\u{8}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'Z' => text.push('\u{1a}'),
            // Kept for LIKE.
            wild @ ('%' | '_') => text.extend(['\\', wild]),
            other => text.push(other),
        }
    }
    None
}

fn in_backticks(rest: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut chars = rest[1..].char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if c != '`' {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '`') {
            chars.next();
            name.push('`');
        } else {
            return Some((name, 1 + index + 1));
        }
    }
    None
}

/// The statements of a text: what stands between semicolons, where it is not empty.
pub fn statements(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut all = vec![Vec::new()];
    for piece in pieces {
        if piece.is_mark(";") {
            all.push(Vec::new());
        } else if let Some(last) = all.last_mut() {
            last.push(piece);
        }
    }
    all.retain(|statement| !statement.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn shown(sql: &str) -> String {
        let all = pieces(sql).unwrap();
        all.iter().map(|piece| format!("{:?}:{}", piece.kind, piece.text)).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case("SELECT 1", "Word:SELECT Number:1")]
    #[case("a.`b c`=\"it's\"", "Word:a Mark:. Name:b c Mark:= Text:it's")]
    #[case(r"'it''s \'\\ \n'", "Text:it's '\\ \n")]
    #[case("1.5e3 .5 1st 0x4D x'4d'", "Number:1.5e3 Number:.5 Word:1st Hex:4D Hex:4d")]
    #[case("a -- b\nc # d\n/* e */ f--g", "Word:a Word:c Word:f Mark:- Mark:- Word:g")]
    #[case("/*!40101 SET x */", "Word:SET Word:x")]
    #[case("@@session.autocommit @a <=> ?", "Word:@@session.autocommit Word:@a Mark:<=> Mark:?")]
    #[case(r"'100\%'", r"Text:100\%")]
    fn cuts(#[case] sql: &str, #[case] wanted: &str) {
        assert_eq!(shown(sql), wanted);
    }

    #[rstest]
    #[case("SELECT 'a", 7)]
    #[case("SELECT `a", 7)]
    #[case("a /* b", 2)]
    #[case(r"'a\'", 0)]
    fn sees_what_has_no_end(#[case] sql: &str, #[case] at: usize) {
        assert_eq!(pieces(sql), Err(Unended(at)));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_cut(sql in "\\PC*") {
            let _ = pieces(&sql);
        }

        #[test]
        fn an_escaped_string_comes_back(text in "\\PC*") {
            let escaped = text.replace('\\', "\\\\").replace('\'', "''");
            let all = pieces(&format!("'{escaped}'")).unwrap();
            prop_assert_eq!(&all[0].text, &text);
        }
    }
}
