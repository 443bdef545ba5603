//! The head of a message: its start line and its header fields (RFC 9112, sections 2 to 5).

use super::body::Framing;

/// Most header fields that are read.
const MOST_FIELDS: usize = 256;

/// Blanks and line ends before a status line that browsers pass over, in bytes.
const SLOP: usize = 4;

/// Which kind of message is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request.
    Request,
    /// A response; to a HEAD request it has no body.
    Response {
        /// Whether it answers a HEAD request.
        to_head: bool,
    },
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Of a request.
    Request {
        /// The method.
        method: String,
        /// The request target.
        target: Vec<u8>,
    },
    /// Of a response.
    Response {
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
}

/// A head that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub start: Start,
    /// Names as they came, and values, in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Bytes that it took in the stream, with what was passed over before it.
    pub length: usize,
    /// Bytes passed over before it.
    pub slop: usize,
}

/// What can be said of the head so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// It is complete.
    Whole(Head),
    /// More must come.
    More,
    /// It is no head of such a message: why.
    Malformed(String),
}

impl Head {
    /// Values of all fields of this name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// How the end of the body is told (RFC 9112, section 6.3).
    ///
    /// # Errors
    /// If the fields contradict each other or make no sense: why.
    pub fn framing(&self, kind: Kind) -> Result<Framing, String> {
        let bodiless = match (&self.start, kind) {
            (_, Kind::Response { to_head: true }) => true,
            (Start::Response { status, .. }, _) => matches!(status, 100..=199 | 204 | 304),
            _ => false,
        };
        if bodiless {
            return Ok(Framing::None);
        }
        let chunked = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
        };
        if self.values("transfer-encoding").any(chunked) {
            return Ok(Framing::Chunked);
        }
        let mut lengths = self.values("content-length").map(|value| String::from_utf8_lossy(value).trim().to_owned());
        match lengths.next() {
            Some(said) if lengths.any(|other| other != said) => {
                Err("Content-Length is there twice and says different things".to_owned())
            }
            Some(said) if said.bytes().all(|byte| byte.is_ascii_digit()) => {
                said.parse().map(Framing::Length).map_err(|_| format!("Content-Length: {said} is no length"))
            }
            Some(said) => Err(format!("Content-Length: {said} is no number of bytes")),
            None if kind == Kind::Request => Ok(Framing::None),
            None => Ok(Framing::Close),
        }
    }
}

/// Reads a head at the beginning of `bytes`.
pub fn read(bytes: &[u8], kind: Kind) -> Read {
    let slop = bytes.iter().take(SLOP).take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = &bytes[slop..];
    if rest.is_empty() {
        return Read::More;
    }
    let mut fields = vec![httparse::EMPTY_HEADER; MOST_FIELDS];
    let outcome = match kind {
        Kind::Request => {
            let mut request = httparse::Request::new(&mut fields);
            httparse::ParserConfig::default()
                .allow_multiple_spaces_in_request_line_delimiters(true)
                .parse_request(&mut request, rest)
                .map(|status| {
                    let method = request.method.unwrap_or_default().to_owned();
                    let target = request.path.unwrap_or_default().as_bytes().to_vec();
                    (status, Start::Request { method, target }, kept(request.headers))
                })
        }
        Kind::Response { .. } => {
            let mut response = httparse::Response::new(&mut fields);
            httparse::ParserConfig::default()
                .allow_spaces_after_header_name_in_responses(true)
                .allow_obsolete_multiline_headers_in_responses(true)
                .allow_space_before_first_header_name(true)
                .allow_multiple_spaces_in_response_status_delimiters(true)
                .parse_response(&mut response, rest)
                .map(|status| {
                    let start = Start::Response {
                        status: response.code.unwrap_or_default(),
                        reason: response.reason.unwrap_or_default().to_owned(),
                    };
                    (status, start, kept(response.headers))
                })
        }
    };
    match outcome {
        Ok((httparse::Status::Complete(length), start, fields)) => {
            Read::Whole(Head { start, fields, length: slop + length, slop })
        }
        Ok((httparse::Status::Partial, ..)) => Read::More,
        Err(error) => Read::Malformed(malformed(rest, kind, error)),
    }
}

fn kept(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    let there = headers.iter().filter(|header| !header.name.is_empty());
    there.map(|header| (header.name.to_owned(), header.value.to_vec())).collect()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What is wrong with a head, with the line that it is about.
fn malformed(bytes: &[u8], kind: Kind, error: httparse::Error) -> String {
    use harness_judging::shown::{beginning, quote};
    let quoted = |line: &[u8]| quote(beginning(line, 60));
    let first = lines(bytes).next().unwrap_or_default();
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            let is_field = |line: &&[u8]| {
                let name = line.iter().position(|byte| *byte == b':').map(|at| &line[..at]);
                name.is_some_and(|name| !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()))
            };
            match lines(bytes).skip(1).find(|line| !is_field(line)) {
                Some(line) => format!(
                    "among the header lines stands {}, which is none: is the blank line between headers and body \
                     missing?",
                    quoted(line)
                ),
                None => "a header line has bytes that no header may have".to_owned(),
            }
        }
        httparse::Error::NewLine if lines(bytes).any(|line| line.contains(&b'\r')) => {
            let torn = lines(bytes).find(|line| line.contains(&b'\r')).unwrap_or_default();
            format!("in its head a carriage return (\\r) has no line feed (\\n) behind it: {}", quoted(torn))
        }
        httparse::Error::TooManyHeaders => format!("it has more than {MOST_FIELDS} header lines"),
        _ => match kind {
            Kind::Response { .. } => {
                format!("it does not begin with a status line such as HTTP/1.1 200 OK, but with {}", quoted(first))
            }
            Kind::Request => {
                format!("it does not begin with a request line such as GET /page HTTP/1.1, but with {}", quoted(first))
            }
        },
    }
}

