//! `harness package`: each package is unpacked where its platform would have it, and called as the platform calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{HARNESS, fixture, folder, harness, installed, repository, run, script, stderr, stdout, write};
use rstest::rstest;
use serde_json::Value;

const TASK: &str = "uppercase-tcp";

/// A script that takes the harness's place in a package: the real one is large.
fn stand_in(folder: &Path, line: &str) -> PathBuf {
    script(folder, "stand-in", &format!("#!/bin/sh\n{line}\n"));
    folder.join("stand-in")
}

fn real(folder: &Path) -> PathBuf {
    stand_in(folder, &format!("exec '{HARNESS}' \"$@\""))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

/// Runs a command outside the harness and returns what it printed.
#[track_caller]
fn called(command: &mut Command, status: i32) -> Output {
    let output = command.output().expect("it starts");
    let said = || format!("{command:?}\n{}\n{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(status), "{}", said());
    output
}

/// A folder as Gradescope lays it out, with the package in `source`.
fn autograder(folder: &Path, with: &Path, more: &[&str]) -> PathBuf {
    let mut command = harness(folder);
    command.args(["package", "gradescope", "grader.zip", "--task", TASK, "--lang", "python"]).args(more);
    run(command.arg("--harness").arg(with), 0);
    let base = folder.join("autograder");
    let file = std::fs::File::open(folder.join("grader.zip")).expect("a zip");
    zip::ZipArchive::new(file).expect("a zip").extract(base.join("source")).expect("room");
    // The platform cares for the first script itself.
    called(Command::new("sh").arg(base.join("source/setup.sh")).env("AUTOGRADER", &base), 0);
    base
}

/// Grades what is in `submission` as Gradescope does.
fn results(base: &Path) -> Value {
    called(Command::new(base.join("source/run_autograder")).env("AUTOGRADER", base).current_dir(base), 0);
    let text = std::fs::read_to_string(base.join("results/results.json")).expect("results.json");
    serde_json::from_str(&text).expect("JSON")
}

/// What Gradescope's documentation says of the file: these keys and no others, of these types.
fn is_what_gradescope_reads(results: &Value) {
    let keys = |value: &Value, known: &[&str]| {
        for key in value.as_object().expect("an object").keys() {
            assert!(known.contains(&key.as_str()), "{key}");
        }
    };
    let top = ["score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"];
    let more = ["visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"];
    keys(results, &[&top[..], &more[..]].concat());
    assert!(results["score"].is_number() && results["output"].is_string());
    let mut sum = 0.0;
    for test in results["tests"].as_array().expect("tests") {
        let known = ["score", "max_score", "status", "name", "name_format", "number", "output", "output_format"];
        keys(test, &[&known[..], &["tags", "visibility", "extra_data"]].concat());
        assert!(test["status"].is_null() || ["passed", "failed"].contains(&test["status"].as_str().expect("text")));
        assert!(test["score"].as_f64().expect("points") <= test["max_score"].as_f64().expect("points"));
        sum += test["score"].as_f64().expect("points");
    }
    assert!((results["score"].as_f64().expect("points") - sum).abs() < 1e-9);
}

#[rstest]
#[case::good("good/python", true)]
#[case::bad("bad/swaps-case", false)]
fn gradescope_grades_what_is_handed_in(#[case] program: &str, #[case] right: bool) {
    let folder = folder();
    let base = autograder(folder.path(), &real(folder.path()), &[]);
    copy(&fixture(&format!("submissions/{TASK}/{program}")), &base.join("submission"));
    let results = results(&base);
    is_what_gradescope_reads(&results);
    let tests = results["tests"].as_array().unwrap();
    assert!(tests.len() > 5);
    assert_eq!(tests.iter().all(|test| test["status"] != "failed"), right, "{results:#}");
}

#[test]
fn gradescope_says_why_an_empty_submission_has_no_points() {
    let folder = folder();
    let base = autograder(folder.path(), &real(folder.path()), &[]);
    std::fs::create_dir(base.join("submission")).unwrap();
    let results = results(&base);
    is_what_gradescope_reads(&results);
    assert_eq!(results["score"], 0.0);
    assert!(results["output"].as_str().unwrap().contains("no program"), "{results:#}");
}

#[rstest]
#[case::could_not_finish("echo 'half of {'; exit 3")]
#[case::was_killed("[ \"$1\" = --target ] && kill -9 $$; exit 0")]
#[case::says_nothing("exit 0")]
fn a_harness_that_fails_forges_no_points(#[case] line: &str) {
    let folder = folder();
    let line = format!("case $1 in --version|doctor) exit 0;; esac; {line}");
    let base = autograder(folder.path(), &stand_in(folder.path(), &line), &[]);
    copy(&fixture(&format!("submissions/{TASK}/good/python")), &base.join("submission"));
    // What a program has left there, and a link to somewhere else, are not taken for the result.
    std::fs::create_dir(base.join("results")).unwrap();
    write(folder.path(), "elsewhere", "mine");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), base.join("results/results.json")).unwrap();
    let results = results(&base);
    is_what_gradescope_reads(&results);
    assert!(results["output"].as_str().unwrap().contains("Nothing was judged"), "{results:#}");
    assert_eq!(std::fs::read_to_string(folder.path().join("elsewhere")).unwrap(), "mine");
}

