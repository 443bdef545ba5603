//! `harness lab`: the same text for the same seed, the same conclusions on both backends, other
//! conclusions for programs that behave differently.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{captures, fixture, folder, harness, installed, run, skipped, stderr, stdout};
use rstest::rstest;

fn simulates() -> bool {
    match harness::simulated::possible() {
        Ok(()) => true,
        Err(why) => {
            skipped(&format!("programs cannot be simulated here: {why}"));
            false
        }
    }
}

fn answer(arguments: &[&str]) -> String {
    let here = folder();
    stdout(&run(harness(here.path()).arg("lab").args(arguments), 0))
}

/// The conclusions in an answer, each on one line.
fn conclusions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(first) = line.strip_prefix("  => ") {
            found.push(first.to_owned());
            open = true;
        } else if let Some(next) = line.strip_prefix("     ").filter(|next| open && !next.starts_with(' ')) {
            let last = found.last_mut().unwrap();
            last.push(' ');
            last.push_str(next);
        } else {
            open = false;
        }
    }
    found
}

#[rstest]
fn on_the_simulated_network_the_answer_is_always_the_same(#[values("1", "2", "3", "4", "5", "6", "7")] question: &str) {
    if !simulates() {
        return;
    }
    let text = answer(&[question, "--backend", "sim"]);
    insta::assert_snapshot!(format!("question_{question}"), text);
    assert_eq!(answer(&[question, "--backend", "sim", "--seed", "1"]), text);
}

#[test]
fn both_backends_come_to_the_same_conclusions() {
    if !simulates() {
        return;
    }
    if !captures() {
        return skipped("there are no network namespaces to look at packets in");
    }
    let (sim, wire) = (answer(&["--backend", "sim"]), answer(&["--backend", "wire"]));
    let (sim, wire) = (conclusions(&sim), conclusions(&wire));
    assert_eq!(sim, wire);
    assert_eq!(sim.len(), 16);
}

#[rstest]
#[case::tries_again("1", "message/bad/retries-for-ever", "tried again by itself, and was served")]
#[case::takes_one_recv("5", "message/bad/one-recv", "the server did not put it together")]
#[case::serves_all_at_once("6", "message/bad/thread-per-client", "this server is not sequential")]
#[case::refuses_the_second("6", "message/bad/closes-listener", "could not connect while the first was being served")]
#[case::cannot_bind("7", "message/bad/no-reuse-address", "bind() failed with EADDRINUSE")]
#[case::claims_success("4", "message/bad/claims-success", "the client claims success")]
fn another_program_gives_another_conclusion(
    #[case] question: &str,
    #[case] target: &str,
    #[case] expected: &str,
    #[values("sim", "wire")] backend: &str,
) {
    if !installed("python3") || (backend == "sim" && !simulates()) {
        return;
    }
    let target = fixture(&format!("submissions/{target}"));
    let theirs = conclusions(&answer(&[question, "--backend", backend, "--target", target.to_str().unwrap()]));
    assert!(theirs.iter().any(|it| it.contains(expected)), "{theirs:#?}");
    let ours = conclusions(&answer(&[question, "--backend", backend]));
    // A program for comparison may show the same; the model answer must not.
    let own = if question == "4" { 1 } else { 0 };
    assert!(!ours[own].contains(expected), "{ours:#?}");
}

#[test]
fn the_first_question_is_answered_inside_one_process_too() {
    let said = conclusions(&answer(&["1", "--backend", "turmoil"]));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("with TCP the server comes first"), "{said:?}");
}

#[test]
fn evidence_is_kept_and_read_back() {
    if !simulates() {
        return;
    }
    let out = folder();
    run(harness(out.path()).args(["lab", "3", "--backend", "sim", "--out", "kept"]), 0);
    for (file, task) in [("3-tcp-source-port.pcap", "uppercase-tcp"), ("3-udp-source-port.pcap", "uppercase-udp")] {
        let said = stdout(&run(harness(out.path()).args(["capture", &format!("kept/{file}"), "--task", task]), 0));
        assert!(said.contains("from 40001") || said.contains(":40001 > "), "{said}");
    }
    let transcript = std::fs::read_to_string(out.path().join("kept/3-tcp-source-port.transcript.txt")).unwrap();
    assert!(transcript.contains("started: harness reference lab tcp-client"), "{transcript}");
    assert!(out.path().join("kept/3-tcp-source-port.calls.txt").is_file());
}

#[test]
fn wrong_questions_and_targets_are_said() {
    let here = folder();
    let output = run(harness(here.path()).args(["lab", "8"]), 2);
    assert!(stderr(&output).contains("there is no question 8"), "{}", stderr(&output));
    let output = run(harness(here.path()).args(["lab", "1", "--target", "nowhere"]), 2);
    assert!(!stderr(&output).is_empty());
}
