//! Made-up reports for the tests of every format.

use harness_verdict::Undecided;
use proptest::prelude::*;

use super::model::{Evidence, Report, RequirementReport, RunReport, SCHEMA, Status, TaskReport, Verdict};
use super::settle;
use crate::crash::{Crash, Deed, Did, Doing, Kind, Place, Wait};
use harness_language::catalogue::model::Level;

/// A teaching text as it stands in a task file.
pub const TEACH: &str = "\
TCP is a stream of bytes, and `send` hands some of them to the kernel: as many as fit
into the socket's buffer just now. It says how many it took. A program that does not
look loses the rest, and nobody is told.

On a quiet machine the buffer is nearly always large enough, e.g. for a whole 20 KB
file, so the mistake stays hidden until the reader is slow:

- the receiver stops reading
- its window closes, then your buffer fills
  up

    taken = send(fd, data, length, 0);

POSIX allows a short count at any time (send, IEEE Std 1003.1-2017).
";

/// One task, one failure, one undecided must-requirement.
pub fn simple() -> Report {
    let mut skipped = requirement("message.short-writes", Level::Must, Status::Skip, (0.0, 0.0));
    skipped.runs[0].skip_reason = Some("needs the simulated network".to_owned());
    let task = task(
        "message",
        "A message from a file to a screen",
        vec![
            requirement("message.prints-exactly", Level::Must, Status::Pass, (3.0, 3.0)),
            requirement("message.twenty-kb", Level::Must, Status::Pass, (3.0, 3.0)),
            requirement("message.endless", Level::Must, Status::Fail, (0.0, 3.0)),
            skipped,
        ],
    );
    report(vec![task], &["message.short-writes"])
}

/// One task that passes.
pub fn passed() -> Report {
    let pass = requirement("message.prints-exactly", Level::Must, Status::Pass, (3.0, 3.0));
    report(vec![task("message", "A message from a file to a screen", vec![pass])], &[])
}

/// A server that crashes in one line for two requirements, waits for ever in another, and is idle.
pub fn stopped() -> Report {
    let failed = |id: &str| requirement(id, Level::Must, Status::Fail, (0.0, 3.0));
    let outer = place("server.py", 12, "", "serve(connection)");
    let crash = |message: &str| Crash {
        program: "server".to_owned(),
        role: "server".to_owned(),
        kind: Kind::Exception { name: "KeyError".to_owned(), message: message.to_owned() },
        place: Some(place("server.py", 9, "serve", "connection.sendall(names[data])")),
        frames: vec![place("server.py", 9, "serve", "connection.sendall(names[data])"), outer.clone()],
        doing: Doing::Meeting("alice".to_owned()),
        ended: true,
    };
    let wait = |call: &str, place: &Place| Wait {
        program: "server".to_owned(),
        role: "server".to_owned(),
        call: Some(call.to_owned()),
        place: place.clone(),
        frames: vec![place.clone(), outer.clone()],
    };
    let (mut letters, mut form) = (failed("uppercase-tcp.letters"), failed("uppercase-tcp.form"));
    letters.runs[0].crash = Some(crash("b'abc'"));
    form.runs[0].crash = Some(crash("b'xyz'"));
    for found in [&mut letters, &mut form] {
        found.runs[0].reason = "alice received nothing".to_owned();
    }
    let (mut next, mut others) = (failed("uppercase-tcp.next-client"), failed("uppercase-tcp.others-untouched"));
    next.runs[0].waits = vec![wait("recv", &place("lib/lines, 100%.py", 7, "read", "data += connection.recv(10)"))];
    next.runs[0].reason = "anna received nothing".to_owned();
    others.runs[0].waits = vec![wait("accept", &place("server.py", 11, "", "connection, _ = listener.accept()"))];
    others.runs[0].reason = "alice received something else".to_owned();
    let made = wait("send", &place("server.py", 14, "answer", "connection.sendall(line.title())"));
    others.runs[0].deed = Some(Deed { did: Did::Sent, at: made });
    report(vec![task("uppercase-tcp", "Capital letters over TCP", vec![letters, form, next, others])], &[])
}

