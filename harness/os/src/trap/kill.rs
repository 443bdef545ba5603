//! Signals and the end of processes.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::TrapError;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// A descriptor that becomes readable when the process dies.
///
/// # Errors
/// When there is no such process.
pub fn pidfd_open(process: i32) -> Result<OwnedFd, TrapError> {
    // SAFETY: takes numbers, returns a new descriptor or an error.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) } as i32;
    if descriptor < 0 {
        return Err(TrapError::kernel("opening a pidfd"));
    }
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Collects a dead child. `None` while it lives or when it is not a child of this process.
pub fn reap(process: i32) -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: the call writes one integer on this stack.
    let got = unsafe { libc::waitpid(process, &raw mut status, libc::WNOHANG) };
    if got != process {
        return None;
    }
    crate::forking::reaped(process);
    if libc::WIFEXITED(status) {
        Some(Reaped::Exited(libc::WEXITSTATUS(status)))
    } else {
        Some(Reaped::Killed(libc::WTERMSIG(status)))
    }
}

/// Waits for the end of a process that was killed, and collects it if it is a child of this one. The kernel takes its
/// time for a process with namespaces of its own, and the processor is free meanwhile.
pub fn reap_killed(process: i32) -> Option<Reaped> {
    if let Ok(descriptor) = pidfd_open(process) {
        let mut wanted = [libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
        // SAFETY: the array lives until the call returns, and its length is one.
        while unsafe { libc::poll(wanted.as_mut_ptr(), 1, -1) } < 0
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
        {}
    }
    reap(process)
}

/// Sends a signal to a process by its pidfd, so that a number used again is never hit. `false` when it is dead.
pub fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> bool {
    // SAFETY: takes numbers; a null info means an ordinary signal.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    sent == 0
}

/// Sends a signal to one thread. The caller must know that the thread waits for an answer, so that its number
/// cannot have been used again.
pub fn signal_thread(process: i32, thread: i32, signal: i32) -> bool {
    // SAFETY: takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) == 0 }
}

/// Sends the signal of a timer, with its value, to a process or to one of its threads.
pub fn queue_signal(process: i32, thread: Option<i32>, signal: i32, value: u64) -> bool {
    /// The fields of `siginfo_t` for a timer, padded to its size.
    #[repr(C, align(8))]
    struct Info {
        signal: i32,
        errno: i32,
        code: i32,
        pad: i32,
        timer: i32,
        overrun: i32,
        value: u64,
        rest: [u64; 12],
    }
    let info = Info { signal, errno: 0, code: libc::SI_TIMER, pad: 0, timer: 0, overrun: 0, value, rest: [0; 12] };
    // SAFETY: both calls read one `siginfo_t` of 128 bytes, whose layout and size `Info` has.
    let sent = unsafe {
        match thread {
            Some(thread) => libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const info),
            None => libc::syscall(libc::SYS_rt_sigqueueinfo, process, signal, &raw const info),
        }
    };
    sent == 0
}
