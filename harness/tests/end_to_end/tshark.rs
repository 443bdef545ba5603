//! Captures as somebody else reads them: `tshark` finds no malformed frame, right checksums, and nothing that its
//! analysis warns of unless the scenario has caused it. Skipped, with a line, where it is not installed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{captures, fixture, folder, harness, installed, run, skipped};

/// Plays one scenario of the good Python program and returns the captures that it leaves.
fn played(out: &Path, backend: &str, task: &str, scenario: &str) -> Vec<PathBuf> {
    let target = fixture(&format!("submissions/{task}/good/python"));
    let mut command = harness(out);
    command.arg("--target").arg(target).args(["--backend", backend, "--task", task, "--scenario", scenario]);
    run(command.args(["--quiet", "--out", "."]), 0);
    let files = std::fs::read_dir(out.join("runs")).unwrap().map(|it| it.unwrap().path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "pcap")).collect();
    found.sort();
    assert!(!found.is_empty(), "{backend} {task} {scenario} leaves no capture");
    found
}

/// The frames that a display filter of tshark's selects, as it prints them.
fn frames(file: &Path, filter: &str) -> Vec<String> {
    let output = Command::new("tshark")
        .args(["-n", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"])
        .args(["-Y", filter, "-r"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect()
}

/// Checks every capture of a scenario. `caused` is what the scenario does on purpose, as a filter.
fn is_flawless(backend: &str, task: &str, scenario: &str, caused: Option<&str>) {
    let out = folder();
    for file in played(out.path(), backend, task, scenario) {
        let none = |what: &str, filter: &str| {
            let found = frames(&file, filter);
            assert!(found.is_empty(), "{backend} {task} {scenario}: {what}\n{}", found.join("\n"));
        };
        assert!(!frames(&file, "tcp || udp").is_empty(), "{backend} {task} {scenario}: an empty capture");
        none("malformed", "_ws.malformed || _ws.short");
        none("wrong checksum", "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0");
        // The analysis also notes what is no fault: a window that opens again, the end of a connection.
        let fault = "(tcp.analysis.flags && !tcp.analysis.window_update) || _ws.expert.severity >= 0x600000";
        none("a warning", &caused.map_or_else(|| fault.to_owned(), |caused| format!("({fault}) && !({caused})")));
        if let Some(caused) = caused {
            assert!(!frames(&file, caused).is_empty(), "{backend} {task} {scenario}: {caused} is not there");
        }
    }
}

fn check(backend: &str) {
    if !installed("tshark") || !installed("python3") {
        return;
    }
    for (task, scenario, caused) in [
        ("message", "twenty-kb", None),
        ("uppercase-tcp", "letters", None),
        ("uppercase-tcp", "segmented", None),
        ("message", "common-survives-abort", Some("tcp.flags.reset == 1")),
        ("uppercase-udp", "letters", None),
        ("udp-pinger", "ten-with-losses", None),
        ("dual-stack", "ipv6", None),
    ] {
        is_flawless(backend, task, scenario, caused);
    }
    // On real sockets a window may close for a moment when the machine is busy.
    if backend == "sim" {
        is_flawless(backend, "message", "large-file", None);
    }
}

#[test]
fn captures_of_the_simulated_network() {
    match harness::simulated::possible() {
        Ok(()) => check("sim"),
        Err(why) => skipped(&why),
    }
}

#[test]
fn captures_of_real_sockets() {
    if captures() {
        check("wire");
    } else {
        skipped("there are no network namespaces to capture in");
    }
}
