//! Two reports, of one submission or of two.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Direction, Found, Otherwise, SCHEMA};
use crate::report::model::{Report, RequirementReport, Status};
use crate::report::summary;

/// What changed from one report to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Version of this format.
    pub schema: u32,
    /// Whether nothing changed.
    pub same: bool,
    /// The one report.
    pub before: Side,
    /// The other.
    pub after: Side,
    /// Settings that differ.
    pub graded_otherwise: Vec<Otherwise>,
    /// Requirements that changed, by id.
    pub requirements: Vec<Change>,
}

/// A report as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// What was graded.
    pub target: String,
    /// Points earned, after what was taken off for lateness.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
    /// Whether every decided must-requirement passed.
    pub passed: bool,
}

/// A requirement that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `task.requirement`.
    pub id: String,
    /// Which way.
    pub direction: Direction,
    /// Before; null if it was not judged.
    pub before: Option<Found>,
    /// After; null if it is not judged any more.
    pub after: Option<Found>,
    /// Why it is not met now; empty if it is.
    pub reason: String,
}

fn found(it: &RequirementReport) -> Found {
    Found { level: it.level, status: it.status, score: it.score, max_score: it.max_score }
}

fn side(report: &Report) -> Side {
    Side { target: report.target.clone(), score: report.score, max_score: report.max_score, passed: report.passed }
}

/// What changed.
pub fn compare(before: &Report, after: &Report) -> Difference {
    let by_id = |report| summary::requirements(report).map(|it| (it.id.as_str(), it)).collect::<BTreeMap<_, _>>();
    let (old, new) = (by_id(before), by_id(after));
    let mut ids: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let change = |id: &str| {
        let (old, new) = (old.get(id), new.get(id));
        let (before, after) = (old.map(|it| found(it)), new.map(|it| found(it)));
        let direction = Direction::between(before, after)?;
        let unmet = new.filter(|it| it.status != Status::Pass);
        let reason = unmet.and_then(|it| summary::telling_run(it)).map(|run| match &run.skip_reason {
            Some(why) if run.status == Status::Skip => why.clone(),
            _ => run.why(),
        });
        Some(Change { id: id.to_owned(), direction, before, after, reason: reason.unwrap_or_default() })
    };
    let requirements: Vec<Change> = ids.into_iter().filter_map(change).collect();
    let (one, other) = (side(before), side(after));
    let points = |side: &Side| (side.score, side.max_score, side.passed);
    Difference {
        schema: SCHEMA,
        same: requirements.is_empty() && points(&one) == points(&other),
        before: one,
        after: other,
        graded_otherwise: Otherwise::of([
            ("harness", before.harness.clone(), after.harness.clone()),
            ("rubric", before.rubric.clone(), after.rubric.clone()),
            ("seed", before.seed.to_string(), after.seed.to_string()),
            ("backend", before.backend.clone(), after.backend.clone()),
            ("files", before.submission_sha256.clone(), after.submission_sha256.clone()),
        ]),
        requirements,
    }
}
