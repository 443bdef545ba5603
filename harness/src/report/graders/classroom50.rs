//! `result.json` of a Classroom 50 autograder (its wiki, "Advanced autograding"): points are whole numbers there.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{json, name, text, verdict};
use crate::report::model::Report;
use crate::report::{escape, summary};

/// Variables that the platform sets, and the key that each fills.
const FILLED: [(&str, &str); 6] = [
    ("CLASSROOM", "classroom"),
    ("ASSIGNMENT", "assignment"),
    ("SUBMISSION_TAG", "submission"),
    ("COMMIT_URL", "commit"),
    ("RELEASE_URL", "release"),
    ("REVIEW_URL", "review"),
];

/// What the platform says about a submission, and when.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    filled: BTreeMap<&'static str, String>,
    at: Duration,
}

impl Surroundings {
    /// Those of this process: its environment, and its clock, or `SOURCE_DATE_EPOCH` (seconds since 1970).
    pub fn here() -> Self {
        let stated = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            filled: FILLED.iter().map(|(variable, key)| (*key, std::env::var(variable).unwrap_or_default())).collect(),
            at: stated.map_or(clock, Duration::from_secs),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ResultFile {
    schema: &'static str,
    #[serde(flatten)]
    filled: BTreeMap<&'static str, String>,
    datetime: String,
    score: u64,
    max_score: u64,
    tests: Vec<Test>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Test {
    test_name: String,
    passed: bool,
    score: u64,
    max_score: u64,
    feedback: String,
}

/// Renders the file; it ends in a line end. Where a rubric gives parts of points, all points are in hundredths.
pub fn render(report: &Report, surroundings: &Surroundings) -> String {
    let found = || summary::requirements(report);
    let whole = report.score.fract() == 0.0
        && found().all(|found| found.score.fract() == 0.0 && found.max_score.fract() == 0.0);
    let scale = if whole { 1.0 } else { 100.0 };
    // Points are small and never negative.
    let points = |points: f64| (points * scale).round().max(0.0) as u64;
    // Of a submission that cannot be graded there are no verdicts, but a reason.
    let reasons = report.notes.iter().filter(|_| report.tasks.is_empty()).map(|note| Test {
        test_name: "the submission can be graded".to_owned(),
        passed: false,
        score: 0,
        max_score: 0,
        feedback: escape::lines(note).join("\n"),
    });
    let tests = found().map(|found| Test {
        test_name: name(found),
        // What was not decided is not wrong, and earns nothing.
        passed: verdict(found).unwrap_or(found.max_score == 0.0),
        score: points(found.score),
        max_score: points(found.max_score),
        feedback: text(found),
    });
    json(&ResultFile {
        schema: "classroom50/result/v1",
        filled: surroundings.filled.clone(),
        datetime: instant(surroundings.at),
        score: points(report.score),
        max_score: points(report.max_score),
        tests: reasons.chain(tests).collect(),
    })
}

/// RFC 3339, section 5.6, in UTC and whole seconds.
fn instant(since_1970: Duration) -> String {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    let at = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;

    fn surroundings() -> Surroundings {
        let filled = FILLED.iter().map(|(_, key)| (*key, format!("the {key}"))).collect();
        Surroundings { filled, at: Duration::from_secs(1_790_000_000) }
    }

    #[test]
    fn file() {
        insta::assert_snapshot!(render(&sample::full(), &surroundings()));
    }

    #[test]
    fn parts_of_points_become_hundredths() {
        let mut report = sample::passed();
        report.tasks[0].requirements[0].score = 0.5;
        report.score = 0.5;
        let read: serde_json::Value = serde_json::from_str(&render(&report, &surroundings())).expect("JSON");
        assert_eq!((read["score"].as_u64(), read["max-score"].as_u64()), (Some(50), Some(300)));
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let text = render(&sample::hostile(&text), &surroundings());
            let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(read["score"].as_u64(), Some(0));
            prop_assert_eq!(read["tests"].as_array().map(Vec::len), Some(3));
        }
    }
}
