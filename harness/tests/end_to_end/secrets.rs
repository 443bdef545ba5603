//! Passwords: whatever a run leaves, none is in it, neither the one that the harness gives nor one that a program has
//! built in.

use std::path::Path;

use crate::common::{captures, folder, harness, installed, report, write};
use rstest::rstest;

/// The password that the task gives to programs.
const GIVEN: &str = "Walnut-Desk-58";

/// One that a program brings along.
const BUILT_IN: &str = "hunter-of-mice";

/// Logs in, tells everybody with which password, and complains with it.
const TALKATIVE: &str = r#"
import socket, sys
password = PASSWORD
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as server:
    replies = server.makefile("rb")
    for command in [None, "USER anna", "PASS " + password, "STAT", "QUIT"]:
        if command:
            server.sendall(command.encode() + b"\r\n")
        print(command, replies.readline(), flush=True)
print("nothing for", password, file=sys.stderr)
"#;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![(path.display().to_string(), std::fs::read(&path).expect("a file"))],
        })
        .collect()
}

#[rstest]
fn no_password_is_left(
    #[values("sim", "wire")] backend: &str,
    #[values((GIVEN, "sys.argv[3]", "{password}"), (BUILT_IN, "\"hunter-of-mice\"", ""))] program: (&str, &str, &str),
) {
    if !installed("python3") {
        return;
    }
    let (secret, source, argument) = program;
    let folder = folder();
    write(folder.path(), "mine/read.py", &TALKATIVE.replace("PASSWORD", source));
    let manifest = format!("[mail-read-pop3]\nread = \"python3 read.py {{host}} {{port}} {argument}\"\n");
    write(folder.path(), "mine/submission.toml", &manifest);
    let wanted = "mail-read-pop3.login,mail-read-pop3.shows";
    let json = report(
        harness(folder.path())
            .args(["--target", "mine", "--backend", backend, "--requirement", wanted, "--out", "out"])
            .args(["--format", "json"]),
        1,
    );
    let said = json.to_string();
    assert!(!said.contains(secret), "{said}");
    assert!(said.contains("PASS [masked: password]"), "{said}");

    let files = files(&folder.path().join("out"));
    let kinds = ["transcript.txt", "report.json"].iter().chain(captures().then_some(&"pcap"));
    for kind in kinds {
        assert!(files.iter().any(|(name, _)| name.ends_with(kind)), "no {kind} was written");
    }
    for (name, content) in &files {
        assert!(!name.contains(secret), "{name}");
        // Where the files of a run are from is told beside the report: the program itself is in none of them.
        let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{name}: {}", String::from_utf8_lossy(content));
    }
    let transcript = files.iter().find(|(name, _)| name.ends_with("transcript.txt")).expect("a transcript");
    let transcript = String::from_utf8_lossy(&transcript.1);
    assert!(transcript.contains("PASS [masked: password]"), "{transcript}");
    if let Some((_, capture)) = files.iter().find(|(name, _)| name.ends_with("login.read.pcap")) {
        let stars = format!("PASS {}\r\n", "*".repeat(secret.len()));
        assert!(capture.windows(stars.len()).any(|window| window == stars.as_bytes()));
    }
}

/// IMAP spells passwords in three ways: as they are, with backslashes, and in base64.
#[rstest]
#[case("box.login('anna', password)", r#"hunter of \"mice\""#)]
#[case(
    "box.authenticate('PLAIN', lambda _: '\\0anna\\0'.encode() + password.encode())",
    "AGFubmEAaHVudGVyIG9mICJtaWNlIg=="
)]
fn no_password_is_left_that_was_spelt_otherwise(
    #[values("sim", "wire")] backend: &str,
    #[case] login: &str,
    #[case] spelt: &str,
) {
    if !installed("python3") {
        return;
    }
    let folder = folder();
    let program = format!(
        "import imaplib, sys\npassword = 'hunter of \"mice\"'\nbox = imaplib.IMAP4(sys.argv[1], int(sys.argv[2]))\n\
         print(password, flush=True)\n{login}\nbox.logout()\n"
    );
    write(folder.path(), "mine/read.py", &program);
    write(folder.path(), "mine/submission.toml", "[mail-read-imap]\nread = \"python3 read.py {host} {port}\"\n");
    let wanted = "mail-read-imap.login";
    let json = report(
        harness(folder.path())
            .args(["--target", "mine", "--backend", backend, "--requirement", wanted, "--out", "out"])
            .args(["--format", "json"]),
        0,
    );
    assert!(!json.to_string().contains("mice"), "{json}");
    for (name, content) in &files(&folder.path().join("out")) {
        let text = String::from_utf8_lossy(content);
        assert!(!text.contains("mice") && !text.contains(spelt), "{name}: {text}");
    }
}

/// Logs in over SMTP in every way, in clear or in TLS, and shows what it does.
const SMTP: &str = r#"
import smtplib, ssl, sys
host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], PASSWORD
server = smtplib.SMTP(host, port)
server.set_debuglevel(1)
TLS
server.ehlo()
server.user, server.password = user, password
print(server.auth("WAY", getattr(server, "auth_WAY".lower())))
server.quit()
"#;

#[rstest]
fn no_login_of_smtp_is_left(
    #[values("sim", "wire")] backend: &str,
    #[values("PLAIN", "LOGIN")] way: &str,
    #[values("", "server.starttls(context=ssl.create_default_context())")] tls: &str,
    #[values((GIVEN, "sys.argv[4]", "{password}"), (BUILT_IN, "\"hunter-of-mice\"", ""))] program: (&str, &str, &str),
) {
    use harness_language::base64;
    if !installed("python3") {
        return;
    }
    let (secret, source, argument) = program;
    let folder = folder();
    let text = SMTP.replace("PASSWORD", source).replace("TLS", tls).replace("WAY", way);
    write(folder.path(), "mine/mail.py", &text);
    let manifest = format!("[mail-tls]\nmail = \"python3 mail.py {{host}} {{port}} {{user}} {argument}\"\n");
    write(folder.path(), "mine/submission.toml", &manifest);
    let status = if tls.is_empty() { 1 } else { 0 };
    let json = report(
        harness(folder.path())
            .args(["--target", "mine", "--backend", backend, "--scenario", "mail-tls/login", "--out", "out"])
            .args(["--task", "mail-tls", "--format", "json"]),
        status,
    );
    let spellings =
        [secret.to_owned(), base64::encode(secret.as_bytes()), base64::encode(format!("\0anna\0{secret}").as_bytes())];
    for spelling in &spellings {
        assert!(!json.to_string().contains(spelling), "{spelling}: {json}");
        for (name, content) in files(&folder.path().join("out")) {
            let found = content.windows(spelling.len()).any(|window| window == spelling.as_bytes());
            assert!(!found, "{spelling} in {name}: {}", String::from_utf8_lossy(&content));
        }
    }
}

#[test]
fn the_report_says_that_something_is_masked() {
    let folder = folder();
    let out = crate::common::run(
        harness(folder.path()).args(["--target", "reference", "--requirement", "mail-read-pop3.login", "--all"]),
        0,
    );
    let said = crate::common::stdout(&out);
    assert!(said.contains("[masked: password] stands in its place, and asterisks in captures"), "{said}");
}
