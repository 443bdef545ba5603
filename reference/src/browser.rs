//! How the blocking programs that browsers come to begin and end a connection.
//!
//! The beginning is a head, which may come in pieces. The end is a close that must not destroy what was sent before it.
//! Owns these two and the error page; what is between them is the caller's.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::http::{self, HeadBuffer, Status};

/// How much, and for how long, we listen to a browser that has its answer, until it closes its side.
const FAREWELL_BYTES: usize = 1 << 20;
const FAREWELL_PAUSE: Duration = Duration::from_secs(2);

/// What came of waiting for a head.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// All its lines, without the empty one.
    Head(Vec<u8>),
    /// It is longer than [`http::LONGEST_HEAD`].
    TooLong,
    /// The other side closed before it was complete.
    Left,
}

/// Reads up to the empty line and not a byte further: what is behind it, a body perhaps, is left in the reader.
///
/// # Errors
/// If the connection breaks.
pub fn read_head(from: &mut impl BufRead) -> io::Result<Came> {
    let mut head = HeadBuffer::default();
    loop {
        let piece = match from.fill_buf() {
            Ok([]) => return Ok(Came::Left),
            Ok(piece) => piece,
            // A signal came while we waited; nothing was read and nothing lost.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // Line by line, because the empty line ends with a line end, as the others do.
        let count = piece.iter().position(|&byte| byte == b'\n').map_or(piece.len(), |at| at + 1);
        let pushed = head.push(&piece[..count]);
        from.consume(count);
        match pushed {
            Ok(Some(head)) => return Ok(Came::Head(head)),
            Ok(None) => {}
            Err(http::TooLong) => return Ok(Came::TooLong),
        }
    }
}

/// Sends an error page. The status is for the browser, the page for the person in front of it.
///
/// # Errors
/// If the browser is not there any more.
pub fn refuse(browser: &mut impl Write, status: Status, with_body: bool) -> io::Result<()> {
    let Status(code, phrase) = status;
    let page = format!("<!doctype html>\n<title>{code} {phrase}</title>\n<h1>{code} {phrase}</h1>\n");
    let mut response = http::response_head(status, "text/html; charset=utf-8", page.len() as u64);
    if with_body {
        response.push_str(&page);
    }
    browser.write_all(response.as_bytes())
}

/// Ends our side, and waits a little until the browser has ended its own.
///
/// # Errors
/// If the connection breaks, or the browser stays for too long.
pub fn take_leave(mut browser: &TcpStream) -> io::Result<()> {
    browser.shutdown(Shutdown::Write)?;
    browser.set_read_timeout(Some(FAREWELL_PAUSE))?;
    let mut left = FAREWELL_BYTES;
    let mut piece = [0; 4096];
    while left > 0 {
        match browser.read(&mut piece)? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