/// The status of a head that has no end: of a response that was closed before its blank line.
pub fn status_alone(bytes: &[u8]) -> Option<(u16, String)> {
    let first = lines(bytes.trim_ascii_start()).next()?;
    let line = std::str::from_utf8(first).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?.strip_prefix(['0', '1'])?;
    let mut words = rest.split_ascii_whitespace();
    let code = words.next().filter(|code| code.len() == 3)?.parse().ok()?;
    Some((code, words.collect::<Vec<_>>().join(" ")))
}

/// What is not as RFC 9112 writes it in the head of a response, of the things that browsers bear with.
pub fn slips(bytes: &[u8], head: &Head) -> Option<String> {
    use harness_judging::shown::{beginning, quote};
    let said = |line: &[u8]| quote(beginning(line, 60));
    if head.slop > 0 {
        return Some(format!("{} stand before the status line", said(&bytes[..head.slop])));
    }
    let mut lines = bytes[..head.length].split_inclusive(|byte| *byte == b'\n').enumerate();
    lines.find_map(|(index, line)| match line.strip_suffix(b"\r\n") {
        None => Some(format!("the line {} does not end in CR LF", said(line))),
        Some(line) if index == 0 && !is_status_line(line) => {
            Some(format!("{} is no status line of the form HTTP/1.1 200 OK", said(line)))
        }
        Some(line) if index > 0 && (line.starts_with(b" ") || blank_before_colon(line)) => {
            Some(format!("the header line {} has a blank where none may be", said(line)))
        }
        Some(_) => None,
    })
}

fn blank_before_colon(line: &[u8]) -> bool {
    line.iter().position(|byte| *byte == b':').is_some_and(|at| at > 0 && line[at - 1] == b' ')
}

fn is_status_line(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"HTTP/1.0 ").or_else(|| line.strip_prefix(b"HTTP/1.1 ")) else { return false };
    match rest.split_at_checked(3) {
        Some((code, rest)) => {
            code.iter().all(u8::is_ascii_digit)
                && (rest.is_empty() || rest.starts_with(b" ") && !rest.starts_with(b"  "))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const RESPONSE: Kind = Kind::Response { to_head: false };

    fn head(text: &str, kind: Kind) -> Head {
        match read(text.as_bytes(), kind) {
            Read::Whole(head) => head,
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK\r\nA: b\r\n\r\nx", 25, "OK")]
    #[case("HTTP/1.0 200\r\n\r\n", 16, "")]
    #[case("\r\n HTTP/1.1 404 Not Found\nA:b\n\n", 31, "Not Found")]
    #[case("HTTP/1.1 200 OK\r\n A: b\r\n  C: d\r\n\r\nx", 34, "OK")]
    fn reads_what_browsers_read(#[case] text: &str, #[case] length: usize, #[case] reason: &str) {
        let head = head(text, RESPONSE);
        assert_eq!(head.length, length);
        assert!(matches!(head.start, Start::Response { reason: said, .. } if said == reason));
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", RESPONSE, Ok(Framing::Length(3)))]
    #[case("HTTP/1.1 200 OK\r\n\r\n", RESPONSE, Ok(Framing::Close))]
    #[case(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n",
        RESPONSE,
        Ok(Framing::Chunked)
    )]
    #[case("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", RESPONSE, Ok(Framing::None))]
    #[case("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Kind::Response { to_head: true }, Ok(Framing::None))]
    #[case("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Kind::Request, Ok(Framing::None))]
    #[case("HTTP/1.1 200 OK\r\nContent-Length: 3.0\r\n\r\n", RESPONSE, Err("Content-Length: 3.0 is no number of bytes".to_owned()))]
    fn knows_how_the_end_is_told(#[case] text: &str, #[case] kind: Kind, #[case] framing: Result<Framing, String>) {
        assert_eq!(head(text, kind).framing(kind), framing);
    }

    #[rstest]
    #[case("<html>\n", "status line such as HTTP/1.1 200 OK, but with \"<html>\"")]
    #[case("HTTP/1.1 200 OK\r\nA: b\r\n<html>\r\n", "stands \"<html>\", which is none")]
    fn says_what_is_wrong(#[case] text: &str, #[case] words: &str) {
        match read(text.as_bytes(), RESPONSE) {
            Read::Malformed(why) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("HTTP/1.1 200 OK\r\nA: b : c\r\n\r\n", None)]
    #[case("HTTP/1.1 200 OK\nA: b\r\n\r\n", Some("does not end in CR LF"))]
    #[case("\r\nHTTP/1.1 200 OK\r\n\r\n", Some("stand before the status line"))]
    #[case("HTTP/1.1  200 OK\r\n\r\n", Some("is no status line"))]
    #[case("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Some("has a blank"))]
    fn notices_slips(#[case] text: &str, #[case] slip: Option<&str>) {
        let found = slips(text.as_bytes(), &head(text, RESPONSE));
        assert_eq!(found.is_some(), slip.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(slip.unwrap_or_default()));
    }

    #[test]
    fn finds_the_status_of_a_head_without_an_end() {
        assert_eq!(status_alone(b"HTTP/1.1 404 Not Found\r\nServer: x\r\n"), Some((404, "Not Found".to_owned())));
        assert_eq!(status_alone(b"<h1>404</h1>"), None);
    }
}
