//! Nothing of a submission outlives its grading: neither a daemon that has left its session and its
//! parent, nor anything at all when the harness itself is stopped in mid-run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{HARNESS, folder, harness, wait_until, write};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

/// A server that first becomes the grandparent of a daemon: forked twice, in a session of its own,
/// deaf to what a terminal would send, with the marker as an argument. It serves only when the daemon was there.
const DAEMON_MAKER: &str = r#"
import os, signal, socket, sys

port, marker = int(sys.argv[1]), sys.argv[2]
readable, writable = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.chdir("/")
        os.write(writable, b"!")
        os.execv(sys.executable, [sys.executable, "-c", "import signal\nwhile True: signal.pause()", marker])
    os._exit(0)
os.wait()
os.close(writable)
if os.read(readable, 1) != b"!":
    sys.exit("there is no daemon")
"#;

/// Serves nobody well: reads once and prints what came.
const ONE_RECV: &str = r#"
listener = socket.create_server(("", port))
while True:
    connection, _ = listener.accept()
    print(connection.recv(100), flush=True)
    connection.close()
"#;

/// Never listens, never rests.
const BUSY: &str = r#"
while True:
    pass
"#;

/// Processes that have the marker among their arguments.
fn marked(marker: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if arguments.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes()) {
            found.push(pid);
        }
    }
    found
}

/// A submission of such a server; answers with its marker.
fn submission(folder: &Path, ending: &str) -> String {
    let marker = format!("marker-{}-{}", std::process::id(), ending.len());
    write(folder, "late/server.py", &format!("{DAEMON_MAKER}{ending}"));
    let run = format!("python3 server.py {{port}} {marker}");
    write(folder, "late/submission.toml", &format!("[message]\nserver = \"{run}\"\n"));
    marker
}

#[test]
fn a_daemon_does_not_outlive_its_run() {
    let folder = folder();
    let marker = submission(folder.path(), ONE_RECV);
    let output = harness(folder.path())
        .args(["--target", "late", "--backend", "wire", "--requirement", "message.twenty-kb,message.queues"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(marked(&marker), Vec::<u32>::new(), "left behind");
}

#[rstest]
#[case::asked(Signal::SIGTERM)]
#[case::killed(Signal::SIGKILL)]
fn nothing_is_left_when_the_harness_is_stopped_in_mid_run(#[case] signal: Signal) {
    let folder = folder();
    let marker = submission(folder.path(), BUSY) + signal.as_str();
    let manifest = folder.path().join("late/submission.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"\n", &format!("{}\"\n", signal.as_str()));
    fs::write(&manifest, text).unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut running = Command::new(HARNESS)
        .args(["--target", "late", "--backend", "wire", "--requirement", "message.twenty-kb", "--no-progress"])
        .current_dir(folder.path())
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The server, and the daemon beside it.
    wait_until("the daemon is there", || marked(&marker).len() >= 2);
    kill(Pid::from_raw(i32::try_from(running.id()).unwrap()), signal).unwrap();
    let status = running.wait().unwrap();
    let left =
        || (marked(&marker), fs::read_dir(&temporary).unwrap().flatten().map(|it| it.path()).collect::<Vec<_>>());
    if signal == Signal::SIGKILL {
        // Nobody waits for the process that clears up.
        wait_until("all is gone", || left() == Default::default());
    } else {
        assert_eq!(status.code(), Some(128 + signal as i32), "{status}");
        assert_eq!(left(), Default::default());
    }
}
