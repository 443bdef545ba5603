//! The `sim` backend through the command line: a right program passes, a wrong one fails, the
//! same seed gives the same run, and the evidence of a run is written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;

fn submission(name: &str) -> PathBuf {
    crate::common::fixture(&format!("submissions/{name}"))
}

/// Whether programs can be simulated and this interpreter is there; says so if not.
fn possible() -> bool {
    match harness::simulated::possible() {
        Ok(()) if Command::new("python3").arg("--version").output().is_ok() => true,
        Ok(()) => {
            println!("skipped: python3 is not installed");
            false
        }
        Err(why) => {
            println!("skipped: programs cannot be simulated here: {why}");
            false
        }
    }
}

fn grade(name: &str, scenario: &str, more: &[&str]) -> (serde_json::Value, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .arg("--target")
        .arg(submission(name))
        .args(["--backend", "sim", "--format", "json", "--no-progress", "--scenario", scenario])
        .args(more)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

fn run(report: &serde_json::Value) -> &serde_json::Value {
    &report["tasks"][0]["requirements"][0]["runs"][0]
}

#[test]
fn a_right_program_passes_and_the_same_seed_is_the_same_run() {
    if !possible() {
        return;
    }
    let (first, status) = grade("message/good/python", "twenty-kb", &[]);
    assert_eq!((run(&first)["status"].as_str(), status), (Some("pass"), Some(0)), "{first:#}");
    assert_eq!(run(&first)["backend"], "sim");
    let hash = run(&first)["trace_sha256"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 64);
    let (second, _) = grade("message/good/python", "twenty-kb", &[]);
    assert_eq!(run(&second)["trace_sha256"], hash.as_str());
}

#[rstest]
fn a_session_in_tls_is_the_same_for_the_same_seed(
    #[values("mail-tls/good/smtplib", "mail-tls/good/smtps", "reference")] name: &str,
) {
    if !possible() {
        return;
    }
    let traced = |seed: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .arg("--target")
            .arg(if name == "reference" { PathBuf::from(name) } else { submission(name) })
            .args(["--backend", "sim", "--format", "json", "--no-progress", "--scenario", "mail-tls/login"])
            .args(["--task", "mail-tls", "--seed", seed])
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((run(&report)["status"].as_str(), output.status.code()), (Some("pass"), Some(0)), "{report:#}");
        run(&report)["trace_sha256"].as_str().unwrap().to_owned()
    };
    assert_eq!(traced("1"), traced("1"));
    assert_ne!(traced("1"), traced("2"));
}

#[test]
fn forced_short_reads_and_a_partition_are_survived() {
    if !possible() {
        return;
    }
    let (report, _) = grade("message/good/python", "short-reads", &[]);
    assert_eq!(run(&report)["status"], "pass", "{report:#}");
    let (report, _) = grade("uppercase-tcp/good/python", "idle-across-partition", &[]);
    assert_eq!(run(&report)["status"], "pass", "{report:#}");
    assert!(run(&report)["virtual_ms"].as_u64().unwrap() >= 30_000);
    assert!(run(&report)["duration_ms"].as_u64().unwrap() < 30_000);
}

#[test]
fn the_evidence_of_a_run_is_written() {
    if !possible() {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    grade("message/good/python", "prints-exactly", &["--out", out.path().to_str().unwrap()]);
    let files: Vec<_> = std::fs::read_dir(out.path().join("runs")).unwrap().map(|it| it.unwrap().path()).collect();
    for ending in ["transcript.txt", "calls.txt", "pcap"] {
        assert!(files.iter().any(|file| file.to_string_lossy().ends_with(ending)), "{ending}: {files:?}");
    }
}

/// A traceback names the file it happened in, which lies in a folder whose name is another one in every run.
#[test]
fn what_a_traceback_names_is_the_same_in_every_run() {
    if !possible() {
        return;
    }
    let evidence = || {
        let out = tempfile::tempdir().unwrap();
        let more = ["--out", out.path().to_str().unwrap()];
        let (report, _) = grade("message/bad/arguments-traceback", "common-bad-arguments", &more);
        assert_eq!(run(&report)["status"], "fail");
        let files = std::fs::read_dir(out.path().join("runs")).unwrap().map(|it| it.unwrap().path());
        let text = |file: &Path| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        files.map(|file| (file.file_name().unwrap().to_owned(), text(&file))).collect()
    };
    let first: BTreeMap<OsString, String> = evidence();
    for (file, text) in evidence() {
        assert_eq!(first[&file], text, "{file:?}");
    }
    let transcripts: String = first.into_values().collect();
    assert!(transcripts.contains("run-XXXXXX/work/client.py"), "{transcripts}");
}

#[test]
fn a_large_buffer_is_seen_in_the_calls() {
    if !possible() {
        return;
    }
    let (report, status) = grade("message/bad/large-buffer", "fixed-buffers-calls", &[]);
    assert_eq!((run(&report)["status"].as_str(), status), (Some("fail"), Some(1)), "{report:#}");
    assert_eq!(run(&report)["actual"], "recvfrom asks for 1048576 bytes at once", "{report:#}");
}

#[test]
fn auto_is_sim_and_leaves_out_what_only_repeats_it_on_real_sockets() {
    if !possible() {
        return;
    }
    let grade = |backend: &str| -> Vec<(String, String)> {
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .arg("--target")
            .arg(submission("message/good/python"))
            .args(["--backend", backend, "--format", "json", "--no-progress", "--requirement", "message.short-reads"])
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let runs = report["tasks"][0]["requirements"][0]["runs"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        runs.iter()
            .map(|run| (text(&run["id"]), format!("{} {}", text(&run["backend"]), text(&run["status"]))))
            .collect()
    };
    let pair = |id: &str, how: &str| (id.to_owned(), how.to_owned());
    let (calls, segments) = ("message/short-reads#server", "message/short-reads-segments#server");
    assert_eq!(grade("auto"), [pair(calls, "sim pass")]);
    assert_eq!(grade("sim"), [pair(calls, "sim pass"), pair(segments, "sim skip")]);
    assert_eq!(grade("wire"), [pair(calls, "wire skip"), pair(segments, "wire pass")]);
}
