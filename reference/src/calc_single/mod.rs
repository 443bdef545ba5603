//! The task `calc-single`: a calculator for one client at a time; a second one is told that it must come back later.
//!
//! What to look at: how the second client is told. The sheet calls `listen(0)` and hopes that the system then refuses
//! further clients. It does not. The backlog is a hint; Linux keeps one client more than it says, completes the
//! handshake for it, and the client sees a connection that never answers. (For that the sheet gives its client a
//! time-out of two seconds.) Other ways out, and what they cost:
//!
//! - **Close the listener** while a client is served. Newcomers are refused by the system. But clients that were
//!   already in the backlog are reset, and another program can take the port before we listen again.
//! - **A thread that accepts and says "busy"** beside the one that serves. When a client leaves and the next one comes at
//!   once, it depends on which thread runs first whether the next one is served or turned away.
//! - **One thread that waits for both**, with `poll`: for the client and for the listener. When both are ready, the client
//!   comes first; so its leaving is seen before the next one is judged. This is what `server.rs` does.
//!
//! The client is shared with the other calculators: [`crate::calculator::client`].

pub mod server;
