//! The echo server with its two commands.
//!
//! Protocol: see the module's page. This file shows replies that say how long they are, and a file name from a stranger
//! that is not trusted.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use crate::arguments::Options;
use crate::failure::Failure;
use crate::lines::{Line, LineReader};
use crate::threads::Clients;

use super::reply::Header;
use super::{LONGEST_LINE, Request, shell};

/// Runs `server --port PORT` in the folder that is served, until it is stopped from outside.
///
/// # Errors
/// Bad arguments, a port that cannot be had, or a working directory that is gone.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = Options::read(arguments, &["port"])?.port()?;
    let folder = served_folder()?;
    // IPv4 only: see the task `dual-stack` for both.
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    Clients::default().serve(&listener, move |client| converse(client, &folder))
}

/// The working directory, with all links resolved, so that other paths can be compared with it.
///
/// # Errors
/// If it is gone.
pub fn served_folder() -> Result<PathBuf, Failure> {
    Path::new(".").canonicalize().map_err(Failure::Serve)
}

/// Answers one client, line by line, until it closes its side.
///
/// # Errors
/// If the connection breaks, or a file cannot be sent to the end that was announced.
pub fn converse(client: TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = LineReader::new(&client, LONGEST_LINE);
    let mut client = &client;
    while let Some(line) = lines.next_line()? {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                send_header(&mut client, &Header::Error(format!("the line is longer than {LONGEST_LINE} bytes")))?;
                continue;
            }
        };
        match Request::read(&line) {
            Request::Echo(line) => client.write_all(&[line, b"\n"].concat())?,
            Request::Download(name) => send_file(&mut client, folder, name)?,
            Request::Run(command) => send_output(&mut client, folder, command)?,
        }
    }
    Ok(())
}

fn send_header(client: &mut impl Write, header: &Header) -> io::Result<()> {
    // One call, one segment. `write!` on a socket would make a call for every piece of the text.
    client.write_all(format!("{header}\n").as_bytes())
}

fn send_file(client: &mut impl Write, folder: &Path, name: &[u8]) -> io::Result<()> {
    let (file, length) = match open(folder, name) {
        Ok(opened) => opened,
        Err(reason) => return send_header(client, &Header::Error(reason)),
    };
    send_header(client, &Header::File(length))?;
    // Piece by piece: a file may be larger than our memory. Exactly as much as was announced, although somebody may be
    // writing to the file: if it grows, the rest stays here; if it shrinks, all that is left to us is to hang up, so
    // that the client cannot take the next reply for the rest of the file.
    if io::copy(&mut file.take(length), client)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Opens a file of the served folder and says how long it is, or why it is not sent.
///
/// A name such as `../../etc/passwd` must not lead out of the folder, nor must an absolute path, nor a link that somebody
/// has put there. To look for `..` in the text is not enough, so the system resolves the path, and we look where it
/// ends. (Beside `run cat /etc/passwd` this is a fence without a wall. Servers without `run` need it all the more.)
fn open(folder: &Path, name: &[u8]) -> Result<(File, u64), String> {
    let refused = || "only files of the served folder can be downloaded".to_owned();
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "the file may not be read".to_owned(),
        kind => kind.to_string(),
    };
    let name = Path::new(std::str::from_utf8(name).map_err(|_| "no such file".to_owned())?);
    if !name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(refused());
    }
    let path = folder.join(name).canonicalize().map_err(missing)?;
    if !path.starts_with(folder) {
        return Err(refused());
    }
    // Looked at before it is opened: to open a named pipe waits for somebody who writes to it.
    if !path.metadata().map_err(missing)?.is_file() {
        return Err("that is no file".to_owned());
    }
    let file = File::open(path).map_err(missing)?;
    let length = file.metadata().map_err(missing)?.len();
    Ok((file, length))
}

fn send_output(client: &mut impl Write, folder: &Path, command: &[u8]) -> io::Result<()> {
    let mut outcome = match shell::run(command, folder, shell::LIMITS) {
        Ok(outcome) => outcome,
        Err(error) => return send_header(client, &Header::Error(format!("the command cannot be run: {error}"))),
    };
    if let Some(reason) = outcome.stopped {
        outcome.output.extend_from_slice(format!("\n(stopped: {reason})\n").as_bytes());
    }
    // A command may print nothing. Its header comes all the same, and so nobody waits for more.
    send_header(client, &Header::Output(outcome.output.len() as u64, outcome.status))?;
    client.write_all(&outcome.output)
}
