//! `results.json` of a PrairieLearn external grader (its documentation, "External grading").

use serde::Serialize;

use super::{json, name, text};
use crate::report::escape;
use crate::report::model::Report;
use crate::report::model::Verdict;
use crate::report::summary;

#[derive(Serialize)]
struct Results {
    gradable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    format_errors: Vec<String>,
    /// From 0 to 1.
    score: f64,
    message: String,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    description: &'static str,
    points: f64,
    max_points: f64,
    message: &'static str,
    output: String,
}

/// Renders the file; it ends in a line end.
pub fn render(report: &Report) -> String {
    let headline = summary::headline(report);
    let gradable = !report.tasks.is_empty() && headline.verdict != Verdict::NotGradable;
    let notes = report.remarks().map(|note| escape::lines(&note).join("\n"));
    let tests = summary::requirements(report).map(|found| Test {
        name: name(found),
        description: summary::level(found.level),
        points: found.score,
        max_points: found.max_score,
        message: found.status.as_str(),
        output: text(found),
    });
    json(&Results {
        gradable,
        format_errors: if gradable { Vec::new() } else { [headline.text()].into_iter().chain(notes).collect() },
        score: if report.max_score > 0.0 { report.score / report.max_score } else { 0.0 },
        message: headline.text(),
        tests: tests.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn file() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    #[test]
    fn fits_into_a_megabyte() {
        let mut report = sample::hostile(&"x\n".repeat(5_000));
        let failed = report.tasks[0].requirements[0].clone();
        report.tasks[0].requirements.extend(std::iter::repeat_n(failed, 40));
        assert!(render(&report).len() < 1_000_000);
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let read: serde_json::Value = serde_json::from_str(&render(&sample::hostile(&text))).expect("JSON");
            prop_assert_eq!(&read["score"], &serde_json::json!(0.0));
            let tests = read["tests"].as_array().expect("a list");
            prop_assert_eq!(tests.len(), 3);
            let output = tests[0]["output"].as_str().expect("text");
            prop_assert!(!output.contains(|c: char| c != '\n' && escape::acts(c)), "{output}");
        }
    }
}
