//! A program that runs: waiting for its end, and sending it signals.
//!
//! Owns the program's pidfd, and with it the right to reap. It never looks into the program (see `process`).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use nix::errno::Errno;

use crate::error::OsError;
use crate::exit_status::ExitStatus;
use crate::forking;

/// From linux/pidfd.h, Linux 6.9.
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// The signals a harness sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM: asked to end.
    Terminate,
    /// SIGKILL: ended.
    Kill,
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Terminate => libc::SIGTERM,
            Self::Kill => libc::SIGKILL,
        }
    }
}

/// A started program.
///
/// Its descriptor ([`AsFd`]) becomes readable when the program ends. Dropping a `Child` whose end has not been seen
/// kills its process group and reaps it: a harness that fails midway leaves no server behind.
#[derive(Debug)]
pub struct Child {
    /// Its process id, which is also the id of its process group and session.
    pub pid: i32,
    pidfd: OwnedFd,
    status: Option<ExitStatus>,
}

impl Child {
    pub(super) fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, status: None }
    }

    /// How it ended, or `None` while it runs. Reaps it, and remembers.
    ///
    /// # Errors
    /// When somebody else has reaped it (ECHILD).
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, OsError> {
        // Asked of one that is alive and traced, the wait would take the stops that are its tracer's.
        if self.status.is_none() && crate::trap::becomes_ready(self.pidfd.as_fd(), Duration::ZERO) {
            self.status = self
                .wait(libc::WEXITED | libc::WNOHANG)
                .map_err(|errno| OsError::new(format!("wait for process {}", self.pid), errno))?;
            if self.status.is_some() {
                forking::reaped(self.pid);
            }
        }
        Ok(self.status)
    }

    fn wait(&self, options: i32) -> Result<Option<ExitStatus>, Errno> {
        // SAFETY: siginfo_t is plain data, for which all zeroes is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        loop {
            let id = self.pidfd.as_raw_fd().cast_unsigned();
            // SAFETY: waitid writes one siginfo_t, which outlives the call.
            let got = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, options) };
            match Errno::result(got) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        // SAFETY: waitid fills in the SIGCHLD members, or leaves the zeroes when there is nothing to report.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        Ok(match (pid, info.si_code) {
            (0, _) => None,
            (_, libc::CLD_EXITED) => Some(ExitStatus::Code(status)),
            _ => Some(ExitStatus::Signal(status)),
        })
    }

    /// Waits for the end of a process that is known to be ending.
    pub(super) fn reap(&mut self) {
        if self.status.is_none() {
            self.status = self.wait(libc::WEXITED).ok().flatten();
            forking::reaped(self.pid);
        }
    }

    /// Sends `signal` to the program; `false` when it has ended. Its number cannot meanwhile belong to another.
    ///
    /// # Errors
    /// When it has become another user's (EPERM).
    pub fn signal(&self, signal: Signal) -> Result<bool, OsError> {
        self.sent(self.send(signal, 0), "signal process")
    }

    /// Sends `signal` to every process of the program's group, also after the program itself has ended; `false` when
    /// none is left.
    ///
    /// Before Linux 6.9 this goes by number: call it soon after the end has been seen, or not at all.
    ///
    /// # Errors
    /// When all of them have become another user's (EPERM).
    pub fn signal_group(&self, signal: Signal) -> Result<bool, OsError> {
        let sent = match self.send(signal, PIDFD_SIGNAL_PROCESS_GROUP) {
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                // SAFETY: kill takes numbers only.
                Errno::result(unsafe { libc::kill(-self.pid, signal.number()) }).map(drop)
            }
            sent => sent,
        };
        self.sent(sent, "signal process group")
    }

    fn send(&self, signal: Signal, flags: libc::c_uint) -> Result<(), Errno> {
        // SAFETY: the descriptor is open, and a null siginfo asks for the one kill(2) would send.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal.number(),
                ptr::null::<libc::siginfo_t>(),
                flags,
            )
        };
        Errno::result(sent).map(drop)
    }

    fn sent(&self, sent: Result<(), Errno>, attempt: &str) -> Result<bool, OsError> {
        match sent {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(OsError::new(format!("{attempt} {}", self.pid), errno)),
        }
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl AsRawFd for Child {
    fn as_raw_fd(&self) -> i32 {
        self.pidfd.as_raw_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.signal_group(Signal::Kill);
            let _ = self.signal(Signal::Kill);
            self.reap();
        }
    }
}
