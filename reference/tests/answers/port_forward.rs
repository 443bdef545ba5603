//! The forwarder, over loopback and on a simulated network.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use reference::network::{Network as _, Tokio};
use reference::port_forward::forward::{Remote, serve};
use rstest::rstest;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{PATIENCE, on_loopback, simulated, simulation, words};

const TASK: &str = "port-forward";

/// Starts a forwarder to a port of the loopback; it ends with the test program.
fn start_forwarder(remote: SocketAddr) -> SocketAddr {
    let (tell, address) = channel();
    thread::spawn(move || {
        on_loopback(async {
            let listener = Tokio.listen(0).await.unwrap();
            tell.send((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into()).unwrap();
            let remote = Remote { host: "127.0.0.1".to_owned(), port: remote.port() };
            serve(Tokio, listener, remote, &mut tokio::io::sink()).await
        })
    });
    address.recv().unwrap()
}

fn bounded(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A forwarder, and the remote side that it leads to.
struct Path {
    origin: TcpListener,
    forwarder: SocketAddr,
}

impl Path {
    fn new() -> Self {
        let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let forwarder = start_forwarder(origin.local_addr().unwrap());
        Self { origin, forwarder }
    }

    /// A client's end, and the remote end that belongs to it.
    fn open(&self) -> (TcpStream, TcpStream) {
        let client = bounded(TcpStream::connect(self.forwarder).unwrap());
        (client, bounded(self.origin.accept().unwrap().0))
    }

    /// The end of a connection that the case speaks of, and the other one.
    fn open_from(&self, side: Side) -> (TcpStream, TcpStream) {
        let (client, remote) = self.open();
        match side {
            Side::Client => (client, remote),
            Side::Remote => (remote, client),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Client,
    Remote,
}

fn passes(from: &mut TcpStream, to: &mut TcpStream, words: &[u8]) {
    from.write_all(words).unwrap();
    let mut arrived = vec![0; words.len()];
    to.read_exact(&mut arrived).unwrap();
    assert_eq!(arrived, words);
}

fn rest(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).map(|_| bytes)
}

/// Leaves by a reset, which is what a close with a linger time of zero does.
fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}

#[rstest]
fn whoever_speaks_first_is_heard(#[values(Side::Client, Side::Remote)] first: Side) {
    let (mut one, mut other) = Path::new().open_from(first);
    for _ in 0..3 {
        passes(&mut one, &mut other, b"220 ready");
        passes(&mut one, &mut other, b"\r\nnot in turn \0 \xff");
        passes(&mut other, &mut one, b"x");
    }
}

#[test]
fn every_byte_passes_both_ways_at_once() {
    let bytes: Vec<u8> = (0..=255_u8).rev().chain(0..=255).cycle().take((1 << 20) + 7).collect();
    let (client, remote) = Path::new().open();
    let sent = bytes.clone();
    let ends = [client, remote].map(|mut socket| {
        let sent = sent.clone();
        thread::spawn(move || {
            let mut writer = socket.try_clone().unwrap();
            let writing = thread::spawn(move || {
                writer.write_all(&sent).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let arrived = rest(&mut socket).unwrap();
            writing.join().unwrap();
            arrived
        })
    });
    for end in ends {
        assert!(end.join().unwrap() == bytes, "the bytes differ");
    }
}

#[rstest]
fn an_end_is_passed_on_and_the_other_direction_goes_on(#[values(Side::Client, Side::Remote)] side: Side) {
    let (mut one, mut other) = Path::new().open_from(side);
    one.write_all(b"that was all").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut other).unwrap(), b"that was all");
    for _ in 0..3 {
        passes(&mut other, &mut one, b"but here is more");
    }
    drop(other);
    assert_eq!(rest(&mut one).unwrap(), b"");
}

#[rstest]
fn a_break_is_passed_on_as_a_break(#[values(Side::Client, Side::Remote)] side: Side) {
    let path = Path::new();
    let (mut one, mut other) = path.open_from(side);
    passes(&mut one, &mut other, b"half of a");
    reset(one);
    assert_eq!(rest(&mut other).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (mut client, mut remote) = path.open();
    passes(&mut client, &mut remote, b"the next one");
}

#[test]
fn a_remote_side_that_is_down_closes_the_client_and_nothing_else() {
    // Bound, so that the port is nobody else's, and not listening yet.
    let origin = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    origin.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let forwarder = start_forwarder(origin.local_addr().unwrap().as_socket().unwrap());
    for _ in 0..3 {
        let mut early = bounded(TcpStream::connect(forwarder).unwrap());
        assert_eq!(rest(&mut early).unwrap(), b"");
    }
    origin.listen(8).unwrap();
    let mut late = bounded(TcpStream::connect(forwarder).unwrap());
    let mut remote = bounded(origin.accept().unwrap().0.into());
    passes(&mut late, &mut remote, b"is anybody there?");
}

#[rstest]
fn who_does_not_read_stops_the_sender(#[values(Side::Client, Side::Remote)] side: Side) {
    let path = Path::new();
    let (mut one, mut other) = path.open_from(side);
    // More than this and the four socket buffers are not between the two ends.
    let most = 64 << 20;
    one.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let piece = [b'x'; 1 << 16];
    let mut sent = 0;
    let error = loop {
        match one.write(&piece) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
        assert!(sent < most, "the forwarder takes whatever comes");
    };
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    // Nobody else is held up, and neither is the other direction.
    let (mut client, mut remote) = path.open();
    passes(&mut client, &mut remote, b"meanwhile");
    passes(&mut other, &mut one, b"stop it");
    // And nothing is lost.
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut other).unwrap().len(), sent);
}

#[test]
fn five_hundred_are_open_at_the_same_time() {
    // Each has four ends in this process.
    reference::descriptors::allow_many();
    let path = Path::new();
    let mut open: Vec<_> = (0..500).map(|_| path.open()).collect();
    for (number, (client, remote)) in open.iter_mut().enumerate().rev() {
        passes(client, remote, format!("question {number}").as_bytes());
        passes(remote, client, format!("answer {number}").as_bytes());
    }
}

#[test]
fn on_a_simulated_network_it_carries_bytes_and_ends() {
    let mut sim = simulation();
    sim.host("forwarder", || async {
        let ended = simulated(TASK, "forward", &["8080", "origin", "80"], b"").await;
        Err(format!("the forwarder ended: {ended:?}").into())
    });
    sim.host("origin", || async {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:80").await?;
        loop {
            let (mut client, _) = listener.accept().await?;
            client.write_all(b"220 ready\n").await?;
            let mut question = Vec::new();
            client.read_to_end(&mut question).await?;
            question.reverse();
            client.write_all(&question).await?;
        }
    });
    sim.client("anna", async {
        for _ in 0..3 {
            let mut connection = turmoil::net::TcpStream::connect("forwarder:8080").await?;
            let mut greeting = [0; 10];
            connection.read_exact(&mut greeting).await?;
            assert_eq!(&greeting, b"220 ready\n");
            let question: Vec<u8> = (0..=255).cycle().take(100_000).collect();
            connection.write_all(&question).await?;
            connection.shutdown().await?;
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await?;
            assert!(answer.iter().rev().eq(&question), "{} bytes came", answer.len());
        }
        Ok(())
    });
    sim.run().unwrap();
}

#[rstest]
#[case::refused(false)]
#[case::silent(true)]
fn on_a_simulated_network_who_cannot_be_forwarded_is_closed(#[case] silent: bool) {
    let mut sim = simulation();
    sim.host("origin", std::future::pending);
    sim.client("here", async move {
        if silent {
            turmoil::partition("here", "origin");
        }
        let stderr = crate::support::Capture::default();
        let io = reference::Io {
            stdin: Box::pin(tokio::io::empty()),
            stdout: Box::pin(tokio::io::sink()),
            stderr: Box::pin(stderr.clone()),
        };
        let arguments = words(&["8080", "origin", "80"]);
        let forwarder = tokio::task::spawn_local(reference::run_on_turmoil(TASK, "forward", arguments, io).unwrap());
        tokio::task::yield_now().await;
        for _ in 0..2 {
            let mut client = turmoil::net::TcpStream::connect("127.0.0.1:8080").await?;
            assert_eq!(client.read(&mut [0; 10]).await?, 0);
        }
        tokio::task::yield_now().await;
        let said = stderr.text();
        assert_eq!(said.matches("forward: no server at origin port 80: ").count(), 2, "{said}");
        assert!(!forwarder.is_finished(), "it goes on");
        assert!(turmoil::elapsed() < Duration::from_secs(25));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_port_of_a_stranger_is_an_error() {
    let stranger = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = stranger.local_addr().unwrap().port().to_string();
    assert_eq!(reference::run(TASK, "forward", &words(&[&port, "127.0.0.1", "80"])), Some(1));
}

#[rstest]
#[case("")]
#[case("8080")]
#[case("8080 localhost")]
#[case("0 localhost 80")]
#[case("8080 localhost 0")]
#[case("8080 localhost http")]
#[case("8080  80")]
#[case("65536 localhost 80")]
#[case("localhost 8080 80")]
#[case("8080 localhost 80 81")]
fn bad_arguments_are_refused(#[case] arguments: &str) {
    let arguments: Vec<_> = arguments.split(' ').collect();
    assert_eq!(reference::run(TASK, "forward", &words(&arguments)), Some(2));
}
