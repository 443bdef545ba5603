//! What a run needs from a backend: programs, sockets for the peers, and insight into
//! what the programs are doing. `sim`, `wire` and `turmoil` implement it; steps use nothing else.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use harness_os::process::BlockedCall;
use tokio::io::{AsyncRead, AsyncWrite};

use super::calls::{Runtime, SocketCall};
use crate::crash::stack::Stack;
use crate::crash::trace::Frame;
use crate::submission::Invocation;
use harness_language::scenario::model::{BackendName, Family, OutputKind, SignalName, TransportName};

/// A future of the run's one thread.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// How closely programs are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attention {
    /// Not at all.
    #[default]
    None,
    /// Those that run on when something has failed are asked what they are at.
    Waits,
    /// They are traced, too, so that it is known where a signal ended them. That is for runs that are played again.
    Deaths,
    /// The run stops at this call, counted from 0 in the record of a run that is played again, and they are asked there.
    Call(usize),
}

/// A backend during one run.
pub trait Stage {
    /// Which one it is.
    fn backend(&self) -> BackendName;
    /// How closely its programs are looked at.
    fn attention(&self) -> Attention {
        Attention::None
    }
    /// The run is over: what happens from now on is in no capture and in no record of calls.
    fn is_over(&self) {}
    /// Time since the run began: virtual or real.
    fn now(&self) -> Duration;
    /// What the programs' clocks show now.
    fn clock(&self) -> SystemTime {
        SystemTime::now()
    }
    /// Waits for a moment in which something may have changed; never longer than a few
    /// milliseconds of the run's time.
    fn tick(&self) -> Task<'_, ()>;
    /// Lets the run's time pass.
    fn pass(&self, duration: Duration) -> Task<'_, ()>;
    /// The folder in which the programs of the run work; nothing where they have none.
    fn folder(&self) -> Option<PathBuf>;
    /// The port that programs and peers are given on the command line.
    fn port(&self) -> u16;
    /// The address of an actor: a program by its name, a peer by any other.
    fn home(&self, actor: &str) -> IpAddr;
    /// Starts a program.
    fn launch<'a>(&'a self, launch: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>>;
    /// Connects a peer.
    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>>;
    /// Opens a listening socket of a peer: for one internet protocol (IPv6: on ::1), or for both where there are two.
    fn listen(&self, port: u16, family: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>>;
    /// Opens a UDP socket of a peer: on this port, or to talk to that address.
    fn datagrams(&self, end: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>>;
    /// Whether programs that look up a name ask at port 53 of this run.
    ///
    /// # Errors
    /// If they would ask somebody else, or nobody.
    fn leads_names(&self) -> Result<(), Unsupported> {
        Ok(())
    }
    /// What all programs of the run are doing.
    fn stillness(&self) -> Stillness;
    /// Whether what programs did has reached the harness, also of one that has ended. Takes time of its own only where
    /// the kernel carries it.
    fn has_arrived(&self) -> bool {
        true
    }
    /// Time that the programs have lost to other users of the processor.
    fn starved(&self) -> Duration;
    /// The same, looked up only after a while, because looking costs.
    fn starved_at_most(&self) -> Duration {
        if self.now() < Duration::from_secs(5) { Duration::ZERO } else { self.starved() }
    }
    /// Changes a link between two actors.
    ///
    /// # Errors
    /// If the backend cannot.
    fn link(&self, change: LinkChange, between: &[String; 2]) -> Result<(), Unsupported>;
}

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The actor's name.
    pub name: String,
    /// The role, for backends that play the reference in-process.
    pub role: String,
    /// How it is started.
    pub invocation: Invocation,
    /// What standard output is connected to.
    pub stdout: OutputKind,
    /// Content of a regular file as standard input; else a pipe that stays open.
    pub input_file: Option<Vec<u8>>,
    /// Files that are open when it starts, besides its streams.
    pub open_files: u32,
    /// Where it already runs, if nothing is to be started.
    pub attached: Option<SocketAddr>,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The submission's fault or lack: interpreter missing, not executable.
    #[error("{0}")]
    NotStartable(String),
    /// The machine's fault.
    #[error("{0}")]
    Machine(String),
    /// The backend has no such program.
    #[error("{0}")]
    Unsupported(String),
}

/// A backend cannot do what a step asks for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

/// Changes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkChange {
    /// Packets are lost.
    Partition,
    /// Packets pass again.
    Repair,
    /// Packets are held back.
    Hold,
    /// Held packets are delivered.
    Release,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => f.write_str(&crate::diagnose::signal_name(*number)),
        }
    }
}

/// What a program holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Vitals {
    /// Peak resident memory in bytes.
    pub peak_memory: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads, of all its processes.
    pub threads: u64,
    /// Zombie children.
    pub zombies: u64,
    /// Processor time used.
    pub cpu: Duration,
}

