//! What the rules rest on, as types. Sentences are carried, and read by nobody here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a requirement weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The sheet says so, or the program is useless without it.
    Must,
    /// The sheet implies it, or any engineer expects it.
    Should,
    /// Reported as a finding; no points.
    May,
}

impl Level {
    /// Points of a requirement of this level unless the task or a rubric says otherwise.
    pub fn default_points(self) -> f64 {
        match self {
            Self::Must => 3.0,
            Self::Should => 1.0,
            Self::May => 0.0,
        }
    }
}

/// Who meets whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// The harness plays the other side.
    #[default]
    Harness,
    /// The submission's own programs meet each other.
    Own,
}

/// How the programs meet the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackendName {
    /// Real programs on the simulated network, in virtual time.
    Sim,
    /// Real programs on real kernel sockets.
    Wire,
    /// The reference's async programs inside one process.
    Turmoil,
}

impl BackendName {
    /// The name used in reports and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Wire => "wire",
            Self::Turmoil => "turmoil",
        }
    }
}

/// How an expectation came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The requirements that it speaks for, as `task.requirement`.
    pub decides: Vec<String>,
    /// Whether it held.
    pub held: bool,
    /// What it is about.
    #[serde(default)]
    pub about: About,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// One sentence; empty where it held.
    pub reason: String,
    /// What the programs were at when that was seen, if it was waited for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
}

impl Judgement {
    /// Whether it decides against this requirement.
    pub fn fails(&self, id: &str) -> bool {
        !self.held && self.decides.iter().any(|decided| decided == id)
    }

    /// The reason, and what the programs were at.
    pub fn why(&self) -> String {
        joined(&self.reason, &self.state)
    }
}

/// What a judgement is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// What a program does.
    #[default]
    Conduct,
    /// What a program has printed: it may be right on a pipe and wrong on a terminal.
    Output,
    /// What a peer has received from it.
    Received,
    /// How it was met: what it takes, and where it goes.
    Meeting,
    /// What it holds, uses or leaves of the machine: descriptors, threads, memory, processor time.
    Holdings,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All steps were played.
    Played,
    /// An expectation of the whole scenario failed.
    Failed(Failure),
    /// A program could not be started.
    NotGradable(String),
    /// It decides nothing.
    Skipped(Skip),
    /// The harness or the machine failed.
    Harness(String),
}

/// An expectation that did not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// Why this is a failure, in one sentence.
    pub reason: String,
    /// What the programs were at when that was seen, if it was waited for.
    pub state: String,
}

impl Failure {
    /// The reason, and what the programs were at.
    pub fn why(&self) -> String {
        joined(&self.reason, &self.state)
    }
}

fn joined(reason: &str, state: &str) -> String {
    if state.is_empty() { reason.to_owned() } else { format!("{reason}; {state}") }
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
}

/// What keeps a run from deciding anything: rules rest on this, and on no sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// It failed, and this requirement, which it needs, failed too.
    Needs(String),
    /// Only these backends can play it.
    Backends(Vec<BackendName>),
    /// The program is understood by its own other half only, which is not there.
    OtherHalf,
    /// The same, and the other half is there: only what the two do together is decided.
    OwnProtocol,
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

/// What a whole report comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every must-requirement was decided and holds, and there is one.
    Passed,
    /// A must-requirement does not hold, or is lost with one that it needs.
    Failed,
    /// The harness could not finish what would have decided a must-requirement.
    HarnessError,
    /// The programs did not build or start.
    NotGradable,
    /// None of these: a must-requirement is undecided.
    #[default]
    NotProven,
}

impl Verdict {
    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::HarnessError => "not decided: the harness could not finish",
            Self::NotGradable => "not gradable",
            Self::NotProven => "not proven",
        }
    }
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Shown to hold.
    Pass,
    /// Nothing decided it; the reason is given.
    Skip,
    /// The program did not build or start, or its interpreter is missing.
    NotGradable,
    /// Shown not to hold.
    Fail,
    /// The harness or the machine failed; says nothing about the program.
    HarnessError,
}

impl Status {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::NotGradable => "not-gradable",
            Self::Fail => "fail",
            Self::HarnessError => "harness-error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_levels_are_worth() {
        assert_eq!([Level::Must, Level::Should, Level::May].map(Level::default_points), [3.0, 1.0, 0.0]);
    }

    #[test]
    fn why_something_did_not_hold() {
        let judgement = |held: bool, state: &str| Judgement {
            decides: vec!["t.one".to_owned(), "t.two".to_owned()],
            held,
            about: About::Conduct,
            expected: String::new(),
            actual: String::new(),
            reason: "nothing came".to_owned(),
            state: state.to_owned(),
        };
        let failed = judgement(false, "the server waits");
        assert_eq!([failed.why(), failed.failure().why()], ["nothing came; the server waits"; 2]);
        assert_eq!(judgement(false, "").why(), "nothing came");
        assert_eq!(["t.one", "t.two", "t.three"].map(|id| failed.fails(id)), [true, true, false]);
        assert!(!judgement(true, "").fails("t.one"));
    }

    // Flags and reports use the same words; they are a contract.
    #[test]
    fn what_things_are_called() {
        use BackendName::{Sim, Turmoil, Wire};
        assert_eq!([Sim, Wire, Turmoil].map(BackendName::as_str), ["sim", "wire", "turmoil"]);
        use Status::{Fail, HarnessError, NotGradable, Pass, Skip};
        assert_eq!(
            [Pass, Skip, NotGradable, Fail, HarnessError].map(Status::as_str),
            ["pass", "skip", "not-gradable", "fail", "harness-error"]
        );
        assert_eq!(
            [Verdict::Passed, Verdict::Failed, Verdict::HarnessError, Verdict::NotGradable, Verdict::NotProven]
                .map(Verdict::as_str),
            ["passed", "failed", "not decided: the harness could not finish", "not gradable", "not proven"]
        );
    }
}
