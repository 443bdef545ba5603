//! The task `uppercase-tcp`: the client sends a sentence, the server sends it back in capitals.
//!
//! The protocol of the lab sheet says "sentence" but not where one ends, and the textbook's programs do not either:
//! they call `recv` once and hope that it brings everything. TCP promises no such thing. There are two honest ways out,
//! and each side here takes one.
//!
//! - The **server** needs no ends at all. Capitals are made byte by byte, so it answers whatever has arrived, as it
//!   arrives: a stream comes in, and the same stream goes out in capitals. This serves every client, whether it ends a
//!   sentence by a newline, by closing its side, or (as the textbook's does) by simply waiting for the reply.
//! - The **client** must know when the reply is complete, and cannot leave that to luck. It sends a line, and reads
//!   until it has a line.
//!
//! Only `a` to `z` change. Every other byte, including those of an `é` in whatever encoding, comes back as it was.

pub mod client;
pub mod server;
