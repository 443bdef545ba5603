//! `harness capture`: our own captures are read back, files from elsewhere are told what is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use crate::common::{captures, fixture, folder, harness, installed, run, skipped, stderr, stdout};

/// Plays one scenario of a good program and returns the capture that it leaves.
fn played(out: &Path, backend: &str, task: &str, scenario: &str) -> PathBuf {
    let target = fixture(&format!("submissions/{task}/good/python"));
    let mut command = harness(out);
    command.arg("--target").arg(target).args(["--backend", backend, "--task", task, "--scenario", scenario]);
    run(command.args(["--quiet", "--out", "."]), 0);
    let found: Vec<PathBuf> = std::fs::read_dir(out.join("runs")).unwrap().map(|it| it.unwrap().path()).collect();
    found.into_iter().find(|path| path.extension().is_some_and(|it| it == "pcap")).expect("a capture")
}

fn reads_its_own(backend: &str) {
    for (task, scenario) in [("message", "twenty-kb"), ("uppercase-tcp", "letters"), ("uppercase-udp", "letters")] {
        let out = folder();
        let file = played(out.path(), backend, task, scenario);
        let said = stdout(&run(harness(out.path()).arg("capture").arg(&file).args(["--task", task]), 0));
        assert!(said.contains("evidence.shows-exchange: yes"), "{said}");
        assert!(said.contains("127.0.0.1:23456"), "{said}");
        // Another task's exchange is not in it.
        let other = if task == "uppercase-udp" { "uppercase-tcp" } else { "uppercase-udp" };
        let said = stdout(&run(harness(out.path()).arg("capture").arg(&file).args(["--task", other]), 1));
        assert!(said.contains("evidence.shows-exchange: no"), "{said}");
    }
}

#[test]
fn captures_of_real_sockets_show_the_exchange() {
    if !installed("python3") {
        return;
    }
    if !captures() {
        return skipped("there are no network namespaces to capture in");
    }
    reads_its_own("wire");
}

#[test]
fn captures_of_the_simulated_network_show_the_exchange() {
    if !installed("python3") {
        return;
    }
    if let Err(why) = harness::simulated::possible() {
        return skipped(&why);
    }
    reads_its_own("sim");
}

#[test]
fn what_cannot_be_read_is_said() {
    let here = folder();
    for (name, content, why) in [
        ("empty.pcap", &b""[..], "the file is empty"),
        ("notes.txt", b"dear diary", "this is no pcap or pcapng file"),
        ("cut.pcap", &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], "cut off in the middle of its header"),
    ] {
        std::fs::write(here.path().join(name), content).unwrap();
        let output = run(harness(here.path()).args(["capture", name, "--task", "message"]), 2);
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(stderr(&output).contains(name), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    let output = run(harness(here.path()).args(["capture", "nowhere.pcap", "--task", "message"]), 2);
    assert!(stderr(&output).contains("No such file"), "{}", stderr(&output));
    let output = run(harness(here.path()).args(["capture", "empty.pcap", "--task", "mesage"]), 2);
    assert!(stderr(&output).contains("did you mean `message`?"), "{}", stderr(&output));
}
