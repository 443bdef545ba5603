//! The `wire` backend: real programs on real kernel sockets, in a network namespace of their
//! own where the machine allows it.

mod elsewhere;
pub mod names;
mod program;
mod runner;
mod sockets;
mod stage;

pub use program::{copy_tree, head};
pub use runner::{Setup, play, with_stage};
pub use stage::WireStage;
