//! What the benchmarks share: pairs of programs that do the `message` task, one transfer between such a pair, a room
//! full of chat clients, and strangers beside the port forwarder and the web server.
//!
//! Owns starting, feeding, watching and ending these programs. It never takes the time and never prints: that is the
//! benchmarks' part. Everything here needs Linux's `/proc`.

pub mod chat;
pub mod forward;
pub mod message;
pub mod pair;
pub mod procfs;
pub mod simulated;
pub mod transfer;
pub mod web;