/// A line of a student's own.
pub fn place(file: &str, line: u32, function: &str, text: &str) -> Place {
    Place { file: file.to_owned(), line, function: function.to_owned(), text: text.to_owned() }
}

/// Every verdict, values of one line and of many, hostile text.
pub fn full() -> Report {
    let mut report = report(vec![message_task(), uppercase_task()], &["message.fixed-buffers"]);
    report.notes = vec![
        "server: found by probing, `python3 server.py {port}`".to_owned(),
        "no client was found; looked for a manifest and for programs that connect".to_owned(),
    ];
    report
}

/// One of each undecided verdict and a failure, with the text wherever a program's words
/// can come.
pub fn hostile(text: &str) -> Report {
    let mut failed = requirement("message.prints-exactly", Level::Must, Status::Fail, (0.0, 3.0));
    let words = || text.to_owned();
    let run = &mut failed.runs[0];
    (run.expected, run.actual) = ("HELLO\nWORLD\n".to_owned(), words());
    (run.reason, run.hint, run.schedule) = (words(), words(), words());
    run.findings = vec![words()];
    run.crash = Some(Crash {
        program: "server".to_owned(),
        role: "server".to_owned(),
        kind: Kind::Exception { name: words(), message: words() },
        place: Some(place(text, 9, text, text)),
        frames: vec![place(text, 9, text, text); 2],
        doing: Doing::Meeting(words()),
        ended: true,
    });
    run.transcript = vec![words(), words()];
    run.evidence.transcript = Some("prints-exactly.transcript.txt".to_owned());
    let mut other = failed.runs[0].clone();
    other.id = "message/prints-exactly#server[binary]".to_owned();
    (other.expected, other.actual) = (words(), "HELLO".to_owned());
    let mut left_out = other.clone();
    left_out.id = "message/prints-exactly#server[empty]".to_owned();
    (left_out.status, left_out.skip_reason) = (Status::Skip, Some(words()));
    failed.runs.extend([other, left_out]);

    let mut skipped = requirement("message.short-writes", Level::Must, Status::Skip, (0.0, 0.0));
    skipped.runs[0].skip_reason = Some(words());
    let mut dead = requirement("message.endless", Level::Must, Status::NotGradable, (0.0, 3.0));
    dead.runs[0].reason = words();

    let mut task = task("message", "A message from a file to a screen", vec![failed, skipped, dead]);
    task.met = vec![words()];
    let mut report = report(vec![task], &["message.short-writes"]);
    (report.target, report.notes) = (words(), vec![words()]);
    report
}

