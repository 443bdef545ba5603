//! The echo client: what the user types comes back.
//!
//! Protocol: bytes out, the same bytes back. Sending and receiving run at the same time ([`crate::dialogue`]): a client
//! that first sends a large file and only then reads its echo fills all buffers on the way, and both sides stand still.

use std::io;

use crate::arguments;
use crate::dialogue::{Dialogue, connect};
use crate::failure::Failure;

/// Runs `client HOST PORT` with anything on standard input.
///
/// # Errors
/// Bad arguments, no server, or a server that leaves while we still have something to say.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    let server = connect(host, port)?;
    // Nothing is added: the output is to be the input, byte for byte.
    let dialogue = Dialogue { opening: b"", in_turn: true, completes_last_line: false };
    dialogue.hold(server, io::stdin(), &mut io::stdout().lock())
}
