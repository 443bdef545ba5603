//! The chat client: sends its user's name, then lines from the user, and prints what others send.
//!
//! Protocol: see the module's page. Two threads, one for each direction ([`crate::dialogue`]): a message may come at any
//! time, also while the user is typing. A client that reads a line, sends it and then waits for an answer shows each
//! message only after the next line was typed.

use std::io;

use crate::arguments::{BadArguments, Options};
use crate::dialogue::{Dialogue, connect};
use crate::failure::Failure;

/// Runs `client --ip HOST --port PORT --username NAME` with `<message>|<recipient>` lines on standard input.
///
/// # Errors
/// Bad arguments, no server, or a server that leaves, as it does when the name is taken.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::read(arguments, &["ip", "port", "username"])?;
    let name = options.text("username")?;
    if name.trim().is_empty() || name.contains(['|', '\n', '\r']) {
        return Err(BadArguments::Unfit("NAME is not empty and has no bar and no line break").into());
    }
    let server = connect(options.host()?, options.port()?)?;
    let opening = format!("{name}\n");
    let dialogue = Dialogue { opening: opening.as_bytes(), in_turn: false, completes_last_line: true };
    dialogue.hold(server, io::stdin(), &mut io::stdout().lock())
}