/// Text that a program might print to be taken for a report, and plain noise.
pub fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "\u{1b}[2J\u{1b}[H",
            "\u{1b}]0;passed\u{7}",
            "\r",
            "\n",
            "\r\n",
            "\n\n",
            "\u{9b}32m",
            "\u{202e}",
            "\u{2028}",
            "```",
            "</details>",
            "]]>",
            "<script>",
            "::error::",
            "@everyone",
            "|",
            "\\",
            "  expected  ",
            "\nmessage: 3 of 3 points, passed\n",
            "\u{0}",
            "\u{fffe}",
            "你好",
            "e\u{301}",
        ])
        .prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn message_task() -> TaskReport {
    let mut short = requirement("message.short-writes", Level::Must, Status::Fail, (0.0, 3.0));
    short.title = "whole, when `send` takes only part of what it is given (forced)".to_owned();
    let run = &mut short.runs[0];
    (run.id, run.role) = ("message/short-writes#client".to_owned(), "client".to_owned());
    run.pairing = "harness-server".to_owned();
    run.replay = format!("harness replay report.json {}", run.id);
    run.schedule = "send: 1024, rest".to_owned();
    run.reason = "the client stopped after its first send, which took 1024 of 4096 bytes".to_owned();
    run.expected = "20480 bytes, sha256 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef".to_owned();
    run.actual = "1024 bytes, sha256 9e6b1b8f1d1f7c0de8bd0f3f0c4b9a6a0f5c7dfe0d2f6d9b1c7b8a4f5e3d2c1b".to_owned();
    run.hint = "send() may take less than you gave it: look at what it returns and send the rest".to_owned();
    run.evidence = Evidence {
        pcap: Some("message-short-writes-client.pcap".to_owned()),
        transcript: Some("message-short-writes-client.transcript.txt".to_owned()),
        calls: Some("message-short-writes-client.calls.txt".to_owned()),
    };
    run.transcript = (1..=9)
        .map(|n| format!("0.{n:03} s  client  send(3, 4096 bytes) = 1024"))
        .chain(["0.140 s  client  exit status 0".to_owned()])
        .collect();
    for row in ["one-byte", "random", "tiny", "two"] {
        let mut other = short.runs[0].clone();
        other.id = format!("message/short-writes#client[{row}]");
        other.row = Some(row.to_owned());
        short.runs.push(other);
    }

    let mut exact = requirement("message.prints-exactly", Level::Must, Status::Fail, (0.0, 3.0));
    exact.title = "server stdout is the bytes sent and nothing else".to_owned();
    let run = &mut exact.runs[0];
    run.reason = "standard output begins with \"Connected from\", which nobody sent".to_owned();
    run.expected = "Dear reader,\nthis is a message\nof three lines.\n".to_owned();
    run.actual = "Connected from ('127.0.0.1', 40000)\nDear reader,\nthis is a message\nof three lines.\n\u{1b}[2J\u{1b}[Hmessage: 26 of 26 points, passed\n".to_owned();
    run.findings = vec!["expects a newline".to_owned(), "expects a newline".to_owned()];
    run.deterministic = true;

    let mut skipped = requirement("message.fixed-buffers", Level::Must, Status::Skip, (0.0, 0.0));
    skipped.runs[0].skip_reason = Some("needs the simulated network".to_owned());
    let mut interrupted = requirement("message.interrupted-call", Level::May, Status::Skip, (0.0, 0.0));
    interrupted.runs[0].skip_reason = Some("needs the simulated network".to_owned());

    let mut endless = requirement("message.endless", Level::Must, Status::Pass, (3.0, 3.0));
    let mut own = endless.runs[0].clone();
    own.id = "message/endless#server own".to_owned();
    own.pairing = "own".to_owned();
    (own.status, own.skip_reason) = (Status::Skip, Some("no client was found to pair it with".to_owned()));
    endless.runs.push(own);

    let mut broken = requirement("message.large-file", Level::Should, Status::HarnessError, (0.0, 0.0));
    broken.runs[0].reason = "the harness could not make its 64 MiB file: no space left on device".to_owned();

    let mut blocking = requirement("message.blocking", Level::May, Status::Fail, (0.0, 0.0));
    blocking.title = "uses blocking sockets".to_owned();
    blocking.runs[0].reason = "the server set O_NONBLOCK on its listener".to_owned();
    (blocking.runs[0].expected, blocking.runs[0].actual) = (String::new(), String::new());

    let mut task = task(
        "message",
        "A message from a file to a screen",
        vec![exact, short, skipped, endless, broken, interrupted, blocking],
    );
    task.met = vec!["the server listens on port 5000, which is built in".to_owned()];
    task
}

