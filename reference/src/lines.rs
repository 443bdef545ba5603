//! Lines out of a stream of bytes.
//!
//! TCP delivers a stream. One `read` may bring half a line, or three lines and a half: where it cuts is an accident of
//! the network, and a program that takes one `read` for one line works on the author's machine and nowhere else. So
//! what has arrived is collected here, and taken out line by line.
//!
//! Owns the collecting, with a bound; never reads a socket, except for [`LineReader`], which adds just that.

use std::io::{self, ErrorKind, Read};
use std::mem;

/// What is between two newlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, without its newline. A carriage return before the newline is still there: see [`without_return`].
    Whole(Vec<u8>),
    /// A line that is longer than the limit; its bytes are dropped. Without a limit, a client that never sends a
    /// newline would fill our memory.
    TooLong,
}

/// Bytes that have arrived and are not yet taken out as lines.
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins in `bytes`.
    start: usize,
    /// Up to where we have looked for a newline. Looking again from the start for every piece that arrives would make
    /// a long line in small pieces quadratically slow.
    scanned: usize,
    /// The longest line, in bytes.
    limit: usize,
    /// We are within a line that was too long, and already said so.
    skipping: bool,
}

impl LineBuffer {
    /// An empty buffer for lines of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, scanned: 0, limit, skipping: false }
    }

    /// Adds what has arrived. Take all lines out before the next piece is added, and the memory stays bounded.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Takes the next line out, if a whole one has arrived.
    pub fn next_line(&mut self) -> Option<Line> {
        while let Some(length) = self.bytes[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let end = self.scanned + length;
            let line = &self.bytes[self.start..end];
            (self.start, self.scanned) = (end + 1, end + 1);
            if mem::take(&mut self.skipping) {
                continue;
            }
            return Some(if line.len() <= self.limit { Line::Whole(line.to_vec()) } else { Line::TooLong });
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        let overflows = !self.skipping && self.bytes.len() > self.limit;
        self.skipping |= overflows;
        if self.skipping {
            self.bytes.clear();
        }
        self.scanned = self.bytes.len();
        // Said once, when it is known, and not again when its newline comes at last.
        overflows.then_some(Line::TooLong)
    }

    /// Takes out what is left when the stream has ended: a last line that lacks its newline is a line all the same.
    pub fn last_line(&mut self) -> Option<Line> {
        let rest = self.bytes.split_off(self.start);
        *self = Self::new(self.limit);
        (!rest.is_empty()).then_some(Line::Whole(rest))
    }
}

/// A line without the carriage return that some systems put before the newline.
pub fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of a blocking stream.
#[derive(Debug)]
pub struct LineReader<R> {
    source: R,
    lines: LineBuffer,
    ended: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads lines of up to `limit` bytes from `source`.
    pub fn new(source: R, limit: usize) -> Self {
        Self { source, lines: LineBuffer::new(limit), ended: false }
    }

    /// The stream, for whoever writes on it.
    pub fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The stream, and what has been read of it and was no line yet, or not taken.
    pub fn into_parts(self) -> (R, Vec<u8>) {
        let rest = self.lines.bytes[self.lines.start..].to_vec();
        (self.source, rest)
    }

    /// Waits for the next line; `None` when the stream has ended.
    ///
    /// # Errors
    /// If the stream breaks.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut piece = [0; 4096];
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.read(&mut piece) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(self.lines.last_line());
                }
                Ok(count) => self.lines.push(&piece[..count]),
                // A signal came while we waited; nothing was read and nothing lost.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
