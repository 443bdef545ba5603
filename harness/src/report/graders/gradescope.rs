//! `results.json` of a Gradescope autograder (its documentation, "Autograder specifications").

use serde::Serialize;

use super::{json, name, text, verdict};
use crate::report::model::Report;
use crate::report::{escape, summary};

#[derive(Serialize)]
struct Results {
    score: f64,
    /// Seconds.
    execution_time: f64,
    output: String,
    output_format: &'static str,
    test_output_format: &'static str,
    stdout_visibility: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    number: String,
    name: String,
    score: f64,
    max_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    visibility: &'static str,
    tags: [String; 2],
    output: String,
}

/// Renders the file; it ends in a line end.
pub fn render(report: &Report) -> String {
    let mut tests = Vec::new();
    for (task, numbered) in report.tasks.iter().zip(1..) {
        for (found, number) in task.requirements.iter().zip(1..) {
            tests.push(Test {
                number: format!("{numbered}.{number}"),
                name: name(found),
                score: found.score,
                max_score: found.max_score,
                status: verdict(found).map(|right| if right { "passed" } else { "failed" }),
                visibility: "visible",
                tags: [escape::line(&task.id), summary::level(found.level).to_owned()],
                output: text(found),
            });
        }
    }
    // The platform counts it, and shows students neither it nor the sum.
    if let Some(held) = report.held_back {
        tests.push(Test {
            number: (report.tasks.len() + 1).to_string(),
            name: "held back".to_owned(),
            score: held.score,
            max_score: held.max_score,
            status: None,
            visibility: "hidden",
            tags: ["held-back".to_owned(), "hidden".to_owned()],
            output: String::new(),
        });
    }
    let notes = report.remarks().map(|note| escape::lines(&note).join("\n"));
    json(&Results {
        score: report.score + report.held_back.map_or(0.0, |held| held.score),
        execution_time: report.duration_ms as f64 / 1000.0,
        output: [summary::headline(report).text()].into_iter().chain(notes).collect::<Vec<_>>().join("\n"),
        output_format: "text",
        test_output_format: "text",
        // What the harness prints besides is for the staff.
        stdout_visibility: "hidden",
        tests,
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
    fn a_line_of_the_student_is_named() {
        insta::assert_snapshot!("stopped", render(&sample::stopped()));
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let report = sample::hostile(&text);
            let read: serde_json::Value = serde_json::from_str(&render(&report)).expect("JSON");
            let tests = read["tests"].as_array().expect("a list");
            prop_assert_eq!(tests.len(), 3);
            prop_assert_eq!(&read["score"], &serde_json::json!(0.0));
            for test in tests {
                let output = test["output"].as_str().expect("text");
                prop_assert!(!output.contains(|c: char| c != '\n' && escape::acts(c)), "{output}");
            }
        }
    }
}
