//! One side of a dialogue in commands and replies: a line goes out, a reply comes in.
//!
//! Owns replies and their codes; knows nothing of what the commands mean.

use std::io::{Read, Write};

use crate::failure::Failure;
use crate::lines::{Line, LineReader, without_return};

/// Longest line of a reply. The standard allows 512 bytes (RFC 5321, section 4.5.3.1.5).
const LONGEST: usize = 4096;

/// A reply: its code, and its lines without code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits. The first says it all: 2 done, 3 go on, 4 not now, 5 no.
    pub code: u16,
    /// What it says to people.
    pub text: String,
    /// Its lines without their code, for replies that programs read: `EHLO` is answered with a list.
    pub lines: Vec<String>,
}

impl Reply {
    /// Whether the server agrees.
    pub fn is_positive(&self) -> bool {
        self.code < 400
    }
}

/// A connection on which the two sides speak in turn.
pub struct Dialogue<S> {
    lines: LineReader<S>,
}

impl<S: Read + Write> Dialogue<S> {
    /// Begins on a new connection, on which nothing was said yet.
    pub fn new(connection: S) -> Self {
        Self { lines: LineReader::new(connection, LONGEST) }
    }

    /// The connection, for whoever goes on with it in another way, and what was read of it and belongs to no reply.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        self.lines.into_parts()
    }

    /// Says one line and waits for the reply.
    ///
    /// # Errors
    /// If the connection breaks, or what comes is no reply.
    pub fn command(&mut self, line: &str) -> Result<Reply, Failure> {
        self.say(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Says something without waiting.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        // In one piece where it fits: a line in two segments is legal and slow.
        let connection = self.lines.source_mut();
        connection
            .write_all(bytes)
            .and_then(|()| connection.flush())
            .map_err(|source| Failure::Connection { doing: "speaking to the server", source })
    }

    /// Waits for a reply, all of its lines.
    ///
    /// # Errors
    /// If the connection breaks or ends, or what comes is no reply.
    pub fn reply(&mut self) -> Result<Reply, Failure> {
        let mut texts = Vec::new();
        loop {
            let line = self
                .lines
                .next_line()
                .map_err(|source| Failure::Connection { doing: "waiting for a reply", source })?;
            let line = match line {
                Some(Line::Whole(line)) => String::from_utf8_lossy(without_return(&line)).into_owned(),
                Some(Line::TooLong) => return Err(Failure::Protocol("the server's reply is too long".to_owned())),
                None => return Err(Failure::Protocol("the server closed the connection without a reply".to_owned())),
            };
            let (code, more, text) = read_line(&line)
                .ok_or_else(|| Failure::Protocol(format!("the server said {line:?}, which is no reply")))?;
            texts.push(text.to_owned());
            if !more {
                return Ok(Reply { code, text: texts.join(" / "), lines: texts });
            }
        }
    }
}

/// One line of a reply: its code, whether another line follows, and its text.
pub fn read_line(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let is_code = code.bytes().all(|byte| byte.is_ascii_digit());
    let code = code.parse().ok().filter(|code| is_code && (200..600).contains(code))?;
    match rest.chars().next() {
        // Some servers leave out the blank where there is no text.
        None => Some((code, false, "")),
        Some(' ') => Some((code, false, &rest[1..])),
        Some('-') => Some((code, true, &rest[1..])),
        Some(_) => None,
    }
}
