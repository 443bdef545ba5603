//! The task `calc-select`: a calculator for many clients in one thread.
//!
//! What to look at: [`crate::readiness`], the loop that this server shares with `echo-select`, and the half-lines. A
//! client may send `1+`, then others send whole lines, then it sends `1` and a newline. With a thread per client the
//! half-line waits in that thread's variables; here it must be kept with the client, and each has a
//! [`crate::calculator::Session`] for that. The client is [`crate::calculator::client`].

pub mod server;
