//! What the benchmarks share: pairs of programs that do the `message` task, one transfer between such a pair, and a
//! room full of chat clients.
//!
//! Owns starting, feeding, watching and ending these programs. It never takes the time and never prints: that is the
//! benchmarks' part. Everything here needs Linux's `/proc`.

pub mod chat;
pub mod message;
pub mod pair;
pub mod procfs;
pub mod simulated;
pub mod transfer;
