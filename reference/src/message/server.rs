//! The message server: prints what each client sends, one client at a time.
//!
//! Protocol: bytes until the client closes are one message; nothing is sent back. This file shows the accept loop of a
//! sequential server, and a read loop that believes nothing but the count `read` returns.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use crate::arguments;
use crate::failure::Failure;
use crate::network::concerns_one_client;

use super::BUFFER_SIZE;

/// Runs `server PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, a port that cannot be had, or standard output closed.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    // The standard library sets SO_REUSEADDR here on Unix: a restarted server gets its port back although connections
    // of the old one are still in TIME_WAIT. IPv4 only, for the reason given at `Network::listen`.
    let listener =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|source| Failure::Listen { port, source })?;
    serve(&listener, &mut io::stdout().lock())
}

/// Serves one client after another. While one is served, the others wait in the listener's backlog: the system has
/// completed their handshake, and what they send waits in their socket's buffer. That is all the queue we need.
///
/// # Errors
/// If the output is closed, or the listener is of no more use; never because of a client.
pub fn serve(listener: &TcpListener, output: &mut impl Write) -> Result<(), Failure> {
    loop {
        match listener.accept() {
            // The connection moves into the function and is closed at its end, so no descriptor can leak.
            Ok((client, _)) => print_message(client, output)?,
            Err(error) if concerns_one_client(&error) => {}
            Err(error) => return Err(Failure::Serve(error)),
        }
    }
}

/// Copies one message to the output, piece by piece.
///
/// # Errors
/// If the output fails. A client that resets the connection only ends its own message.
pub fn print_message(mut client: impl Read, output: &mut impl Write) -> Result<(), Failure> {
    let mut buffer = [0; BUFFER_SIZE];
    loop {
        let count = match client.read(&mut buffer) {
            // No more bytes: the client has closed. An empty message is just this, at once.
            Ok(0) => return Ok(()),
            Ok(count) => count,
            // A signal came while we waited; nothing was read and nothing lost.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // A reset, most likely. What had arrived is printed; it is the client's business, not the next one's.
            Err(_) => return Ok(()),
        };
        // Bytes, not text: a piece may end in the middle of a character, and a message need not be text at all.
        output
            .write_all(&buffer[..count])
            // Standard output collects up to a whole line otherwise, and a message may end without one.
            .and_then(|()| output.flush())
            .map_err(Failure::Output)?;
    }
}
