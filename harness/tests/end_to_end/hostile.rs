//! Hostile programs: what each in `fixtures/hostile` tries does not come about, the verdict is right all the same, and
//! nothing is left behind. Played as whoever runs the tests and, if that is root, as an ordinary user as well.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::{HARNESS, fixture, folder, repository, write};
use harness_os::terminal::Pty;
use rstest::rstest;
use serde_json::{Value, json};

/// Gives up root; every user may execute it.
const PYTHON: &str = "/usr/bin/python3";

/// What a program of a run carries in its environment begins with the number of the harness.
fn marker(harness: u32) -> String {
    format!("HARNESS_RUN={harness:010}-")
}

/// How a hostile program is declared.
struct Expected {
    needs: Vec<String>,
    verdict: String,
    reason: Option<String>,
    /// Symbolic links of its folder, by name, and where they lead. Made here: not every copy of the fixtures keeps them.
    links: BTreeMap<String, PathBuf>,
}

impl Expected {
    fn of(name: &str) -> Self {
        let text = fs::read_to_string(fixture(&format!("hostile/{name}/expected.toml"))).expect("expected.toml");
        let table: toml::Table = text.parse().expect("TOML");
        let word = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let links = table.get("links").and_then(toml::Value::as_table).into_iter().flatten();
        let needs = table["needs"].as_array().expect("a list");
        Self {
            needs: needs.iter().filter_map(|need| need.as_str().map(str::to_owned)).collect(),
            verdict: word("verdict").expect("a verdict"),
            reason: word("reason"),
            links: links.map(|(name, to)| (name.clone(), to.as_str().expect("a path").into())).collect(),
        }
    }
}

/// The program as it is handed in.
fn hand_in(name: &str, folder: &Path) {
    copy(&fixture(&format!("hostile/{name}")), folder);
    for (link, to) in Expected::of(name).links {
        let to = if to.is_absolute() { to } else { repository().join(to) };
        std::os::unix::fs::symlink(to, folder.join(link)).expect("a link");
    }
}

/// Whom a run is played as.
#[derive(Clone, Copy, PartialEq, Debug)]
enum User {
    Own,
    Ordinary,
}

/// The binary where every user may execute it.
fn binary() -> &'static Path {
    static COPY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let place = folder();
        let path = place.path().join("harness");
        fs::copy(HARNESS, &path).expect("a copy");
        for open in [place.path(), &path] {
            fs::set_permissions(open, PermissionsExt::from_mode(0o755)).expect("open to all");
        }
        (place, path)
    });
    path
}

/// The command as this user.
fn command(user: User) -> Command {
    if user == User::Own {
        return Command::new(HARNESS);
    }
    let mut command = Command::new(PYTHON);
    command.arg(repository().join("harness/sim/tests/programs/container.py")).args(["user", "--"]).arg(binary());
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env_remove("RUSTUP_HOME").env("HOME", "/");
    command
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Everybody may read and enter; what others own stays theirs.
fn open_to_all(path: &Path) {
    let meta = path.symlink_metadata().expect("there");
    if meta.is_symlink() {
        return;
    }
    fs::set_permissions(path, PermissionsExt::from_mode(if meta.is_dir() { 0o755 } else { 0o644 })).expect("open");
    if meta.is_dir() {
        fs::read_dir(path).expect("a folder").flatten().for_each(|entry| open_to_all(&entry.path()));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => copy(&path, &target),
            _ => drop(fs::copy(&path, target).expect("a copy")),
        }
    }
}

/// Processes that belong to a run of this harness, or have been left behind under this name.
fn left_behind(harness: u32, name: &str) -> Vec<String> {
    let marker = marker(harness);
    let holds = |path: PathBuf, text: &str| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let left = processes.filter(|path| holds(path.join("environ"), &marker) || holds(path.join("cmdline"), name));
    left.map(|path| path.display().to_string()).filter(|path| path[6..].parse::<u32>().is_ok()).collect()
}

/// What a program can be seen to have done outside.
struct Outside {
    tcp: TcpListener,
    udp: UdpSocket,
    local: Vec<UnixListener>,
    neighbour: PathBuf,
    terminal: Pty,
    /// Of shared memory, which nobody else in these tests uses.
    key: i32,
    _elsewhere: tempfile::TempDir,
    /// A socket where a run has no folder of its own.
    socket: PathBuf,
}

