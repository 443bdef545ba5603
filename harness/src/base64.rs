//! Base64 (RFC 4648, section 4), which HTTP's Basic scheme and XML-RPC carry bytes in.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text for some bytes, padded, in one line.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let all = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            // One byte fills two digits, two fill three.
            text.push(match place <= group.len() {
                true => char::from(DIGITS[(all >> (18 - 6 * place)) as usize & 63]),
                false => '=',
            });
        }
    }
    text
}

/// The bytes of a text; blanks and line ends in it are passed over, and so is missing padding. `None` if it is none.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>();
    let bare = digits.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let padding = digits.len() - bare;
    if bare % 4 == 1 || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(bare / 4 * 3 + 2);
    for group in digits[..bare].chunks(4) {
        let mut all = 0u32;
        for place in 0..4 {
            let digit = match group.get(place) {
                Some(byte) => DIGITS.iter().position(|digit| digit == byte)?,
                None => 0,
            };
            all = all << 6 | u32::try_from(digit).ok()?;
        }
        bytes.extend_from_slice(&all.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    // RFC 4648, section 10, and RFC 7617, section 2.
    #[rstest]
    #[case("", "")]
    #[case("f", "Zg==")]
    #[case("fo", "Zm8=")]
    #[case("foobar", "Zm9vYmFy")]
    #[case("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==")]
    fn writes_and_reads(#[case] bytes: &str, #[case] text: &str) {
        assert_eq!(encode(bytes.as_bytes()), text);
        assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
    }

    #[rstest]
    #[case("Zm9v\r\n YmFy\n", Some("foobar"))]
    #[case("Zg", Some("f"))]
    #[case("Z", None)]
    #[case("Zm9v!", None)]
    #[case("Zg===", None)]
    fn bears_with_line_ends_and_nothing_else(#[case] text: &str, #[case] bytes: Option<&str>) {
        assert_eq!(decode(text).as_deref(), bytes.map(str::as_bytes));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
