//! JUnit XML: a suite per task, a case per requirement.
//!
//! `skip` and `not-gradable` become `skipped`, `harness-error` becomes `error`. A
//! may-requirement that does not hold is a passed case with a note in its output: it costs
//! no points, and a CI service would turn the whole run red for it. No timestamps and no
//! random ids: the same report gives the same file.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::model::{Report, RequirementReport, RunReport, Status, TaskReport};
use super::style::Style;
use super::{escape, failure, prose, summary};
use harness_language::catalogue::model::Level;

/// Renders the document; it ends in a line end.
pub fn render(report: &Report) -> String {
    let mut document = Document::new("harness");
    document.set_time(Duration::from_millis(report.duration_ms));
    for task in &report.tasks {
        document.add_test_suite(suite(task, report));
    }
    // Writing to memory cannot fail.
    let mut text = document.to_string().expect("XML in memory");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn suite(task: &TaskReport, report: &Report) -> TestSuite {
    let mut suite = TestSuite::new(escape::line(&task.id));
    suite.set_time(time(task.requirements.iter().flat_map(|found| &found.runs)));
    suite.add_properties([
        property("title", &prose::one_line(&task.title)),
        property("status", task.status.as_str()),
        property("points", &fraction(task.score, task.max_score)),
        property("backend", &report.backend),
        property("seed", &report.seed.to_string()),
    ]);
    suite.add_test_cases(task.requirements.iter().map(|found| case(found, task)));
    suite
}

fn case(found: &RequirementReport, task: &TaskReport) -> TestCase {
    let mut case = TestCase::new(escape::line(&found.id), status(found));
    case.set_classname(escape::line(&task.id));
    case.set_time(time(found.runs.iter()));
    case.add_properties([
        property("title", &prose::one_line(&found.title)),
        property("level", summary::level(found.level)),
        property("status", found.status.as_str()),
        property("points", &fraction(found.score, found.max_score)),
    ]);
    // As pytest writes them, and platforms that annotate a change read them.
    if let Some(at) = summary::place(found) {
        case.extra.insert("file".into(), escape::line(&at.file).into());
        case.extra.insert("line".into(), at.line.to_string().into());
    }
    let mut output = Vec::new();
    if costs_nothing(found) {
        output.push(explanation(found));
    }
    for finding in found.runs.iter().flat_map(|run| &run.findings) {
        let line = format!("finding: {}", escape::line(finding));
        if !output.contains(&line) {
            output.push(line);
        }
    }
    if !output.is_empty() {
        case.set_system_out(output.join("\n"));
    }
    case
}

fn status(found: &RequirementReport) -> TestCaseStatus {
    match found.status {
        Status::Pass => TestCaseStatus::success(),
        Status::Fail if costs_nothing(found) => TestCaseStatus::success(),
        Status::Fail => {
            let reason = summary::telling_run(found).map(RunReport::told);
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(escape::line(&reason.unwrap_or_default()));
            status.set_type(summary::level(found.level));
            status.set_description(explanation(found));
            status
        }
        Status::HarnessError => {
            let reason = summary::undecided_reason(found);
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(escape::line(&reason));
            status.set_type(found.status.as_str());
            status.set_description(escape::lines(&reason).join("\n"));
            status
        }
        Status::Skip | Status::NotGradable => {
            let reason = summary::undecided_reason(found);
            let mut status = TestCaseStatus::skipped();
            status.set_message(escape::line(&reason));
            status.set_type(found.status.as_str());
            status
        }
    }
}

fn costs_nothing(found: &RequirementReport) -> bool {
    found.level == Level::May && found.status == Status::Fail
}

fn explanation(found: &RequirementReport) -> String {
    failure::paragraph(found, Style::default().plain())
}

fn property(name: &str, value: &str) -> Property {
    Property::new(name, escape::line(value))
}

/// "0/3", also where nothing could be earned.
fn fraction(score: f64, max_score: f64) -> String {
    format!("{}/{}", summary::points(score), summary::points(max_score))
}

fn time<'a>(runs: impl Iterator<Item = &'a RunReport>) -> Duration {
    Duration::from_millis(runs.map(|run| run.duration_ms).sum())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, hostile_text};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn document() {
        insta::assert_snapshot!(render(&sample::full()));
    }

    #[test]
    fn a_line_of_the_student_is_named() {
        insta::assert_snapshot!("stopped", render(&sample::stopped()));
    }

    #[test]
    fn a_program_cannot_write_markup() {
        let xml = render(&sample::hostile("]]></failure></testcase><testcase name=\"x\"/>"));
        assert_eq!(xml.matches("<testcase").count(), 3, "{xml}");
        assert!(!xml.contains("]]>"), "{xml}");
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let xml = render(&sample::hostile(&text));
            prop_assert!(!xml.contains(|c: char| c != '\n' && escape::acts(c)), "{xml}");
            let read = Document::deserialize_from_str(&xml);
            prop_assert_eq!(read.map(|document| document.tests).ok(), Some(3), "{}", xml);
        }
    }
}
