//! What the end-to-end tests share: the binary, the fixtures, folders of their own, small checks.
//! It never judges a program itself.

pub mod browser;
pub mod classes;
pub mod conformance;
pub mod serving;
pub mod sshd;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use harness::truth::Programs;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const HARNESS: &str = env!("CARGO_BIN_EXE_harness");

/// A bound for things that take a moment: generous, since the machine may be busy with other tests.
pub const BOUND: Duration = Duration::from_secs(60);

/// The command under test, as a script calls it: no terminal, no colour, no width from outside.
pub fn harness(folder: &Path) -> Command {
    let mut command = Command::new(HARNESS);
    command.current_dir(folder).env_remove("COLUMNS").env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1").timeout(BOUND);
    // The last report is the user's; tests have a place of their own for theirs.
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command
}

/// A folder that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A path below the repository's `fixtures/`. A program that is kept as a difference is written into a folder first,
/// once for all tests; the folder is named after what is in it, so that a changed program gets another one.
pub fn fixture(path: &str) -> PathBuf {
    let kept = repository().join("fixtures").join(path);
    let is_difference = repository().join(format!("fixtures/{path}.diff")).is_file();
    let Some(name) = path.strip_prefix("submissions/").filter(|_| is_difference) else { return kept };
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    let programs =
        PROGRAMS.get_or_init(|| Programs::open(Some(&repository().join("fixtures/submissions"))).expect("programs"));
    let entry = programs.named(name).unwrap_or_else(|| panic!("there is no program {name}"));
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let written = tempfile::tempdir_in(all).expect("a temporary folder");
    entry.write(written.path()).expect("the program");
    let digest = harness::submission::fingerprint::sha256(written.path()).expect("a fingerprint");
    let place = all.join(&digest[..16]).join(Path::new(name).file_name().expect("a name"));
    std::fs::create_dir_all(place.parent().expect("a folder above")).expect("a folder");
    // Another test may have been faster: what it has written is the same.
    let written = written.keep();
    if std::fs::rename(&written, &place).is_err() {
        std::fs::remove_dir_all(&written).expect("removed");
    }
    place
}

/// The repository's top level.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package").to_owned()
}

/// Writes a file and the folders above it.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// Writes an executable script.
pub fn script(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    write(folder, name, text);
    std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).expect("executable");
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 on standard output")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on standard error")
}

/// Runs a command and checks its exit status; the message shows what it printed.
#[track_caller]
pub fn run(command: &mut Command, status: i32) -> Output {
    let output = command.output().expect("the harness starts");
    assert_eq!(
        output.status.code(),
        Some(status),
        "{command:?}\n--- standard output\n{}\n--- standard error\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs a command that prints a JSON report.
#[track_caller]
pub fn report(command: &mut Command, status: i32) -> Value {
    let output = run(command, status);
    serde_json::from_slice(&output.stdout).expect("a JSON report on standard output")
}

/// The status of every requirement in a report, in its order.
pub fn statuses(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    requirements(report).map(|it| (text(&it["id"]), text(&it["status"]))).collect()
}

/// All requirements of a report.
pub fn requirements(report: &Value) -> impl Iterator<Item = &Value> {
    array(&report["tasks"]).iter().flat_map(|task| array(&task["requirements"]))
}

/// All runs of a report.
pub fn runs(report: &Value) -> impl Iterator<Item = &Value> {
    requirements(report).flat_map(|requirement| array(&requirement["runs"]))
}

/// A list in a report.
#[track_caller]
pub fn array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

/// The report's text without the lines that say how long something took.
pub fn without_durations(json: &str) -> String {
    json.lines().filter(|line| !line.trim_start().starts_with("\"duration_ms\":")).collect::<Vec<_>>().join("\n")
}

/// Says that a test was not run, and why.
pub fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Whether a program is installed; says so if not.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// What `harness doctor` says.
pub fn doctor() -> &'static str {
    static SAID: OnceLock<String> = OnceLock::new();
    SAID.get_or_init(|| stdout(&run(harness(Path::new(".")).arg("doctor"), 0)))
}

/// Whether runs are captured here: that needs a network namespace.
pub fn captures() -> bool {
    doctor().lines().any(|line| line.trim() == "packet captures: yes")
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + BOUND;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// A small catalogue of one task, `greeting`: for tests that break it and for `--scenarios`.
pub fn small_catalogue(folder: &Path) {
    write(folder, "greeting/task.toml", TASK);
    write(folder, "greeting/hello.toml", SCENARIO);
    write(folder, "greeting/openings/meet.toml", OPENING);
    write(folder, "greeting/handout.md", "# A greeting\n\n## Greeting\n\nSay hello.\n");
}

/// `task.toml` of the small catalogue.
pub const TASK: &str = r#"id = "greeting"
title = "A greeting"
section = "T1"
sheets = ["900"]
summary = "A server prints what one client sends."

[[roles]]
name = "server"
kind = "server"
transport = "tcp"
arguments = "{port}"

[[requirements]]
id = "prints-hello"
level = "must"
roles = ["server"]
title = "The server prints the greeting"
teach = "What is sent is printed."
look-at = "What does the server print?"
handout = "Greeting"
"#;

/// The opening of the small catalogue.
pub const OPENING: &str = r#"title = "A client connects"
parameters = ["peer"]
steps = [
  { start = { program = "server" } },
  { connect = { peer = "$peer", to = "server" } },
]
"#;

/// The scenario of the small catalogue.
pub const SCENARIO: &str = r#"title = "One client says hello"
decides = ["prints-hello"]
judges = "server"
rows = [{ name = "short", greeting = "hello\n" }]
steps = [
  { perform = { opening = "meet", with = { peer = "alice" } } },
  { send = { peer = "alice", data = { text = "$greeting" } } },
  { close = { peer = "alice" } },
  { expect-output = { program = "server", contains = { text = "hello\n" }, within = "10s" } },
]
"#;
