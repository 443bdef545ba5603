//! Where a body ends, and what it is without its framing (RFC 9112, sections 6 and 7).

/// How a message tells where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After so many bytes.
    Length(usize),
    /// In chunks.
    Chunked,
    /// With the stream.
    Close,
}

/// A body as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it, and the bytes that it took in the stream.
    Whole(Vec<u8>, usize),
    /// More must come; fewer bytes than this in all cannot be enough.
    More(usize),
    /// Its chunks are malformed: why.
    Malformed(String),
}

impl Framing {
    /// Takes the body out of what stands behind the head. `ended` says that the stream has ended in the
    /// ordinary way.
    pub fn body(self, rest: &[u8], ended: bool) -> Body {
        match self {
            Self::None => Body::Whole(Vec::new(), 0),
            Self::Length(length) if rest.len() >= length => Body::Whole(rest[..length].to_vec(), length),
            Self::Length(length) => Body::More(length),
            Self::Close if ended => Body::Whole(rest.to_vec(), rest.len()),
            Self::Close => Body::More(usize::MAX),
            Self::Chunked => match chunks(rest) {
                Chunks::Whole { data, end } => Body::Whole(data, end),
                Chunks::More { .. } => Body::More(rest.len() + 1),
                Chunks::Malformed(why) => Body::Malformed(why),
            },
        }
    }

    /// What there is of a body that is not complete.
    pub fn so_far(self, rest: &[u8]) -> Vec<u8> {
        match self {
            Self::Chunked => match chunks(rest) {
                Chunks::Whole { data, .. } | Chunks::More { data } => data,
                Chunks::Malformed(_) => Vec::new(),
            },
            Self::None => Vec::new(),
            Self::Length(_) | Self::Close => rest.to_vec(),
        }
    }
}

enum Chunks {
    Whole { data: Vec<u8>, end: usize },
    More { data: Vec<u8> },
    Malformed(String),
}

/// The longest line that says a chunk's size, extensions included.
const LONGEST_SIZE: usize = 4096;

fn chunks(rest: &[u8]) -> Chunks {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let Some(length) = memchr::memchr(b'\n', &rest[at..]) else {
            return match rest.len() - at {
                0..=LONGEST_SIZE => Chunks::More { data },
                _ => Chunks::Malformed("a chunk's size is a line without an end".to_owned()),
            };
        };
        let line = String::from_utf8_lossy(&rest[at..at + length]);
        let digits = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(digits, 16) else {
            return Chunks::Malformed(format!("{digits:?} is no size of a chunk in hexadecimal digits"));
        };
        at += length + 1;
        if size == 0 {
            return trailer(rest, at, data);
        }
        let Some(chunk) = at.checked_add(size).and_then(|end| rest.get(at..end)) else {
            data.extend_from_slice(&rest[at..]);
            return Chunks::More { data };
        };
        data.extend_from_slice(chunk);
        at += size;
        match &rest[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [b'\n', ..] => at += 1,
            [] | [b'\r'] => return Chunks::More { data },
            _ => return Chunks::Malformed(format!("a chunk of {size} bytes does not end in an empty line")),
        }
    }
}

/// Passes over the lines behind the last chunk.
fn trailer(rest: &[u8], mut at: usize, data: Vec<u8>) -> Chunks {
    loop {
        let Some(length) = memchr::memchr(b'\n', &rest[at..]) else { return Chunks::More { data } };
        let line = &rest[at..at + length];
        at += length + 1;
        if line.is_empty() || line == b"\r" {
            return Chunks::Whole { data, end: at };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn whole(data: &str, end: usize) -> Body {
        Body::Whole(data.as_bytes().to_vec(), end)
    }

    #[rstest]
    #[case(Framing::None, "left", false, whole("", 0))]
    #[case(Framing::Length(3), "abcd", false, whole("abc", 3))]
    #[case(Framing::Length(3), "ab", true, Body::More(3))]
    #[case(Framing::Close, "ab", true, whole("ab", 2))]
    #[case(Framing::Close, "ab", false, Body::More(usize::MAX))]
    #[case(Framing::Chunked, "2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\nnext", false, whole("abc", 22))]
    #[case(Framing::Chunked, "2\nab\n0\nTrailer: x\n\n", false, whole("ab", 19))]
    #[case(Framing::Chunked, "a\r\nab", false, Body::More(6))]
    #[case(Framing::Chunked, "0\r\n", true, Body::More(4))]
    fn takes_a_body_out(#[case] framing: Framing, #[case] rest: &str, #[case] ended: bool, #[case] body: Body) {
        assert_eq!(framing.body(rest.as_bytes(), ended), body);
    }

    #[rstest]
    #[case("<p>\r\n")]
    #[case("2\r\nabc\r\n")]
    #[case("ffffffffffffffffff\r\n")]
    fn refuses_malformed_chunks(#[case] rest: &str) {
        assert!(matches!(Framing::Chunked.body(rest.as_bytes(), false), Body::Malformed(_)));
    }

    #[test]
    fn shows_what_there_is_of_a_broken_off_body() {
        assert_eq!(Framing::Chunked.so_far(b"2\r\nab\r\n9\r\ncd"), b"abcd");
        assert_eq!(Framing::Length(9).so_far(b"ab"), b"ab");
    }
}
