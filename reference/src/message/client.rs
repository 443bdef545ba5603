//! The message client: sends its standard input to the server and ends.
//!
//! Protocol: connect, send the bytes, close; the close ends the message. This file shows the loop that every `write`
//! on a stream needs.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::arguments;
use crate::failure::Failure;

use super::BUFFER_SIZE;

/// Runs `client HOST PORT < FILE`.
///
/// # Errors
/// Bad arguments, no server, an unreadable file, or a server that vanishes before it has taken the message.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    // A name may have several addresses; they are tried in order.
    let server =
        TcpStream::connect((host, port)).map_err(|source| Failure::NoServer { host: host.to_owned(), port, source })?;
    send_message(&mut io::stdin().lock(), server)
}

/// Sends all of `input` and closes the connection.
///
/// # Errors
/// If the input cannot be read, or the server is seen to be gone.
pub fn send_message(input: &mut impl Read, mut server: TcpStream) -> Result<(), Failure> {
    let broken = |source| Failure::Connection { doing: "sending the message", source };
    let mut buffer = [0; BUFFER_SIZE];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => send_all(&mut server, &buffer[..count]).map_err(broken)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Input(error)),
        }
    }

    // `write` succeeds when the system has taken the bytes, not when the server has read them. A reset that answers
    // the last bytes is therefore seen by none of the writes above, so we look for one that has arrived by now: closing
    // our side fails on a dead connection, and otherwise the socket remembers its error.
    //
    // To be sure we would have to wait until the server closes its side. We must not: it serves one client at a time
    // and may be busy with another for hours, and the sheet's client transmits and exits. The system delivers what is
    // still on its way after we have gone. A protocol that needs certainty has the server answer.
    server.shutdown(Shutdown::Write).map_err(broken)?;
    match server.take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) | Err(error) => Err(broken(error)),
    }
}

/// Sends every byte of `piece`.
///
/// `write` takes as many bytes as fit, and returns how many. When the server reads slowly, the buffers fill and this
/// may be fewer than asked for; whoever ignores the count loses the rest. The standard library's `write_all` is this
/// very loop.
///
/// # Errors
/// If the socket takes no more bytes.
pub fn send_all(socket: &mut impl Write, mut piece: &[u8]) -> io::Result<()> {
    while !piece.is_empty() {
        match socket.write(piece) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => piece = &piece[count..],
            // A signal came before the first byte was taken: nothing happened, ask again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
