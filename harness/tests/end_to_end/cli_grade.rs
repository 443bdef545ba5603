//! `harness grade` from end to end: real programs, real sockets, the report's forms and its promises.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use crate::common::{
    array, fixture, folder, harness, report, requirements, run, runs, skipped, statuses, stderr, stdout,
    without_durations, write,
};
use pcap_file::pcap::PcapReader;
use rstest::rstest;
use serde_json::{Value, json};

/// The good Python submission of `message`.
const GOOD: &str = "submissions/message/good/python";
/// Announces every connection on standard output; otherwise good.
const TALKATIVE: &str = "submissions/message/bad/prints-connected";
/// Calls recv() once.
const ONE_RECV: &str = "submissions/message/bad/one-recv";

fn grade(folder: &Path, target: &str, requirements: &str) -> assert_cmd::Command {
    let mut command = harness(folder);
    command.arg("--target").arg(fixture(target)).args(["--backend", "wire", "--requirement", requirements]);
    command
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

#[test]
fn the_sample_submission_fails_what_it_gets_wrong() {
    let folder = folder();
    let output = run(&mut grade(folder.path(), "student-bin", "message.prints-exactly,message.twenty-kb"), 1);
    let page = stdout(&output);
    assert!(stderr(&output).contains("student-bin is taken for the server of message"), "{}", stderr(&output));
    assert!(page.starts_with("message: 0 of 6 points, failed\n"), "{page}");
    for says in
        ["✗ ", "prints-exactly", "twenty-kb", "Connected by 127.0.0.1", "  → ", "next: harness explain message."]
    {
        assert!(page.contains(says), "no `{says}` in\n{page}");
    }
    assert!(page.lines().count() <= 40, "{page}");
}

#[test]
fn a_good_submission_passes() {
    let folder = folder();
    let wanted = "message.twenty-kb,message.client-exits,message.empty-file";
    let json = report(grade(folder.path(), GOOD, wanted).args(["--format", "json"]), 0);
    let passed = [("message.twenty-kb", "pass"), ("message.client-exits", "pass"), ("message.empty-file", "pass")];
    assert_eq!(statuses(&json), expected(&passed));
    assert_eq!((&json["passed"], &json["score"], &json["max_score"]), (&json!(true), &json!(7.0), &json!(7.0)));
    // Both programs were met by the harness and by each other.
    let pairings: BTreeSet<&str> = runs(&json).filter_map(|run| run["pairing"].as_str()).collect();
    assert_eq!(pairings, ["harness-client", "harness-server", "own"].into());
}

#[test]
fn the_json_report_has_the_published_keys_and_fits_the_schema() {
    let folder = folder();
    let wanted = "message.twenty-kb,message.short-reads";
    let json = report(grade(folder.path(), ONE_RECV, wanted).args(["--format", "json"]), 1);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    // `missing`: its manifest names a server only.
    let top = "schema harness rubric target submission_sha256 seed backend score max_score verdict passed \
               undecided missing duration_ms tasks";
    assert_eq!(keys(&json), list(top));
    assert_eq!(keys(&json["tasks"][0]), list("id status score max_score requirements"));
    for requirement in requirements(&json) {
        assert_eq!(keys(requirement), list("id level status score max_score lost_with runs"));
    }
    let run_keys = "id role pairing row status skip_reason undecided backend seed schedule deterministic duration_ms \
                    virtual_ms expected actual findings unsteady reason hint replay trace_sha256 evidence";
    assert!(runs(&json).count() > 0);
    for run in runs(&json) {
        // What the programs said and where they were stands with a run that did not pass.
        let (own, more): (BTreeSet<_>, BTreeSet<_>) =
            keys(run).into_iter().partition(|key| list(run_keys).contains(key));
        assert_eq!(own, list(run_keys));
        assert!(more.is_subset(&list("crash programs state waits")), "{more:?}");
        assert!(run["status"] != json!("fail") || more.contains("programs"), "{run}");
        assert_eq!(keys(&run["evidence"]), list("pcap transcript calls"));
    }
    assert_eq!((&json["schema"], &json["seed"], &json["backend"]), (&json!(1), &json!(1), &json!("wire")));
    assert_eq!(json["undecided"], json!(["message.short-reads"]));
    let schema = report(harness(folder.path()).args(["schema", "report"]), 0);
    assert_eq!(crate::common::conformance::violations(&schema, &json), Vec::<String>::new());
}

#[test]
fn two_loose_files_are_graded_by_their_commands() {
    let folder = folder();
    for name in ["server.py", "client.py"] {
        std::fs::copy(fixture(GOOD).join(name), folder.path().join(name)).unwrap();
    }
    let json = report(
        harness(folder.path())
            .args(["--cmd", "server=python3 server.py {port}", "--cmd", "client=python3 client.py {host} {port}"])
            .args(["--task", "message", "--requirement", "message.twenty-kb", "--format", "json"]),
        0,
    );
    assert_eq!(statuses(&json), expected(&[("message.twenty-kb", "pass")]));
    let roles: BTreeSet<&str> = runs(&json).filter_map(|run| run["role"].as_str()).collect();
    assert_eq!(roles, ["client", "server"].into());
}

#[test]
fn a_lone_compiled_server_is_recognised() {
    if !crate::common::installed("cc") {
        return;
    }
    let folder = folder();
    let compiled = std::process::Command::new("cc")
        .args(["-O1", "-o", "student-bin"])
        .arg(fixture("submissions/message/good/c/server.c"))
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(compiled.success());
    let output =
        run(harness(folder.path()).args(["--target", "./student-bin", "--requirement", "message.twenty-kb"]), 0);
    assert!(stderr(&output).contains("student-bin is taken for the server of message"), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("message: 3 of 3 points, passed\n"), "{}", stdout(&output));
}

#[test]
fn another_catalogue_is_graded_like_the_built_in_one() {
    let folder = folder();
    crate::common::small_catalogue(&folder.path().join("lab"));
    std::fs::copy(fixture(GOOD).join("server.py"), folder.path().join("server.py")).unwrap();
    let json = report(
        harness(folder.path())
            .args(["--scenarios", "lab", "--task", "greeting", "--cmd", "server=python3 server.py {port}"])
            .args(["--format", "json"]),
        0,
    );
    assert_eq!(statuses(&json), expected(&[("greeting.prints-hello", "pass")]));
    assert_eq!(runs(&json).map(|run| &run["row"]).collect::<Vec<_>>(), [&json!("short")]);
}

#[test]
fn a_rubric_changes_points_and_levels_and_disables() {
    let folder = folder();
    write(
        folder.path(),
        "course.toml",
        "name = \"networks, winter term\"\n\
         [points]\nshould = 2\n\
         [requirements.\"message.prints-exactly\"]\nlevel = \"should\"\n\
         [requirements.\"message.queues\"]\npoints = 5\n\
         [requirements.\"message.twenty-kb\"]\ndisabled = true\n",
    );
    let wanted = "message.prints-exactly,message.queues,message.twenty-kb";
    let json = report(grade(folder.path(), TALKATIVE, wanted).args(["--rubric", "course.toml", "--format", "json"]), 0);
    assert_eq!(json["rubric"], json!("networks, winter term"));
    let said: Vec<[&Value; 5]> = requirements(&json)
        .map(|it| [&it["id"], &it["level"], &it["status"], &it["score"], &it["max_score"]])
        .collect();
    assert_eq!(
        said,
        [
            [&json!("message.prints-exactly"), &json!("should"), &json!("fail"), &json!(0.0), &json!(2.0)],
            [&json!("message.queues"), &json!("must"), &json!("pass"), &json!(5.0), &json!(5.0)],
        ]
    );
    assert_eq!((&json["score"], &json["max_score"]), (&json!(5.0), &json!(7.0)));
}

#[rstest]
#[case::undecided_must(GOOD, "message.twenty-kb,message.short-writes")]
#[case::failed_should("submissions/message/bad/arguments-traceback", "message.twenty-kb,message.common-bad-arguments")]
fn strict_is_stricter(#[case] target: &str, #[case] requirements: &str) {
    let folder = folder();
    run(&mut grade(folder.path(), target, requirements), 0);
    run(grade(folder.path(), target, requirements).arg("--strict"), 1);
}

/// A client that never ends costs its run, and neither the grading's end nor a point.
#[rstest]
#[case::of_a_run(&["--run-time", "500ms"], "--run-time")]
#[case::of_a_submission(&["--submission-time", "0s"], "--submission-time")]
#[case::of_a_rubric(&["--rubric", "course.toml"], "--run-time")]
fn what_reaches_a_bound_is_undecided(#[case] bound: &[&str], #[case] flag: &str) {
    let folder = folder();
    write(folder.path(), "course.toml", "[bounds]\nrun-time = \"500ms\"\n");
    let client = "import socket, sys\nsocket.create_connection(sys.argv[1:])\nwhile True:\n    pass\n";
    write(folder.path(), "client.py", client);
    let mut command = harness(folder.path());
    command.args(["--task", "message", "--cmd", "client=python3 client.py {host} {port}"]);
    command.args(["--requirement", "message.client-exits"]);
    let page = stdout(&run(command.args(bound), 4));
    assert!(page.contains(&format!("? client-exits: perhaps decided with a larger {flag}")), "{page}");
}

/// A client that sends without end is ended, and fails for it.
#[test]
fn who_sends_without_end_fails_with_the_reason() {
    let folder = folder();
    let client = "import socket, sys\nserver = socket.create_connection(sys.argv[1:])\nwhile True:\n    server.sendall(bytes(1 << 20))\n";
    write(folder.path(), "client.py", client);
    let mut command = harness(folder.path());
    command.args(["--task", "message", "--cmd", "client=python3 client.py {host} {port}"]);
    let page = stdout(&run(command.args(["--requirement", "message.client-exits"]), 1));
    assert!(page.contains("The program sent more than 512 MiB"), "{page}");
}

/// What was not shown is not called passed, and the page says what would show it.
#[rstest]
#[case::a_must_of_two("message.twenty-kb,message.short-writes", "3 of 3 points", 0)]
#[case::every_must("message.short-writes", "no points", 4)]
fn an_undecided_must_is_not_proven(#[case] requirements: &str, #[case] points: &str, #[case] status: i32) {
    let folder = folder();
    let page = stdout(&run(&mut grade(folder.path(), GOOD, requirements), status));
    assert!(page.starts_with(&format!("message: {points}, not proven · undecided: message.short-writes (")), "{page}");
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("decided with --backend sim"), "{page}");
}

