//! The report: the one result model that every format is rendered from.
//!
//! The serialised form is schema 1 of the JSON report, a contract with other programs:
//! keys are changed on purpose only, and noted in the CHANGELOG. Fields that are skipped
//! there exist for the formats that people read.

use harness_verdict::Undecided;
pub use harness_verdict::{Level, Status, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::crash::{Crash, Deed, Stop, Wait, words};
use crate::run::event::{Difference, Excerpt};
use crate::submission::findings::Findings;

/// Version of the JSON report.
pub const SCHEMA: u32 = 1;

/// Everything that one grading found out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this format.
    pub schema: u32,
    /// Version of the harness.
    pub harness: String,
    /// Name of the rubric; `built-in` without one.
    pub rubric: String,
    /// What was graded, as given on the command line.
    pub target: String,
    /// SHA-256 of the submission's files (paths and contents).
    pub submission_sha256: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The backend: `sim`, `wire` or `turmoil`.
    pub backend: String,
    /// Points earned.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
    /// What it comes to. (A report that was written before there was this key says it by `passed` and its requirements.)
    #[serde(default)]
    pub verdict: Verdict,
    /// Whether every must-requirement was decided and holds, and there is one: `verdict` is `passed`.
    pub passed: bool,
    /// Must-requirements that nothing could decide, as `task.requirement`.
    pub undecided: Vec<String>,
    /// What no program was handed in for, although its task was asked for; its points are among those that could be
    /// earned. Missing where there is no such thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// What was taken off for lateness; missing where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// Wall-clock time of the grading, in milliseconds.
    pub duration_ms: u64,
    /// The tasks, in the catalogue's order.
    pub tasks: Vec<TaskReport>,
    /// Who plays what and why, what was left out, what is open: of a folder whose programs were found by looking.
    #[serde(flatten)]
    pub findings: Findings,
    /// Remarks on the submission as a whole (what was inferred, what was not found).
    #[serde(skip)]
    pub notes: Vec<String>,
    /// Runs that were played on real sockets, although the others were played on the simulated network.
    #[serde(skip)]
    pub on_real_sockets: Vec<String>,
    /// Points of what is held back, where it is not shown: for platforms that keep them from students.
    #[serde(skip)]
    pub held_back: Option<HeldBack>,
}

/// What was taken off for lateness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Late {
    /// When it was handed in (RFC 3339).
    pub submitted: String,
    /// When it was due (RFC 3339).
    pub due: String,
    /// Seconds between.
    pub seconds: u64,
    /// Points before.
    pub score_before: f64,
    /// Points that were taken off.
    pub points_off: f64,
    /// Why, in words.
    pub reason: String,
}

/// A requirement for which no program was handed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Absent {
    /// `task.requirement`.
    pub id: String,
    /// Level.
    pub level: Level,
    /// Points that it is worth.
    pub max_score: f64,
}

/// Points of what is held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldBack {
    /// Points earned.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
}

impl Report {
    /// Counts what no program was handed in for: it earns nothing, and what lacks a must does not pass.
    pub fn lack(&mut self, absent: Vec<Absent>) {
        for it in &absent {
            self.max_score += it.max_score;
            let own = |task: &&mut TaskReport| it.id.split('.').next() == Some(&*task.id);
            if let Some(task) = self.tasks.iter_mut().find(own) {
                task.max_score += it.max_score;
            }
        }
        if absent.iter().any(|it| it.level == Level::Must) {
            (self.verdict, self.passed) = (Verdict::Failed, false);
        }
        self.absent = absent;
    }

    /// Everything to be remarked on the submission as a whole.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let real = (!self.on_real_sockets.is_empty()).then(|| {
            format!("played on real sockets, not on the simulated network: {}", self.on_real_sockets.join(", "))
        });
        self.notes.iter().cloned().chain(real)
    }

    /// A report on a submission of which nothing could be graded, and why.
    pub fn without_verdicts(target: String, backend: &str, seed: u64, why: String) -> Self {
        Self {
            schema: SCHEMA,
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            rubric: "built-in".to_owned(),
            target,
            submission_sha256: String::new(),
            seed,
            backend: backend.to_owned(),
            score: 0.0,
            max_score: 0.0,
            verdict: Verdict::NotGradable,
            passed: false,
            undecided: Vec::new(),
            absent: Vec::new(),
            late: None,
            duration_ms: 0,
            tasks: Vec::new(),
            findings: Findings::default(),
            notes: vec![why],
            on_real_sockets: Vec::new(),
            held_back: None,
        }
    }
}

