//! Standard streams that cannot be written: a full disk, a closed descriptor, a reader that has gone.
// The full disk is a device of Linux.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};

use crate::common::{HARNESS, fixture, folder, small_catalogue, write};
use rstest::rstest;

/// A place without room.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full")
}

/// The writing end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[rstest]
#[case::list(&["list"])]
#[case::explain(&["explain", "message"])]
#[case::schema(&["schema", "report"])]
#[case::doctor(&["doctor"])]
#[case::help(&["--help"])]
#[case::grade(&["--target", "reference", "--requirement", "message.twenty-kb", "--format", "json"])]
fn output_that_is_lost_is_no_success(#[case] arguments: &[&str]) {
    let output = Command::new(HARNESS).args(arguments).stdout(full()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("harness: standard output cannot be written: No space left on device"), "{said}");
}

#[rstest]
#[case::list(&["list"])]
#[case::schema(&["schema", "scenario"])]
#[case::help(&["--help"])]
fn a_reader_that_has_gone_is_no_error(#[case] arguments: &[&str]) {
    let output = Command::new(HARNESS).args(arguments).stdout(unread()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Whatever there is to complain about, the exit status says it also where no word can.
#[rstest]
#[case::flag(&["--fromat", "json"], 2)]
#[case::no_target(&[], 2)]
#[case::path(&["--target", "nowhere"], 2)]
#[case::requirement(&["explain", "message.nothing"], 2)]
#[case::peer(&["peer", "message", "nobody"], 2)]
#[case::report(&["replay", "nowhere.json", "x"], 2)]
#[case::manifest(&["check", "late"], 2)]
#[case::catalogue(&["check", "lab"], 2)]
#[case::reference(&["reference", "message", "nobody"], 2)]
#[case::empty(&["--target", "empty"], 4)]
fn complaints_that_nobody_can_read_are_no_panic(#[case] arguments: &[&str], #[case] status: i32) {
    let folder = folder();
    write(folder.path(), "late/submission.toml", "[mesage]\n");
    small_catalogue(&folder.path().join("lab"));
    write(folder.path(), "lab/greeting/hello.toml", "title == 1\n");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for deaf in [Stdio::from(full()), unread()] {
        let mut command = Command::new(HARNESS);
        let ended = command.args(arguments).current_dir(folder.path()).stdout(Stdio::null()).stderr(deaf).status();
        assert_eq!(ended.unwrap().code(), Some(status), "{arguments:?}");
    }
    // Descriptors that are closed from the start.
    let line = format!("exec {HARNESS} \"$@\" >&- 2>&-");
    let mut shell = Command::new("sh");
    let ended = shell.args(["-c", &line, "sh"]).args(arguments).current_dir(folder.path()).status();
    assert_eq!(ended.unwrap().code(), Some(status), "{arguments:?}");
}

/// Notes and progress that cannot be shown change nothing about the report.
#[test]
fn a_grading_without_standard_error_prints_its_report() {
    let mut command = Command::new(HARNESS);
    command.arg("--target").arg(fixture("student-bin")).args(["--requirement", "message.twenty-kb"]);
    let output = command.stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("message: 0 of 3 points"), "{output:?}");
}
