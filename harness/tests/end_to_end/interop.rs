//! `harness interop`, end to end: sound and unsound programs of fixtures, and two conventions that do not fit together.

use std::path::{Path, PathBuf};

use crate::common::{array, fixture, folder, harness, run, stderr, stdout, write};
use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A fixture as a student hands it in, without what is expected of it.
fn hand_in(class: &Path, student: &str, program: &str) {
    let own = class.join(student);
    std::fs::create_dir_all(&own).expect("a folder");
    for entry in std::fs::read_dir(fixture(&format!("submissions/{program}"))).expect("a fixture").flatten() {
        if entry.file_name() != "expected.toml" {
            std::fs::copy(entry.path(), own.join(entry.file_name())).expect("a copy");
        }
    }
}

/// A client that sends the bare sentence, and a server that answers whole lines: each is right, and they do not fit.
fn conventions(class: &Path) {
    write(
        class,
        "bare/client.py",
        "import socket, sys\n\
         server = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n\
         sentence = input().encode()\n\
         server.sendall(sentence)\n\
         reply = b''\n\
         while len(reply) < len(sentence):\n    \
             piece = server.recv(4096)\n    \
             if not piece:\n        \
                 break\n    \
             reply += piece\n\
         print(reply.decode().rstrip('\\n'))\n\
         server.close()\n",
    );
    write(class, "bare/submission.toml", "[uppercase-tcp]\nclient = \"python3 client.py {host} {port}\"\n");
    write(
        class,
        "lines/server.py",
        "import socket, sys\n\
         listener = socket.create_server(('', int(sys.argv[1])))\n\
         while True:\n    \
             connection, _ = listener.accept()\n    \
             for line in connection.makefile('rb'):\n        \
                 connection.sendall(line.upper())\n    \
             connection.close()\n",
    );
    write(class, "lines/submission.toml", "[uppercase-tcp]\nserver = \"python3 server.py {port}\"\n");
}

/// A class of Python: a sound submission, a server with a mistake, a client with one, two conventions, and something that
/// is no program.
fn class() -> TempDir {
    let class = folder();
    hand_in(class.path(), "ada", "uppercase-tcp/good/python");
    hand_in(class.path(), "bob", "uppercase-tcp/bad/first-letter-only");
    write(
        class.path(),
        "carl/client.py",
        "import socket, sys\n\
         server = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n\
         server.sendall(input().encode() + b'\\n')\n\
         print(server.recv(10).decode())\n",
    );
    write(class.path(), "carl/submission.toml", "[uppercase-tcp]\nclient = \"python3 client.py {host} {port}\"\n");
    conventions(class.path());
    write(class.path(), "nobody/notes.txt", "I was ill\n");
    class
}

fn interop(arguments: &[&Path]) -> Command {
    let mut command = harness(arguments[0].parent().expect("a folder above"));
    // Every pair starts programs, on a machine that may be busy.
    command.timeout(crate::common::BOUND * 5).arg("interop").args(arguments).env("COLUMNS", "80");
    command
}

fn pair<'r>(task: &'r Value, client: &str, server: &str) -> &'r Value {
    let found = array(&task["pairs"]).iter().find(|it| it["client"] == client && it["server"] == server);
    found.unwrap_or_else(|| panic!("{client} with {server}: {task}"))
}

fn json(command: &mut Command, status: i32) -> Value {
    serde_json::from_str(&stdout(&run(command.args(["--format", "json"]), status))).expect("JSON")
}

/// Whether runs are the same each time here.
fn simulated() -> bool {
    let there = crate::common::doctor().contains("virtual time: yes");
    if !there {
        crate::common::skipped("no simulated network here");
    }
    there
}

