//! The task `chat-direct`: users send each other messages by name.
//!
//! ```text
//! anna's client sends    anna              her name, the first line
//!                        hello|bert        a message and its recipient
//! bert's client gets     anna|hello        the sender and the message
//! anna gets, if need be  server|there is no bert here
//! ```
//!
//! A message may have bars of its own. So the last bar of a line that is sent separates, and the first one of a line
//! that comes: names have none. Blanks round the separating bar are dropped, since people type them.
//!
//! Names are unique, and `server` is nobody's. The name under which a message appears is the one its sender came in
//! with, never one that is read from the message: else everybody could speak as anybody.
//!
//! What to look at: what the threads share. There is a thread for each user, as the sheet asks, which reads that user's
//! lines and writes them to the recipient's socket. Two threads may write to the same user, so each socket has a lock,
//! without which their lines would mix. And the lock on the table of users is never held while something is sent:
//! otherwise one user who does not read would stop all.

pub mod client;
pub mod server;

use crate::lines::without_return;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// Who speaks when the server does.
const SERVER: &str = "server";

/// Splits a line into the message and its recipient; `None` without a bar, or without a recipient.
pub fn address(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = without_return(line);
    let bar = line.iter().rposition(|&byte| byte == b'|')?;
    let (message, recipient) = (line[..bar].trim_ascii_end(), line[bar + 1..].trim_ascii());
    (!recipient.is_empty()).then_some((message, recipient))
}
