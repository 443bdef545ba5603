//! What the benchmarks share: pairs of programs that do the `message` task, and one transfer between such a pair.
//!
//! Owns starting, feeding, watching and ending these programs. It never takes the time and never prints: that is the
//! benchmarks' part. Everything here needs Linux's `/proc`.

pub mod message;
pub mod pair;
pub mod procfs;
pub mod simulated;
pub mod transfer;