/// What the programs of a run are doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stillness {
    /// At least one works, or may be woken by something in flight.
    Busy,
    /// All wait, but some with a time-out of their own.
    Timed,
    /// All wait for the harness and nothing is in flight: nothing will happen. The number
    /// changes whenever any of them has run.
    Forever(u64),
}

/// A program's output so far, kept up to a cap and counted beyond.
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes kept.
    pub bytes: Vec<u8>,
    /// All bytes, also those not kept.
    pub total: u64,
    /// Whether the stream has ended.
    pub ended: bool,
    /// When the last bytes came, on the run's clock.
    pub spoke: Duration,
}

impl Output {
    /// Bytes kept of each stream.
    pub const KEPT: usize = 80 << 20;

    /// Adds what was read at this time of the run.
    pub fn push(&mut self, bytes: &[u8], at: Duration) {
        self.total += bytes.len() as u64;
        self.spoke = at;
        let room = Self::KEPT.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A running (or ended) program.
pub trait Program {
    /// Standard output so far.
    fn stdout(&self) -> &RefCell<Output>;
    /// Standard error so far.
    fn stderr(&self) -> &RefCell<Output>;
    /// Types on its standard input.
    fn type_in<'a>(&'a self, bytes: &'a [u8]) -> Task<'a, io::Result<()>>;
    /// Ends its standard input.
    fn end_input(&self);
    /// How it ended, if it has.
    fn ended(&self) -> Option<Ended>;
    /// When it ended, on the run's clock; nothing if it has not, or if the backend did not see it.
    fn ended_at(&self) -> Option<Duration> {
        None
    }
    /// Sends a signal to it and its children.
    fn signal(&self, signal: SignalName);
    /// Kills it with everything it has started and waits until all are gone.
    fn crash(&self) -> Task<'_, ()>;
    /// Addresses where it, or a child of it, listens (TCP) or is bound (UDP).
    fn listening(&self, transport: TransportName) -> Vec<SocketAddr>;
    /// What its threads wait in, for explanations.
    fn blocked_in(&self) -> Vec<BlockedCall>;
    /// What it holds; nothing if it has ended.
    fn vitals(&self) -> Option<Vitals>;
    /// Share of a processor that it has asked for since `since` (0.0 to 1.0 and more), waiting
    /// for a processor counted in; nothing if the backend cannot tell.
    fn appetite(&self, since: &Appetite) -> Option<f64>;
    /// The starting point for [`Program::appetite`].
    fn appetite_now(&self) -> Appetite;
    /// What its threads are at now, in its own code, the innermost frame first; empty if that cannot be seen from outside.
    fn stacks(&self) -> Vec<Stack> {
        Vec::new()
    }
    /// The signal by which its runtime is asked to write down what its threads are at.
    fn dumps_on(&self) -> Option<i32> {
        None
    }
    /// Sends this signal to its first process.
    fn ask(&self, _signal: i32) {}
    /// What it was at when this signal ended it, if that was looked at.
    fn fell_at(&self, _signal: i32) -> Vec<Frame> {
        Vec::new()
    }
    /// Its calls on sockets so far, in order; nothing if the backend does not see them.
    fn socket_calls(&self) -> Option<Vec<SocketCall>> {
        None
    }
    /// The runtime that it is known to need, if it decides how sockets are waited for.
    fn runtime(&self) -> Option<Runtime> {
        None
    }
    /// Whether it runs elsewhere, so that only its side of the network can be seen.
    fn is_elsewhere(&self) -> bool {
        false
    }
}

/// A reading of processor time used and waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Appetite {
    /// Run's time of the reading.
    pub at: Duration,
    /// Processor time used or waited for.
    pub wanted: Duration,
}

/// A peer's end of a TCP connection.
pub trait Connection: AsyncRead + AsyncWrite + Unpin {
    /// Aborts the connection (RST).
    fn reset(self: Box<Self>);
    /// Bytes that were sent and that the program has not read yet; nothing if the backend cannot tell.
    fn unread(&self) -> Option<u64>;
    /// The other side's address.
    fn remote(&self) -> SocketAddr;
    /// The address of this end; nothing if the backend chooses it by the seed.
    fn local(&self) -> Option<SocketAddr> {
        None
    }
}

/// A peer's listening socket.
pub trait Listener {
    /// Takes the next connection.
    fn accept(&self) -> Task<'_, io::Result<Box<dyn Connection>>>;
    /// The port.
    fn port(&self) -> u16;
}

/// Which UDP socket a peer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramEnd {
    /// Bound to this port, to answer whoever asks.
    Bound(u16),
    /// To talk to this address.
    To(SocketAddr),
}

/// A peer's UDP socket.
pub trait Datagrams {
    /// Sends one datagram.
    fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> Task<'a, io::Result<()>>;
    /// Receives one datagram.
    fn receive(&self) -> Task<'_, io::Result<(Vec<u8>, SocketAddr)>>;
    /// The port.
    fn port(&self) -> u16;
}
