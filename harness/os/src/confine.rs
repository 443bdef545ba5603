//! What a started program may touch: files, other processes, privileges.
//!
//! Owns the kernel's means that need no namespace and work for an ordinary user: Landlock, a small filter of system
//! calls, the loss of privileges. They are put together before the program is started ([`Confinement::new`]) and take
//! effect between its birth and its new image ([`Confinement::apply`]), for it and all that it ever starts.
//!
//! Why not a PID namespace: its programs would see numbers of their own and a `/proc` with others, their first process
//! would be deaf to signals that it does not handle, and whoever supervises by number would need both. Landlock's
//! scopes keep signals and tracing inside just as well (Linux 6.12), and nothing that a program sees changes.
//!
//! It never decides which files a program needs: that is the caller's part.

mod filter;
mod landlock;
mod privileges;

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;

use crate::error::OsError;
use crate::namespace::machines_proc;
use filter::Refusals;
pub use filter::is_marked;
pub use landlock::{Access, version as landlock_version};

/// First version of Landlock that keeps signals inside (Linux 6.12).
pub const LANDLOCK_SIGNALS: i32 = 6;

/// What a program may reach. What is not listed is closed to it, where the kernel has Landlock.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Files and folders, with all below, by what may be done with them. Those that do not exist are passed over.
    pub paths: Vec<(PathBuf, Access)>,
    /// Whether it, and all that it starts, is a program of a run by [`is_marked`].
    pub marked: bool,
}

/// A policy made ready, for any number of programs.
#[derive(Debug)]
pub struct Confinement {
    ruleset: Option<OwnedFd>,
    refusals: Refusals,
    proc: Option<BorrowedFd<'static>>,
}

impl Confinement {
    /// Makes a policy ready. On a kernel without Landlock the rest of it is.
    ///
    /// # Errors
    /// When the kernel has Landlock and refuses a rule.
    pub fn new(policy: &Policy) -> Result<Self, OsError> {
        Ok(Self {
            ruleset: landlock::ruleset(&policy.paths)?,
            refusals: Refusals::new(policy.marked),
            proc: machines_proc(),
        })
    }

    /// Puts the calling process under it, for good; to be called between a program's birth and its new image, while
    /// its descriptors are open. Makes system calls on what is prepared and nothing else.
    ///
    /// # Errors
    /// When the kernel refuses a step; the process is then to end.
    pub fn apply(&self) -> Result<(), Errno> {
        self.proc.inspect(|proc| privileges::be_first_to_die(*proc));
        privileges::give_up()?;
        if let Some(ruleset) = &self.ruleset {
            landlock::restrict(ruleset)?;
        }
        self.refusals.install()
    }
}
