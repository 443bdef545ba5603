//! The web server: a thread for each connection, one request on each.
//!
//! Protocol: see the module's page. This file shows a request that is read to its end, a file that is sent in pieces,
//! and a close that does not destroy what was sent before it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::files::{self, Found};
use crate::arguments;
use crate::failure::Failure;
use crate::http::{self, HeadBuffer, RequestLine, Status};
use crate::threads::Clients;

/// How much of a file is in our hands at any time, in bytes.
const PIECE: usize = 16 * 1024;

/// How much, and for how long, we listen to a browser that has its answer, until it closes its side.
const FAREWELL_BYTES: usize = 1 << 20;
const FAREWELL_PAUSE: Duration = Duration::from_secs(2);

/// Runs `server PORT` until it is stopped from outside. Files are those of the working directory.
///
/// # Errors
/// Bad arguments, a working directory that is gone, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let folder = Path::new(".").canonicalize().map_err(Failure::Folder)?;
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    serve(&listener, &folder)
}

/// Gives each browser's connection a thread and one answer. `folder` must be canonical.
///
/// # Errors
/// If the listener is of no more use; never because of a browser.
pub fn serve(listener: &TcpListener, folder: &Path) -> Result<(), Failure> {
    let folder = folder.to_owned();
    Clients::default().serve(listener, move |mut browser| {
        match read_head(&mut browser)? {
            Request::Left => return Ok(()),
            Request::TooLong => refuse(&mut browser, http::HEAD_TOO_LARGE, true)?,
            Request::Head(head) => answer(&mut browser, &head, &folder)?,
        }
        take_leave(browser)
    })
}

/// What came of waiting for a request.
enum Request {
    Head(Vec<u8>),
    TooLong,
    /// The browser closed its side before the head was complete.
    Left,
}

fn read_head(browser: &mut TcpStream) -> io::Result<Request> {
    let mut head = HeadBuffer::default();
    let mut piece = [0; 4096];
    loop {
        match browser.read(&mut piece) {
            Ok(0) => return Ok(Request::Left),
            Ok(count) => match head.push(&piece[..count]) {
                Ok(Some(head)) => return Ok(Request::Head(head)),
                Ok(None) => {}
                Err(http::TooLong) => return Ok(Request::TooLong),
            },
            // A signal came while we waited; nothing was read and nothing lost.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn answer(browser: &mut impl Write, head: &[u8], folder: &Path) -> io::Result<()> {
    let Some(line) = RequestLine::of(head) else {
        return refuse(browser, http::BAD_REQUEST, true);
    };
    // HEAD wants what GET would bring, without the body.
    let with_body = match line.method.as_str() {
        "GET" => true,
        "HEAD" => false,
        _ => return refuse(browser, http::METHOD_NOT_ALLOWED, true),
    };
    let Some(path) = line.path() else {
        return refuse(browser, http::BAD_REQUEST, with_body);
    };
    match files::find(folder, &path) {
        Some(found) => send(browser, found, with_body),
        None => refuse(browser, http::NOT_FOUND, with_body),
    }
}

/// Sends a file, a piece at a time.
fn send(browser: &mut impl Write, found: Found, with_body: bool) -> io::Result<()> {
    browser.write_all(http::response_head(http::OK, found.content_type, found.length).as_bytes())?;
    // A file that grows meanwhile must not get longer than we have said.
    let mut left = found.file.take(if with_body { found.length } else { 0 });
    let mut piece = [0; PIECE];
    loop {
        match left.read(&mut piece)? {
            // If it has shrunk, we close too early, and the browser can tell by the length.
            0 => return Ok(()),
            // `write_all` calls `write` until everything is taken: one call may take less.
            count => browser.write_all(&piece[..count])?,
        }
    }
}

/// Sends an error page. The status is for the browser, the page for the person in front of it.
fn refuse(browser: &mut impl Write, status: Status, with_body: bool) -> io::Result<()> {
    let Status(code, phrase) = status;
    let page = format!("<!doctype html>\n<title>{code} {phrase}</title>\n<h1>{code} {phrase}</h1>\n");
    let mut response = http::response_head(status, "text/html; charset=utf-8", page.len() as u64);
    if with_body {
        response.push_str(&page);
    }
    browser.write_all(response.as_bytes())
}

/// Ends our side, and waits a little until the browser has ended its own.
pub(crate) fn take_leave(mut browser: TcpStream) -> io::Result<()> {
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
