//! What each system call does in the simulation, one file per family.
//!
//! `start` sees a call once and either answers it or turns it into an [`Op`]; `resume` sees the operation each
//! time that something it waits for may have happened.

mod epoll;
mod files;
mod futex;
mod interfaces;
mod netlink;
mod options;
mod process;
mod readiness;
mod sockets;
mod splice;
mod time;
mod transfer;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use harness_os::trap::{Memory, Sys};

pub(crate) use epoll::EpollSet;
pub(crate) use files::native_bits;
pub(crate) use netlink::NetlinkSocket;
pub(crate) use time::{PosixTimer, TimerDescriptor, show_remaining};

use crate::descriptors::copies_descriptors;
use crate::process::{Held, ThreadKey};
use crate::record::{CallRecord, Outcome};
use crate::sockets::SocketId;
use crate::world::World;

/// What a call is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Value(i64),
    Errno(i32),
    /// The real kernel executes it.
    Native,
    /// As `Native`, but that the simulation has done what the kernel would have.
    Done(i64),
    /// `EPIPE`. The kernel gives it, because only it can send the signal that belongs to it at the same time.
    Broken,
    /// As `Native`, and the record says that the simulation does not know the call.
    Unknown,
    /// A new descriptor of the caller.
    Descriptor {
        descriptor: OwnedFd,
        close_on_exec: bool,
    },
}

impl Reply {
    /// What the record says of it; of a descriptor, that there is one.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Value(value) => Outcome::Value(*value),
            Self::Errno(errno) => Outcome::Errno(*errno),
            Self::Native | Self::Done(_) => Outcome::Native,
            Self::Broken => Outcome::Errno(libc::EPIPE),
            Self::Unknown => Outcome::Unknown,
            Self::Descriptor { .. } => Outcome::Value(0),
        }
    }
}

impl From<Result<i64, i32>> for Reply {
    fn from(result: Result<i64, i32>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(errno) => Self::Errno(errno),
        }
    }
}

/// A part of a program's memory.
pub(crate) type Span = (u64, usize);

/// Where a received message goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub spans: Vec<Span>,
    pub name: u64,
    pub name_length: u64,
    /// Address of the `msghdr`, 0 when there is none.
    pub header: u64,
}

/// An operation that may have to wait.
#[derive(Debug)]
pub(crate) enum Op {
    /// Not looked at yet.
    Fresh,
    /// Its answer is known and comes at the deadline; `None` after it was taken.
    Late(Option<Reply>),
    Accept {
        socket: SocketId,
        name: u64,
        name_length: u64,
        flags: i32,
    },
    Connect {
        socket: SocketId,
        /// The error when the time is over before the attempt is.
        unfinished: i32,
    },
    Receive {
        socket: SocketId,
        target: Target,
        flags: i32,
        done: usize,
        wait: bool,
    },
    Send {
        socket: SocketId,
        spans: Vec<Span>,
        done: usize,
        wait: bool,
    },
    ReceiveMany {
        socket: SocketId,
        vector: u64,
        count: usize,
        done: usize,
        flags: i32,
        wait: bool,
    },
    SendFile {
        socket: SocketId,
        source: OwnedFd,
        offset_at: u64,
        left: usize,
        done: usize,
        wait: bool,
    },
    Splice(splice::Splice),
    Poll {
        entries: u64,
        count: usize,
    },
    Select {
        count: usize,
        sets: [u64; 3],
    },
    Epoll {
        set: u64,
        events: u64,
        count: usize,
    },
    Sleep,
    Futex {
        process: i32,
        address: u64,
        bits: u32,
        woken: bool,
    },
    Input,
    Wait {
        which: i64,
    },
    Timer {
        socket: SocketId,
        buffer: u64,
        wait: bool,
    },
    Signal {
        set: u64,
    },
    Netlink {
        socket: SocketId,
        target: Target,
        flags: i32,
        wait: bool,
    },
}

impl Op {
    /// What a signal makes the operation return (signal(7)): `EINTR`, or the count of the bytes that it has moved.
    /// `None` when a signal does not end it.
    pub(crate) fn interrupted(&self) -> Option<Reply> {
        match self {
            Self::Receive { done, .. } | Self::Send { done, .. } if *done > 0 => Some(Reply::Value(*done as i64)),
            Self::Receive { .. }
            | Self::Send { .. }
            | Self::Accept { .. }
            | Self::Poll { .. }
            | Self::Select { .. }
            | Self::Epoll { .. }
            | Self::Netlink { .. }
            | Self::Sleep => Some(Reply::Errno(libc::EINTR)),
            _ => None,
        }
    }
}

