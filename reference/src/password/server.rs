//! The password server: one line in, one verdict out.
//!
//! Protocol: a line, or everything until the client closes its side, is compared with the password; then the server
//! sends its verdict and closes. This file shows a comparison that takes the same time wherever the first difference
//! is, and a close that does not destroy what was sent before it.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use crate::arguments::{BadArguments, parse_port};
use crate::failure::Failure;
use crate::threads::Clients;

use super::{DENIED, GRANTED};

/// How much, and for how long, we listen to a client that has got its verdict, until it closes its side.
const FAREWELL_BYTES: usize = 1 << 20;
const FAREWELL_PAUSE: Duration = Duration::from_secs(2);

/// Runs `server PORT PASSWORD` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (port, password) = read(arguments)?;
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    serve(&listener, password)
}

fn read(arguments: &[String]) -> Result<(u16, &str), BadArguments> {
    match arguments {
        // An empty line would open the door then, and a line break can never be typed.
        [_, password] if password.is_empty() || password.contains('\n') => {
            Err(BadArguments::Unfit("PASSWORD is one line and not empty"))
        }
        [port, password] => Ok((parse_port(port)?, password)),
        _ => Err(BadArguments::Count { expected: 2, found: arguments.len() }),
    }
}

/// Gives each client a thread and one verdict.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub fn serve(listener: &TcpListener, password: &str) -> Result<(), Failure> {
    let password = password.as_bytes().to_vec();
    Clients::default().serve(listener, move |mut client| {
        let verdict = if is_right(&mut client, &password)? { GRANTED } else { DENIED };
        client.write_all(verdict.as_bytes())?;
        take_leave(client)
    })
}

/// Reads one line and compares it.
///
/// What is longer than any right answer is read to its end all the same, but not kept: the memory is bounded, and there
/// is one verdict on all of it.
///
/// # Errors
/// If the connection breaks before the end of the line: then there is nobody to answer.
pub fn is_right(client: &mut impl Read, password: &[u8]) -> io::Result<bool> {
    // Room for the right answer, for the carriage return behind it, and for one byte too many.
    let mut line = Vec::new();
    let room = password.len() + 2;
    let mut piece = [0; 4096];
    let ends_with_newline = loop {
        let arrived = match client.read(&mut piece) {
            Ok(0) => break false,
            Ok(count) => &piece[..count],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = arrived.iter().position(|&byte| byte == b'\n');
        let wanted = &arrived[..end.unwrap_or(arrived.len())];
        line.extend_from_slice(&wanted[..wanted.len().min(room - line.len())]);
        if end.is_some() {
            break true;
        }
    };
    // A carriage return belongs to the end of the line only before a newline.
    if ends_with_newline && line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(is_same(&line, password))
}

/// Compares all bytes, whatever they are. `==` stops at the first that differs, and so takes a little longer for each
/// letter that was guessed right: whoever measures often enough learns the password letter by letter. That the lengths
/// differ may be seen at once.
pub fn is_same(given: &[u8], password: &[u8]) -> bool {
    let differences = given.iter().zip(password).fold(0, |differences, (a, b)| differences | (a ^ b));
    // The compiler must not find out that it could stop early.
    black_box(differences) == 0 && given.len() == password.len()
}

/// Closes our side, and waits for the client to close its own. To close a connection in which unread bytes have arrived
/// resets it, and a reset can overtake the verdict: some systems then drop what their program has not read yet.
fn take_leave(mut client: TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    // For each read, not for all: hence the limit on the bytes, too.
    client.set_read_timeout(Some(FAREWELL_PAUSE))?;
    let mut ignored = [0; 4096];
    let mut left = FAREWELL_BYTES;
    while left > 0 {
        match client.read(&mut ignored)? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
