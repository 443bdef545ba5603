//! HTTP by hand: the few rules that a server of files or of a text, and a proxy, need (RFC 9112).
//!
//! A request is a head, and sometimes a body. The head is lines of text: a request line, header fields, and an empty line
//! that says that it is complete. Nothing else says so. One `recv` may bring half of a header line, or a long head in
//! five pieces, so what has arrived is collected here until the empty line is there.
//!
//! Owns the collecting, with a bound, and what a request line and the head of a response look like. Never reads a socket
//! or a file.

/// The longest head, in bytes. A browser's has one or two thousand. Without a bound, a client that never sends an empty
/// line would fill our memory.
pub const LONGEST_HEAD: usize = 32 * 1024;

/// What has arrived of a request's head.
#[derive(Debug, Default)]
pub struct HeadBuffer {
    bytes: Vec<u8>,
    /// Up to where we have looked for the empty line. To look again from the start for every piece would make a long
    /// head in small pieces quadratically slow.
    scanned: usize,
}

/// The head is longer than [`LONGEST_HEAD`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl HeadBuffer {
    /// Adds a piece, and gives the head when it is complete. What comes after it is a body, which GET does not have:
    /// see [`HeadBuffer::behind`].
    ///
    /// # Errors
    /// If the head is too long.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        self.bytes.extend_from_slice(piece);
        while let Some(at) = self.bytes[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let line_end = self.scanned + at;
            // The empty line: a line end, and right behind it another. Each should be CR LF; a server may put up with
            // a bare LF (RFC 9112, section 2.2), and people who type a request by hand are grateful.
            let before = self.bytes[..line_end].strip_suffix(b"\r").unwrap_or(&self.bytes[..line_end]);
            if before.ends_with(b"\n") {
                let head = before.to_vec();
                self.bytes.drain(..=line_end);
                return Ok(Some(head));
            }
            self.scanned = line_end + 1;
        }
        self.scanned = self.bytes.len();
        if self.bytes.len() > LONGEST_HEAD { Err(TooLong) } else { Ok(None) }
    }

    /// What has arrived behind a head that is complete: the beginning of the body.
    pub fn behind(self) -> Vec<u8> {
        self.bytes
    }
}

/// The value of a header field, the first of this name. Letter case does not matter in names, nor do blanks round values
/// (RFC 9112, section 5).
pub fn field<'h>(head: &'h [u8], name: &str) -> Option<&'h str> {
    // The first line is the request line.
    let mut lines = head.split(|&byte| byte == b'\n').skip(1).filter_map(|line| std::str::from_utf8(line).ok());
    lines.find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The first line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// What is to be done: `GET`, mostly.
    pub method: String,
    /// With what: `/pictures/cat.png?large`.
    pub target: String,
    /// In which version: `HTTP/1.1`.
    pub version: String,
}

impl RequestLine {
    /// Reads the first line of a head: three words, the last of which is a version of HTTP. `None` if it is anything else.
    pub fn of(head: &[u8]) -> Option<Self> {
        let line = head.split(|&byte| byte == b'\n').next()?;
        let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let is_request = words.next().is_none()
            && !method.is_empty()
            && method.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !target.is_empty()
            && version.starts_with("HTTP/1.");
        is_request.then(|| Self { method: method.to_owned(), target: target.to_owned(), version: version.to_owned() })
    }

    /// The path of the target, `%` and two digits turned into the byte that they stand for. `None` if there is no path,
    /// or if it is no text.
    ///
    /// The query belongs to programs behind a server, and we have none. A client that takes us for a proxy sends a whole
    /// URL; a server has to understand that too (RFC 9112, section 3.2.2).
    pub fn path(&self) -> Option<String> {
        let target = match self.target.strip_prefix("http://") {
            Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => &self.target,
        };
        let path = target.split(['?', '#']).next()?;
        if path.starts_with('/') { decode(path) } else { None }
    }
}

fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first == b'%' {
            let (digits, behind) = rest.split_at_checked(2)?;
            let digits =
                std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a status code says, and the phrase beside it, which is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16, pub &'static str);

/// Here it is.
pub const OK: Status = Status(200, "OK");
/// This is no request.
pub const BAD_REQUEST: Status = Status(400, "Bad Request");
/// There is no such file.
pub const NOT_FOUND: Status = Status(404, "Not Found");
/// We have only `GET` and `HEAD`.
pub const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
/// The head is too long for us.
pub const HEAD_TOO_LARGE: Status = Status(431, "Request Header Fields Too Large");

/// The caller has to say who it is.
pub const UNAUTHORIZED: Status = Status(401, "Unauthorized");
/// A body without a `Content-Length`.
pub const LENGTH_REQUIRED: Status = Status(411, "Length Required");
/// The body is too long for us.
pub const BODY_TOO_LARGE: Status = Status(413, "Content Too Large");

/// The head of a response, with the empty line that ends it.
///
/// The length tells the client where the body ends. `Connection: close` tells it that we close afterwards, which makes a
/// server simple: one connection, one request.
pub fn response_head(status: Status, content_type: &str, length: u64) -> String {
    // A server may not allow a method without saying which it does (RFC 9110, section 15.5.6).
    let allow = if status == METHOD_NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
    response_head_with(status, content_type, length, allow)
}

/// The same with further header fields, each with its CR LF.
pub fn response_head_with(Status(code, phrase): Status, content_type: &str, length: u64, more: &str) -> String {
    format!(
        "HTTP/1.1 {code} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{more}\
         Connection: close\r\n\r\n"
    )
}
