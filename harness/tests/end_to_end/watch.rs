//! `--watch`: grades again when a file changes, says what turned, ends on Ctrl-C.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::common::{BOUND, HARNESS, folder, harness, run, stderr, write};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const MANIFEST: &str = "[uppercase-tcp]\nserver = \"python3 server.py {port}\"\n";

/// A server that answers with what an expression makes of `data`.
fn server(answer: &str) -> String {
    format!(
        "import socket, sys\n\
         listener = socket.create_server((\"\", int(sys.argv[1])))\n\
         while True:\n    connection, _ = listener.accept()\n    \
         while data := connection.recv(4096):\n        connection.sendall({answer})\n    \
         connection.close()\n"
    )
}

/// A harness that watches, and the lines that it says on standard error.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(HARNESS)
            .current_dir(folder)
            .args(["--watch", "--target", "lab", "--requirement", "uppercase-tcp.letters", "--no-progress"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the harness starts");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Self { child, lines }
    }

    /// The lines up to the next that says that it waits.
    #[track_caller]
    fn round(&self) -> String {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(BOUND) {
                Ok(line) if line.starts_with("watch: waiting") => return said,
                Ok(line) => said.push_str(&format!("{line}\n")),
                Err(_) => panic!("nothing more is said after:\n{said}"),
            }
        }
    }

    fn interrupt(&mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, Signal::SIGINT).expect("it runs");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // After a failed assertion; else it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_turned_is_said_after_each_change() {
    let folder = folder();
    write(folder.path(), "lab/submission.toml", MANIFEST);
    write(folder.path(), "lab/server.py", &server("data"));
    let mut watching = Watching::start(folder.path(), &["--out", "lab/evidence"]);
    assert_eq!(watching.round(), "");

    write(folder.path(), "lab/server.py", &server("data.upper()"));
    assert_eq!(watching.round(), "watch: lab/server.py has changed\nwatch: now pass: uppercase-tcp.letters\n");

    // Another mistake: the manifest is wrong, and then right again in a file that takes the place of the old one.
    write(folder.path(), "lab/submission.toml", &MANIFEST.replace("tcp", "tpc"));
    let said = watching.round();
    assert!(
        said.contains("lab/submission.toml has changed") && said.contains("did you mean `uppercase-tcp`?"),
        "{said}"
    );
    assert!(said.ends_with("watch: not graded this time\n"), "{said}");
    write(folder.path(), "new.toml", MANIFEST);
    std::fs::rename(folder.path().join("new.toml"), folder.path().join("lab/submission.toml")).unwrap();
    let said = watching.round();
    assert!(said.ends_with("watch: every verdict is as it was\n"), "{said}");

    // A new folder is watched as well.
    write(folder.path(), "lab/src/notes.txt", "one");
    assert!(watching.round().contains("lab/src/notes.txt is new"));
    write(folder.path(), "lab/src/notes.txt", "two");
    assert!(watching.round().contains("lab/src/notes.txt has changed"));

    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn there_must_be_something_to_watch() {
    let folder = folder();
    let output = run(harness(folder.path()).args(["--watch", "--target", "reference"]), 2);
    assert!(stderr(&output).contains("--watch looks at files"), "{}", stderr(&output));
    let output = run(harness(folder.path()).args(["--watch", "--target", "nowhere"]), 2);
    assert!(stderr(&output).contains("nowhere: there is no such file or folder"), "{}", stderr(&output));
}
