//! What changed between two gradings: of one submission, or of a whole class.
//!
//! Verdicts and points are compared, requirement by requirement; durations, reasons and evidence are not. What was
//! graded otherwise (another seed, another rubric) is said, and does not count as a difference by itself.

pub mod classes;
pub mod human;
pub mod reports;

use serde::Serialize;

use crate::report::model::Status;
use harness_language::catalogue::model::Level;

/// Version of the JSON that `harness diff` writes.
pub const SCHEMA: u32 = 1;

/// A setting in which the two gradings differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Otherwise {
    /// What it is.
    pub what: &'static str,
    /// As it was before.
    pub before: String,
    /// As it is after.
    pub after: String,
}

impl Otherwise {
    /// The settings of these that differ.
    fn of(settings: impl IntoIterator<Item = (&'static str, String, String)>) -> Vec<Self> {
        let differing = settings.into_iter().filter(|(_, before, after)| before != after);
        differing.map(|(what, before, after)| Self { what, before, after }).collect()
    }
}

/// A requirement's verdict on one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Found {
    /// Its level.
    pub level: Level,
    /// The verdict.
    pub status: Status,
    /// Points earned.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
}

/// Which way a requirement went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Passed, and does no more; or earns less.
    Lost,
    /// Did not pass, and does; or earns more.
    Gained,
    /// Something else about it changed.
    Changed,
}

impl Direction {
    /// From one side to the other; nothing if nothing changed.
    fn between(before: Option<Found>, after: Option<Found>) -> Option<Self> {
        if before == after {
            return None;
        }
        let worth = |found: Option<Found>| {
            let passes = found.is_some_and(|it| it.status == Status::Pass);
            // What is worth more than before is not gained by that.
            (passes, found.filter(|it| it.max_score > 0.0).map_or(0.0, |it| it.score / it.max_score))
        };
        let ((passed, earned), (passes, earns)) = (worth(before), worth(after));
        Some(match (passed, passes) {
            (false, true) => Self::Gained,
            (true, false) => Self::Lost,
            _ if earns > earned => Self::Gained,
            _ if earns < earned => Self::Lost,
            _ => Self::Changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn found(status: Status, score: f64, max_score: f64) -> Option<Found> {
        Some(Found { level: Level::Must, status, score, max_score })
    }

    #[rstest]
    #[case::same(found(Status::Pass, 3.0, 3.0), found(Status::Pass, 3.0, 3.0), None)]
    #[case::mended(found(Status::Fail, 0.0, 3.0), found(Status::Pass, 3.0, 3.0), Some(Direction::Gained))]
    #[case::broken(found(Status::Pass, 3.0, 3.0), found(Status::Fail, 0.0, 3.0), Some(Direction::Lost))]
    #[case::no_more_decided(found(Status::Pass, 3.0, 3.0), found(Status::Skip, 0.0, 0.0), Some(Direction::Lost))]
    #[case::worth_more(found(Status::Pass, 3.0, 3.0), found(Status::Pass, 5.0, 5.0), Some(Direction::Changed))]
    #[case::half(found(Status::Fail, 0.0, 3.0), found(Status::Fail, 1.5, 3.0), Some(Direction::Gained))]
    #[case::fails_otherwise(
        found(Status::Fail, 0.0, 3.0),
        found(Status::NotGradable, 0.0, 3.0),
        Some(Direction::Changed)
    )]
    #[case::new(None, found(Status::Pass, 3.0, 3.0), Some(Direction::Gained))]
    #[case::new_and_failed(None, found(Status::Fail, 0.0, 3.0), Some(Direction::Changed))]
    #[case::gone(found(Status::Pass, 3.0, 3.0), None, Some(Direction::Lost))]
    fn directions(#[case] before: Option<Found>, #[case] after: Option<Found>, #[case] way: Option<Direction>) {
        assert_eq!(Direction::between(before, after), way);
    }
}
