//! The `sim` backend: real programs on the simulated network, in virtual time. Their calls are
//! answered by `harness_sim`; nothing of a run touches a network of this machine.

mod calls;
mod program;
mod runner;
mod sockets;
mod stage;

pub(crate) use calls::runtime_of;
pub use runner::{Outcome, copies_descriptors, play, possible};
