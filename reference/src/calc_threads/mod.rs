//! The task `calc-threads`: a calculator with a thread for each client.
//!
//! What to look at: how little there is to see. Each thread blocks in `read` until its client sends something, and the
//! system lets the others run meanwhile. Nothing is shared between clients, so there is nothing to lock. What is common
//! to all servers of this kind, with the ways in which it can fail, is in [`crate::threads`]; the client is
//! [`crate::calculator::client`].

pub mod server;
