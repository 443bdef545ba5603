//! The calculator for one client at a time.
//!
//! Protocol: one expression a line, one answer a line; whoever comes while another is served gets one line and is
//! closed. This file shows `poll` in its smallest form: two descriptors, and the calls after it do not wait.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::arguments;
use crate::calculator::Session;
use crate::failure::Failure;
use crate::network::concerns_one_client;
use crate::threads::listen;

/// What a second client gets.
const BUSY: &[u8] = b"error: busy with another client, please come back later\n";

/// Runs `server HOST PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or an address that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    serve(&listen(host, port)?)
}

/// Serves one client after another, and tells the others that they must wait.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub fn serve(listener: &TcpListener) -> Result<(), Failure> {
    loop {
        if let Some(client) = accept(listener)? {
            // How a client leaves, by closing or by a reset, makes no difference to the next.
            serve_one(client, listener)?;
        }
    }
}

/// The next client, unless it left before it was accepted.
fn accept(listener: &TcpListener) -> Result<Option<TcpStream>, Failure> {
    match listener.accept() {
        Ok((client, _)) => Ok(Some(client)),
        Err(error) if concerns_one_client(&error) => Ok(None),
        Err(error) => Err(Failure::Serve(error)),
    }
}

/// Serves `client` until it leaves.
fn serve_one(mut client: TcpStream, listener: &TcpListener) -> Result<(), Failure> {
    let mut session = Session::default();
    let mut piece = [0; 4096];
    loop {
        if !is_ready(&client, listener).map_err(Failure::Serve)? {
            if let Some(second) = accept(listener)? {
                turn_away(second);
            }
            continue;
        }
        let mut answers = Vec::new();
        let has_left = match client.read(&mut piece) {
            Ok(0) => {
                // It has closed its side. It may be waiting for the answer to a last line without a newline.
                session.end(&mut answers);
                true
            }
            Ok(count) => {
                session.receive(&piece[..count], &mut answers);
                false
            }
            Err(error) => error.kind() != ErrorKind::Interrupted,
        };
        // `write_all` waits when the client does not read. That is no harm: there is nobody else to serve.
        if client.write_all(&answers).is_err() || has_left {
            return Ok(());
        }
    }
}

/// Waits until the client or the listener is ready: true for the client, who comes first, false for the listener.
fn is_ready(client: &TcpStream, listener: &TcpListener) -> io::Result<bool> {
    let mut entries =
        [PollFd::new(client.as_fd(), PollFlags::POLLIN), PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut entries, PollTimeout::NONE) {
            Ok(_) => return Ok(entries[0].any().unwrap_or(true)),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says so, and closes. The line fits into the empty buffer of a new connection, so that nothing waits here.
fn turn_away(mut client: TcpStream) {
    let _ = client.write_all(BUSY);
    let _ = client.shutdown(Shutdown::Write);
    // If it has sent something already, closing the connection would reset it, and a reset makes the other side throw
    // away what it has not read yet: our line. So take what is there first, without waiting.
    let _ = client.set_nonblocking(true);
    let mut ignored = [0; 4096];
    while matches!(client.read(&mut ignored), Ok(1..)) {}
}
