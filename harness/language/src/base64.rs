//! Base64 (RFC 4648, section 4), which HTTP's Basic scheme and XML-RPC carry bytes in.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Writes padding and does not insist on it; what the last digit says beyond the last byte is passed over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text for some bytes, padded, in one line.
pub fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// The bytes of a text; whitespace in it is passed over, and so is missing padding. `None` if it is no Base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(digits).ok()
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
