//! Why a run decides nothing.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::duration::human;
use crate::scenario::model::BackendName;

/// What keeps a run from deciding anything: rules rest on this, and on no sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// It failed, and this requirement, which it needs, failed too.
    Needs(String),
    /// Only these backends can play it.
    Backends(Vec<BackendName>),
    /// The program is understood by its own other half only.
    OtherHalf,
    /// What it asks does not exist for this program: a wrong port for one that takes no port.
    NotApplicable,
    /// The situation could not be made; the reason says why.
    Situation,
    /// The grading reached this bound; more of it would decide.
    Bound(Bound),
}

/// What a grading may take of the machine, as flags and rubrics call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Real time of one run.
    RunTime,
    /// Real time of all runs of a submission.
    SubmissionTime,
    /// Memory of the harness.
    Memory,
}

impl Bound {
    /// Its flag.
    pub fn flag(self) -> &'static str {
        match self {
            Self::RunTime => "--run-time",
            Self::SubmissionTime => "--submission-time",
            Self::Memory => "--memory",
        }
    }
}

impl Undecided {
    /// What would decide it, as one sentence without its full stop; `None` where the reason says it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Needs(id) => Some(format!("decided when {id} holds")),
            Self::Backends(able) => {
                let able: Vec<String> = able.iter().map(|it| format!("--backend {}", it.as_str())).collect();
                Some(format!("decided with {}, where `harness doctor` says that it works", able.join(" or ")))
            }
            Self::OtherHalf => Some("decided together with its other half: hand in both programs".to_owned()),
            Self::Bound(bound) => Some(format!("perhaps decided with a larger {}", bound.flag())),
            Self::NotApplicable | Self::Situation => None,
        }
    }
}

/// A run that decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What keeps it from that.
    pub by: Undecided,
    /// The same in words.
    pub why: String,
}

impl Skip {
    /// The situation could not be made.
    pub fn situation(why: impl Into<String>) -> Self {
        Self { by: Undecided::Situation, why: why.into() }
    }

    /// It took too long in real time, which may as well be the machine's fault.
    pub fn out_of_time(most: Duration) -> Self {
        let why = format!("the run did not come to an end within {} of real time", human(most));
        Self { by: Undecided::Bound(Bound::RunTime), why }
    }

    /// It was not begun: the submission had its time.
    pub fn submission_out_of_time(most: Duration) -> Self {
        let why = format!("the runs before it took the {} of real time that a submission has", human(most));
        Self { by: Undecided::Bound(Bound::SubmissionTime), why }
    }

    /// The harness would have to keep too much.
    pub fn out_of_memory(most: u64) -> Self {
        let why = format!("what was sent and printed took more than {} MiB of the harness's memory", most >> 20);
        Self { by: Undecided::Bound(Bound::Memory), why }
    }
}
