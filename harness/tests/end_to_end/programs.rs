//! The programs of the truth table as a user meets them: listed, written into a folder, and not in what is shipped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::{HARNESS, folder, harness, repository, run, stderr, stdout};
use rstest::rstest;

#[test]
fn selftest_lists_programs_and_plays_none() {
    let folder = folder();
    let fixtures = repository().join("fixtures/submissions");
    let listed = |more: &[&str]| {
        stdout(&run(harness(folder.path()).args(["selftest", "--list", "--fixtures"]).arg(&fixtures).args(more), 0))
    };
    let all = listed(&[]);
    let last = all.lines().last().unwrap();
    assert!(last.contains("good") && last.contains("bad") && last.contains("tasks"), "{last}");
    let count = |kind: &str| all.lines().filter(|line| line.contains(kind)).count();
    assert!(count("/good/") >= 238 && count("/bad/") >= 968, "{last}");
    insta::assert_snapshot!("selftest_list", listed(&["--task", "list-interfaces"]));
}

#[test]
fn a_difference_is_written_as_a_folder() {
    let folder = folder();
    let fixtures = repository().join("fixtures/submissions");
    let mut command = harness(folder.path());
    command.args(["fixture", "message/bad/one-recv", "--out", "wrong", "--fixtures"]).arg(fixtures);
    insta::assert_snapshot!("fixture_written", stdout(&run(&mut command, 0)));
    let written = std::fs::read_to_string(folder.path().join("wrong/server.py")).unwrap();
    assert!(written.contains("out.write(connection.recv(BUFFER))"), "{written}");
    let manifest = std::fs::read_to_string(folder.path().join("wrong/submission.toml")).unwrap();
    assert!(
        manifest.contains("server =") && !manifest.contains("client ="),
        "only the server is handed in: {manifest}"
    );
    // A folder with something in it is nobody's to write over.
    assert!(stderr(&run(&mut command, 2)).contains("wrong"));
}

#[rstest]
#[case::near("message/bad/one-recw", "did you mean `message/bad/one-recv`?")]
#[case::far("zebra", "`harness selftest --list` lists them")]
fn a_program_that_there_is_not(#[case] name: &str, #[case] says: &str) {
    let folder = folder();
    let fixtures = repository().join("fixtures/submissions");
    let mut command = harness(folder.path());
    let said = stderr(&run(command.args(["fixture", name, "--out", "x", "--fixtures"]).arg(fixtures), 2));
    assert!(said.contains(says), "{said}");
}

/// The lines of a text that say something of their own: shorter ones are in every program.
fn telling(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| line.len() >= 24)
}

/// The files below a folder with this ending.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        match entry.path() {
            path if path.is_dir() => files(&path, ending, found),
            path if path.to_string_lossy().ends_with(ending) => found.push(path),
            _ => {}
        }
    }
}

/// A course platform gets the binary, and students get at what is there.
#[test]
fn the_binary_holds_no_solution() {
    let root = repository();
    let mut solutions = Vec::new();
    for task in std::fs::read_dir(root.join("fixtures/submissions")).unwrap().map(Result::unwrap) {
        let good = task.path().join("good");
        if good.is_dir() {
            files(&good, ".py", &mut solutions);
        }
    }
    // What students are given to begin with has lines in common with every solution.
    let mut given = Vec::new();
    for (folder, ending) in [("harness/src", ".py"), ("harness/src/starter", ""), ("scenarios", "")] {
        files(&root.join(folder), ending, &mut given);
    }
    let given: Vec<String> = given.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let given: BTreeSet<&str> = given.iter().flat_map(|text| telling(text)).collect();
    let texts: Vec<String> = solutions.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let lines: BTreeSet<&str> =
        texts.iter().flat_map(|text| telling(text)).filter(|line| !given.contains(line)).collect();
    assert!(lines.len() > 1000, "{}", lines.len());
    let binary = std::fs::read(HARNESS).unwrap();
    let shipped: BTreeSet<&str> = binary
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() < 300)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .flat_map(telling)
        .collect();
    // The search finds what is there.
    assert!(given.iter().any(|line| shipped.contains(line)));
    let held: Vec<&&str> = lines.iter().filter(|line| shipped.contains(*line)).collect();
    assert_eq!(held, Vec::<&&str>::new());
}