/// Verdicts of one task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TaskReport {
    /// Task id.
    pub id: String,
    /// Worst verdict of the requirements that carry points.
    pub status: Status,
    /// Points earned.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
    /// The requirements, in the catalogue's order.
    pub requirements: Vec<RequirementReport>,
    /// Title of the task.
    #[serde(skip)]
    pub title: String,
    /// How the programs were met: address, arguments, framing (one sentence each).
    #[serde(skip)]
    pub met: Vec<String>,
}

/// Verdict of one requirement.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RequirementReport {
    /// `task.requirement`.
    pub id: String,
    /// Level.
    pub level: Level,
    /// Worst decided verdict of the runs; `skip` if none decided it.
    pub status: Status,
    /// Points earned.
    pub score: f64,
    /// Points that could be earned; 0 if the requirement was not decided.
    pub max_score: f64,
    /// The requirement with which its points are lost: it needs that one, which failed, so that nothing can be said of it.
    #[serde(default)]
    pub lost_with: Option<String>,
    /// The runs that speak for it.
    pub runs: Vec<RunReport>,
    /// Points that it is worth, whether or not anything decided it.
    #[serde(skip)]
    pub worth: f64,
    /// What is required, in one line.
    #[serde(skip)]
    pub title: String,
    /// The teaching text.
    #[serde(skip)]
    pub teach: String,
    /// What to look at in one's own code.
    #[serde(skip)]
    pub look_at: String,
    /// The command that prints what the handout says of it.
    #[serde(skip)]
    pub handout: String,
    /// That section of the handout, where the requirement does not hold.
    #[serde(skip)]
    pub section: String,
}

impl RequirementReport {
    /// Whether it was not decided because one that it needs failed: its points are lost with that one.
    pub fn is_lost(&self) -> bool {
        self.lost_with.is_some()
    }
}

/// One run of one scenario.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// `task/scenario#role`, with `[row]` where the scenario has a table.
    pub id: String,
    /// The role that was judged.
    pub role: String,
    /// `harness-client`, `harness-server` or `own`.
    pub pairing: String,
    /// Row of the parameter table, if there is one.
    pub row: Option<String>,
    /// Verdict of this run on this requirement.
    pub status: Status,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
    /// The same for programs: what keeps it from deciding anything.
    #[serde(default)]
    pub undecided: Option<Undecided>,
    /// Backend of this run.
    pub backend: String,
    /// Seed of this run.
    pub seed: u64,
    /// Forced segments or short counts, in words; empty if there are none.
    pub schedule: String,
    /// Whether the same seed gives the same bytes (`sim`, `turmoil`).
    pub deterministic: bool,
    /// Wall-clock time in milliseconds.
    pub duration_ms: u64,
    /// Virtual time in milliseconds (on `wire`: 0).
    pub virtual_ms: u64,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// What was noticed and costs nothing ("expects a newline").
    pub findings: Vec<String>,
    /// How often it failed, where it was played several times and came out differently.
    #[serde(default)]
    pub unsteady: Option<Unsteady>,
    /// One sentence: why the verdict is what it is. A crash stands in `crash`, and is no part of it.
    pub reason: String,
    /// What the programs were at when that was seen, if it was waited for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// What the program's calls show that makes it so, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to look at.
    pub hint: String,
    /// The command that plays this run again.
    pub replay: String,
    /// SHA-256 of the event trace, where it is deterministic; else empty.
    pub trace_sha256: String,
    /// Files written with `--out`, relative to it.
    pub evidence: Evidence,
    /// The crash of a program that explains the verdict; missing where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
    /// What the judged programs were at that ran on when something had failed, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// The call that shows what a program did wrong that neither crashed nor waits, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deed: Option<Deed>,
    /// What the programs said and how they ended, where the run did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ProgramReport>,
    /// What a program was sent, in pieces, that sent back something that was not expected.
    #[serde(skip)]
    pub got: Vec<Excerpt>,
    /// Where what came begins to differ from what was expected, if bytes were compared.
    #[serde(skip)]
    pub difference: Option<Difference>,
    /// Title of the scenario.
    #[serde(skip)]
    pub title: String,
    /// The transcript: what happened, in order, as text lines.
    #[serde(skip)]
    pub transcript: Vec<String>,
}

