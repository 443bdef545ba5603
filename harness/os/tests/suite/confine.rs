//! What a confined program can no longer do, and what it still can.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use harness_os::confine::{Access, Confinement, LANDLOCK_SIGNALS, Policy, landlock_version};
use harness_os::namespace::enter_private_files;
use harness_os::pipe;
use harness_os::rooms::Rooms;
use harness_os::spawn::{Launch, Limits, spawn};
use rstest::rstest;

/// What a shell prints that is confined to the system's folders and `own`.
fn printed(own: &Path, script: &str) -> String {
    let read = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc"].map(|path| (path.into(), Access::Read));
    let rest = [("/dev/null".into(), Access::Write), (own.to_owned(), Access::Own)];
    let policy = Policy { paths: read.into_iter().chain(rest).collect(), marked: true };
    let confinement = Arc::new(Confinement::new(&policy).expect("a policy"));
    let (from, to) = pipe::pipe().expect("a pipe");
    let null = || -> OwnedFd { File::options().read(true).write(true).open("/dev/null").expect("/dev/null").into() };
    let mut child = spawn(Launch {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        cwd: own.to_owned(),
        stdin: null(),
        stdout: to,
        stderr: null(),
        limits: Limits::default(),
        confinement: Some(confinement),
    })
    .expect("started");
    let mut text = String::new();
    File::from(from).read_to_string(&mut text).expect("its output");
    let _ = child.try_wait();
    text.trim_end().to_owned()
}

#[rstest]
#[case::its_own_folder("echo mine > file && cat file", "mine")]
#[case::a_pipe("echo a | tr a b", "b")]
#[case::its_own_child("sleep 60 & kill $! && echo ended", "ended")]
#[case::what_every_program_reads("head -c 5 /proc/self/stat > /dev/null && echo read", "read")]
#[case::everybody_at_once("kill -KILL -1 || echo kept inside", "kept inside")]
#[case::a_namespace("unshare -U true || echo kept inside", "kept inside")]
#[case::privileges("grep CapEff /proc/self/status | cut -c8-16 | tr -d '\\t0'", "")]
fn what_a_program_may(#[case] script: &str, #[case] expected: &str) {
    let own = tempfile::tempdir().expect("a folder");
    assert_eq!(printed(own.path(), script), expected);
}

#[test]
fn files_of_others_are_closed() {
    if landlock_version().is_none() {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    let (own, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(other.path().join("secret"), "secret").expect("a file");
    let path = other.path().display();
    let script =
        format!("cat {path}/secret; ls {path}; echo x > {path}/new; rm -f {path}/secret; ln -s {path}/secret l; cat l");
    assert_eq!(printed(own.path(), &script), "");
    assert_eq!(fs::read_dir(other.path()).expect("a folder").count(), 1);
}

#[test]
fn other_processes_are_out_of_reach() {
    if landlock_version().is_none_or(|version| version < LANDLOCK_SIGNALS) {
        println!("skipped: signals are kept inside from Landlock {LANDLOCK_SIGNALS} on");
        return;
    }
    let own = tempfile::tempdir().expect("a folder");
    let me = std::process::id();
    let script = format!("kill -0 {me} || echo no signal; cat /proc/{me}/environ || echo no look");
    assert_eq!(printed(own.path(), &script), "no signal\nno look");
}

/// What a thread with rooms of its own sees, and the rest of the machine does not.
#[test]
fn rooms() {
    let place = tempfile::tempdir().expect("a folder");
    let kept = tempfile::tempdir().expect("a folder");
    let hidden = kept.path().join("hidden");
    fs::write(&hidden, "secret").expect("a file");
    let (work, temporary) = (place.path().join("work"), place.path().join("tmp"));
    for folder in [&work, &temporary] {
        fs::create_dir(folder).expect("a folder");
    }
    let rooms = Rooms {
        own: vec![place.path().to_owned()],
        temporary,
        shared_memory: 1 << 20,
        covered: vec!["/home".into(), "/var".into()],
        kept: vec![kept.path().to_owned()],
        hidden: vec![hidden.clone()],
    };
    let other = tempfile::tempdir().expect("a folder");
    let elsewhere = other.path().to_owned();
    let body = move || {
        if let Err(error) = enter_private_files(&[]) {
            println!("skipped: {error}");
            return;
        }
        rooms.furnish().expect("rooms");
        rooms.shut().expect("shut");
        fs::write(work.join("file"), "mine").expect("its own folder, where it was");
        fs::write("/tmp/harness-rooms-test", "mine").expect("a /tmp of its own");
        assert!(!elsewhere.exists(), "the machine's /tmp");
        assert_eq!(fs::read_to_string(&hidden).expect("kept, and empty"), "");
        assert!(fs::write(hidden.with_file_name("new"), "").is_err(), "what is kept is not to be written to");
        assert!(fs::write("/usr/harness-rooms-test", "").is_err(), "read-only");
        assert!(fs::write("/dev/shm/large", vec![0; 2 << 20]).is_err(), "no more than it was given");
        let names = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        assert_eq!(names("/home").count(), 0);
        assert_eq!(names("/var").collect::<Vec<_>>(), ["tmp"]);
        assert_eq!(names("/dev/pts").collect::<Vec<_>>(), ["ptmx"], "nobody's terminal");
        let terminal = harness_os::terminal::Pty::open_raw().expect("a terminal");
        assert!(Path::new("/dev/pts/0").exists(), "but one's own");
        drop(terminal);
        let mode = fs::Permissions::from_mode(0o400);
        assert!(fs::set_permissions("/proc/cpuinfo", mode).is_err(), "the machine's /proc is as it was");
        let shared = fs::read_to_string("/proc/sysvipc/shm").expect("the list");
        assert_eq!(shared.lines().count(), 1, "nobody's shared memory");
    };
    thread::spawn(body).join().expect("the thread");
    assert!(!Path::new("/tmp/harness-rooms-test").exists() && other.path().exists());
}
