//! Programs started, and seen from outside.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness_os::pipe::pipe;
use harness_os::spawn::{Child, ExitStatus, Launch, Limits, Phase, Signal, SpawnError, output, spawn};
use harness_os::terminal::Pty;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rstest::rstest;

const BOUND_MS: u16 = 10_000;

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").expect("/dev/null").into()
}

fn launch(program: impl AsRef<Path>, args: &[&str]) -> Launch {
    Launch {
        program: program.as_ref().to_owned(),
        args: args.iter().map(OsString::from).collect(),
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        cwd: "/".into(),
        stdin: null(),
        stdout: null(),
        stderr: null(),
        limits: Limits::default(),
        confinement: None,
    }
}

fn shell(script: &str) -> Launch {
    launch("/bin/sh", &["-c", script])
}

fn readable(fd: impl AsFd) -> bool {
    let mut set = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut set, PollTimeout::from(BOUND_MS)).expect("poll") == 1
}

fn end_of(child: &mut Child) -> ExitStatus {
    assert!(readable(&*child), "still running after {BOUND_MS} ms");
    let status = child.try_wait().expect("a status").expect("an end");
    assert_eq!(child.try_wait().expect("a status"), Some(status), "remembered");
    status
}

/// What the program writes to descriptor 1, to its end.
fn output_of(mut launch: Launch) -> (String, ExitStatus) {
    let (read, write) = pipe().expect("a pipe");
    launch.stdout = write;
    let mut child = spawn(launch).expect("a program");
    let mut text = String::new();
    File::from(read).read_to_string(&mut text).expect("output");
    (text, end_of(&mut child))
}

/// What comes out of a terminal until its last slave is closed.
fn read_terminal(master: &OwnedFd) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while readable(master) {
        match nix::unistd::read(master, &mut buffer) {
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
            Err(Errno::EIO) => return seen,
            Err(Errno::EAGAIN) => {}
            Err(errno) => panic!("{errno}"),
        }
    }
    panic!("the terminal did not close");
}

#[rstest]
#[case("exit 0", ExitStatus::Code(0))]
#[case("exit 7", ExitStatus::Code(7))]
#[case("exit 255", ExitStatus::Code(255))]
#[case("kill -SEGV $$", ExitStatus::Signal(11))]
#[case("kill -PIPE $$", ExitStatus::Signal(13))]
#[case("kill -40 $$", ExitStatus::Signal(40))]
fn the_end_is_reported(#[case] script: &str, #[case] expected: ExitStatus) {
    let mut child = spawn(shell(script)).unwrap();
    assert_eq!(end_of(&mut child), expected);
    assert_eq!(expected.success(), script == "exit 0");
}

#[test]
fn the_environment_and_arguments_are_complete() {
    let mut request = launch("/usr/bin/env", &[]);
    request.env = BTreeMap::from([("A".into(), "1 = 2".into()), ("B".into(), "".into())]);
    assert_eq!(output_of(request).0, "A=1 = 2\nB=\n");
    let request = launch("printf", &["<%s>", "", "a b", "$HOME"]);
    assert_eq!(output_of(request).0, "<><a b><$HOME>");
}

#[test]
fn the_working_directory_is_the_given_one() {
    let scratch = tempfile::tempdir().unwrap();
    let mut request = launch("pwd", &["-P"]);
    request.cwd = scratch.path().to_owned();
    let real = scratch.path().canonicalize().unwrap();
    assert_eq!(output_of(request).0.trim_end(), real.to_str().unwrap());
}

