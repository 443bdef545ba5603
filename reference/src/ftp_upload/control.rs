//! The control connection: commands go out, replies come in.
//!
//! Owns replies and their codes; knows nothing of what the commands mean, nor of the data.

use std::io::{Read, Write};

use crate::failure::Failure;
use crate::lines::{Line, LineReader, without_return};

/// Longest line of a reply that is taken, in bytes.
const LONGEST: usize = 64 * 1024;

/// A reply: its code and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits. The first says the most: 1 it begins, 2 done, 3 go on, 4 not now, 5 no.
    pub code: u16,
    /// What the last line says behind the code.
    pub text: String,
}

/// The control connection: `reader` and `writer` are its two directions.
pub struct Control<R, W> {
    lines: LineReader<R>,
    writer: W,
}

impl<R: Read, W: Write> Control<R, W> {
    /// Begins on a new connection, on which nothing was said yet.
    pub fn new(reader: R, writer: W) -> Self {
        Self { lines: LineReader::new(reader, LONGEST), writer }
    }

    /// Says one line and waits for the reply.
    ///
    /// # Errors
    /// If the connection breaks, or what comes is no reply.
    pub fn command(&mut self, line: &str) -> Result<Reply, Failure> {
        // In one piece: a line in two segments is legal and slow.
        self.writer
            .write_all(format!("{line}\r\n").as_bytes())
            .map_err(|source| Failure::Connection { doing: "speaking to the server", source })?;
        self.reply()
    }

    /// Waits for a reply, all of its lines.
    ///
    /// # Errors
    /// If the connection breaks or ends, or what comes is no reply.
    pub fn reply(&mut self) -> Result<Reply, Failure> {
        let first = self.line()?;
        let is_code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some((code, rest)) = first.split_at_checked(3).filter(|(code, _)| is_code(code)) else {
            return Err(Failure::Protocol(format!("the server said {first:?}, which is no reply")));
        };
        let code = code.to_owned();
        let mut last = rest.to_owned();
        if rest.starts_with('-') {
            // The end is the same code with a blank behind it. Lines before it may begin with other codes.
            last = loop {
                let line = self.line()?;
                if let Some(rest) = line.strip_prefix(&code).filter(|rest| rest.starts_with(' ') || rest.is_empty()) {
                    break rest.to_owned();
                }
            };
        }
        Ok(Reply { code: code.parse().unwrap_or_default(), text: last.trim().to_owned() })
    }

    fn line(&mut self) -> Result<String, Failure> {
        let waiting = |source| Failure::Connection { doing: "waiting for a reply", source };
        match self.lines.next_line().map_err(waiting)? {
            Some(Line::Whole(line)) => Ok(String::from_utf8_lossy(without_return(&line)).into_owned()),
            Some(Line::TooLong) => Err(Failure::Protocol("the server's reply is too long".to_owned())),
            None => Err(Failure::Protocol("the server closed the connection without a reply".to_owned())),
        }
    }
}

impl Reply {
    /// The reply, if it does not refuse.
    ///
    /// # Errors
    /// A refusal: of what, and in the server's words.
    pub fn agreed(self, what: &str) -> Result<Self, Failure> {
        match self.code {
            100..400 => Ok(self),
            code => Err(Failure::Protocol(format!("the server refused {what}: {code} {}", self.text))),
        }
    }

    /// The reply, if it says that all is done.
    ///
    /// # Errors
    /// Any other: that something is still to come is no confirmation.
    pub fn done(self, what: &str) -> Result<Self, Failure> {
        match self.code {
            200..300 => Ok(self),
            code => Err(Failure::Protocol(format!("the server did not confirm {what}: {code} {}", self.text))),
        }
    }
}