impl RunReport {
    /// The failed prerequisite that explains why this run failed, if one does.
    pub fn needs(&self) -> Option<&str> {
        match &self.undecided {
            Some(Undecided::Needs(id)) => Some(id),
            _ => None,
        }
    }

    /// What a program was at, if that and no crash explains the failure.
    pub fn wait(&self) -> Option<&Wait> {
        self.waits.first().filter(|wait| self.crash.is_none() && !self.is_past(wait))
    }

    /// Whether a wait says no more than the call that shows what was wrong: it is for whoever comes next, or in that very line.
    fn is_past(&self, wait: &Wait) -> bool {
        self.deed.as_ref().is_some_and(|deed| wait.is_for_the_next() || wait.place == deed.at.place)
    }

    /// The reason, and what the programs were at, unless a line of theirs says it.
    pub fn so(&self) -> String {
        let line = self.crash.is_some() || self.wait().is_some() || self.cause.is_some();
        // Where what came was wrong, the program had done what it meant to do.
        let answered = !self.got.is_empty() && self.deed().is_some();
        if self.state.is_empty() || line || answered {
            return self.reason.clone();
        }
        format!("{}; {}", self.reason, self.state)
    }

    /// What happened, and what came of it: the crash or the cause and the reason, or the reason alone.
    pub fn headline(&self) -> (String, Option<String>) {
        let first = self.crash.as_ref().map(words::headline).or_else(|| self.cause.clone());
        match first {
            Some(first) => (first, Some(self.so()).filter(|so| !so.is_empty())),
            None => (self.so(), None),
        }
    }

    /// All of it in one sentence.
    pub fn why(&self) -> String {
        match (&self.crash, self.headline()) {
            (Some(crash), (_, None)) => words::sentence(crash),
            (Some(crash), (_, Some(so))) => format!("{} ({so})", words::sentence(crash)),
            (None, (cause, Some(so))) => format!("{cause}; {so}"),
            (None, (reason, None)) => reason,
        }
    }

    /// The same together with the line that a program waits in.
    pub fn told(&self) -> String {
        self.wait().map_or_else(|| self.why(), |wait| format!("{}; {}", self.why(), words::waits(wait)))
    }

    /// The call that shows what a program did wrong, where no crash does.
    pub fn deed(&self) -> Option<&Deed> {
        self.deed.as_ref().filter(|_| self.crash.is_none())
    }

    /// Where a program stopped, if that made it fail.
    pub fn stop(&self) -> Option<Stop<'_>> {
        let waits = self.waits.iter().find(|wait| !wait.is_idle() && !self.is_past(wait));
        self.crash.as_ref().map(Stop::Crash).or(waits.map(Stop::Wait))
    }
}

/// A run that failed sometimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unsteady {
    /// How often it failed.
    pub failed: u32,
    /// How often it was played.
    pub times: u32,
}

/// What a program of a run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramReport {
    /// Its name in the run.
    pub name: String,
    /// Its role.
    pub role: String,
    /// How it ended, in words; missing if it was running when the run was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Its standard output; of a long one both ends.
    pub stdout: String,
    /// Its standard error; of a long one both ends.
    pub stderr: String,
}

/// Evidence files of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Packet capture.
    pub pcap: Option<String>,
    /// What each side printed, sent and received.
    pub transcript: Option<String>,
    /// System calls of the programs (`sim`).
    pub calls: Option<String>,
}