#[test]
fn evidence_is_written_and_the_captures_can_be_read() {
    let folder = folder();
    let output =
        run(grade(folder.path(), GOOD, "message.twenty-kb").args(["--format", "json", "--out", "evidence"]), 0);
    let out = folder.path().join("evidence");
    assert_eq!(std::fs::read_to_string(out.join("report.json")).unwrap(), stdout(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut played = 0;
    for run in runs(&json) {
        let id = run["id"].as_str().unwrap();
        let transcript = std::fs::read_to_string(out.join(run["evidence"]["transcript"].as_str().unwrap())).unwrap();
        assert!(transcript.starts_with(&format!("{id}\n")), "{transcript}");
        // On real sockets what is sent at once may come in pieces.
        let moved = |what: &str| -> u64 {
            let told = transcript.split(what).skip(1).filter_map(|rest| rest.split(' ').next());
            told.filter_map(|count| count.parse::<u64>().ok()).sum()
        };
        let moved = [" sent ", " received ", " printed: "].map(moved);
        // A text is known without its last line end, which a terminal may give a moment later.
        assert!(moved.iter().any(|bytes| (20479..=20480).contains(bytes)), "{moved:?} {transcript}");
        played += 1;
        match run["evidence"]["pcap"].as_str() {
            Some(pcap) => assert!(payload(&out.join(pcap)) >= 20_480, "{id}: the message is not in the capture"),
            None => assert!(!crate::common::captures(), "{id}: this machine can capture"),
        }
    }
    assert_eq!(played, 3);
    if !crate::common::captures() {
        skipped("captures: packets cannot be seen here");
    }
}

/// Bytes in the TCP segments of a capture: those of IPv4 and IPv6 without extension headers.
fn payload(path: &Path) -> usize {
    let mut reader = PcapReader::new(File::open(path).expect("a file")).expect("a capture");
    let mut total = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a packet");
        let network = &packet.data[14..];
        let (header, length) = match network[0] >> 4 {
            4 => (usize::from(network[0] & 15) * 4, usize::from(u16::from_be_bytes([network[2], network[3]]))),
            6 => (40, 40 + usize::from(u16::from_be_bytes([network[4], network[5]]))),
            _ => continue,
        };
        let segment = &network[header..];
        // A large segment on loopback may say 0 for its length (offload): then the frame knows.
        let length = if length <= header { network.len() } else { length };
        total += length.saturating_sub(header + usize::from(segment[12] >> 4) * 4);
    }
    total
}

#[rstest]
#[case::good(GOOD, "message.twenty-kb,message.client-exits,message.empty-file,message.prints-exactly", 0)]
#[case::bad(ONE_RECV, "message.twenty-kb,message.queues,message.binary-safe", 1)]
fn the_report_does_not_depend_on_the_number_of_jobs(
    #[case] target: &str,
    #[case] requirements: &str,
    #[case] status: i32,
) {
    let folder = folder();
    let with = |jobs: &str| {
        let mut command = grade(folder.path(), target, requirements);
        without_durations(&stdout(&run(command.args(["--format", "json", "--jobs", jobs]), status)))
    };
    assert_eq!(with("1"), with("4"));
}

#[test]
fn junit_and_markdown_show_the_same_verdicts() {
    let folder = folder();
    let graded = |format: &str| {
        let wanted = "message.prints-exactly,message.queues";
        stdout(&run(grade(folder.path(), TALKATIVE, wanted).args(["--format", format]), 1))
    };
    let junit = graded("junit");
    assert!(junit.starts_with("<?xml "), "{junit}");
    assert_eq!(junit.matches("<testcase ").count(), 2, "{junit}");
    assert_eq!(junit.matches("<failure").count(), 1, "{junit}");
    assert!(junit.trim_end().ends_with("</testsuites>"), "{junit}");
    let markdown = graded("markdown");
    assert!(markdown.contains("message.prints-exactly") && markdown.contains("message.queues"), "{markdown}");
    assert!(markdown.lines().any(|line| line.starts_with("### `message`: fail")), "{markdown}");
    assert!(markdown.contains("|---|"), "{markdown}");
}

#[test]
fn quiet_says_it_with_the_status_or_the_format_only() {
    let folder = folder();
    let mut command = grade(folder.path(), GOOD, "message.twenty-kb");
    command.args(["--scenario", "message/twenty-kb#server", "--quiet"]).assert().code(0).stdout("").stderr("");
    // A format that is asked for is printed, and nothing else.
    let json = run(command.args(["--format", "json"]), 0);
    assert!(stderr(&json).is_empty() && stdout(&json).starts_with('{'), "{}", stderr(&json));
}

#[test]
fn repeated_runs_are_all_played() {
    let folder = folder();
    let json = report(
        grade(folder.path(), GOOD, "message.twenty-kb").args([
            "--scenario",
            "message/twenty-kb#server",
            "--repeat",
            "3",
            "--format",
            "json",
        ]),
        0,
    );
    assert_eq!(statuses(&json), expected(&[("message.twenty-kb", "pass")]));
}

fn reference(folder: &Path, more: &[&str]) -> String {
    let mut command = harness(folder);
    command.args(["--target", "reference", "--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters"]);
    stdout(&run(command.args(["--format", "json"]).args(more), 0))
}

#[test]
fn the_reference_passes_on_real_sockets() {
    let folder = folder();
    let json: Value = serde_json::from_str(&reference(folder.path(), &["--backend", "wire"])).unwrap();
    assert_eq!(statuses(&json), expected(&[("uppercase-tcp.letters", "pass")]));
    assert_eq!((&json["passed"], array(&json["undecided"]).len()), (&json!(true), 0));
}

#[test]
fn the_reference_in_process_is_the_same_to_the_byte_each_time() {
    let folder = folder();
    let play = || without_durations(&reference(folder.path(), &["--backend", "turmoil"]));
    let first = play();
    assert_eq!(first, play());
    let json: Value = serde_json::from_str(&reference(folder.path(), &["--backend", "turmoil"])).unwrap();
    assert_eq!(statuses(&json), expected(&[("uppercase-tcp.letters", "pass")]));
    assert!(runs(&json).any(|run| run["backend"] == "turmoil" && run["status"] == "pass"), "{json}");
}

/// A server that greets whoever watches it on a terminal, and is right for everybody else.
const GREETS_ON_A_TERMINAL: &str = "\
import socket, sys
if sys.stdout.isatty():
    print('Ready.', flush=True)
with socket.create_server(('', int(sys.argv[1]))) as server:
    while True:
        client, _ = server.accept()
        with client:
            while data := client.recv(4096):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
";

#[test]
fn what_is_right_on_a_pipe_is_right() {
    let folder = folder();
    write(folder.path(), "server.py", GREETS_ON_A_TERMINAL);
    let mut command = harness(folder.path());
    command.args(["--task", "message", "--cmd", "server=python3 server.py {port}", "--format", "json"]);
    let report = report(command.args(["--backend", "wire", "--requirement", "message.prints-exactly"]), 0);
    let findings = array(&runs(&report).next().expect("a run")["findings"]);
    let said = |text: &str| findings.iter().any(|finding| finding.as_str().is_some_and(|found| found.contains(text)));
    assert!(said("right on a pipe and not on a terminal"), "{findings:?}");
}

/// What is in a block buffer shows on a terminal only: a finding, and no failure. A program that flushes has none.
#[rstest]
#[case("submissions/message/good/python-print-without-flush", true)]
#[case("submissions/message/good/python", false)]
fn a_missing_flush_is_a_finding(#[case] target: &str, #[case] missing: bool) {
    let folder = folder();
    let mut command = harness(folder.path());
    command.arg("--target").arg(fixture(target)).args(["--task", "message", "--backend", "wire", "--format", "json"]);
    let report = report(command.args(["--requirement", "message.prints-exactly,message.twenty-kb"]), 0);
    let text = report.to_string();
    assert_eq!(text.contains("right only when unbuffered: on a terminal the server prints in time"), missing, "{text}");
}

/// The kernel's choice of a port differs from run to run: a verdict names whose it is.
#[rstest]
#[case("submissions/message/bad/prints-connected", "message.prints-exactly", "(alice's port)")]
#[case("submissions/message/bad/c-prints-connected", "message.prints-exactly", "")]
fn no_verdict_names_a_port_that_the_kernel_chose(#[case] target: &str, #[case] id: &str, #[case] says: &str) {
    if target.contains("/c-") && !crate::common::installed("cc") {
        return;
    }
    let folder = folder();
    let mut command = harness(folder.path());
    command.arg("--target").arg(fixture(target)).args(["--backend", "wire", "--format", "json"]);
    let report = report(command.args(["--requirement", id]), 1);
    for run in runs(&report) {
        let texts = ["reason", "expected", "actual"].map(|key| run[key].as_str().expect("a text").to_owned());
        let findings = array(&run["findings"]).iter().map(|finding| finding.to_string());
        let text = texts.into_iter().chain(findings).collect::<Vec<_>>().join("\n");
        let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
        let chosen: Vec<u32> = numbers.filter(|number| (32_768..=60_999).contains(number)).collect();
        assert!(chosen.is_empty(), "{chosen:?} in\n{text}");
        assert!(text.contains(says), "no `{says}` in\n{text}");
    }
}
