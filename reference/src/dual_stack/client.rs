//! The client for both families: the one of `echo-commands`.
//!
//! `--ip` takes an IPv4 address, an IPv6 address with or without brackets, or a name. Of a name with both, the addresses
//! are tried in the order in which the system gives them, usually IPv6 first. If the first is a network that swallows
//! everything, this waits long for nothing; browsers therefore try both at nearly the same time (RFC 8305).

pub use crate::echo_commands::client::run;