#[test]
fn a_rubric_and_own_tasks_are_packed() {
    let folder = folder();
    write(
        folder.path(),
        "points.toml",
        "name = \"spring\"\n[requirements]\n\"uppercase-tcp.letters\" = { points = 7.0 }\n",
    );
    let scenarios = repository().join("scenarios");
    copy(&scenarios.join(TASK), &folder.path().join("own").join(TASK));
    let more = ["--rubric", "points.toml", "--scenarios", "own"];
    let base = autograder(folder.path(), &real(folder.path()), &more);
    assert!(base.join("source/scenarios").join(TASK).join("task.toml").exists());
    copy(&fixture(&format!("submissions/{TASK}/bad/swaps-case")), &base.join("submission"));
    let results = results(&base);
    let letters =
        results["tests"].as_array().unwrap().iter().find(|test| test["name"].as_str().unwrap().contains("a to z"));
    assert_eq!(letters.map(|test| test["max_score"].as_f64()), Some(Some(7.0)), "{results:#}");
}

/// What an image needs is asked for; without apt, or without a network, it is said, and the rest goes on.
#[rstest]
#[case::no_apt(None, "there is no apt-get in this image")]
#[case::no_network(Some("#!/bin/sh\nexit 100\n"), "apt-get failed; is there a network?")]
#[case::apt(Some("#!/bin/sh\necho \"apt-get $*\" >>\"$AUTOGRADER/asked\"\n"), "setup: go is missing")]
fn setup_says_what_it_cannot_install(#[case] apt: Option<&str>, #[case] said: &str) {
    let folder = folder();
    let base = folder.path().join("autograder");
    let with = stand_in(folder.path(), "exit 0");
    let mut command = harness(folder.path());
    command.args(["package", "gradescope", "grader.zip", "--task", TASK, "--lang", "go", "--harness"]);
    run(command.arg(with), 0);
    let file = std::fs::File::open(folder.path().join("grader.zip")).unwrap();
    zip::ZipArchive::new(file).unwrap().extract(base.join("source")).unwrap();
    // A machine on which nothing is installed but this.
    let path = std::env::var_os("PATH").unwrap();
    for tool in ["sh", "chmod"] {
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|path| path.exists());
        let found = found.expect("a tool of every machine");
        std::fs::create_dir_all(folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(found, folder.path().join("bin").join(tool)).unwrap();
    }
    if let Some(text) = apt {
        script(folder.path(), "bin/apt-get", text);
    }
    let mut setup = Command::new("/bin/sh");
    setup.arg(base.join("source/setup.sh")).env("AUTOGRADER", &base).env("PATH", folder.path().join("bin"));
    let output = called(&mut setup, 0);
    assert!(stdout(&output).contains(said), "{}", stdout(&output));
    let asked = std::fs::read_to_string(base.join("asked")).unwrap_or_default();
    assert_eq!(asked.contains("install -y --no-install-recommends golang-go"), asked.contains("update"), "{asked}");
}

/// A repository with one commit, made at a known time; `None` where there is no git.
fn checkout(folder: &Path, files: &Path) -> Option<PathBuf> {
    if !installed("git") {
        return None;
    }
    let checkout = folder.join("checkout");
    copy(files, &checkout);
    for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "my lab"]] {
        let mut git = Command::new("git");
        git.current_dir(&checkout).args(["-c", "user.name=student", "-c", "user.email=student@example.org"]);
        git.env("GIT_COMMITTER_DATE", "2026-06-01T14:32:01Z").env("HOME", folder).args(words);
        called(&mut git, 0);
    }
    Some(checkout)
}

