//! The notification descriptor: receives calls that wait for an answer, and answers them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::TrapError;
use super::number::Sys;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawNotification {
    id: u64,
    pid: u32,
    flags: u32,
    number: i32,
    arch: u32,
    instruction: u64,
    args: [u64; 6],
}

#[repr(C)]
struct RawResponse {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

#[repr(C)]
struct RawAddDescriptor {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const IS_VALID: u64 = 0x4008_2102;
const ADD_DESCRIPTOR: u64 = 0x4018_2103;
const SET_FLAGS: u64 = 0x4008_2104;

const CONTINUE: u32 = 1;
const SET_NUMBER: u32 = 1;
const ADD_AND_ANSWER: u32 = 2;
const SYNC_WAKE_UP: u64 = 1;

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Names the call towards the kernel.
    pub id: u64,
    /// The thread that called.
    pub thread: i32,
    /// Which call.
    pub sys: Sys,
    /// Address of the instruction after the call: tells a restarted call from a new one.
    pub instruction: u64,
    /// The raw arguments.
    pub args: [u64; 6],
}

/// What a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// This value, without executing the call.
    Value(i64),
    /// This `errno`, without executing the call.
    Errno(i32),
    /// The kernel executes the call.
    Continue,
}

/// The supervisor's end of a filter.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Listener {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        let listener = Self { descriptor };
        // Before Linux 6.6 the flag is unknown: wake-ups are slower then, nothing else.
        // SAFETY: the request takes its flags by value and touches no memory of ours.
        unsafe { libc::ioctl(listener.descriptor.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
        listener
    }

    /// The next waiting call. `None` when it went away before it was received (its thread died).
    ///
    /// # Errors
    /// When the descriptor itself fails.
    pub fn receive(&self) -> Result<Option<Notification>, TrapError> {
        let mut raw;
        loop {
            raw = RawNotification::default();
            // SAFETY: the request writes one `seccomp_notif`, whose layout `RawNotification` has, zeroed as
            // the kernel demands.
            let done = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), RECEIVE as _, &raw mut raw) };
            if done == 0 {
                break;
            }
            let source = io::Error::last_os_error();
            match source.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::ENOENT) => return Ok(None),
                _ => return Err(TrapError::Kernel { what: "receiving a notification", source }),
            }
        }
        Ok(Some(Notification {
            id: raw.id,
            thread: raw.pid as i32,
            sys: Sys::from_number(raw.number),
            instruction: raw.instruction,
            args: raw.args,
        }))
    }

    /// Answers a call. `false` when the call is gone (a signal interrupted it or its thread died).
    pub fn answer(&self, id: u64, answer: Answer) -> bool {
        let raw = match answer {
            Answer::Value(value) => RawResponse { id, value, error: 0, flags: 0 },
            Answer::Errno(errno) => RawResponse { id, value: 0, error: -errno, flags: 0 },
            Answer::Continue => RawResponse { id, value: 0, error: 0, flags: CONTINUE },
        };
        // SAFETY: the request reads one `seccomp_notif_resp`, whose layout `RawResponse` has.
        unsafe { libc::ioctl(self.descriptor.as_raw_fd(), SEND as _, &raw const raw) == 0 }
    }

    /// Whether the call still waits.
    pub fn is_valid(&self, id: u64) -> bool {
        // SAFETY: the request reads one 64-bit identifier.
        unsafe { libc::ioctl(self.descriptor.as_raw_fd(), IS_VALID as _, &raw const id) == 0 }
    }

    /// Gives the caller a copy of `source` at its lowest free number and answers the call with that number.
    ///
    /// # Errors
    /// The `errno` of the kernel (`EMFILE` when the caller has no room); the call still waits then.
    pub fn answer_with_descriptor(&self, id: u64, source: BorrowedFd<'_>, close_on_exec: bool) -> Result<i32, i32> {
        self.add(id, source, close_on_exec, ADD_AND_ANSWER)
    }

    /// Gives the caller a copy of `source` at its lowest free number; the call still waits.
    ///
    /// # Errors
    /// The `errno` of the kernel.
    pub fn add_descriptor(&self, id: u64, source: BorrowedFd<'_>, close_on_exec: bool) -> Result<i32, i32> {
        self.add(id, source, close_on_exec, 0)
    }

    /// Gives the caller a copy of `source` in place of what it has at this number; the call still waits.
    ///
    /// # Errors
    /// The `errno` of the kernel.
    pub fn replace_descriptor(
        &self,
        id: u64,
        source: BorrowedFd<'_>,
        number: i32,
        close_on_exec: bool,
    ) -> Result<i32, i32> {
        self.add_at(id, source, number as u32, close_on_exec, SET_NUMBER)
    }

    fn add(&self, id: u64, source: BorrowedFd<'_>, close_on_exec: bool, flags: u32) -> Result<i32, i32> {
        self.add_at(id, source, 0, close_on_exec, flags)
    }

    fn add_at(
        &self,
        id: u64,
        source: BorrowedFd<'_>,
        target: u32,
        close_on_exec: bool,
        flags: u32,
    ) -> Result<i32, i32> {
        let raw = RawAddDescriptor {
            id,
            flags,
            source: source.as_raw_fd() as u32,
            target,
            target_flags: if close_on_exec { libc::O_CLOEXEC as u32 } else { 0 },
        };
        // SAFETY: the request reads one `seccomp_notif_addfd`, whose layout `RawAddDescriptor` has.
        let number = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), ADD_DESCRIPTOR as _, &raw const raw) };
        if number >= 0 { Ok(number) } else { Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EMFILE)) }
    }
}
