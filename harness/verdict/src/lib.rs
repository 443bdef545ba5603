//! The verdict: from what happened in the runs of a submission to what that comes to. Pure functions; each rule stands in
//! one table, beside its function and its test:
//!
//! | the rule | is in |
//! |---|---|
//! | what one run says of one requirement | [`Facts::says`] |
//! | which failure excuses which: a run that fails because a requirement that it needs has failed | [`excuse::excuse`] |
//! | what runs come to for a requirement, requirements for a task, and tasks for a report | [`settle`] |
//!
//! Nothing here reads a clock, a file or a sentence.

pub mod excuse;
mod facts;
mod said;
pub mod settle;

pub use facts::*;
pub use said::{Facts, Said};
