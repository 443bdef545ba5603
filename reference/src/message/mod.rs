//! The task `message`: a client sends a file, and the server prints it.
//!
//! The protocol is as small as one can be. A client connects, sends the bytes of its message, and closes. A message is
//! everything between the connect and the close, so there is no length and no terminator: the end of the connection
//! is the end of the message.
//!
//! What to look at: both sides have one buffer of a fixed size, however long the message, and both look at what every
//! call returns. `read` may bring less than the buffer holds, `write` may take less than it was given, and each
//! returns how much. TCP carries a stream of bytes, not the pieces in which they were written.
//!
//! These two programs make plain blocking calls, one after the other, because the lab sheet asks for it.

pub mod client;
pub mod server;

/// The size of the buffers, in bytes, as the lab sheet proposes.
const BUFFER_SIZE: usize = 4096;
