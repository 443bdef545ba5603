//! Somebody else's servers beside the harness's own: programs that upload meet pyftpdlib, where they show what they show
//! on the server within, and what the harness says of programs that use SSH is compared with what they do at a real server.

use rstest::rstest;

use crate::common::serving::Serving;
use crate::common::sshd::{self, Situation};
use crate::common::{folder, harness, installed, report, statuses};

/// An FTP server of somebody else's, for one account: port, folder, permissions, and the bytes that its disk has.
const FTP_SERVER: &str = r#"
import errno, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
port, folder, permissions, room = sys.argv[1:]

class Kept:
    def __init__(self, file):
        self.file = file
    def __getattr__(self, name):
        return getattr(self.file, name)
    def write(self, data):
        if self.file.tell() + len(data) > int(room):
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

class Disk(AbstractedFS):
    def open(self, name, mode):
        return Kept(super().open(name, mode))

FTPHandler.abstracted_fs = Disk
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("anna", "Walnut-Desk-58", folder, perm=permissions)
FTPHandler.auth_failed_timeout = 0
FTPServer(("127.0.0.1", int(port)), FTPHandler).serve_forever()
"#;

/// A Python that has pyftpdlib: the first one, or the system's own, to which its packages belong.
fn python_with_ftp_server() -> Option<&'static str> {
    let knows = |python: &&str| {
        let asked = std::process::Command::new(python).args(["-c", "import pyftpdlib"]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(knows);
    if found.is_none() {
        crate::common::skipped("pyftpdlib is not installed");
    }
    found
}

/// What came of an upload to the stranger's server.
struct Uploaded {
    /// What is on the server now, if anything is.
    kept: Option<Vec<u8>>,
    ended_well: bool,
    said: String,
}

impl Uploaded {
    /// The user was told that it did not work, and nothing else.
    fn tells(&self) -> bool {
        let claims = ["uploaded", "is stored"].iter().any(|claim| self.said.contains(claim));
        !claims && !self.said.trim().is_empty()
    }
}

/// Has a program store a file on the stranger's server.
fn upload(python: &str, program: &[String], name: &str, password: &str, permissions: &str, room: u64) -> Uploaded {
    let (here, there) = (folder(), folder());
    let content = std::fs::read(crate::common::fixture("files").join(name)).expect("a file of the kit");
    std::fs::write(here.path().join(name), &content).expect("the same file here");
    let server = Serving::of(|port| {
        let mut command = std::process::Command::new(python);
        command.args(["-c", FTP_SERVER, &port.to_string()]).arg(there.path()).args([permissions, &room.to_string()]);
        command.stderr(std::process::Stdio::null());
        command
    });
    let mut command = assert_cmd::Command::new(&program[0]);
    command.timeout(crate::common::BOUND).args(&program[1..]).args([
        "127.0.0.1",
        &server.port.to_string(),
        "anna",
        password,
        name,
    ]);
    let ended = command.current_dir(here.path()).output().expect("the program starts");
    // Only when the server has ended is its file certain to be whole.
    drop(server);
    let said = [ended.stdout, ended.stderr].concat();
    Uploaded {
        kept: std::fs::read(there.path().join(name)).ok(),
        ended_well: ended.status.success(),
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// What an uploader shows on somebody else's server is what it shows on the one within: programs that are right, and
/// programs with a mistake each.
#[rstest]
#[case("reference")]
#[case("good/ftplib")]
#[case("good/active")]
#[case("good/python")]
#[case("bad/first-block")]
#[case("bad/ascii-mode")]
#[case("bad/no-type")]
#[case("bad/refused-in-silence")]
#[case("bad/says-uploaded-in-any-case")]
#[case("bad/success-on-550")]
#[case("bad/status-zero")]
fn pyftpdlib_and_the_peer_within_come_to_the_same_verdicts(#[case] uploader: &str) {
    let Some(python) = python_with_ftp_server() else { return };
    if !installed("python3") {
        return;
    }
    let submission = crate::common::fixture(&format!("submissions/ftp-upload/{uploader}"));
    let (target, program) = match uploader {
        "reference" => (
            "reference".to_owned(),
            [crate::common::HARNESS, "reference", "ftp-upload", "upload"].map(str::to_owned).to_vec(),
        ),
        _ => (
            submission.display().to_string(),
            vec!["python3".to_owned(), submission.join("put.py").display().to_string()],
        ),
    };
    let (right, wrong) = ("Walnut-Desk-58", "Walnut-Desk-59");
    let (all, no_writing) = ("elradfmw", "elr");
    let whole = |name: &str| {
        let content = std::fs::read(crate::common::fixture("files").join(name)).expect("a file of the kit");
        upload(python, &program, name, right, all, 1 << 30).kept == Some(content)
    };
    let refused = [
        upload(python, &program, "letter-20k.txt", wrong, all, 1 << 30),
        upload(python, &program, "letter-20k.txt", right, no_writing, 1 << 30),
        upload(python, &program, "letter-20k.txt", right, all, 1 << 10),
    ];
    let [login, not_allowed, full] = &refused;
    let shown = [
        ("stores", whole("letter-20k.txt")),
        ("binary", whole("picture.png")),
        ("refused-login", login.tells() && login.kept.is_none()),
        ("disk-full", not_allowed.tells() && full.tells()),
        ("status", refused.iter().all(|it| !it.ended_well)),
    ];
    let wanted = shown.map(|(short, _)| format!("ftp-upload.{short}")).join(",");
    let graded = harness(folder().path())
        .args(["--target", &target, "--task", "ftp-upload", "--requirement", &wanted, "--format", "json"])
        .output()
        .expect("the harness starts");
    let json: serde_json::Value = serde_json::from_slice(&graded.stdout).expect("a JSON report");
    let within: std::collections::BTreeMap<String, String> = statuses(&json).into_iter().collect();
    let said: Vec<&str> = refused.iter().map(|it| it.said.as_str()).collect();
    for (short, holds) in shown {
        match within.get(&format!("ftp-upload.{short}")).map(String::as_str) {
            Some("pass") => assert!(holds, "{short} holds within only: {said:?}"),
            Some("fail") => assert!(!holds, "{short} holds outside only: {said:?}"),
            // What has failed already explains it.
            Some("skip") => assert!(!shown[0].1, "{short} is undecided"),
            other => panic!("{short} is {other:?}: {within:?}"),
        }
    }
}

/// What a program does at a real SSH server is what the harness says of it, where there is one of its own.
#[rstest]
#[case::model_answer("reference", &[], [true, true, true])]
#[case::paramiko("good/paramiko-proc", &["/usr/bin/python3", "stats.py"], [true, true, true])]
#[case::never_by_key("bad/never-by-key", &["/usr/bin/python3", "stats.py"], [false, true, true])]
#[case::trusts_everybody("bad/trusts-everybody", &["/usr/bin/python3", "stats.py"], [true, false, true])]
#[case::swallows("bad/swallows-the-refusal", &["/usr/bin/python3", "stats.py"], [true, true, false])]
fn a_real_ssh_server_says_the_same(#[case] program: &str, #[case] command: &[&str], #[case] does: [bool; 3]) {
    const PARAMIKO: &str = "/usr/lib/python3/dist-packages/paramiko";
    if !sshd::is_there() {
        return;
    }
    if !command.is_empty() && !std::path::Path::new(PARAMIKO).exists() {
        return crate::common::skipped("Paramiko is not installed");
    }
    let root = crate::common::fixture(&format!("submissions/ssh-stats/{program}"));
    let situations = [
        (Situation::Key, "key-login"),
        (Situation::ChangedHostKey, "changed-host-key"),
        (Situation::WrongKey, "wrong-password"),
    ];
    for ((situation, _), right) in situations.into_iter().zip(does) {
        let place = folder();
        let server = Serving::of(|port| sshd::server(place.path(), port, situation));
        let mut asking = match command {
            [first, rest @ ..] => {
                let mut asking = std::process::Command::new(first);
                asking.args(rest).current_dir(&root);
                asking
            }
            [] => {
                let mut asking = std::process::Command::new(crate::common::HARNESS);
                asking.args(["reference", "ssh-stats", "sshstats"]);
                asking
            }
        };
        asking.args(["127.0.0.1", &server.port.to_string(), &sshd::user()]);
        // The model answer asks for it instead, and finds the end of its input.
        asking.args((!command.is_empty()).then_some("no such password"));
        asking.env("HOME", place.path().join("home")).env_remove("SSH_AUTH_SOCK").stdin(std::process::Stdio::null());
        let came = asking.output().expect("the program starts");
        let said = String::from_utf8_lossy(&came.stdout).to_lowercase();
        let shown = came.status.success() && said.contains("memory") && said.contains("cpu");
        let complained = !came.status.success() && !said.contains("memory") && !came.stderr.is_empty();
        let did = if situation == Situation::Key { shown } else { complained };
        assert_eq!(did, right, "{situation:?}: {came:?}");
    }
    let wanted = situations.map(|(_, id)| format!("ssh-stats.{id}"));
    let target = if command.is_empty() { "reference".into() } else { root };
    let here = folder();
    let mut grading = harness(here.path());
    grading.arg("--target").arg(&target).args(["--backend", "wire", "--format", "json"]);
    let json = report(grading.args(["--requirement", &wanted.join(",")]), 0);
    let expected = |(id, right): (&String, bool)| (id.clone(), if right { "pass" } else { "fail" }.to_owned());
    let said: std::collections::BTreeMap<String, String> = statuses(&json).into_iter().collect();
    if said.values().any(|status| status == "skip") {
        return crate::common::skipped("this machine gives runs no files of their own");
    }
    assert_eq!(said, wanted.iter().zip(does).map(expected).collect(), "{json}");
}