/// Whether an answer means that the program got somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Some,
    None,
    Unclear,
    /// It moved something of the real kernel's, a file or a pipe to a helper: no sign of an endless loop.
    Elsewhere,
}

pub(crate) fn progress(held: &Held, reply: &Reply) -> Progress {
    match (held.note.sys, reply) {
        (Sys::SchedYield, _) => Progress::None,
        (Sys::ClockGettime | Sys::Gettimeofday | Sys::Time, _) => Progress::None,
        // A wait that was over when it began: asked again, it would be over again.
        (Sys::Futex, Reply::Errno(libc::ETIMEDOUT)) if held.deadline.is_none_or(|at| at <= held.record.at) => {
            Progress::None
        }
        (Sys::Futex | Sys::Getrandom, _) => Progress::Unclear,
        // Whoever asks again after an error, or after the end of the stream, gets the same answer.
        (_, Reply::Errno(_) | Reply::Broken) => Progress::None,
        (Sys::Read | Sys::Recvfrom | Sys::Recvmsg, Reply::Value(0)) => Progress::None,
        (
            Sys::Poll | Sys::Ppoll | Sys::Select | Sys::Pselect6 | Sys::EpollWait | Sys::EpollPwait | Sys::EpollPwait2,
            Reply::Value(0),
        ) if held.deadline.is_none_or(|deadline| deadline <= held.record.at) => Progress::None,
        (
            Sys::Poll | Sys::Ppoll | Sys::Select | Sys::Pselect6 | Sys::EpollWait | Sys::EpollPwait | Sys::EpollPwait2,
            _,
        ) => Progress::Unclear,
        (Sys::Read | Sys::Readv | Sys::Write | Sys::Writev | Sys::Openat, Reply::Native | Reply::Done(_)) => {
            Progress::Elsewhere
        }
        #[cfg(target_arch = "x86_64")]
        (Sys::Open, Reply::Native) => Progress::Elsewhere,
        (sys, Reply::Native) if copies_descriptors(sys) => Progress::Elsewhere,
        (_, Reply::Native) => Progress::Unclear,
        _ => Progress::Some,
    }
}

impl CallRecord {
    /// Calls that every program makes by the thousand and that say nothing of its network are not kept.
    pub(crate) fn worth_keeping(&self, outcome: &Outcome) -> bool {
        match self.call {
            Sys::Futex
            | Sys::Getrandom
            | Sys::ClockGettime
            | Sys::Gettimeofday
            | Sys::Time
            | Sys::SchedYield
            | Sys::SetRobustList
            | Sys::Sigaltstack
            | Sys::ArchPrctl => matches!(outcome, Outcome::Unknown),
            Sys::Read | Sys::Readv | Sys::Ioctl | Sys::Fcntl => {
                !matches!(outcome, Outcome::Native) || self.descriptor == Some(0)
            }
            #[cfg(target_arch = "x86_64")]
            Sys::Open => !matches!(outcome, Outcome::Native),
            sys if copies_descriptors(sys) => false,
            Sys::Openat | Sys::Recvmsg | Sys::Sendmsg | Sys::Recvfrom | Sys::Sendto | Sys::EpollCtl => {
                !matches!(outcome, Outcome::Native)
            }
            _ => true,
        }
    }
}

impl World {
    /// The process of a thread.
    pub(crate) fn process_of(&self, key: ThreadKey) -> i32 {
        self.threads.get(&key).map_or(0, |thread| thread.process)
    }

