//! The commands beside `grade`: what they print and how they end.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::common::{HARNESS, fixture, folder, harness, report, repository, run, stderr, stdout, wait_until};
use rstest::rstest;
use serde_json::Value;

/// The good Python submission of `message`.
const GOOD: &str = "submissions/message/good/python";

#[test]
fn list_names_tasks_and_requirements() {
    let folder = folder();
    let tasks = stdout(&run(harness(folder.path()).arg("list"), 0));
    let named: Vec<&str> =
        tasks.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()).collect();
    assert!(named.starts_with(&["message", "uppercase-tcp", "uppercase-udp"]), "{tasks}");
    for task in &named {
        let listed = stdout(&run(harness(folder.path()).args(["list", task]), 0));
        let requirements = listed.lines().filter(|line| line.starts_with(&format!("{task}."))).count();
        assert!(tasks.contains(&format!("{requirements} requirements")), "{task}: {requirements}\n{tasks}");
    }
}

#[test]
fn explain_teaches() {
    let folder = folder();
    let said = stdout(&run(harness(folder.path()).args(["explain", "message.twenty-kb"]), 0));
    insta::assert_snapshot!("explain_requirement", said);
    // A task is explained by its handout.
    let said = stdout(&run(harness(folder.path()).args(["explain", "message"]), 0));
    let handout = std::fs::read_to_string(repository().join("scenarios/message/handout.md")).unwrap();
    let heading = handout.lines().next().unwrap();
    assert!(heading.starts_with("# ") && said.contains(heading.trim_start_matches("# ")), "{said}");
}

#[test]
fn doctor_says_what_this_machine_can_do() {
    let said = crate::common::doctor();
    for says in ["wire ", "turmoil ", "sim ", "(pidfd_getfd): ", "packet captures:", "Python   yes"] {
        assert!(said.contains(says), "no `{says}` in\n{said}");
    }
}

#[rstest]
#[case("scenario", "steps")]
#[case("opening", "steps")]
#[case("task", "requirements")]
#[case("submission", "")]
#[case("rubric", "requirements")]
#[case("report", "tasks")]
#[case("interop", "tasks")]
fn every_schema_is_json(#[case] kind: &str, #[case] property: &str) {
    let folder = folder();
    let schema: Value = report(harness(folder.path()).args(["schema", kind]), 0);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(property.is_empty() || schema["properties"].get(property).is_some(), "{schema}");
}

#[test]
fn the_catalogue_on_disk_is_sound() {
    let folder = folder();
    let output = run(harness(folder.path()).arg("check").arg(repository().join("scenarios")), 0);
    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).contains(" requirements, "), "{}", stdout(&output));
}

#[test]
fn one_is_not_plural() {
    let folder = folder();
    crate::common::small_catalogue(&folder.path().join("lab"));
    let said = stdout(&run(harness(folder.path()).args(["check", "lab"]), 0));
    assert_eq!(said, "lab: 1 task, 1 requirement, 1 scenario\n");
    let said = stdout(&run(harness(folder.path()).args(["list", "--scenarios", "lab"]), 0));
    assert!(said.contains("1 requirement, 1 scenario; server {port}"), "{said}");
}

#[test]
fn a_manifest_is_checked() {
    let folder = folder();
    let output = run(harness(folder.path()).arg("check").arg(fixture(GOOD)), 0);
    assert!(stdout(&output).ends_with(": a manifest of 2 programs for 1 task\n"), "{}", stdout(&output));
}

#[rstest]
#[case::none(&[], "usage: ")]
#[case::word(&["fivethousand"], "\"fivethousand\"")]
#[case::range(&["70000"], "from 1 to 65535")]
fn a_reference_refuses_wrong_arguments(#[case] arguments: &[&str], #[case] says: &str) {
    let folder = folder();
    for task in ["message", "uppercase-tcp", "uppercase-udp"] {
        let output = run(harness(folder.path()).args(["reference", task, "server"]).args(arguments), 2);
        assert!(stdout(&output).is_empty() && stderr(&output).contains(says), "{}", stderr(&output));
    }
}

