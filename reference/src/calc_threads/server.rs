//! The calculator with a thread for each client.
//!
//! Protocol: one expression a line, one answer a line. This file shows what runs in each thread.

use std::io::{self, ErrorKind, Read, Write};

use crate::arguments;
use crate::calculator::Session;
use crate::failure::Failure;
use crate::threads::{Clients, listen};

/// Runs `server HOST PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or an address that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    let listener = listen(host, port)?;
    Clients::default().serve(&listener, calculate)
}

/// Answers one client until it closes its side.
///
/// # Errors
/// If the connection breaks: the client left without waiting for its answers, for example.
pub fn calculate(mut client: impl Read + Write) -> io::Result<()> {
    let mut session = Session::default();
    let mut piece = [0; 4096];
    loop {
        let mut answers = Vec::new();
        let has_left = match client.read(&mut piece) {
            Ok(0) => {
                session.end(&mut answers);
                true
            }
            Ok(count) => {
                session.receive(&piece[..count], &mut answers);
                false
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => false,
            Err(error) => return Err(error),
        };
        client.write_all(&answers)?;
        if has_left {
            return Ok(());
        }
    }
}
