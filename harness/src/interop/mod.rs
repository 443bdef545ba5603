//! Every client with every server of a class, the model answers as the control: what works together, and at whose side
//! it is where something does not.
//!
//! [`entrants`] opens the submissions and puts one's client and another's server into one cast, [`play`] plays the
//! scenarios that a task names for this (`together` in `task.toml`), [`blame`] says at whose side a failure is,
//! [`speech`] reads from the packets how each side marks the end of what it sends, [`matrix`] is the result as data,
//! [`show`] and [`page`] are the result for people.
//!
//! Nothing here is a verdict on a requirement: it costs no points, and where each side works with the model answers and
//! not with the other, neither is called wrong.

pub mod blame;
pub mod entrants;
pub mod matrix;
pub mod page;
pub mod play;
pub mod show;
pub mod speech;

/// What the model answers are called in a matrix.
pub const REFERENCE: &str = "reference";
