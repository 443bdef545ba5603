//! Folders as they are handed in, without a manifest: who is graded, who is not, and what is said about it.

use std::path::Path;

use crate::common::{fixture, folder, harness, installed, report, run, stderr, write};
use serde_json::Value;

/// The good Python programs of these tasks in one folder, under names that say nothing.
fn neutral(folder: &Path, programs: &[&str]) {
    for (index, program) in programs.iter().enumerate() {
        let (task, file) = program.split_once('/').expect("task/file");
        let from = fixture(&format!("submissions/{task}/good/python")).join(file);
        std::fs::copy(from, folder.join(format!("q{:02}.py", index + 1))).expect("a copy");
    }
}

fn cast(json: &Value) -> Vec<String> {
    let chosen = json["cast"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    chosen.iter().map(|it| format!("{} {} {}", text(&it["task"]), text(&it["role"]), text(&it["file"]))).collect()
}

#[test]
fn names_that_say_nothing_are_told_apart_by_what_the_programs_do() {
    let folder = folder();
    let home = folder.path().join("lab");
    std::fs::create_dir(&home).unwrap();
    neutral(&home, &["message/client.py", "uppercase-udp/server.py", "message/server.py", "calc-single/server.py"]);
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "message", "--requirement", "message.twenty-kb", "--format", "json"]);
    let json = report(&mut command, 0);
    assert_eq!(cast(&json), ["message client q01.py", "message server q03.py"]);
    let unused: Vec<&str> = json["unused"].as_array().unwrap().iter().filter_map(|it| it["file"].as_str()).collect();
    assert_eq!(unused, ["q02.py", "q04.py"]);
}

#[test]
fn what_stands_alike_is_asked_and_the_lines_work() {
    let folder = folder();
    let home = folder.path().join("lab");
    for part in ["one", "two"] {
        std::fs::create_dir_all(home.join(part)).unwrap();
        std::fs::copy(fixture("submissions/web-text/good/python/server.py"), home.join(part).join("server.py"))
            .unwrap();
    }
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "web-text", "--requirement", "web-text.one-line"]);
    let said = stderr(&run(&mut command, 4));
    assert!(said.contains("which program is the server of web-text?"), "{said}");
    assert!(said.contains("one/server.py: ") && said.contains("two/server.py: "), "{said}");
    let (_, lines) = said.split_once("say so in submission.toml:\n").expect("lines to paste");
    let lines: Vec<&str> = lines.lines().take_while(|line| line.starts_with("  ")).collect();
    write(&home, "submission.toml", &lines.join("\n"));
    run(&mut command, 0);
}

#[test]
fn a_server_is_graded_though_its_client_does_not_compile() {
    if !installed("cc") {
        return;
    }
    let folder = folder();
    let home = folder.path().join("lab");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(fixture("submissions/message/good/c/server.c"), home.join("server.c")).unwrap();
    write(&home, "client.c", "int main(void) {\n    return missing;\n}\n");
    // What lies there is older than the source, and does nothing.
    write(&home, "server", "#!/bin/sh\nexit 3\n");
    let mut command = harness(folder.path());
    command.args(["--target", "lab", "--task", "message", "--requirement", "message.twenty-kb"]);
    let output = run(&mut command, 0);
    let page = crate::common::stdout(&output);
    let first = page.lines().next().unwrap_or_default();
    assert!(first.contains("half a submission: no client of message"), "{page}");
    assert!(page.contains("client.c does not compile: client.c:2:12: error:"), "{page}");
    // And by itself.
    let mut lone = harness(folder.path());
    lone.args(["--target", "lab/server.c", "--task", "message", "--requirement", "message.twenty-kb"]);
    run(&mut lone, 0);
}
