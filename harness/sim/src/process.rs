//! Programs, their processes and threads, as the simulation keeps them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::task::Waker;
use std::time::Duration;

use harness_os::trap::{ClockPage, Descriptors, Listener, Notification, ThreadProbe};

use crate::calls::{Op, PosixTimer};
use crate::descriptors::Numbers;
use crate::handle::{Exit, ProgramId};
use crate::record::CallRecord;
use crate::sockets::SocketId;
use crate::time::VirtualTime;

/// Number of a thread in the order in which the simulation met it; the order in which threads are served.
pub(crate) type ThreadKey = u32;

/// What the simulation holds of a program's output.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub descriptor: Option<OwnedFd>,
    /// How `/proc` shows the program's end.
    pub identity: Option<String>,
    pub bytes: VecDeque<u8>,
    /// Bytes were taken from the program's memory since the output was last looked at.
    pub taken: bool,
    pub ended: bool,
    pub wakers: Vec<Waker>,
}

/// What the simulation holds of a program's input.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub descriptor: Option<OwnedFd>,
    /// The program's end, to see whether a read would wait.
    pub far: Option<OwnedFd>,
    /// How `/proc` shows the program's end.
    pub identity: Option<String>,
    pub pending: VecDeque<u8>,
    pub close_after: bool,
    pub wakers: Vec<Waker>,
}

impl Input {
    /// Whether there is something to give to the program, were it to have room.
    pub fn is_due(&self) -> bool {
        self.descriptor.is_some() && (!self.pending.is_empty() || self.close_after)
    }
}

pub(crate) struct Program {
    pub host: usize,
    pub root: i32,
    pub listener: Listener,
    pub input: Input,
    pub outputs: [Output; 2],
    pub exit: Option<Exit>,
    pub wakers: Vec<Waker>,
    pub threads_met: u32,
    pub processes_met: u32,
    /// It was told where to go.
    pub told_host: bool,
    /// A socket of it may have several descriptors.
    pub copies_sockets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer {
    pub due: VirtualTime,
    pub interval: Duration,
}

impl Program {
    /// Whether it has ended and somebody whom the simulation may not know still holds one of its outputs.
    pub fn is_ending(&self) -> bool {
        self.exit.is_some() && self.outputs.iter().any(|output| output.descriptor.is_some())
    }
}

pub(crate) struct Process {
    pub program: ProgramId,
    pub number: u32,
    pub pidfd: OwnedFd,
    pub descriptors: Option<Descriptors>,
    pub numbers: Numbers,
    pub parent: Option<i32>,
    pub clock: Option<ClockPage>,
    pub clock_shows: Option<VirtualTime>,
    /// It polls its clock: every read of it is a call until it does anything else.
    pub clock_disarmed: bool,
    /// A new program image whose clock functions are not replaced yet.
    pub fresh_image: bool,
    /// It may hold placeholders.
    pub networked: bool,
    /// Children that have died and may not have been collected: they are still listed, and there is nothing to meet.
    pub dead: BTreeSet<i32>,
    /// Threads or children may have appeared that are not known yet.
    pub dirty: bool,
    pub draws: u64,
    /// Calls in a row that moved nothing.
    pub stalls: u32,
    /// Calls in a row of which it cannot be told whether they moved anything.
    pub unclear: u32,
    /// Whether the moment before this one was used up with calls.
    pub busy: bool,
    /// Calls in this moment of virtual time.
    pub calls: u32,
    pub moment: VirtualTime,
    pub epolls: BTreeMap<i32, u64>,
    pub alarm: Option<Timer>,
    pub timers: BTreeMap<i32, PosixTimer>,
    pub timers_made: i32,
}

impl Process {
    /// Calls of one moment that cost no virtual time: many, unless the moment before was an endless loop's.
    pub fn allowance(&self) -> u32 {
        if self.busy { 100 } else { 100_000 }
    }
}

pub(crate) struct Thread {
    pub tid: i32,
    pub process: i32,
    pub program: ProgramId,
    pub number: u32,
    pub probe: ThreadProbe,
    /// What was seen of it when it slept in the real kernel.
    pub asleep: Option<String>,
    /// Its last call made a child that shares its memory: it waits until that has a new image.
    pub vfork: bool,
    /// It has asked for its own end.
    pub leaving: bool,
    /// Its last call was interrupted by a signal.
    pub interrupted: Option<Notification>,
    /// Processor time when it was first suspected to run for long, since its last answer.
    pub processor_from: Option<u64>,
}

/// A call that waits for its answer.
pub(crate) struct Held {
    pub note: Notification,
    pub op: Op,
    pub deadline: Option<VirtualTime>,
    pub watching: Vec<SocketId>,
    /// Something of the real kernel may also answer it.
    pub native: bool,
    /// The signals that are blocked during the wait, where the call names them (`ppoll`, `pselect`, `epoll_pwait`).
    pub mask: Option<u64>,
    pub record: CallRecord,
}
