//! The task `echo-select`: an echo server for many clients in one thread.
//!
//! The server needs no lines: it sends back what has arrived, as it arrives, and so every line comes back, whatever its
//! length, and every byte that belongs to no line as well. What to look at is [`crate::readiness`]: an echo is the case
//! in which a client that does not read hurts most, since every byte that it sends wants to go back to it.

pub mod client;
pub mod server;