    /// Looks at a call for the first time.
    pub(crate) fn start(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let process = self.process_of(key);
        if self.processes.get(&process).is_some_and(|entry| entry.fresh_image) {
            self.install_clock(process);
        }
        let note = held.note;
        let clock_read = matches!(note.sys, Sys::ClockGettime | Sys::Gettimeofday | Sys::Time);
        if let Some(entry) = self.processes.get_mut(&process)
            && !clock_read
            && std::mem::take(&mut entry.clock_disarmed)
        {
            entry.clock_shows = None;
        }
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.vfork = false;
        }
        if self.is_restarted(key, &note) && never_restarts(note.sys) {
            return Some(Reply::Errno(libc::EINTR));
        }
        match note.sys {
            Sys::Read
            | Sys::Readv
            | Sys::Recvfrom
            | Sys::Recvmsg
            | Sys::Recvmmsg
            | Sys::Write
            | Sys::Writev
            | Sys::Sendto
            | Sys::Sendmsg
            | Sys::Sendmmsg => self.start_transfer(key, held),
            Sys::Sendfile => self.start_sendfile(key, held),
            Sys::Splice => self.start_pipe_splice(key, held),
            Sys::Socket
            | Sys::Bind
            | Sys::Listen
            | Sys::Accept
            | Sys::Accept4
            | Sys::Connect
            | Sys::Getsockname
            | Sys::Getpeername
            | Sys::Shutdown => self.start_socket(key, held),
            Sys::Setsockopt | Sys::Getsockopt => self.start_option(key, held),
            Sys::Ioctl | Sys::Fcntl => self.start_control(key, held),
            #[cfg(target_arch = "x86_64")]
            Sys::Open => Some(self.start_open(held, note.args[0], note.args[1])),
            Sys::Openat => Some(self.start_open(held, note.args[1], note.args[2])),
            Sys::Poll | Sys::Ppoll | Sys::Select | Sys::Pselect6 => self.start_readiness(held),
            Sys::EpollCreate
            | Sys::EpollCreate1
            | Sys::EpollCtl
            | Sys::EpollWait
            | Sys::EpollPwait
            | Sys::EpollPwait2 => self.start_epoll(key, held),
            Sys::Nanosleep
            | Sys::ClockNanosleep
            | Sys::ClockGettime
            | Sys::Gettimeofday
            | Sys::Time
            | Sys::Alarm
            | Sys::Setitimer
            | Sys::Getitimer
            | Sys::TimerCreate
            | Sys::TimerSettime
            | Sys::TimerGettime
            | Sys::TimerGetoverrun
            | Sys::TimerDelete
            | Sys::TimerfdCreate
            | Sys::TimerfdSettime
            | Sys::TimerfdGettime
            | Sys::RtSigtimedwait => self.start_time(key, held),
            Sys::Futex => self.start_futex(key, held),
            Sys::SchedYield => {
                held.op = Op::Late(Some(Reply::Value(0)));
                held.deadline = Some(self.net.now);
                None
            }
            Sys::Getrandom => Some(self.random(key, held)),
            // A new thread shows itself. It goes on when the older ones are at rest, so that what it shares with them is
            // changed by one after the other and not by whoever gets a processor first.
            Sys::SetRobustList | Sys::Sigaltstack | Sys::ArchPrctl => Some(Reply::Native),
            Sys::Execve
            | Sys::Execveat
            | Sys::Clone
            | Sys::Clone3
            | Sys::Fork
            | Sys::Vfork
            | Sys::Exit
            | Sys::ExitGroup
            | Sys::Wait4
            | Sys::Waitid
            | Sys::Kill
            | Sys::Tkill
            | Sys::Tgkill
            | Sys::RtSigqueueinfo
            | Sys::RtTgsigqueueinfo
            | Sys::PidfdSendSignal => self.start_process(key, held),
            #[cfg(target_arch = "x86_64")]
            Sys::Dup2 => Some(self.start_copy(key, held)),
            Sys::Dup | Sys::Dup3 | Sys::PidfdGetfd | Sys::Unshare | Sys::CloseRange => Some(self.start_copy(key, held)),
            Sys::FutexWaitv
            | Sys::Semtimedop
            | Sys::MqTimedreceive
            | Sys::MqTimedsend
            | Sys::IoUringSetup
            | Sys::Other(_) => Some(Reply::Unknown),
        }
    }

    /// Looks again at a call that waits.
    pub(crate) fn resume(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let expired = held.deadline.is_some_and(|deadline| deadline <= self.net.now);
        match &mut held.op {
            Op::Fresh => None,
            Op::Late(reply) => {
                if expired {
                    Some(reply.take().unwrap_or(Reply::Value(0)))
                } else {
                    None
                }
            }
            Op::Accept { .. } | Op::Connect { .. } => self.resume_socket(key, held, expired),
            Op::Receive { .. } | Op::Send { .. } | Op::ReceiveMany { .. } => self.resume_transfer(key, held, expired),
            Op::SendFile { .. } => self.resume_sendfile(key, held),
            Op::Splice(_) => self.resume_pipe_splice(key, held),
            Op::Poll { .. } | Op::Select { .. } => self.resume_readiness(key, held, expired),
            Op::Epoll { .. } => self.resume_epoll(key, held, expired),
            Op::Sleep => expired.then_some(Reply::Value(0)),
            Op::Signal { .. } => self.resume_signal(key, held, expired),
            Op::Futex { woken, .. } => {
                if *woken {
                    Some(Reply::Value(0))
                } else {
                    expired.then_some(Reply::Errno(libc::ETIMEDOUT))
                }
            }
            Op::Input => self.resume_input(key, held),
            Op::Wait { .. } => self.resume_wait(key, held),
            Op::Timer { .. } => self.resume_timer(held),
            Op::Netlink { .. } => self.resume_netlink(held, expired),
        }
    }
}