fn uppercase_task() -> TaskReport {
    let mut letters = requirement("uppercase-tcp.letters", Level::Must, Status::Pass, (3.0, 3.0));
    letters.title = "`a..z` become `A..Z`".to_owned();
    letters.runs[0].findings = vec!["expects a newline".to_owned(), "prints |a prompt| without a line end".to_owned()];

    let mut segmented = requirement("uppercase-tcp.segmented", Level::Should, Status::Fail, (0.5, 1.0));
    segmented.title = "sentence and reply arrive in pieces and are still whole".to_owned();
    let run = &mut segmented.runs[0];
    run.reason =
        "only `THE` came back: <b>\u{202e}the server</b> answered ```after``` one segment @everyone".to_owned();
    run.schedule = "segments: 3, rest".to_owned();
    (run.expected, run.actual) = ("THE QUICK BROWN FOX".to_owned(), "THE".to_owned());
    run.transcript = vec!["server> \u{1b}]0;owned\u{7}ready".to_owned()];

    let dead = |id: &str| {
        let mut dead = requirement(id, Level::Must, Status::NotGradable, (0.0, 3.0));
        dead.title =
            "the client takes the server's address and port from its command line, and prints what the server replied"
                .to_owned();
        dead.runs[0].reason = "`python2 client.py 127.0.0.1 12000` ended with status 127 before it connected; its last lines were:\nsh: 1: python2: not found\n  expected  nothing to see".to_owned();
        dead
    };
    task(
        "uppercase-tcp",
        "Capital letters over TCP",
        vec![letters, segmented, dead("uppercase-tcp.cli-address"), dead("uppercase-tcp.prints-reply")],
    )
}

fn report(tasks: Vec<TaskReport>, undecided: &[&str]) -> Report {
    let verdict = settle::verdict(&tasks);
    Report {
        schema: SCHEMA,
        harness: "0.1.0".to_owned(),
        rubric: "built-in".to_owned(),
        target: "submissions/s1234567".to_owned(),
        submission_sha256: "3b1f".repeat(16),
        seed: 1,
        backend: "sim".to_owned(),
        score: tasks.iter().map(|task| task.score).sum(),
        max_score: tasks.iter().map(|task| task.max_score).sum(),
        verdict,
        passed: verdict == Verdict::Passed,
        undecided: undecided.iter().map(|id| (*id).to_owned()).collect(),
        absent: Vec::new(),
        late: None,
        duration_ms: 812,
        findings: crate::submission::findings::Findings::default(),
        notes: Vec::new(),
        on_real_sockets: Vec::new(),
        held_back: None,
        tasks,
    }
}

fn task(id: &str, title: &str, requirements: Vec<RequirementReport>) -> TaskReport {
    TaskReport {
        id: id.to_owned(),
        status: requirements.iter().map(|found| found.status).max().unwrap_or(Status::Skip),
        score: requirements.iter().map(|found| found.score).sum(),
        max_score: requirements.iter().map(|found| found.max_score).sum(),
        title: title.to_owned(),
        met: Vec::new(),
        requirements,
    }
}

fn requirement(id: &str, level: Level, status: Status, (score, max_score): (f64, f64)) -> RequirementReport {
    let scenario = id.replace('.', "/");
    RequirementReport {
        id: id.to_owned(),
        level,
        status,
        score,
        max_score,
        lost_with: None,
        runs: vec![run(&scenario, status)],
        worth: max_score,
        title: "serves one client after another until it is stopped".to_owned(),
        teach: TEACH.to_owned(),
        look_at: "every place where you call `send`: what do you do with its result?".to_owned(),
        handout: "harness handout message 'Short counts'".to_owned(),
        section: "Short counts\n\nA call may move fewer bytes than it was given.".to_owned(),
    }
}

fn run(scenario: &str, status: Status) -> RunReport {
    let id = format!("{scenario}#server");
    RunReport {
        role: "server".to_owned(),
        pairing: "harness-client".to_owned(),
        row: None,
        status,
        skip_reason: None,
        undecided: (status == Status::Skip).then_some(Undecided::Situation),
        backend: "sim".to_owned(),
        seed: 1,
        schedule: String::new(),
        deterministic: true,
        duration_ms: 6,
        virtual_ms: 140,
        expected: "20480 bytes".to_owned(),
        actual: "20480 bytes".to_owned(),
        findings: Vec::new(),
        unsteady: None,
        reason: "as expected".to_owned(),
        state: String::new(),
        cause: None,
        hint: String::new(),
        replay: format!("harness replay report.json {id}"),
        trace_sha256: "a9c4".repeat(16),
        evidence: Evidence::default(),
        got: Vec::new(),
        difference: None,
        crash: None,
        waits: Vec::new(),
        deed: None,
        programs: Vec::new(),
        title: "one client after another".to_owned(),
        transcript: Vec::new(),
        id,
    }
}