impl Outside {
    fn new(top: &Path, name: &str) -> Self {
        let tcp = TcpListener::bind("0.0.0.0:0").expect("a port");
        let udp = UdpSocket::bind(tcp.local_addr().expect("an address")).expect("the same port");
        let by_path = UnixListener::bind(top.join("socket")).expect("a socket");
        let abstract_name = SocketAddr::from_abstract_name(name).expect("a name");
        let local = vec![by_path, UnixListener::bind_addr(&abstract_name).expect("a socket")];
        tcp.set_nonblocking(true).expect("set");
        udp.set_nonblocking(true).expect("set");
        local.iter().for_each(|listener: &UnixListener| listener.set_nonblocking(true).expect("set"));
        let neighbour = top.join("neighbour/server.py");
        write(top, "neighbour/server.py", "print('mine')\n");
        let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let socket = elsewhere.path().join("socket");
        let mut local = local;
        local.push(UnixListener::bind(&socket).expect("a socket"));
        local[2].set_nonblocking(true).expect("set");
        for open in [elsewhere.path(), &socket] {
            fs::set_permissions(open, PermissionsExt::from_mode(0o777)).expect("open to all");
        }
        let terminal = Pty::open_raw().expect("a terminal");
        let screen = nix::unistd::ttyname(&terminal.slave).expect("its name");
        fs::set_permissions(screen, PermissionsExt::from_mode(0o666)).expect("open to all");
        let digits: u32 = name.bytes().fold(17, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let key = (digits & 0x7fff_ffff) as i32;
        Self { tcp, udp, local, neighbour, terminal, key, _elsewhere: elsewhere, socket }
    }

    fn untouched(&self, name: &str, top: &Path) {
        assert!(self.tcp.accept().is_err(), "somebody has called by TCP");
        assert!(self.udp.recv_from(&mut [0; 64]).is_err(), "somebody has called by UDP");
        for listener in &self.local {
            assert!(listener.accept().is_err(), "somebody has called by a local socket");
        }
        assert_eq!(fs::read_to_string(&self.neighbour).expect("still there"), "print('mine')\n");
        assert_eq!(self.neighbour.metadata().expect("still there").mode() & 0o777, 0o644, "its mode was changed");
        let written = nix::unistd::read(&self.terminal.master, &mut [0; 64]);
        assert_eq!(written, Err(nix::errno::Errno::EAGAIN), "something was written on a terminal");
        for kind in ["shm", "sem", "msg"] {
            let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
            let key = self.key.to_string();
            assert!(!table.lines().any(|line| line.split_whitespace().next() == Some(&key)), "{kind} is left: {table}");
        }
        let beside = fs::read_dir(top.join("neighbour")).expect("a folder").count();
        assert_eq!(beside, 1, "something was put beside it");
        let repository = repository();
        let fixed = ["/tmp", "/var/tmp", "/etc", "/"].map(Path::new);
        for folder in fixed.into_iter().chain([top, &repository]) {
            assert!(!folder.join(name).exists(), "{} was left in {}", name, folder.display());
        }
    }
}

#[rstest]
fn hostile_programs(
    #[values(
        "borrows-answers",
        "build",
        "comet",
        "daemon",
        "deaf",
        "descriptor-leak",
        "disk-filler",
        "exits-early",
        "forges-report",
        "fork-bomb",
        "kills-everything",
        "links",
        "many-files",
        "memory-bomb",
        "output-flood",
        "phones-home",
        "reaches-others",
        "reads-answers",
        "stops-itself",
        "traces-others",
        "uninterruptible",
        "unnamed-files",
        "writes-outside"
    )]
    name: &str,
    #[values("auto", "wire")] backend: &str,
    #[values(User::Own, User::Ordinary)] user: User,
) {
    if user == User::Ordinary && (!is_root() || !Path::new(PYTHON).exists()) {
        println!("skipped: only root can become somebody else, with {PYTHON}");
        return;
    }
    let expected = Expected::of(name);
    if let Some(missing) = expected.needs.iter().find(|need| !crate::common::installed(need)) {
        println!("skipped: there is no {missing}");
        return;
    }
    play(name, backend, user, &expected);
}