#[rstest]
#[case::good("good/python", true)]
#[case::bad("bad/swaps-case", false)]
fn classroom50_finds_a_result_in_the_checkout(#[case] program: &str, #[case] right: bool) {
    let folder = folder();
    let Some(checkout) = checkout(folder.path(), &fixture(&format!("submissions/{TASK}/{program}"))) else { return };
    let mut command = harness(folder.path());
    command.args(["package", "classroom50", "bundle", "--task", TASK, "--harness"]);
    run(command.arg(real(folder.path())), 0);
    // As a bundle that has gone through an archive without modes.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("bundle/harness"), mode).unwrap();
    let mut autograder = Command::new("python3");
    autograder.current_dir(&checkout).arg(folder.path().join("bundle/autograder.py"));
    let given = [
        ("CLASSROOM", "classroom", "networks"),
        ("ASSIGNMENT", "assignment", "capitals"),
        ("SUBMISSION_TAG", "submission", "submit/1"),
        ("COMMIT_URL", "commit", "https://git.example.org/commit/1"),
        ("RELEASE_URL", "release", "https://git.example.org/release/1"),
        ("REVIEW_URL", "review", "https://git.example.org/review/1"),
    ];
    autograder.envs(given.map(|(variable, _, value)| (variable, value)));
    called(&mut autograder, 0);
    let text = std::fs::read_to_string(checkout.join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["schema"], "classroom50/result/v1");
    for (_, key, value) in given {
        assert_eq!(result[key], value);
    }
    assert_eq!(result["datetime"], "2026-06-01T14:32:01Z");
    let points = |key: &str| result["tests"].as_array().unwrap().iter().map(|test| test[key].as_u64().unwrap()).sum();
    let (score, most): (u64, u64) = (points("score"), points("max-score"));
    assert_eq!((result["score"].as_u64(), result["max-score"].as_u64()), (Some(score), Some(most)));
    assert_eq!(score == most, right, "{result:#}");
}

#[test]
fn classroom50_is_told_of_a_harness_that_fails() {
    let folder = folder();
    let with = stand_in(folder.path(), "exit 3");
    let mut command = harness(folder.path());
    run(command.args(["package", "classroom50", "bundle", "--task", TASK, "--harness"]).arg(with), 0);
    std::fs::create_dir(folder.path().join("checkout")).unwrap();
    let mut autograder = Command::new("python3");
    autograder.current_dir(folder.path().join("checkout")).arg("../bundle/autograder.py");
    let output = called(&mut autograder, 1);
    assert!(stderr(&output).contains("nothing was judged"), "{}", stderr(&output));
    assert!(!folder.path().join("checkout/result.json").exists());
}

#[rstest]
#[case::good("good/python", 0, "passed")]
#[case::bad("bad/swaps-case", 1, "failed")]
fn github_grades_the_last_commit(#[case] program: &str, #[case] status: i32, #[case] word: &str) {
    let folder = folder();
    let template = folder.path().join("template");
    copy(&fixture(&format!("submissions/{TASK}/{program}")), &template);
    let mut command = harness(folder.path());
    command.args(["package", "github", "template", "--task", TASK, "--harness"]);
    run(command.arg(real(folder.path())), 0);
    assert!(template.join(".github/workflows/grade.yml").exists());
    let Some(checkout) = checkout(folder.path(), &template) else { return };
    let mut grade = Command::new("sh");
    grade.current_dir(&checkout).arg(".grader/grade");
    let summary = folder.path().join("summary.md");
    grade.env("RUNNER_TEMP", folder.path().join("runner")).env("GITHUB_STEP_SUMMARY", &summary);
    called(&mut grade, status);
    assert!(std::fs::read_to_string(summary).unwrap().contains(word));
    assert!(folder.path().join("runner/evidence/report.html").exists());
}

#[rstest]
#[case::task(&["--task", "uppercase-tpc"], "did you mean `uppercase-tcp`?")]
#[case::no_task(&[], "--task")]
#[case::rubric(&["--task", TASK, "--rubric", "nowhere.toml"], "nowhere.toml")]
#[case::harness(&["--task", TASK, "--harness", "nowhere"], "nowhere")]
#[case::model_answers(&["--task", TASK], "--no-default-features")]
#[case::model_answers_of_another(&["--task", TASK, "--harness", HARNESS], "--no-default-features")]
fn what_is_wrong_is_said(#[case] arguments: &[&str], #[case] said: &str) {
    let folder = folder();
    let output = run(harness(folder.path()).args(["package", "gradescope", "grader.zip"]).args(arguments), 2);
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