#[test]
fn no_other_descriptor_is_inherited() {
    let kept = null();
    let inherited = nix::unistd::dup(&kept).unwrap(); // without close-on-exec, as a careless library leaves it
    let (text, _) = output_of(shell("ls /proc/$$/fd"));
    drop(inherited);
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[test]
fn signals_are_as_in_a_fresh_process() {
    // The Rust runtime ignores SIGPIPE; a program under test must not inherit that.
    let (text, _) = output_of(launch("cat", &["/proc/self/status"]));
    let is_set = |line: &&str| ["SigBlk", "SigIgn", "SigCgt"].iter().any(|name| line.starts_with(name));
    let sets: Vec<_> = text.lines().filter(is_set).collect();
    assert_eq!(sets.len(), 3);
    assert!(sets.iter().all(|line| line.ends_with("\t0000000000000000")), "{sets:?}");
}

#[test]
fn it_leads_its_own_session() {
    let (text, _) = output_of(shell("cat /proc/$$/stat; :"));
    let fields: Vec<_> = text.split_whitespace().collect();
    let (pid, group, session) = (fields[0], fields[4], fields[5]);
    assert_eq!((group, session), (pid, pid));
}

#[test]
fn a_terminal_is_byte_exact_and_not_where_passwords_are_asked_for() {
    let Pty { master, slave } = Pty::open_raw().unwrap();
    let script = r#"test -t 1 && test ! -t 0 && printf 'a\nb\r\n' && stty size <&1 && ! (: >/dev/tty) 2>/dev/null"#;
    let mut request = shell(script);
    request.stdout = slave;
    let mut child = spawn(request).unwrap();
    assert_eq!(read_terminal(&master), b"a\nb\r\n24 80\n");
    assert_eq!(end_of(&mut child), ExitStatus::Code(0));
}

#[test]
fn limits_hold_and_cores_are_off() {
    let mut request = shell("ulimit -n; ulimit -Hn; ulimit -v; ulimit -c");
    request.limits = Limits { open_files: Some(64), address_space_bytes: Some(1 << 30), ..Limits::default() };
    assert_eq!(output_of(request).0, "64\n64\n1048576\n0\n");

    let scratch = tempfile::tempdir().unwrap();
    let mut request = launch("dd", &["if=/dev/zero", "of=big", "bs=8192", "count=1"]);
    request.cwd = scratch.path().to_owned();
    request.limits.file_size_bytes = Some(4096);
    let mut child = spawn(request).unwrap();
    let status = end_of(&mut child);
    assert!(!status.success(), "{status}");
    assert!(fs::metadata(scratch.path().join("big")).unwrap().len() <= 4096);
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = scratch.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let error = |program: &Path| spawn(launch(program, &[])).expect_err("no such start");

    let missing = error(&scratch.path().join("missing"));
    assert!(matches!(missing, SpawnError::NotFound { .. }), "{missing}");
    let unknown = error(Path::new("no-such-command"));
    assert_eq!(unknown.to_string(), "cannot start no-such-command: no such program");
    let below = error(&file("plain", "x", 0o644).join("below"));
    assert!(matches!(below, SpawnError::NotFound { .. }), "{below}");
    let plain = error(&scratch.path().join("plain"));
    assert!(matches!(plain, SpawnError::NotExecutable { .. }), "{plain}");
    let directory = error(scratch.path());
    assert!(matches!(directory, SpawnError::NotExecutable { .. }), "{directory}");
    let bare = error(&file("bare", "print('hello')\n", 0o755));
    assert!(matches!(bare, SpawnError::WrongFormat { .. }), "{bare}");
    let windows = error(&file("windows", "#!/bin/sh\r\nexit 0\r\n", 0o755));
    assert!(windows.to_string().ends_with(r#": its interpreter "/bin/sh\r" is missing"#), "{windows}");

    let mut nowhere = launch("/bin/true", &[]);
    nowhere.cwd = scratch.path().join("nowhere");
    match spawn(nowhere).unwrap_err() {
        SpawnError::Other { phase, source, .. } => {
            assert_eq!(phase, Phase::WorkingDirectory);
            assert_eq!(source.raw_os_error(), Some(libc::ENOENT));
        }
        other => panic!("{other}"),
    }
    let zero = spawn(launch("/bin/true", &["a\0b"])).unwrap_err();
    assert!(matches!(zero, SpawnError::Other { phase: Phase::Prepare, .. }), "{zero}");
}

#[test]
fn signals_reach_the_program_and_its_group() {
    let mut child = spawn(launch("sleep", &["100"])).unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(child.signal(Signal::Terminate).unwrap());
    assert_eq!(end_of(&mut child), ExitStatus::Signal(libc::SIGTERM));
    assert!(!child.signal(Signal::Kill).unwrap(), "it has ended");

    // The helper outlives its parent, and holds the pipe open until its group is killed.
    let (read, write) = pipe().unwrap();
    let mut request = shell("sleep 100 & exit 3");
    request.stdout = write;
    let mut child = spawn(request).unwrap();
    assert_eq!(end_of(&mut child), ExitStatus::Code(3));
    assert!(child.signal_group(Signal::Kill).unwrap());
    assert!(readable(&read), "the helper still has the pipe");
    assert_eq!(nix::unistd::read(&read, &mut [0; 1]), Ok(0));
}

#[test]
fn dropping_a_child_leaves_nothing_behind() {
    let (read, write) = pipe().unwrap();
    let mut request = shell("sleep 100 & sleep 100");
    request.stdout = write;
    let child = spawn(request).unwrap();
    let pid = child.pid;
    drop(child);
    assert!(readable(&read), "somebody still has the pipe");
    assert_eq!(nix::unistd::read(&read, &mut [0; 1]), Ok(0));
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "a zombie");
}

#[test]
fn threads_may_spawn_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            std::thread::spawn(move || {
                for n in 0..25 {
                    let code = thread * 25 + n;
                    let mut child = spawn(shell(&format!("exit {code}"))).unwrap();
                    assert_eq!(end_of(&mut child), ExitStatus::Code(code));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A program just written is "busy" while another thread's child still holds a copy of the writer's descriptor.
#[test]
fn a_program_just_written_starts_while_others_do() {
    let scratch = tempfile::tempdir().unwrap();
    let write_and_run = |thread: i32| {
        for n in 0..50 {
            let path = scratch.path().join(format!("{thread}-{n}"));
            fs::write(&path, format!("#!/bin/sh\nexit {n}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let mut child = spawn(launch(&path, &[])).unwrap();
            assert_eq!(end_of(&mut child), ExitStatus::Code(n));
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let write_and_run = &write_and_run;
            scope.spawn(move || write_and_run(thread));
        }
    });
}

#[test]
fn a_tool_is_run_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let script = "pwd; echo $TOLD; cat; echo no >&2; exit 7";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).env("TOLD", "yes").env_remove("HOME").current_dir(folder.path());
    let ended = output(&command).unwrap();
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), format!("{}\nyes\n", folder.path().display()));
    assert_eq!((ended.stderr, ended.status.code()), (b"no\n".to_vec(), Some(7)));
    let killed = output(std::process::Command::new("sh").args(["-c", "kill -9 $$"])).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&killed.status), Some(libc::SIGKILL));
    let missing = output(&std::process::Command::new("no-such-tool")).unwrap_err();
    assert!(matches!(missing, SpawnError::NotFound { .. }), "{missing}");
}
