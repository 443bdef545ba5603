//! os
pub mod confine;
mod containment;
pub mod error;
mod exit_status;
pub mod forking;
pub mod interfaces;
pub mod ipc;
mod loopback;
pub mod namespace;
pub mod pipe;
pub mod process;
pub mod rooms;
pub mod sniff;
pub mod sockets;
pub mod spawn;
pub mod terminal;
pub mod trap;
pub mod watch;
