//! Programs that nobody wrote for these labs, where they are installed: `nc` and `socat` play the
//! roles of `message`, and the harness meets them as they are.

mod common;

use common::{folder, harness, installed, report, runs, statuses, write};

/// What a stranger that copies a connection to its output, or its input to a connection, must pass.
const WANTED: &str = "message.twenty-kb,message.prints-exactly,message.binary-safe,message.empty-file";

/// Grades a stranger by its manifest; everything that was wanted and fits its role passes.
fn passes(manifest: &str, wanted: &str, judged: &[&str]) {
    let folder = folder();
    write(folder.path(), "stranger/submission.toml", &format!("[message]\n{manifest}\n"));
    let json = report(
        harness(folder.path()).args([
            "--target",
            "stranger",
            "--backend",
            "wire",
            "--requirement",
            wanted,
            "--format",
            "json",
        ]),
        0,
    );
    let passed: Vec<String> = judged.iter().map(|short| format!("message.{short} pass")).collect();
    let said: Vec<String> = statuses(&json).into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    let reasons: Vec<String> = runs(&json).map(|run| format!("{}: {}", run["id"], run["reason"])).collect();
    let mut sorted = (said, passed);
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{}", reasons.join("\n"));
}

const SERVER: [&str; 4] = ["twenty-kb", "prints-exactly", "binary-safe", "empty-file"];
const CLIENT: [&str; 3] = ["twenty-kb", "binary-safe", "empty-file"];

#[test]
fn socat_as_the_server() {
    if installed("socat") {
        passes(r#"server = "socat -u TCP-LISTEN:{port},fork,reuseaddr -""#, WANTED, &SERVER);
    }
}

#[test]
fn socat_as_the_client() {
    if installed("socat") {
        passes(r#"client = "socat -u - TCP:{host}:{port}""#, WANTED, &CLIENT);
    }
}

/// Whether `nc` is the one of OpenBSD: the others do not know `-k`, or `-N`.
fn openbsd_nc() -> bool {
    if !installed("nc") {
        return false;
    }
    let help = std::process::Command::new("nc").arg("-h").output().expect("nc starts");
    let said = String::from_utf8_lossy(&help.stderr).into_owned() + &String::from_utf8_lossy(&help.stdout);
    let known = said.contains("OpenBSD");
    if !known {
        common::skipped("this nc is not OpenBSD's");
    }
    known
}

#[test]
fn nc_as_the_server() {
    if openbsd_nc() {
        passes(r#"server = "nc -lk {port}""#, WANTED, &SERVER);
    }
}

#[test]
fn nc_as_the_client() {
    if openbsd_nc() {
        passes(r#"client = "nc -N {host} {port}""#, WANTED, &CLIENT);
    }
}

#[test]
fn strangers_meet_each_other() {
    if installed("socat") && openbsd_nc() {
        let manifest = "server = \"socat -u TCP-LISTEN:{port},fork,reuseaddr -\"\nclient = \"nc -N {host} {port}\"";
        passes(manifest, "message.twenty-kb", &["twenty-kb"]);
    }
}