fn play(name: &str, backend: &str, user: User, expected: &Expected) {
    let place = folder();
    let top = place.path();
    let unique = format!("left-behind-{}-{name}-{backend}-{user:?}", std::process::id());
    let submission = top.join("submission");
    hand_in(name, &submission);
    let outside = Outside::new(top, &unique);
    let out = top.join("out");
    let scenarios = repository().join("scenarios/uppercase-tcp");
    let mut folders = vec![top.to_owned(), outside.neighbour.parent().expect("a folder").to_owned()];
    // Below /tmp a run has folders of its own, in which it may write what it likes.
    folders.extend(Some(repository()).filter(|place| !place.starts_with("/tmp")));
    let targets = json!({
        "marker": unique,
        "secrets": [top, outside.neighbour, scenarios, scenarios.join("task.toml"), repository().join("reference")],
        "folders": folders,
        "files": [outside.neighbour],
        "host": "127.0.0.1",
        "port": outside.tcp.local_addr().expect("an address").port(),
        "sockets": [&top.join("socket"), Path::new(&format!("@{unique}")), &outside.socket],
        "harness": if user == User::Own { Path::new(HARNESS) } else { binary() },
        "key": outside.key,
        "out": out,
        "mounts": true,
    });
    write(&submission, "targets.json", &targets.to_string());
    open_to_all(top);
    fs::create_dir(&out).expect("a folder");
    fs::set_permissions(&out, PermissionsExt::from_mode(0o777)).expect("open");

    let child = command(user)
        .args(["--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters", "--format", "json"])
        .args(["--no-progress", "--backend", backend, "--target"])
        .arg(&submission)
        .arg("--out")
        .arg(&out)
        .current_dir(top)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness starts");
    let harness = child.id();
    let output = child.wait_with_output().expect("the harness ends");
    let said = format!("{}{}", crate::common::stdout(&output), crate::common::stderr(&output));

    assert_eq!(left_behind(harness, &unique), Vec::<String>::new(), "{said}");
    outside.untouched(&unique, top);
    assert!(!said.contains("ESCAPED"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let runs = &report["tasks"][0]["requirements"][0]["runs"];
    let status = report["tasks"][0]["requirements"][0]["status"].as_str().unwrap_or_default();
    match expected.verdict.as_str() {
        "not-pass" => assert!(matches!(status, "fail" | "not-gradable"), "{status}: {runs:#}"),
        verdict => assert_eq!(status, verdict, "{runs:#}"),
    }
    // On a busy machine a program may be given up before it has taken enough.
    if let Some(reason) = expected.reason.as_ref().filter(|_| status == "fail") {
        assert!(runs.to_string().contains(reason), "not for this reason: {runs:#}");
    }
    let code = output.status.code();
    assert_eq!(code == Some(0), status == "pass", "exit status {code:?}: {said}");
    assert_ne!(code, Some(3), "{said}");
    let written = fs::read_to_string(out.join("report.json")).expect("a report");
    assert_eq!(serde_json::from_str::<Value>(&written).expect("whole")["passed"], report["passed"]);
}

/// What leads out of a folder is left out of it, and the reader is told.
#[test]
fn links_that_lead_out_are_named() {
    let place = folder();
    hand_in("links", &place.path().join("lab"));
    write(place.path(), "lab/targets.json", "{}");
    let output = crate::common::harness(place.path())
        .args(["--target", "lab", "--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters"])
        .output()
        .expect("the harness starts");
    let said = crate::common::stdout(&output) + &crate::common::stderr(&output);
    for name in ["answers", "endless", "passwords"] {
        let note = format!("{name} is a link that leads out of the submission: it is left out");
        assert!(said.contains(&note), "{said}");
    }
}

/// Names that would end a line, move a cursor or look like an option are names and nothing else.
#[rstest]
fn odd_file_names(#[values("auto", "wire")] backend: &str) {
    let place = folder();
    let odd =
        ["two\nok 1 - lines.py", "\u{1b}[2Jclear.py", "-rf", "$(touch out).py", "::error::x.py", "\u{202e}yp.exe"];
    for name in odd {
        write(place.path(), &format!("lab/{name}"), "import sys\nprint('nothing')\n");
    }
    let server = fs::read_to_string(fixture("hostile/links/server.py")).expect("a server");
    write(place.path(), "lab/server.py", &server.replace("attack()\nserve()", "serve()"));
    write(place.path(), "lab/targets.json", "{}");
    for format in ["human", "tap", "github"] {
        let output = crate::common::harness(place.path())
            .args(["--target", "lab", "--task", "uppercase-tcp", "--requirement", "uppercase-tcp.letters"])
            .args(["--backend", backend, "--format", format])
            .output()
            .expect("the harness starts");
        let said = crate::common::stdout(&output) + &crate::common::stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            !said.contains('\u{1b}') && !said.contains("\nok 1 - lines") && !said.contains("\n::error::x"),
            "{said}"
        );
        assert!(!place.path().join("out").exists() && !place.path().join("lab/out").exists());
    }
}