#[test]
fn the_matrix_says_at_whose_side_it_is() {
    let class = class();
    let out = class.path().join("out");
    let result = json(interop(&[class.path()]).args(["--task", "uppercase-tcp", "--out"]).arg(&out), 1);
    let [task] = array(&result["tasks"]).as_slice() else { panic!("{result}") };
    let came = |client: &str, server: &str| {
        let pair = pair(task, client, server);
        (pair["status"].as_str().unwrap_or_default().to_owned(), pair["fault"].as_str().unwrap_or_default().to_owned())
    };
    let expected = [
        ("reference", "reference", "ok", ""),
        ("ada", "ada", "ok", ""),
        ("ada", "reference", "ok", ""),
        ("reference", "bob", "fail", "server"),
        ("ada", "bob", "fail", "server"),
        ("carl", "reference", "fail", "client"),
        ("carl", "ada", "fail", "client"),
        ("carl", "bob", "fail", "both"),
        ("bare", "reference", "ok", ""),
        ("reference", "lines", "ok", ""),
        ("bare", "lines", "fail", "convention"),
        ("ada", "lines", "ok", ""),
    ];
    for (client, server, status, fault) in expected {
        assert_eq!(came(client, server), (status.to_owned(), fault.to_owned()), "{client} with {server}");
    }
    let [one] = array(&task["disagreements"]).as_slice() else { panic!("{task}") };
    assert_eq!((&one["clients"], &one["servers"]), (&serde_json::json!(["bare"]), &serde_json::json!(["lines"])));
    let words = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    assert!(words("client-does").contains("no newline"), "{one}");
    assert!(words("server-does").contains("waits for a newline"), "{one}");
    if result["backend"] == "sim" {
        let text = &one["together"]["there"]["text"];
        assert_eq!(text, "\"abcdefghijklmnopqrstuvwxyz\"");
        assert_eq!(one["together"]["back"]["length"], 0);
        assert_eq!(one["client-with-reference"]["back"]["text"], "\"ABCDEFGHIJKLMNOPQRSTUVWXYZ\"");
        assert_eq!(one["server-with-reference"]["back"]["last-bytes"], "58 59 5a 0a");
    }
    let out_of = |name: &str| std::fs::read_to_string(out.join(name)).expect("written");
    assert!(out_of("interop.md").contains("| 1 `ada` |"), "{}", out_of("interop.md"));
    assert_eq!(serde_json::from_str::<Value>(&out_of("interop.json")).expect("JSON"), result);
    let schema = stdout(&run(harness(&out).args(["schema", "interop"]), 0));
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(crate::common::conformance::violations(&schema, &result), Vec::<String>::new());
    let left: Vec<&Value> = array(&result["left-out"]).iter().map(|it| &it["name"]).collect();
    assert_eq!(left, ["nobody"]);
}

#[test]
fn it_reads_like_this() {
    if !simulated() {
        return;
    }
    let class = class();
    let text = stdout(&run(interop(&[class.path()]).args(["--task", "uppercase-tcp"]), 1));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_order_of_the_runs_changes_nothing() {
    if !simulated() {
        return;
    }
    let class = class();
    let with = |jobs: &str| {
        let tasks = ["--task", "uppercase-tcp", "--jobs", jobs];
        stdout(&run(interop(&[class.path()]).args(tasks).args(["--format", "json"]), 1))
    };
    assert_eq!(with("1"), with("4"));
}

#[test]
fn sound_programs_of_two_languages_work_together() {
    if !crate::common::installed("gcc") {
        return;
    }
    let paths: Vec<PathBuf> = ["uppercase-udp", "message"]
        .iter()
        .flat_map(|task| ["python", "c"].map(|language| fixture(&format!("submissions/{task}/good/{language}"))))
        .collect();
    for two in paths.chunks(2) {
        let result = json(&mut interop(&[&two[0], &two[1]]), 0);
        assert_eq!(result["all-work"], true, "{result}");
        let [task] = array(&result["tasks"]).as_slice() else { panic!("{result}") };
        assert_eq!(array(&task["pairs"]).len(), 9, "{task}");
    }
}

#[test]
fn a_language_of_its_own_is_nobodys_fault() {
    let (own, python) = (fixture("submissions/message/good/length-header"), fixture("submissions/message/good/python"));
    let result = json(&mut interop(&[&own, &python]), 1);
    let [task] = array(&result["tasks"]).as_slice() else { panic!("{result}") };
    assert_eq!(pair(task, "length-header", "length-header")["status"], "ok");
    let failed: Vec<&Value> = array(&task["pairs"]).iter().filter(|it| it["status"] == "fail").collect();
    assert!(!failed.is_empty(), "{task}");
    for pair in failed {
        assert_eq!(pair["fault"], "convention", "{pair}");
    }
}

#[test]
fn addresses_that_are_built_in_are_met() {
    let good = |name: &str| fixture(&format!("submissions/message/good/{name}"));
    let all = ["python", "address-built-in", "port-built-in"].map(good);
    let result = json(interop(&all.each_ref().map(PathBuf::as_path)).args(["--task", "message"]), 1);
    let [task] = array(&result["tasks"]).as_slice() else { panic!("{result}") };
    for (client, server) in
        [("address-built-in", "reference"), ("address-built-in", "python"), ("python", "port-built-in")]
    {
        assert_eq!(pair(task, client, server)["status"], "ok", "{task}");
    }
    // One goes to 12000 whatever it is told, the other waits at 5000: neither is at fault.
    assert_eq!(pair(task, "address-built-in", "port-built-in")["fault"], "convention", "{task}");
    let [one] = array(&task["disagreements"]).as_slice() else { panic!("{task}") };
    let words = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    assert!(words("client-does").contains("12000") && words("server-does").contains("5000"), "{one}");
}

#[test]
fn what_cannot_be_played_is_said() {
    let class = folder();
    write(class.path(), "nobody/notes.txt", "I was ill\n");
    let output = run(&mut interop(&[class.path()]), 4);
    assert!(stderr(&output).contains("nobody: "), "{}", stderr(&output));
    let output = run(&mut interop(&[&class.path().join("nowhere")]), 2);
    assert!(stderr(&output).contains("there is no such file or folder"), "{}", stderr(&output));
    run(interop(&[class.path()]).args(["--task", "upercase-tcp"]), 2);
}
