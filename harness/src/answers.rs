//! The model answers of this build. Only with the feature `answers` are there any: what students could get hold of is
//! built without it.

use crate::run::Record;
use crate::submission::Cast;
use harness_language::scenario::Scenario;

/// A model answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its task.
    pub task: &'static str,
    /// Its role.
    pub role: &'static str,
    /// Whether it can run inside another process.
    pub runs_in_process: bool,
}

/// What is said of a build without them.
pub const NONE: &str = "this harness was built without the model answers (cargo feature `answers`)";

/// The answer for a role of a task.
pub fn find(task: &str, role: &str) -> Option<Answer> {
    all().into_iter().find(|answer| answer.task == task && answer.role == role)
}

#[cfg(feature = "answers")]
mod built_in {
    use super::{Answer, Cast, Record, Scenario};

    /// All of them.
    pub fn all() -> Vec<Answer> {
        let known = reference::programs().iter();
        known.map(|it| Answer { task: it.task, role: it.role, runs_in_process: it.runs_in_process() }).collect()
    }

    /// Runs one on this process's own streams, and returns its exit status; nothing if there is no such answer.
    pub fn run(task: &str, role: &str, arguments: &[String]) -> Option<u8> {
        reference::run(task, role, arguments)
    }

    /// Plays a scenario with one of them in this process.
    pub fn play(scenario: &Scenario, cast: &Cast, seed: u64) -> Record {
        crate::in_process::play(scenario, cast, seed)
    }
}

#[cfg(not(feature = "answers"))]
mod built_in {
    use super::{Answer, Cast, Record, Scenario};
    use crate::run::End;

    /// There are none.
    pub fn all() -> Vec<Answer> {
        Vec::new()
    }

    /// Nothing: there is no such answer.
    pub fn run(_: &str, _: &str, _: &[String]) -> Option<u8> {
        None
    }

    /// Says that there is none to play.
    pub fn play(_: &Scenario, _: &Cast, _: u64) -> Record {
        Record::empty(End::Harness(super::NONE.to_owned()))
    }
}

pub use built_in::{all, play, run};
