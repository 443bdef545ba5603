//! Unmodified programs on a deterministic simulated network, in virtual time.
//!
//! A [`Simulation`] starts real programs under a system call filter and answers their network, readiness, time
//! and futex calls itself. Its clock moves only when every thread of every program waits and no peer can run, so
//! a time-out of a second costs no second and the same seed gives the same run. Peers are async Rust over the
//! types of [`net`], with tokio's timers on the same clock.
//!
//! Owns the simulation. It never touches the kernel interface directly: that is `harness_os::trap`.

#![forbid(unsafe_code)]

mod address;
mod calls;
mod config;
mod datagrams;
mod delivery;
mod driver;
mod error;
mod handle;
mod hosts;
mod insight;
mod launch;
mod names;
pub mod net;
mod network;
mod packet;
mod process;
mod quiescence;
mod random;
mod record;
mod schedule;
mod signals;
mod simulation;
mod sockets;
mod streams;
mod time;
mod trace;
mod turmoil;
mod wire;
mod world;

pub use config::{Config, DatagramFaults};
pub use error::{Blocked, SimError};
pub use handle::{Exit, Handle, HostId, ProgramId, Stream};
pub use harness_os::trap::Sys;
pub use insight::Outlook;
pub use launch::{Launch, Stdio};
pub use network::{Arrival, ConnectionId, ListenerId, Received, Stage, TcpModel};
pub use packet::{Datagram, Flags, Packet, Payload, Segment};
pub use record::{CallRecord, Fate, Outcome, PacketRecord, SocketLabel};
pub use schedule::Schedule;
pub use simulation::Simulation;
pub use time::{EPOCH_SECONDS, UPTIME_SECONDS, VirtualTime};
