//! Why a simulation could not start or go on.

use std::fmt;

use harness_os::process::BlockedCall;
use harness_os::trap::TrapError;

use crate::handle::ProgramId;
use crate::time::VirtualTime;

/// A thread that waits, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The program.
    pub program: ProgramId,
    /// Number of the process within the program, counted from 0.
    pub process: u32,
    /// Number of the thread within the program, counted from 0.
    pub thread: u32,
    /// The call.
    pub call: BlockedCall,
    /// When the call began.
    pub since: VirtualTime,
    /// When it will give up by itself, if ever.
    pub until: Option<VirtualTime>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "program {} thread {} {} since {}", self.program.0, self.thread, self.call.describe(), self.since)
    }
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The kernel interface failed.
    #[error(transparent)]
    Trap(#[from] TrapError),
    /// Another simulation lives on this thread.
    #[error("a thread can hold one simulation at a time")]
    Occupied,
    /// A host was added after the first program or socket.
    #[error("hosts must be added before the first program or socket")]
    Started,
    /// The runtime of the peers could not be made.
    #[error("cannot make a runtime: {0}")]
    Runtime(std::io::Error),
    /// Virtual time reached its limit.
    #[error("the run reached its limit at {at}; waiting: {}", list(.blocked))]
    TimeLimit {
        /// The limit.
        at: VirtualTime,
        /// Who waited, and for what.
        blocked: Vec<Blocked>,
    },
    /// A thread used its processor budget between two calls.
    #[error("program {} used its processor time budget at {at} without a call that the simulation sees", .program.0)]
    CpuBudget {
        /// The program.
        program: ProgramId,
        /// Virtual time, which stood still.
        at: VirtualTime,
    },
    /// The call at which the run was to stop was reached.
    #[error("program {} reached the call at which the run stops", .program.0)]
    Stopped {
        /// The program that made it.
        program: ProgramId,
    },
}

fn list(blocked: &[Blocked]) -> String {
    if blocked.is_empty() {
        return "nobody".to_owned();
    }
    blocked.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
