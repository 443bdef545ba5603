//! The calculator client, the same for all three servers: a client cannot see how a server shares its time.
//!
//! Protocol: one expression a line, one answer a line. The work is done by [`crate::dialogue`].

use std::io;

use crate::arguments;
use crate::dialogue::{Dialogue, connect};
use crate::failure::Failure;

/// Runs `client HOST PORT` with expressions on standard input.
///
/// # Errors
/// Bad arguments, no server, or a server that leaves while we still have something to ask.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    let server = connect(host, port)?;
    // The server answers lines, so the last one must be one, too.
    let dialogue = Dialogue { opening: b"", in_turn: true, completes_last_line: true };
    dialogue.hold(server, io::stdin(), &mut io::stdout().lock())
}
