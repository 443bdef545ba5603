//! A file on its way in, and what ASCII mode does to it.

/// A file of which the data come in pieces.
#[derive(Debug, Default)]
pub struct Storing {
    /// Where it is to be kept.
    pub name: String,
    /// It comes in ASCII mode: CR LF ends a line, and is kept as LF (RFC 959, section 3.1.1.1; so do servers on Unix).
    pub ascii: bool,
    /// Bytes that have come, as they came.
    pub came: u64,
    kept: Vec<u8>,
    /// A CR that came last: what it means is in the next byte.
    open_return: bool,
}

impl Storing {
    /// A file that begins with these bytes, which are there already (`APPE`, `REST`).
    pub fn new(name: String, ascii: bool, already: Vec<u8>) -> Self {
        Self { name, ascii, kept: already, ..Self::default() }
    }

    /// Takes a piece.
    pub fn take(&mut self, bytes: &[u8]) {
        self.came += bytes.len() as u64;
        if !self.ascii {
            self.kept.extend_from_slice(bytes);
            return;
        }
        for byte in bytes {
            if std::mem::take(&mut self.open_return) && *byte != b'\n' {
                self.kept.push(b'\r');
            }
            match byte {
                b'\r' => self.open_return = true,
                byte => self.kept.push(*byte),
            }
        }
    }

    /// What is kept in the end.
    pub fn into_content(mut self) -> Vec<u8> {
        if self.open_return {
            self.kept.push(b'\r');
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn store(ascii: bool, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut storing = Storing::new("it".to_owned(), ascii, Vec::new());
        bytes.chunks(size).for_each(|piece| storing.take(piece));
        assert_eq!(storing.came, bytes.len() as u64);
        storing.into_content()
    }

    #[rstest]
    #[case("one\r\ntwo\r\n", "one\ntwo\n")]
    #[case("one\ntwo", "one\ntwo")]
    #[case("a\rb\r\r\n\r", "a\rb\r\n\r")]
    #[case("", "")]
    fn ascii_mode_keeps_line_feeds(#[case] came: &str, #[case] kept: &str, #[values(1, 2, 99)] size: usize) {
        assert_eq!(store(true, came.as_bytes(), size), kept.as_bytes());
    }

    proptest! {
        #[test]
        fn image_mode_keeps_every_byte(bytes: Vec<u8>, size in 1usize..9) {
            prop_assert_eq!(store(false, &bytes, size), bytes);
        }

        #[test]
        fn a_text_that_was_sent_as_such_is_kept_as_it_was(bytes: Vec<u8>, size in 1usize..9) {
            let mut sent = Vec::new();
            for byte in &bytes {
                sent.extend_from_slice(if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) });
            }
            prop_assert_eq!(store(true, &sent, size), bytes);
        }
    }
}
