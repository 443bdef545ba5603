//! Reports as other programs read them: each format of a real grading is taken in by what it is made for, or by an
//! independent reader of the same format.

use crate::common::{fixture, folder, harness, installed, run, stdout};
use rstest::rstest;
use serde_json::Value;

/// The small server with two mistakes, graded for three requirements: two fail, one holds.
fn graded(format: &str) -> String {
    let folder = folder();
    let mut command = harness(folder.path());
    command.arg("--target").arg(fixture("student-bin")).args(["--task", "message", "--format", format]);
    for requirement in ["prints-exactly", "twenty-kb", "queues"] {
        command.args(["--requirement", &format!("message.{requirement}")]);
    }
    stdout(&run(&mut command, 1))
}

#[test]
fn gradescope_has_points_for_each_requirement() {
    let results: Value = serde_json::from_str(&graded("gradescope")).unwrap();
    let tests = results["tests"].as_array().unwrap();
    let sum: f64 = tests.iter().map(|test| test["score"].as_f64().unwrap()).sum();
    assert_eq!((tests.len(), results["score"].as_f64()), (3, Some(sum)));
    let failed: Vec<&Value> = tests.iter().filter(|test| test["status"] == "failed").collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|test| test["output"].as_str().unwrap().contains("expected")));
}

#[test]
fn classroom50_has_whole_points() {
    let result: Value = serde_json::from_str(&graded("classroom50")).unwrap();
    assert_eq!(result["schema"], "classroom50/result/v1");
    let points = |key: &str| result["tests"].as_array().unwrap().iter().map(|test| test[key].as_u64().unwrap()).sum();
    assert_eq!(
        (result["score"].as_u64(), result["max-score"].as_u64()),
        (Some(points("score")), Some(points("max-score")))
    );
}

#[test]
fn prairielearn_has_a_share() {
    let results: Value = serde_json::from_str(&graded("prairielearn")).unwrap();
    assert_eq!(results["gradable"], true);
    let score = results["score"].as_f64().unwrap();
    assert!((score - 3.0 / 9.0).abs() < 1e-9, "{score}");
}

#[rstest]
#[case::gradescope("gradescope", &["score", "output"])]
#[case::classroom50("classroom50", &["score", "tests"])]
#[case::prairielearn("prairielearn", &["score", "format_errors"])]
fn a_platform_is_told_why_nothing_can_be_graded(#[case] format: &str, #[case] keys: &[&str; 2]) {
    let folder = folder();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let output = run(harness(folder.path()).args(["--target", "empty", "--format", format]), 4);
    let results: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(results[keys[0]].as_f64(), Some(0.0));
    assert!(results[keys[1]].to_string().contains("no program of any task was found"), "{results}");
}

/// Readers of the standard library of Python; each prints how many passed and how many failed.
const READERS: [(&str, &str); 2] = [
    (
        "junit",
        "import sys, xml.etree.ElementTree as tree\n\
         cases = list(tree.fromstring(sys.stdin.read()).iter('testcase'))\n\
         failed = sum(case.find('failure') is not None for case in cases)\n\
         print(len(cases) - failed, failed)",
    ),
    (
        "csv",
        "import csv, sys\n\
         status = [line['status'] for line in csv.DictReader(sys.stdin)]\n\
         print(status.count('pass'), status.count('fail'))",
    ),
];

#[test]
fn independent_readers_count_the_same() {
    if !installed("python3") {
        return;
    }
    for (format, reader) in READERS {
        let mut python = assert_cmd::Command::new("python3");
        python.args(["-c", reader]).write_stdin(graded(format));
        assert_eq!(stdout(&run(&mut python, 0)).trim(), "1 2", "{format}");
    }
}

#[test]
fn tap_counts_its_points() {
    let tap = graded("tap");
    assert!(tap.starts_with("TAP version 13\n"), "{tap}");
    assert!(tap.contains("\n1..3\n"), "{tap}");
    assert_eq!((tap.matches("\nok ").count(), tap.matches("\nnot ok ").count()), (1, 2), "{tap}");
}

/// The first line of a file that holds this, from 1.
fn text_line(file: &std::path::Path, text: &str) -> usize {
    let source = std::fs::read_to_string(file).expect("a source");
    1 + source.lines().position(|line| line.contains(text)).expect("such a line")
}

#[test]
fn github_gets_annotations_and_a_step_summary() {
    let folder = folder();
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let mut command = harness(folder.path());
    command.arg("--target").arg(fixture("student-bin")).args(["--task", "message", "--format", "github"]);
    command.args(["--requirement", "message.twenty-kb"]).env("GITHUB_STEP_SUMMARY", &summary);
    let commands = stdout(&run(&mut command, 1));
    let line = text_line(&fixture("student-bin"), "conn.recv(");
    let wanted = format!("::error file=student-bin,line={line},title=message.twenty-kb (must)::");
    assert!(commands.starts_with(&wanted), "{commands}");
    assert!(commands.lines().all(|line| line.starts_with("::")), "{commands}");
    let written = std::fs::read_to_string(&summary).unwrap();
    assert!(written.starts_with("before\n**`message`: ") && written.contains("`message.twenty-kb`"), "{written}");
}
