//! Bodies: where they end, and how they go through.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use super::head::Head;

/// The longest line with the size of a chunk, or behind the last one, in bytes.
const LONGEST_LINE: u64 = 8 * 1024;

/// How the end of a body can be told (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It has so many bytes, perhaps none.
    Length(u64),
    /// It comes in pieces, each with its size before it. One of size 0 is the last.
    Chunks,
    /// It goes on until the sender closes.
    UntilClose,
}

impl Extent {
    /// Of a request: without a length and without chunks it has no body. `None` if its headers contradict each other.
    pub fn of_request(head: &Head) -> Option<Self> {
        Some(said(head)?.unwrap_or(Self::Length(0)))
    }

    /// Of a response with this status to a request with this method. `None` if its headers contradict each other.
    pub fn of_response(head: &Head, status: u16, method: &str) -> Option<Self> {
        // These have no body, whatever their headers say: to HEAD they tell what GET would bring.
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Some(Self::Length(0));
        }
        Some(said(head)?.unwrap_or(Self::UntilClose))
    }
}

/// What the headers say: `None` if it cannot be understood, `Some(None)` if it is nothing.
fn said(head: &Head) -> Option<Option<Extent>> {
    let codings = head.words("transfer-encoding");
    let lengths = head.words("content-length");
    match (codings.last().map(String::as_str), lengths.as_slice()) {
        // Both together are how one request is hidden in another: one reader believes the length, the next the chunks.
        (Some(_), [_, ..]) => None,
        (Some("chunked"), []) => Some(Some(Extent::Chunks)),
        (Some(_), []) => None,
        (None, []) => Some(None),
        (None, [first, others @ ..]) => {
            let digits = first.bytes().all(|byte| byte.is_ascii_digit()) && others.iter().all(|other| other == first);
            digits.then(|| first.parse().ok()).flatten().map(|length| Some(Extent::Length(length)))
        }
    }
}

/// Passes a body on, a piece at a time, as it comes: what is here is sent before more is waited for.
///
/// # Errors
/// If a side breaks, or the sender ends before its body does.
pub fn pass_on(from: &mut impl BufRead, to: &mut impl Write, extent: Extent) -> io::Result<()> {
    match extent {
        Extent::Length(length) => pieces(from, to, length),
        Extent::Chunks => chunks(from, to),
        Extent::UntilClose => match pieces(from, to, u64::MAX) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        },
    }
}

fn pieces(from: &mut impl BufRead, to: &mut impl Write, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let piece = match from.fill_buf() {
            Ok([]) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(piece) => piece,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        // `write_all` calls `write` until everything is taken: one call may take less.
        to.write_all(&piece[..count])?;
        from.consume(count);
        left -= count as u64;
    }
    Ok(())
}

/// Passes chunks on as they are. Their sizes must be read all the same: only they say where the last one is.
fn chunks(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    loop {
        let line = line(from)?;
        to.write_all(&line)?;
        // Behind the size there may be extensions, which nobody uses.
        let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()));
        match size.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            Some(0) => break,
            Some(size) => pieces(from, to, size)?,
            None => return Err(ErrorKind::InvalidData.into()),
        }
        // The line end behind the chunk does not count in its size.
        to.write_all(&self::line(from)?)?;
    }
    // Headers may follow, and an empty line is the end.
    loop {
        let line = line(from)?;
        to.write_all(&line)?;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(line),
        None => Err(ErrorKind::UnexpectedEof.into()),
        Some(_) => Err(ErrorKind::InvalidData.into()),
    }
}
