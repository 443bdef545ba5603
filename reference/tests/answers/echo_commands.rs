//! The echo server with commands, by hand and with its own client, over loopback.

use std::fs;
use std::io::Cursor;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use reference::echo_commands::Request;
use reference::echo_commands::client::converse;
use reference::echo_commands::reply::Header;
use reference::echo_commands::server;
use reference::echo_commands::shell::{self, Limits};
use reference::failure::Failure;
use reference::threads::Clients;
use rstest::rstest;
use tempfile::TempDir;

use crate::support::{Client, start, words};

/// A folder to serve within another one that must not be reached, and a server for it.
struct Served {
    outer: TempDir,
    address: SocketAddr,
}

impl Served {
    fn new() -> Self {
        let outer = TempDir::new().unwrap();
        let folder = outer.path().join("served");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret.txt", folder.join("link.txt")).unwrap();
        std::os::unix::fs::symlink("readme.txt", folder.join("inner.txt")).unwrap();
        fs::write(folder.join("readme.txt"), "twenty kilobytes\n".repeat(1_205)).unwrap();
        fs::write(folder.join("empty"), "").unwrap();
        fs::write(folder.join("sub/binary"), binary()).unwrap();
        let folder = folder.canonicalize().unwrap();
        let address =
            start(move |listener| Clients::default().serve(&listener, move |client| server::converse(client, &folder)));
        Self { outer, address }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Plays our client, and returns what it prints and how it ends.
    fn session(&self, stdin: &str, folder: &Path) -> (String, Result<(), Failure>) {
        let mut output = Vec::new();
        let socket = TcpStream::connect(self.address).unwrap();
        let ended = converse(socket, &mut Cursor::new(stdin), &mut output, folder);
        (String::from_utf8(output).unwrap(), ended)
    }
}

fn binary() -> Vec<u8> {
    (0..=255).cycle().take(1 << 20).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_client_that_knows_only_lines_finds_everything() {
    let served = Served::new();
    let mut client = served.client();
    for line in ["hello", "  two  blanks  ", "", "download", "downloads x", "run", "Run ls", "file 3", "dos\r"] {
        assert_eq!(client.ask(line), line);
    }
    assert_eq!(client.ask("download readme.txt"), "file 20485");
    assert_eq!(client.exactly(20_485), fs::read(served.outer.path().join("served/readme.txt")).unwrap());
    assert_eq!(client.ask("download sub/binary\r"), "file 1048576");
    assert_eq!(client.exactly(1 << 20), binary());
    assert_eq!(client.ask("download empty"), "file 0");
    assert_eq!(client.ask("download inner.txt"), "file 20485");
    client.exactly(20_485);
    assert_eq!(client.ask("run echo one; echo two >&2; echo three"), "output 14, status 0");
    assert_eq!(client.exactly(14), b"one\ntwo\nthree\n");
    assert_eq!(client.ask("run true"), "output 0, status 0");
    client.send("no newline");
    assert_eq!(client.finish(), b"no newline\n");
}

#[rstest]
#[case("missing.txt", "error: no such file")]
#[case("../secret.txt", "error: only files of the served folder can be downloaded")]
#[case("sub/../readme.txt", "error: only files of the served folder can be downloaded")]
#[case("/etc/passwd", "error: only files of the served folder can be downloaded")]
#[case("link.txt", "error: only files of the served folder can be downloaded")]
#[case("sub", "error: that is no file")]
#[case("fifo", "error: that is no file")]
fn what_is_not_sent_is_said(#[case] name: &str, #[case] expected: &str) {
    let served = Served::new();
    let fifo = served.outer.path().join("served/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut client = served.client();
    assert_eq!(client.ask(&format!("download {name}")), expected);
    assert_eq!(client.ask("still here"), "still here");
}

#[test]
fn commands_cannot_hang_or_move_the_server() {
    let served = Served::new();
    let mut client = served.client();
    // It waits for an input that is empty.
    assert_eq!(client.ask("run cat"), "output 0, status 0");
    assert_eq!(client.ask("run cd .."), "output 0, status 0");
    assert_eq!(client.ask("run ls secret.txt 2>/dev/null"), "output 0, status 2");
    assert_eq!(client.ask("run kill -9 $$"), "output 0, status 137");
    let reply = client.ask("run no-such-command");
    assert!(reply.ends_with(", status 127"), "{reply}");
    let Some(Header::Output(length, _)) = Header::read(&reply) else { panic!("{reply}") };
    assert!(String::from_utf8(client.exactly(usize::try_from(length).unwrap())).unwrap().contains("not found"));
    let large = client.ask("run i=0; while [ $i -lt 10000 ]; do echo 'line line'; i=$((i+1)); done");
    assert_eq!(large, "output 100000, status 0");
    assert!(client.exactly(100_000).chunks(10).all(|line| line == b"line line\n"));
    let endless = client.ask("run while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done | cat");
    assert!(endless.ends_with(", status 137"), "{endless}");
}

#[rstest]
#[case::busy("while :; do :; done")]
#[case::asleep("sleep 60")]
#[case::silent("exec >&- 2>&-; sleep 60")]
#[case::child("(sleep 60; echo late) & wait")]
#[case::deaf("trap '' TERM INT HUP; sleep 60")]
fn a_command_is_stopped_when_its_time_is_over(#[case] command: &str) {
    let limits = Limits { time: Duration::from_millis(100), output: 1_000 };
    let outcome = shell::run(command.as_bytes(), Path::new("/"), limits).unwrap();
    assert_eq!((outcome.status, outcome.stopped), (137, Some("it took too long")));
}

#[test]
fn what_runs_on_in_the_background_is_not_waited_for_without_end() {
    let limits = Limits { time: Duration::from_millis(100), output: 1_000 };
    let outcome = shell::run(b"echo begun; sleep 60 &", Path::new("/"), limits).unwrap();
    assert_eq!((&*outcome.output, outcome.stopped), (&b"begun\n"[..], Some("it took too long")));
}

#[test]
fn an_idle_client_and_a_reset_cost_nobody_else() {
    let served = Served::new();
    let _idle = served.client();
    let mut rude = served.client();
    rude.send("download readme.txt\ndownload readme.txt\n");
    rude.exactly(1);
    rude.reset();
    assert_eq!(served.client().ask("hello"), "hello");
}

#[test]
fn a_line_without_end_is_refused_once() {
    let served = Served::new();
    let mut client = served.client();
    client.send("x".repeat((1 << 20) + 1));
    assert_eq!(client.line(), "error: the line is longer than 1048576 bytes");
    client.send("x\nhello\n");
    assert_eq!(client.line(), "hello");
}

#[test]
fn our_client_stores_files_and_prints_outputs() {
    let served = Served::new();
    let here = TempDir::new().unwrap();
    let stdin = "hello\ndownload readme.txt\ndownload sub/binary\ndownload empty\ndownload missing\n\
                 run printf 'a\\nb\\n'\nrun true\nrun exit 3\nfile 3\nlast";
    let (printed, ended) = served.session(stdin, here.path());
    ended.unwrap();
    assert_eq!(
        printed,
        "hello\nclient_readme.txt: 20485 bytes\nclient_binary: 1048576 bytes\nclient_empty: 0 bytes\n\
         error: no such file\na\nb\n(the command ended with status 3)\nfile 3\nlast\n"
    );
    assert_eq!(names(here.path()), ["client_binary", "client_empty", "client_readme.txt"]);
    assert_eq!(fs::read(here.path().join("client_binary")).unwrap(), binary());
    let original = fs::read(served.outer.path().join("served/readme.txt")).unwrap();
    assert_eq!(fs::read(here.path().join("client_readme.txt")).unwrap(), original);
}

/// Servers that do not do what they should, after one line.
#[rstest]
#[case::leaves("", "the server closed the connection")]
#[case::leaves_within("file 10\nhalf", "the server closed the connection")]
#[case::other_protocol("hello\n", "the server's reply does not say how long it is: it speaks another protocol")]
fn a_file_that_does_not_come_whole_is_not_stored(#[case] reply: &'static str, #[case] expected: &str) {
    let address = start(move |listener| {
        use std::io::{BufRead, BufReader, Write};
        let (mut client, _) = listener.accept().unwrap();
        BufReader::new(&client).read_line(&mut String::new()).unwrap();
        client.write_all(reply.as_bytes()).unwrap();
    });
    let here = TempDir::new().unwrap();
    let socket = TcpStream::connect(address).unwrap();
    let failure = converse(socket, &mut "download x\n".as_bytes(), &mut Vec::new(), here.path()).unwrap_err();
    assert_eq!((failure.status(), &*failure.to_string()), (1, expected));
    assert!(names(here.path()).is_empty());
}

proptest! {
    #[test]
    fn headers_read_back(length: u64, status: i32, reason in "[ -~]{0,40}") {
        for header in [Header::File(length), Header::Output(length, status), Header::Error(reason)] {
            prop_assert_eq!(Header::read(&header.to_string()), Some(header));
        }
    }

    #[test]
    fn any_text_is_a_header_or_none(text: String) {
        if let Some(header) = Header::read(&text) {
            prop_assert_eq!(Header::read(&header.to_string()), Some(header));
        }
    }

    #[test]
    fn any_line_is_a_request(line: Vec<u8>) {
        match Request::read(&line) {
            Request::Echo(echo) => prop_assert_eq!(echo, &*line),
            Request::Download(rest) | Request::Run(rest) => prop_assert!(!rest.is_empty()),
        }
    }
}

#[rstest]
#[case("server", &[])]
#[case("server", &["5000"])]
#[case("server", &["--port"])]
#[case("server", &["--port", "0"])]
#[case("server", &["--port=five"])]
#[case("server", &["--port", "5000", "--port", "5001"])]
#[case("server", &["--port", "5000", "extra"])]
#[case("client", &["--port", "5000"])]
#[case("client", &["--ip", "localhost"])]
#[case("client", &["--ip", "", "--port", "5000"])]
#[case("client", &["--ip", "[]", "--port", "5000"])]
#[case("client", &["--ip", "localhost", "--port", "99999"])]
#[case("client", &["localhost", "5000"])]
fn bad_arguments_are_refused(
    #[values("echo-commands", "dual-stack")] task: &str,
    #[case] role: &str,
    #[case] arguments: &[&str],
) {
    assert_eq!(reference::run(task, role, &words(arguments)), Some(2));
}
