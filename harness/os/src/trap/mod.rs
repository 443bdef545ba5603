//! Interception of system calls with seccomp user notification, as typed pieces.
//!
//! Owns: the filter and its assembly, the listener (receive, answer, inject a descriptor), the memory of a
//! trapped process, its vDSO, its thread tree, and the start of a program under the filter. It never decides
//! what a call should answer: that is the simulation's part (`harness-sim`).

mod affinity;
mod bell;
mod filter;
mod kill;
mod listener;
mod memory;
mod number;
mod placeholder;
mod poller;
mod spawn;
mod terminal;
mod threads;
mod vdso;

pub use affinity::Affinity;
pub use bell::Bell;
pub use filter::Filter;
pub use kill::{Reaped, pidfd_open, queue_signal, reap, reap_killed, signal, signal_thread};
pub use listener::{Answer, Listener, Notification};
pub use memory::Memory;
pub use number::Sys;
pub use placeholder::{
    Descriptors, Placeholder, becomes_ready, borrow_descriptor, file_of, native_readiness, readable_bytes,
};
pub use poller::{Poller, Ready, epoll_ready, mark_of};
pub use spawn::{Spawned, TrapCommand};
pub use terminal::{read_available, set_nonblocking, translates, write_available};
pub use threads::{Activity, ThreadProbe, children_of, tasks_of, thread_group_of};
pub use vdso::{ClockPage, ClockWords};

use std::io;

/// Why a piece of the kernel interface could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrapError {
    /// A system call of the supervisor itself failed.
    #[error("{what}: {source}")]
    Kernel {
        /// What was attempted, in words.
        what: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Exec {
        /// The path that was given to the kernel.
        program: String,
        /// What `execve` answered.
        source: io::Error,
    },
    /// The kernel or a container profile refuses filters with a listener.
    #[error(
        "the kernel refuses a seccomp listener ({source}); Linux 5.9 or later and a profile that allows seccomp(2) are needed"
    )]
    Refused {
        /// What `seccomp` answered.
        source: io::Error,
    },
    /// An argument holds a NUL byte and cannot be passed to a program.
    #[error("`{text}` holds a NUL byte")]
    Nul {
        /// The offending text, lossily.
        text: String,
    },
}

impl TrapError {
    fn kernel(what: &'static str) -> Self {
        Self::Kernel { what, source: io::Error::last_os_error() }
    }
}
