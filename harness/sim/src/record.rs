//! The record of a run: every call that the simulation answered and every packet.

use std::fmt;
use std::net::SocketAddr;

use harness_os::trap::Sys;

use crate::handle::{HostId, ProgramId};
use crate::packet::Packet;
use crate::time::VirtualTime;

/// A socket, named by its host and its order of creation there. The same in every run with the same seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketLabel {
    /// Index of the host.
    pub host: usize,
    /// Counted from 1 on that host.
    pub number: u32,
}

impl SocketLabel {
    pub(crate) fn key(self) -> u64 {
        (self.host as u64) << 32 | u64::from(self.number)
    }
}

impl fmt::Display for SocketLabel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "h{}s{}", self.host, self.number)
    }
}

/// What a call came back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This value (a count of bytes, a descriptor, 0).
    Value(i64),
    /// This `errno`.
    Errno(i32),
    /// The real kernel executed it.
    Native,
    /// The simulation does not know the call; the real kernel executed it. Shown, never hidden.
    Unknown,
}

/// One call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When the program called.
    pub at: VirtualTime,
    /// When it was answered.
    pub answered: VirtualTime,
    /// Who.
    pub program: ProgramId,
    /// Process within the program, counted from 0.
    pub process: u32,
    /// Thread within the program, counted from 0.
    pub thread: u32,
    /// Which call.
    pub call: Sys,
    /// The descriptor it named, if any.
    pub descriptor: Option<i32>,
    /// The socket behind that descriptor, if simulated.
    pub socket: Option<SocketLabel>,
    /// The other end, where the call names one or the answer does.
    pub address: Option<SocketAddr>,
    /// What was asked: bytes of buffer or of data, or the number of descriptors of a `poll`.
    pub asked: u64,
    /// What came back.
    pub outcome: Outcome,
    /// For a `poll`, `select` or `epoll_wait`: how many simulated sockets it looks at.
    pub sockets: usize,
    /// The call would not wait: the socket is `O_NONBLOCK`, or `MSG_DONTWAIT` was given.
    pub nonblocking: bool,
    /// For reads and writes of a stream: number of the call on its socket, counted from 0 for each direction.
    pub nth: Option<u64>,
    /// Bytes that the call could have moved, when a schedule cut it.
    pub cut_from: Option<u64>,
}

impl fmt::Display for CallRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} p{}.{}.{} ", self.at, self.program.0, self.process, self.thread)?;
        match self.call.name() {
            Some(name) => out.write_str(name)?,
            None => write!(out, "syscall {}", self.call.number())?,
        }
        if let Some(descriptor) = self.descriptor {
            write!(out, " fd {descriptor}")?;
        }
        if let Some(socket) = self.socket {
            write!(out, " {socket}")?;
        }
        if let Some(address) = self.address {
            write!(out, " {address}")?;
        }
        write!(out, " asked {}", self.asked)?;
        match &self.outcome {
            Outcome::Value(value) => write!(out, " = {value}")?,
            Outcome::Errno(errno) => write!(out, " = errno {errno}")?,
            Outcome::Native => write!(out, " = native")?,
            Outcome::Unknown => write!(out, " = UNKNOWN to the simulation")?,
        }
        if let Some(possible) = self.cut_from {
            write!(out, " (cut from {possible})")?;
        }
        if self.answered != self.at {
            write!(out, " after {:?}", self.answered.since(self.at))?;
        }
        Ok(())
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives at this moment.
    Arrives(VirtualTime),
    /// It is lost.
    Lost,
    /// It waits until a partition is healed.
    Held,
}

/// One packet of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketRecord {
    /// When it was sent.
    pub at: VirtualTime,
    /// Sending host.
    pub from: HostId,
    /// Receiving host, when there is one.
    pub to: Option<HostId>,
    /// What became of it.
    pub fate: Fate,
    /// The packet.
    pub packet: Packet,
}

impl fmt::Display for PacketRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.at, self.packet.summary())?;
        match self.fate {
            Fate::Arrives(at) => write!(out, " arrives {at}"),
            Fate::Lost => write!(out, " lost"),
            Fate::Held => write!(out, " held"),
        }
    }
}
