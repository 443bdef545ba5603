//! A random schedule that fails is shrunk to the smallest that still does, and that one is what
//! the report names and `replay` plays. What the calls show of a failure is part of its reason.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{
    HARNESS, fixture, folder, harness, installed, report, run, skipped, small_catalogue, stdout, write,
};
use serde_json::Value;

fn possible() -> bool {
    if let Err(why) = harness::simulated::possible() {
        skipped(&format!("programs cannot be simulated here: {why}"));
        return false;
    }
    installed("python3")
}

fn first_run(report: &Value) -> &Value {
    &report["tasks"][0]["requirements"][0]["runs"][0]
}

#[test]
fn one_short_send_is_enough_for_a_client_that_ignores_its_result() {
    if !possible() {
        return;
    }
    let here = folder();
    let grade = |seed: &str| {
        let target = fixture("submissions/message/bad/ignores-send-result");
        let mut command = harness(here.path());
        command.arg("--target").arg(target).args(["--backend", "sim", "--seed", seed, "--scenario", "short-writes"]);
        report(command.args(["--format", "json", "--out", "."]), 1)
    };
    let first = grade("1");
    let reason = first_run(&first)["reason"].as_str().unwrap();
    assert!(reason.ends_with("it fails already when the 1st send takes 4095 of 4096 bytes"), "{reason}");
    let lost = "the client's 1st send took 4095 of 4096 bytes, and the other 1 byte was never sent again";
    assert_eq!(first_run(&first)["cause"], lost);
    assert_eq!(first_run(&first)["deed"]["did"], "sent");
    assert_eq!(first_run(&first)["schedule"], "send: 4095, rest");
    // The seed draws other lengths and does not change what is the least that fails.
    assert_eq!(first_run(&grade("2"))["schedule"], "send: 4095, rest");
    let again = grade("1");
    assert_eq!(first_run(&again)["trace_sha256"], first_run(&first)["trace_sha256"]);

    let id = first_run(&first)["id"].as_str().unwrap();
    let played = stdout(&run(harness(here.path()).args(["replay", "report.json", id]), 1));
    assert!(played.contains("= 4095 (cut from 4096)"), "{played}");
    assert_eq!(played.matches("(cut from").count(), 1, "{played}");
}

#[test]
fn a_short_read_is_enough_for_a_server_that_stops_at_one() {
    if !possible() {
        return;
    }
    let here = folder();
    let target = fixture("submissions/message/bad/stops-at-short-read");
    let mut command = harness(here.path());
    command.arg("--target").arg(target).args(["--backend", "sim", "--scenario", "short-reads", "--format", "json"]);
    let found = report(&mut command, 1);
    assert_eq!(first_run(&found)["schedule"], "recv: 4095, rest");
    let reason = first_run(&found)["reason"].as_str().unwrap();
    assert!(reason.contains("it fails already when the 1st recv yields 4095 of 4096 bytes"), "{reason}");
}

#[test]
fn a_right_program_keeps_its_random_schedule() {
    if !possible() {
        return;
    }
    let here = folder();
    let target = fixture("submissions/message/good/python");
    let mut command = harness(here.path());
    command.arg("--target").arg(target).args(["--backend", "sim", "--scenario", "short-writes", "--format", "json"]);
    let found = report(&mut command, 0);
    assert_eq!(first_run(&found)["schedule"], "send: 1 to 1000 bytes at a time, drawn from the seed");
    assert_eq!(first_run(&found)["reason"], "");
}

#[test]
fn segments_of_a_peer_are_shrunk_too() {
    if !possible() {
        return;
    }
    let here = folder();
    small_catalogue(here.path());
    write(
        here.path(),
        "greeting/pieces.toml",
        r#"title = "A greeting comes in random segments"
decides = ["prints-hello"]
judges = "server"
backends = ["sim"]
steps = [
  { start = { program = "server" } },
  { connect = { peer = "alice", to = "server" } },
  { send = { peer = "alice", data = { text = "hello to everybody who is listening out there" }, random = { max = 6 }, when-read = true } },
  { close = { peer = "alice" } },
  { expect-output = { program = "server", contains = { text = "hello to everybody who is listening out there" } } },
]
"#,
    );
    let server = format!("server={HARNESS} reference lab one-recv {{port}}");
    let mut command = harness(here.path());
    command.args(["--scenarios", ".", "--task", "greeting", "--scenario", "pieces", "--backend", "sim"]);
    let found = report(command.args(["--cmd", &server, "--format", "json"]), 1);
    let schedule = first_run(&found)["schedule"].as_str().unwrap();
    let size: usize =
        schedule.strip_prefix("sent: ").and_then(|it| it.strip_suffix(", rest")).unwrap().parse().unwrap();
    let reason = first_run(&found)["reason"].as_str().unwrap();
    let expected = format!("45 bytes come in two segments, of {size} and {} bytes", 45 - size);
    assert!(reason.ends_with(&format!("it fails already when {expected}")), "{reason}");
}

#[test]
fn the_calls_of_a_failed_run_say_why() {
    if !possible() {
        return;
    }
    let here = folder();
    for (name, scenario, expected) in [
        ("message/bad/one-recv", "twenty-kb", "the server read 4096 of the 20480 bytes that it was sent, in one call"),
        ("message/bad/claims-success", "send-error", "send() failed with ECONNRESET"),
        ("message/bad/ignores-bind-failure", "common-bind-error", "the server's bind() failed with EADDRINUSE"),
    ] {
        let mut command = harness(here.path());
        command.arg("--target").arg(fixture(&format!("submissions/{name}")));
        let found =
            report(command.args(["--backend", "sim", "--strict", "--scenario", scenario, "--format", "json"]), 1);
        let said = |run: &Value| [&run["cause"], &run["reason"]].map(|it| it.as_str().unwrap_or_default().to_owned());
        let reasons: Vec<String> = crate::common::runs(&found).flat_map(said).collect();
        assert!(reasons.iter().any(|reason| reason.contains(expected)), "{name}: {reasons:#?}");
    }
}