#[test]
fn a_run_of_a_report_is_replayed() {
    let folder = folder();
    let scenario = "message/twenty-kb#server";
    let mut command = harness(folder.path());
    command.arg("--target").arg(fixture(GOOD)).args(["--backend", "wire", "--scenario", scenario]);
    run(command.args(["--format", "json", "--out", "evidence", "--seed", "5"]), 0);
    let said = stdout(&run(harness(folder.path()).args(["replay", "evidence/report.json", scenario]), 0));
    assert!(said.contains("wire, seed 5"), "{said}");
    // The page, then the transcript.
    let (_, transcript) = said.split_once(&format!("\n{scenario}\n\n")).expect("a transcript");
    assert!(transcript.contains("started: python3 server.py") && transcript.contains("20480 bytes"), "{said}");
    // The last report is kept, and takes no folder.
    let mut last = harness(folder.path());
    let cache = folder.path().join("cache");
    last.env("XDG_CACHE_HOME", &cache).arg("--target").arg(fixture(GOOD)).args(["--backend", "wire"]);
    run(last.args(["--scenario", scenario, "--seed", "6"]), 0);
    let mut again = harness(folder.path());
    let said = stdout(&run(again.env("XDG_CACHE_HOME", &cache).args(["replay", scenario]), 0));
    assert!(said.contains("wire, seed 6"), "{said}");
    // A requirement of many tasks is the last report's.
    let mut explain = harness(folder.path());
    let said = stdout(&run(explain.env("XDG_CACHE_HOME", &cache).args(["explain", "twenty-kb"]), 0));
    assert!(said.starts_with("message.twenty-kb"), "{said}");
    let mut nothing = harness(folder.path());
    let said = run(nothing.env("XDG_CACHE_HOME", folder.path().join("none")).args(["replay", scenario]), 2);
    assert!(stderr(&said).contains("there is no last report"), "{}", stderr(&said));
    // A run that the report does not have is not silently another one.
    let wrong = run(harness(folder.path()).args(["replay", "evidence/report.json", "message/twenty-kb#servre"]), 2);
    assert!(stderr(&wrong).contains("did you mean `message/twenty-kb#server`?"), "{}", stderr(&wrong));
}

/// A report made with a relative path is replayed from anywhere: by what stands beside it, or, where it
/// was moved, by what it says, looked for above it.
#[rstest]
#[case::beside(&["--out", "evidence"], "evidence/report.json")]
#[case::alone(&["--format", "json"], "results/report.json")]
fn a_report_with_a_relative_target_is_replayed_from_another_folder(#[case] how: &[&str], #[case] at: &str) {
    let (folder, elsewhere) = (crate::common::folder(), crate::common::folder());
    let scenario = "message/twenty-kb#server";
    ::harness::wire::copy_tree(&fixture(GOOD), &folder.path().join("lab/work")).unwrap();
    let mut command = harness(folder.path());
    command.args(["--target", "lab/work", "--backend", "wire", "--scenario", scenario]).args(how);
    let output = run(&mut command, 0);
    let report = folder.path().join(at);
    if how[0] == "--format" {
        crate::common::write(folder.path(), at, &stdout(&output));
    }
    // The report itself says what the command line said: it is the same on every machine.
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(json["target"], "lab/work");
    let again = run(harness(elsewhere.path()).arg("replay").arg(&report).arg(scenario), 0);
    assert!(stdout(&again).contains("started: python3 server.py"), "{}", stdout(&again));
    assert_eq!(stderr(&again), "");
    // Another program in its place is played, and said to be another.
    crate::common::write(folder.path(), "lab/work/notes.txt", "changed\n");
    let again = run(harness(elsewhere.path()).arg("replay").arg(&report).arg(scenario), 0);
    assert!(stderr(&again).contains("its files have changed"), "{}", stderr(&again));
    // Gone altogether: where it was looked for, and what helps.
    let moved = elsewhere.path().join("moved");
    std::fs::rename(folder.path().join("lab/work"), &moved).unwrap();
    let lost = run(harness(elsewhere.path()).arg("replay").arg(&report).arg(scenario), 2);
    assert!(stderr(&lost).contains("lab/work"), "{}", stderr(&lost));
    let mut found = harness(elsewhere.path());
    run(found.arg("replay").arg(&report).arg(scenario).args(["--target", "moved"]), 0);
}

