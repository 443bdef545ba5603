//! One session with a mailbox: commands go out, replies of one line or of many come in.
//!
//! Owns the protocol's forms; knows nothing of what is done with the mail.

use std::io::{Read, Write};

use crate::failure::Failure;
use crate::lines::{Line, LineReader, without_return};

/// Longest line that is taken, in bytes. The standards allow 512 for a reply and 998 for a line of a mail (RFC 1939,
/// section 3; RFC 5322, section 2.1.1); programs that write mail do not all know them.
const LONGEST: usize = 1 << 20;

/// A session on a connection: `reader` and `writer` are its two directions.
pub struct Session<R, W> {
    lines: LineReader<R>,
    writer: W,
}

impl<R: Read, W: Write> Session<R, W> {
    /// Begins, and waits for the server's greeting.
    ///
    /// # Errors
    /// If the connection breaks, or the server does not want us.
    pub fn begin(reader: R, writer: W) -> Result<Self, Failure> {
        let mut session = Self { lines: LineReader::new(reader, LONGEST), writer };
        session.agreed("the connection")?;
        Ok(session)
    }

    /// Logs in.
    ///
    /// # Errors
    /// If the connection breaks, or the server refuses.
    pub fn log_in(&mut self, user: &str, password: &str) -> Result<(), Failure> {
        self.say(&format!("USER {user}"))?;
        self.agreed("the name")?;
        self.say(&format!("PASS {password}"))?;
        // What is said about it never has the password in it: what a program prints ends up in logs.
        self.agreed("the password")?;
        Ok(())
    }

    /// How many messages there are.
    ///
    /// # Errors
    /// If the connection breaks, or the reply is none.
    pub fn count(&mut self) -> Result<usize, Failure> {
        self.say("STAT")?;
        let reply = self.agreed("STAT")?;
        let count = reply.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        count.ok_or_else(|| Failure::Protocol(format!("to STAT the server said {reply:?}, which has no number")))
    }

    /// The message of this number, counted from 1: its lines, which end in LF here.
    ///
    /// # Errors
    /// If the connection breaks, or there is no such message.
    pub fn message(&mut self, number: usize) -> Result<Vec<u8>, Failure> {
        self.say(&format!("RETR {number}"))?;
        self.agreed(&format!("RETR {number}"))?;
        let mut message = Vec::new();
        loop {
            let line = self.line()?;
            // The dot that ends it stands alone on its line; one that was put before a dot is taken off.
            let line = match line.strip_prefix(b".") {
                Some(b"") => return Ok(message),
                Some(rest) => rest,
                None => &line,
            };
            message.extend_from_slice(line);
            message.push(b'\n');
        }
    }

    /// Says goodbye. What the server answers changes nothing any more.
    pub fn quit(mut self) {
        if self.say("QUIT").is_ok() {
            let _ = self.line();
        }
    }

    fn say(&mut self, command: &str) -> Result<(), Failure> {
        // In one piece: a line in two segments is legal and slow.
        self.writer
            .write_all(format!("{command}\r\n").as_bytes())
            .map_err(|source| Failure::Connection { doing: "speaking to the server", source })
    }

    fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let waiting = |source| Failure::Connection { doing: "waiting for the server", source };
        match self.lines.next_line().map_err(waiting)? {
            Some(Line::Whole(line)) => Ok(without_return(&line).to_vec()),
            Some(Line::TooLong) => Err(Failure::Protocol("the server sent a line that is too long".to_owned())),
            None => Err(Failure::Protocol("the server closed the connection in the middle of it".to_owned())),
        }
    }

    /// The words behind `+OK`.
    fn agreed(&mut self, what: &str) -> Result<String, Failure> {
        let line = self.line()?;
        let line = String::from_utf8_lossy(&line);
        if let Some(words) = line.strip_prefix("+OK") {
            return Ok(words.trim().to_owned());
        }
        match line.strip_prefix("-ERR") {
            Some(words) => Err(Failure::Protocol(format!("the server refused {what}: {}", words.trim()))),
            None => Err(Failure::Protocol(format!("the server said {line:?}, which is no reply"))),
        }
    }
}
