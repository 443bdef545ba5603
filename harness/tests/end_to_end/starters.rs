//! `harness new`: every starter is one that `check` takes; starters build, run, and fail honestly.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{folder, harness, installed, run, stderr, stdout};
use harness::starter::{self, Language};
use harness::submission::manifest::Manifest;
use harness_language::catalogue::Catalogue;
use harness_language::catalogue::model::Level;
use harness_language::scenario::problem::Source;
use predicates::prelude::*;
use rstest::rstest;
use serde_json::Value;

/// Must-requirements that hold as soon as a program takes its address, opens its socket and says what went wrong: no
/// work of the student's is in them. To a program that waits for a service, connecting is half of the task.
const OPENING: [&str; 5] = [".common-bind-error", ".common-no-server", ".cli-address", ".already-up", ".tells"];

#[test]
fn every_manifest_is_one_that_the_harness_takes() {
    let catalogue = Catalogue::built_in().expect("the catalogue");
    assert_eq!(catalogue.tasks.len(), 32);
    for task in &catalogue.tasks {
        for language in Language::ALL {
            let files = starter::files(task, language, false);
            let name = format!("{}/{}/submission.toml", task.id(), language.name());
            let source = Source::new(name.clone(), files["submission.toml"].clone());
            let manifest = Manifest::read(&source, &catalogue).unwrap_or_else(|problems| {
                panic!("{}", problems.render(false));
            });
            let commands = &manifest.tasks[task.id()];
            for role in &task.file.roles {
                assert!(commands.contains_key(&role.name), "{name}: {}", role.name);
                assert!(files.contains_key(&language.source(&role.name)), "{name}: {}", role.name);
            }
        }
    }
}

/// A starter in a folder.
fn written(task: &str, language: &str, folder: &Path) {
    let output = run(harness(folder).args(["new", task, "--lang", language, "starter"]), 0);
    assert!(stdout(&output).contains("next: read starter/README.md"), "{}", stdout(&output));
    run(harness(folder).args(["check", "starter"]), 0);
}

/// Grades a starter: it fails, its programs were met, and no `must` is passed that is work.
fn fails_honestly(task: &str, folder: &Path, requirements: &[&str]) {
    let mut command = harness(folder);
    command.args(["--target", "starter", "--format", "json", "--no-progress", "--timeout", "10m"]);
    for requirement in requirements {
        command.args(["--requirement", &format!("{task}.{requirement}")]);
    }
    let output = run(&mut command, 1);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["tasks"][0]["status"], "fail", "{}", stderr(&output));
    let mut failed = 0;
    for found in report["tasks"][0]["requirements"].as_array().expect("requirements") {
        let (id, status) = (found["id"].as_str().expect("an id"), found["status"].as_str().expect("a status"));
        assert!(["pass", "fail", "skip"].contains(&status), "{id}: {status}: {found:#}");
        let opening = OPENING.iter().any(|known| id.ends_with(known));
        assert!(found["level"] != "must" || status != "pass" || opening, "{id} passes, and nothing was done for it");
        failed += u32::from(status == "fail");
    }
    assert!(failed > 0);
}

/// Whether this build has the task's peers.
fn is_in_this_build(task: &str) -> bool {
    let is_lacking = task == "ssh-stats" && cfg!(not(feature = "ssh"));
    !is_lacking && (task != "mysql-students" || cfg!(feature = "mysql"))
}

#[rstest]
fn every_starter_in_python_fails(
    #[values(
        "calc-select",
        "calc-single",
        "calc-threads",
        "chat-direct",
        "chat-room",
        "dual-stack",
        "echo-commands",
        "echo-select",
        "ftp-upload",
        "list-interfaces",
        "mail-archive",
        "mail-attach",
        "mail-client",
        "mail-read-imap",
        "mail-read-pop3",
        "mail-server",
        "mail-tls",
        "message",
        "mx-lookup",
        "mysql-students",
        "password",
        "port-forward",
        "ssh-stats",
        "udp-pinger",
        "uppercase-tcp",
        "uppercase-udp",
        "wait-for-service",
        "web-proxy",
        "web-server",
        "web-text",
        "xmlrpc-auth",
        "xmlrpc-server"
    )]
    task: &str,
) {
    if !is_in_this_build(task) {
        eprintln!("skipped: this build has no peer for {task}");
        return;
    }
    let folder = folder();
    written(task, "python", folder.path());
    let catalogue = Catalogue::built_in().expect("the catalogue");
    let all = &catalogue.task(task).expect("a task").file.requirements;
    let musts: Vec<&str> = all.iter().filter(|it| it.level == Level::Must).map(|it| it.id.as_str()).collect();
    fails_honestly(task, folder.path(), &musts);
}

#[rstest]
fn starters_build_and_fail_in_every_language(
    #[values("c", "java", "go", "rust", "node")] language: &str,
    #[values(
        ("uppercase-tcp", "letters"),
        ("udp-pinger", "ten"),
        ("port-forward", "both-ways"),
        ("mx-lookup", "order")
    )]
    case: (&str, &str),
) {
    let tools: &[&str] = match language {
        "c" => &["cc", "make"],
        "java" => &["javac", "java"],
        "go" => &["go"],
        "rust" => &["rustc", "make"],
        _ => &["node"],
    };
    if let Some(missing) = tools.iter().find(|tool| !installed(tool)) {
        eprintln!("skipped: {missing} is not installed");
        return;
    }
    let folder = folder();
    written(case.0, language, folder.path());
    fails_honestly(case.0, folder.path(), &[case.1]);
}

/// Flags, many words, none: the forms that arguments have.
#[rstest]
#[case("c", "chat-direct", "routed")]
#[case("c", "mail-attach", "attachment")]
#[case("c", "list-interfaces", "names")]
fn starters_take_their_arguments_in_every_form(#[case] language: &str, #[case] task: &str, #[case] requirement: &str) {
    if !["cc", "make"].into_iter().all(installed) {
        return;
    }
    let folder = folder();
    written(task, language, folder.path());
    fails_honestly(task, folder.path(), &[requirement]);
}

#[rstest]
#[case::task(&["new", "uppercase-tpc", "--lang", "c", "new"], "did you mean `uppercase-tcp`?")]
#[case::language(&["new", "message", "--lang", "pyton", "new"], "python")]
#[case::full_folder(&["new", "message", "--lang", "c", "full"], "full: there is something already")]
#[case::a_file(&["new", "message", "--lang", "c", "full/notes.txt"], "there is something already")]
fn what_is_wrong_is_said(#[case] arguments: &[&str], #[case] said: &'static str) {
    let folder = folder();
    crate::common::write(folder.path(), "full/notes.txt", "mine");
    let assert = harness(folder.path()).args(arguments).assert();
    assert.code(2).stderr(predicate::str::contains(said));
    let left: BTreeSet<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