/// What was given on the command line besides a target is given again.
#[test]
fn a_report_of_loose_files_is_replayed() {
    let (folder, elsewhere) = (crate::common::folder(), crate::common::folder());
    std::fs::copy(fixture(GOOD).join("server.py"), folder.path().join("srv.py")).unwrap();
    let scenario = "message/twenty-kb#server";
    let mut command = harness(folder.path());
    command.args(["--task", "message", "--cmd", "server=python3 srv.py {port}", "--backend", "wire"]);
    run(command.args(["--scenario", scenario, "--out", "evidence"]), 0);
    let report = folder.path().join("evidence/report.json");
    let again = run(harness(elsewhere.path()).arg("replay").arg(&report).arg(scenario), 0);
    assert!(stdout(&again).contains("srv.py"), "{}", stdout(&again));
}

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn peer_meets_a_server_that_somebody_started() {
    let folder = folder();
    let port = free_port();
    let server = Command::new(HARNESS)
        .args(["reference", "uppercase-tcp", "server", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Running(server);
    wait_until("the server listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    let address = format!("127.0.0.1:{port}");
    let arguments = ["peer", "uppercase-tcp", "client", "--scenario", "letters", "--to", &address];
    let said = stdout(&run(harness(folder.path()).args(arguments), 0));
    assert!(said.contains("ABCDEFGHIJKLMNOPQRSTUVWXYZ") && said.ends_with("everything was as expected\n"), "{said}");
}

/// A correct client is met and not found wrong, whatever its user lets it send: what the harness
/// cannot hand to a program that it does not start, it must not expect either.
#[rstest]
#[case::named("message", &["--scenario", "client-exits"])]
#[case::message("message", &[])]
#[case::uppercase_tcp("uppercase-tcp", &[])]
fn peer_awaits_a_client_that_somebody_starts(#[case] task: &str, #[case] more: &[&str]) {
    let folder = folder();
    std::fs::write(folder.path().join("input"), "hello\n").unwrap();
    let port = free_port().to_string();
    let peer = Command::new(HARNESS)
        .args(["peer", task, "server", "--port", &port])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peer = Running(peer);
    let mut said = String::new();
    // Held until the end: it goes on saying things.
    let mut remarks = BufReader::new(peer.0.stderr.take().unwrap());
    remarks.read_line(&mut said).unwrap();
    assert!(said.contains(&format!("awaited on port {port}")), "{said}");
    // It listens a moment after it has said so: the client is started by hand until it is met.
    let mut sent = false;
    wait_until("the peer has ended", || {
        if !sent {
            let client = Command::new(HARNESS)
                .args(["reference", task, "client", "127.0.0.1", &port])
                .stdin(std::fs::File::open(folder.path().join("input")).unwrap())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            sent = client.unwrap().success();
        }
        peer.0.try_wait().unwrap().is_some()
    });
    let mut transcript = String::new();
    peer.0.stdout.take().unwrap().read_to_string(&mut transcript).unwrap();
    let status = peer.0.wait().unwrap();
    assert!(sent && status.code() == Some(0), "client met: {sent}, {status}\n{transcript}");
    // The line end may come in a segment of its own.
    assert!(transcript.contains("\"hello"), "{transcript}");
}

#[test]
fn bench_prints_ratios() {
    let folder = folder();
    let output = run(harness(folder.path()).arg("bench").arg("--target").arg(fixture(GOOD)).args(["--runs", "3"]), 0);
    let table = stdout(&output);
    for row in ["server   20 KB", "server   1 MiB", "client   20 KB", "client   1 MiB"] {
        let line = table.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("no {row} in\n{table}"));
        let ratio = line.split_whitespace().find_map(|word| word.strip_suffix('x')).expect("a ratio");
        assert!(ratio.parse::<f64>().unwrap() > 0.0, "{line}");
    }
}

#[test]
fn hand_ins_of_a_list_are_held_against_its_truths() {
    let folder = folder();
    let place = fixture("submissions/uppercase-udp/good/no-manifest-python");
    let hand_in = |client: &str, fails: &str| {
        format!(
            "[[hand-in]]\nfolder = {place:?}\ntask = \"uppercase-udp\"\nlanguage = \"Python\"\n\
             [[hand-in.right]]\nserver = \"UDPServer.py\"\nclient = {client:?}\nfails = [{fails}]\n"
        )
    };
    // The second row states what is not true, so that the table must say so.
    let list = hand_in("UDPClient.py", "\"cli-address\"") + &hand_in("other.py", "");
    crate::common::write(folder.path(), "list.toml", &list);
    let table = stdout(&run(harness(folder.path()).args(["strangers", "list.toml"]), 1));
    for row in ["| right | 1 |", "| **wrong** | 1 |", "| musts falsely failed | 0 |", "client: UDPClient"] {
        assert!(table.contains(row), "no `{row}` in\n{table}");
    }
}
