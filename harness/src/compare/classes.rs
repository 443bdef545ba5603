//! Two gradings of one class: who gained and who lost, and by which requirement.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Direction, Found, Otherwise, SCHEMA};
use crate::class::overview::{Digest, Overview, Row, State};
use crate::report::model::Status;

/// What changed from one grading of a class to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Version of this format.
    pub schema: u32,
    /// Whether nothing changed.
    pub same: bool,
    /// Settings that differ.
    pub graded_otherwise: Vec<Otherwise>,
    /// Submissions whose verdict or points changed, by name.
    pub submissions: Vec<Submission>,
    /// Requirements that changed for somebody, by id.
    pub requirements: Vec<Requirement>,
}

/// A submission that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Submission {
    /// Its name.
    pub name: String,
    /// Before; null if it was not there.
    pub before: Option<Outcome>,
    /// After; null if it is not there any more.
    pub after: Option<Outcome>,
}

/// How a submission came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The verdict in words.
    pub status: &'static str,
    /// Points earned; null where there is nothing to put into a gradebook.
    pub score: Option<f64>,
    /// Points that could be earned.
    pub max_score: Option<f64>,
}

impl Submission {
    /// What was gained, or lost if negative; nothing where there are no points on one side.
    pub fn gain(&self) -> Option<Gain> {
        let of = |side: &Option<Outcome>| side.as_ref().and_then(|it| Some((it.score?, it.max_score?)));
        let ((before, of_old), (after, of_new)) = (of(&self.before)?, of(&self.after)?);
        Some(if of_old == of_new {
            Gain::Points(after - before)
        } else {
            Gain::Percent(percent(after, of_new) - percent(before, of_old))
        })
    }
}

/// What was gained: points, or per cent where the points are not out of the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gain {
    /// Points.
    Points(f64),
    /// Per cent of what could be earned.
    Percent(f64),
}

impl Gain {
    /// More than nothing, less, or nothing.
    pub fn sign(self) -> f64 {
        let (Self::Points(gain) | Self::Percent(gain)) = self;
        if gain.abs() < 0.005 { 0.0 } else { gain.signum() }
    }
}

/// Points in per cent of what could be earned.
pub fn percent(score: f64, max_score: f64) -> f64 {
    if max_score > 0.0 { 100.0 * score / max_score } else { 0.0 }
}

/// A requirement that changed for somebody.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Requirement {
    /// `task.requirement`.
    pub id: String,
    /// Submissions that gained.
    pub gained: Vec<String>,
    /// Submissions that lost.
    pub lost: Vec<String>,
    /// Submissions for which it came out otherwise, without gain or loss.
    pub changed: Vec<String>,
}

fn outcome(row: &Row) -> Outcome {
    let grade = row.grade();
    Outcome { status: row.status(), score: grade.map(|it| it.points), max_score: grade.map(|it| it.out_of) }
}

fn found(row: Option<&Row>) -> BTreeMap<&str, Found> {
    let digest: Option<&Digest> = row.and_then(|row| match &row.state {
        State::Graded(digest) => Some(&**digest),
        _ => None,
    });
    let found = |it: &crate::class::overview::Verdict| Found {
        level: it.level,
        status: it.status,
        score: if it.status == Status::Pass { it.max_score } else { 0.0 },
        max_score: it.max_score,
    };
    digest.into_iter().flat_map(|it| &it.requirements).map(|it| (it.id.as_str(), found(it))).collect()
}

/// What changed. Submissions are told apart by their names.
pub fn compare(before: &Overview, after: &Overview) -> Difference {
    let rows = |class| {
        let class: &Overview = class;
        class.rows.iter().map(|row| (row.name.as_str(), row)).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (rows(before), rows(after));
    let mut names: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut submissions = Vec::new();
    let mut requirements: BTreeMap<String, Requirement> = BTreeMap::new();
    for name in names {
        let (old, new) = (old.get(name).copied(), new.get(name).copied());
        let (before, after) = (old.map(outcome), new.map(outcome));
        if before != after {
            submissions.push(Submission { name: name.to_owned(), before, after });
        }
        // Who is there on one side only is told once, above.
        if old.is_none() || new.is_none() {
            continue;
        }
        let (old, new) = (found(old), found(new));
        let mut ids: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let Some(direction) = Direction::between(old.get(id).copied(), new.get(id).copied()) else { continue };
            let entry = requirements.entry(id.to_owned()).or_default();
            entry.id = id.to_owned();
            let names = match direction {
                Direction::Gained => &mut entry.gained,
                Direction::Lost => &mut entry.lost,
                Direction::Changed => &mut entry.changed,
            };
            names.push(name.to_owned());
        }
    }
    let (one, other) = (&before.settings, &after.settings);
    let list = |words: &[String]| words.join(", ");
    Difference {
        schema: SCHEMA,
        same: submissions.is_empty() && requirements.is_empty(),
        graded_otherwise: Otherwise::of([
            ("harness", one.harness.clone(), other.harness.clone()),
            ("catalogue", one.catalogue_sha256.clone(), other.catalogue_sha256.clone()),
            ("rubric", one.rubric.clone(), other.rubric.clone()),
            ("rubric's contents", one.rubric_sha256.clone(), other.rubric_sha256.clone()),
            ("seed", one.seed.to_string(), other.seed.to_string()),
            ("backend", one.backend.clone(), other.backend.clone()),
            ("repetitions", one.repeat.to_string(), other.repeat.to_string()),
            ("tasks", list(&one.tasks), list(&other.tasks)),
            ("choice of requirements", list(&one.requirements), list(&other.requirements)),
            ("choice of scenarios", list(&one.scenarios), list(&other.scenarios)),
        ]),
        submissions,
        requirements: requirements.into_values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::overview::sample::{class, row};

    fn before() -> Overview {
        class(vec![
            row("ada", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Fail, 2.0)]),
            row("bob", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Pass, 2.0)]),
            row("carl", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Pass, 2.0)]),
            row("gone", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Pass, 2.0)]),
        ])
    }

    fn after() -> Overview {
        let mut after = class(vec![
            row("ada", &[("message.client", Status::Fail, 3.0), ("message.server", Status::Pass, 2.0)]),
            row("bob", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Pass, 2.0)]),
            row("carl", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Fail, 2.0)]),
            row("new", &[("message.client", Status::Pass, 3.0), ("message.server", Status::Pass, 2.0)]),
        ]);
        after.settings.seed = 2;
        after
    }

    #[test]
    fn who_gained_and_who_lost() {
        let found = compare(&before(), &after());
        insta::assert_snapshot!("classes_human", super::super::human::of_classes(&found));
        insta::assert_snapshot!("classes_json", crate::report::json::visible(&found));
    }

    #[test]
    fn the_same_class() {
        let found = compare(&before(), &before());
        assert!(found.same);
        insta::assert_snapshot!(super::super::human::of_classes(&found), @"nothing changed: every verdict and every point is the same");
    }

    #[test]
    fn what_is_out_of_more_is_compared_in_per_cent() {
        let side =
            |score, max_score| Some(Outcome { status: "failed", score: Some(score), max_score: Some(max_score) });
        let found = |before, after| Submission { name: "ada".to_owned(), before, after }.gain().map(Gain::sign);
        assert_eq!(found(side(22.0, 30.0), side(26.0, 42.0)), Some(-1.0));
        assert_eq!(found(side(25.0, 25.0), side(29.0, 29.0)), Some(0.0));
        assert_eq!(found(side(22.0, 30.0), side(26.0, 30.0)), Some(1.0));
        assert_eq!(found(side(22.0, 30.0), None), None);
    }
}
