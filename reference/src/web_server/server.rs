//! The web server: a thread for each connection, one request on each.
//!
//! Protocol: see the module's page. This file shows a request that is read to its end, a file that is sent in pieces,
//! and a close that does not destroy what was sent before it.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::files::{self, Found};
use crate::arguments;
use crate::browser::{Came, read_head, refuse, take_leave};
use crate::failure::Failure;
use crate::http::{self, RequestLine};
use crate::threads::Clients;

/// How much of a file is in our hands at any time, in bytes.
const PIECE: usize = 16 * 1024;

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
    Clients::default().serve(listener, move |browser| {
        match read_head(&mut BufReader::new(&browser))? {
            Came::Left => return Ok(()),
            Came::TooLong => refuse(&mut &browser, http::HEAD_TOO_LARGE, true)?,
            Came::Head(head) => answer(&mut &browser, &head, &folder)?,
        }
        take_leave(&browser)
    })
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
