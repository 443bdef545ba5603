//! What the kernel tells about other processes, and how all of a run's processes are ended.
//!
//! Owns: membership of a run, the killing of its processes, views of processes, threads and blocked calls, all
//! read from `/proc`, and copies of stacks. It never starts a program, never reaps a child somebody else owns, and never judges what
//! it sees. A process that vanishes while it is read gives `None` or an empty answer, never an error.

mod blocked;
mod calls;
mod cleanup;
mod members;
mod procfs;
mod stack;
mod view;

pub use blocked::{BlockedCall, Wait};
pub use cleanup::{Killed, kill_marked, kill_members, reap_strays, set_subreaper};
pub use members::{Belonging, members, strays, tree};
pub use stack::{Autopsy, Found, Mapping, Snapshot, mappings, snapshots};
pub use view::{
    Held, ProcessView, ThreadView, Unlinked, caught_signals, held, page_tables, share_of_memory, socket_timeouts,
    threads, unlinked, view,
};