/// Calls that a signal ends with `EINTR` even when its handler asks for restarts (signal(7)).
fn never_restarts(sys: Sys) -> bool {
    matches!(
        sys,
        Sys::Poll
            | Sys::Ppoll
            | Sys::Select
            | Sys::Pselect6
            | Sys::EpollWait
            | Sys::EpollPwait
            | Sys::EpollPwait2
            | Sys::Nanosleep
            | Sys::ClockNanosleep
            | Sys::RtSigtimedwait
    )
}

/// The memory of the caller.
pub(crate) fn memory(held: &Held) -> Memory {
    Memory::of(held.note.thread)
}

/// Reads an address that a call names. `Ok(None)` is `AF_UNSPEC`.
pub(crate) fn read_address(memory: Memory, at: u64, length: u64) -> Result<Option<SocketAddr>, i32> {
    let mut bytes = vec![0u8; (length as usize).min(28)];
    if !memory.read(at, &mut bytes) {
        return Err(libc::EFAULT);
    }
    crate::address::decode(&bytes)
}

/// Gives an address back, cut to the room that the caller has, with its full length.
pub(crate) fn write_address(memory: Memory, address: SocketAddr, v6: bool, at: u64, length_at: u64) {
    if at == 0 || length_at == 0 {
        return;
    }
    let bytes = crate::address::encode(address, v6);
    let room = memory.word32(length_at).unwrap_or(0) as usize;
    memory.write(at, &bytes[..room.min(bytes.len())]);
    memory.write(length_at, &(bytes.len() as u32).to_le_bytes());
}

/// Reads an array of `iovec`.
pub(crate) fn read_spans(memory: Memory, at: u64, count: u64) -> Result<Vec<Span>, i32> {
    if count > 1024 {
        return Err(libc::EINVAL);
    }
    let mut bytes = vec![0u8; count as usize * 16];
    if !memory.read(at, &mut bytes) {
        return Err(libc::EFAULT);
    }
    Ok(bytes
        .chunks_exact(16)
        .map(|part| {
            let word = |at: usize| u64::from_le_bytes(part[at..at + 8].try_into().unwrap_or([0; 8]));
            (word(0), word(8) as usize)
        })
        .collect())
}

pub(crate) fn total(spans: &[Span]) -> usize {
    spans.iter().map(|(_, length)| length).sum()
}

/// Copies from the caller: up to `limit` bytes, after the first `skip`.
pub(crate) fn gather(memory: Memory, spans: &[Span], mut skip: usize, limit: usize) -> Result<Vec<u8>, i32> {
    let mut out = Vec::new();
    for (at, length) in spans {
        if skip >= *length {
            skip -= length;
            continue;
        }
        let take = (length - skip).min(limit - out.len());
        let start = out.len();
        out.resize(start + take, 0);
        if !memory.read(at + skip as u64, &mut out[start..]) {
            return Err(libc::EFAULT);
        }
        skip = 0;
        if out.len() == limit {
            break;
        }
    }
    Ok(out)
}

/// Copies to the caller, after the first `skip` bytes of its buffers.
pub(crate) fn scatter(memory: Memory, spans: &[Span], mut skip: usize, mut bytes: &[u8]) -> Result<(), i32> {
    for (at, length) in spans {
        if skip >= *length {
            skip -= length;
            continue;
        }
        let take = (length - skip).min(bytes.len());
        if !memory.write(at + skip as u64, &bytes[..take]) {
            return Err(libc::EFAULT);
        }
        bytes = &bytes[take..];
        skip = 0;
        if bytes.is_empty() {
            break;
        }
    }
    Ok(())
}
