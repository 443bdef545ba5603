//! The password client: one line from the user, one verdict back.
//!
//! Protocol: send the line, read the verdict, which ends with a newline or with the connection. It prints the verdict,
//! and its exit status is 0 for either: the server was asked, and has answered.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::arguments;
use crate::dialogue::connect;
use crate::failure::Failure;

/// The longest password, and the longest verdict, in bytes.
const LONGEST: u64 = 1 << 20;

/// How long we wait for the newline of a verdict whose words have come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `client HOST PORT` with the password on standard input.
///
/// A real client would turn off the terminal's echo while the password is typed.
///
/// # Errors
/// Bad arguments, no server, no password, or no verdict.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    // Connect first: if nobody is there, the user learns it before typing.
    let server = connect(host, port)?;
    let mut password = Vec::new();
    // Only the line's own end is taken off. To trim more, as is often done, would change the password.
    io::stdin().lock().take(LONGEST).read_until(b'\n', &mut password).map_err(Failure::Input)?;
    if password.is_empty() {
        return Err(Failure::Protocol("there is no password on standard input".to_owned()));
    }
    if password.last() != Some(&b'\n') {
        password.push(b'\n');
    }
    let verdict = ask(server, &password)?;
    let mut output = io::stdout().lock();
    output
        .write_all(&verdict)
        .and_then(|()| output.write_all(b"\n"))
        .and_then(|()| output.flush())
        .map_err(Failure::Output)
}

/// Sends the password, with its newline, and returns the verdict without one.
///
/// # Errors
/// If the server leaves without a verdict.
pub fn ask(mut server: TcpStream, password: &[u8]) -> Result<Vec<u8>, Failure> {
    // In one piece: a server that judges the first piece is wrong, but there is no need to trip it up. Errors are not
    // looked at, since a server may have judged and closed before it has read everything. We read what it says.
    let _ = server.write_all(password);
    // Some servers wait for the end of the connection. This ends our half of it.
    let _ = server.shutdown(Shutdown::Write);

    let mut verdict = Vec::new();
    let mut piece = [0; 4096];
    while (verdict.len() as u64) < LONGEST {
        match server.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => verdict.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Whole, as far as one can see: it had no newline and the server keeps the connection open.
            Err(_) if says_something(&verdict) => break,
            Err(source) => return Err(Failure::Connection { doing: "waiting for the verdict", source }),
        }
        if let Some(end) = verdict.iter().position(|&byte| byte == b'\n') {
            verdict.truncate(end);
            return Ok(verdict);
        }
        if says_something(&verdict) {
            let _ = server.set_read_timeout(Some(PATIENCE));
        }
    }
    if verdict.is_empty() {
        return Err(Failure::Protocol("the server closed the connection without a verdict".to_owned()));
    }
    Ok(verdict)
}

fn says_something(verdict: &[u8]) -> bool {
    let verdict = String::from_utf8_lossy(verdict).to_lowercase();
    ["granted", "denied"].iter().any(|word| verdict.contains(word))
}
