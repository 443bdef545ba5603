//! Peers in async Rust against unmodified programs, and what peers can see of them.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{collect, compiled, launch, noise};
use harness_sim::net::{TcpListener, TcpStream, UdpSocket, any};
use harness_sim::{Config, Exit, Outcome, SimError, Simulation, Sys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn two(config: Config) -> (Simulation, harness_sim::HostId, harness_sim::HostId) {
    let mut sim = Simulation::new(config).unwrap();
    let program = sim.add_host("program").unwrap();
    let peer = sim.add_host("peer").unwrap();
    (sim, program, peer)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn a_peer_serves_a_program() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    let bytes = noise(100_000);
    let (got, end) = sim
        .run(async {
            let listener = TcpListener::bind(peer, any(false, 5000), 5).unwrap();
            let client = launch(&compiled("upper_client", &[]), &["127.0.0.1", "5000"]);
            let program = handle.spawn(host, client).unwrap();
            handle.write_input(program, &bytes);
            handle.close_input(program);
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            stream.write_all(b"thank ").await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
            stream.write_all(b"you").await.unwrap();
            stream.shutdown().await.unwrap();
            (got, collect(handle, program).await)
        })
        .unwrap();
    assert_eq!(got, bytes);
    assert_eq!(end, (Exit::Status(0), b"thank you".to_vec()));
    assert!(sim.now().since_start() > Duration::from_secs(5));
}

#[test]
fn what_is_written_apart_is_sent_apart() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    sim.run(async {
        let server = handle.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
        handle.listening(server).await;
        let mut stream = TcpStream::connect(peer, local(5000)).await.unwrap();
        for piece in [&b"a"[..], b"bc", b"def"] {
            stream.write_all(piece).await.unwrap();
            stream.acknowledged().await.unwrap();
            handle.settled().await;
            assert_eq!(handle.unread(server), 0);
        }
        stream.shutdown().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"ABCDEF");
        assert_eq!(handle.exited(server).await, Exit::Status(0));
    })
    .unwrap();
    let reads: Vec<_> =
        sim.calls().into_iter().filter(|call| call.call == Sys::Recvfrom).map(|call| call.outcome).collect();
    assert_eq!(reads, [1, 2, 3, 0].map(Outcome::Value));
}

#[test]
fn a_program_that_waits_for_input_is_seen_to_wait() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    let calls = sim
        .run(async {
            let _listener = TcpListener::bind(peer, any(false, 5000), 5).unwrap();
            let client = launch(&compiled("upper_client", &[]), &["127.0.0.1", "5000"]);
            handle.spawn(host, client).unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            handle.settled().await;
            handle.blocked()
        })
        .unwrap();
    assert_eq!(
        calls.iter().map(|one| one.call.describe()).collect::<Vec<_>>(),
        ["waits in read() for its standard input"]
    );
}

#[test]
fn a_reset_reaches_the_program() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    let exit = sim
        .run(async {
            let listener = TcpListener::bind(peer, any(false, 5000), 5).unwrap();
            let client = launch(&compiled("upper_client", &[]), &["127.0.0.1", "5000"]);
            let program = handle.spawn(host, client).unwrap();
            handle.close_input(program);
            let (stream, _) = listener.accept().await.unwrap();
            stream.abort();
            handle.exited(program).await
        })
        .unwrap();
    assert_eq!(exit, Exit::Status(1));
}

#[test]
fn nobody_there_is_refused() {
    let (mut sim, host, _) = two(Config::default());
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&compiled("upper_client", &[]), &["127.0.0.1", "5000"])).unwrap();
    let (exit, _) = sim.run(collect(handle, program)).unwrap();
    assert_eq!(exit, Exit::Status(1));
    let connect = sim.calls().into_iter().find(|call| call.call == Sys::Connect).unwrap();
    assert_eq!(connect.outcome, Outcome::Errno(libc_econnrefused()));
}

fn libc_econnrefused() -> i32 {
    std::io::Error::from_raw_os_error(111).raw_os_error().unwrap()
}

#[test]
fn a_signal_ends_a_program_that_waits() {
    let (mut sim, host, _) = two(Config::default());
    let handle = sim.handle();
    let exit = sim
        .run(async {
            let server = handle.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
            handle.listening(server).await;
            handle.signal(server, 2).unwrap();
            handle.exited(server).await
        })
        .unwrap();
    assert_eq!(exit, Exit::Signal(2));
}

#[test]
fn a_call_can_be_interrupted() {
    let (mut sim, host, _) = two(Config::default());
    let handle = sim.handle();
    sim.run(async {
        let server = handle.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
        handle.listening(server).await;
        handle.settled().await;
        assert_eq!(handle.interrupt(server), 1);
        handle.exited(server).await
    })
    .unwrap();
    let accept = sim.calls().into_iter().find(|call| call.call == Sys::Accept).unwrap();
    assert_eq!(accept.outcome, Outcome::Errno(4));
}

#[test]
fn a_run_ends_at_its_limit_and_says_who_waited() {
    let config = Config { limit: Duration::from_secs(30), ..Config::default() };
    let (mut sim, host, _) = two(config);
    let handle = sim.handle();
    let server = sim.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
    match sim.run(handle.exited(server)) {
        Err(SimError::TimeLimit { at, blocked }) => {
            assert_eq!(at.since_start(), Duration::from_secs(30));
            assert_eq!(blocked[0].call.describe(), "waits in accept() for a connection");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_partition_delays_what_was_sent_until_it_heals() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    sim.run(async {
        let server = handle.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
        handle.listening(server).await;
        let mut stream = TcpStream::connect(peer, local(5000)).await.unwrap();
        handle.partition(host, peer);
        stream.write_all(b"over there").await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        handle.heal(host, peer);
        let mut back = [0; 10];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"OVER THERE");
        assert!(handle.now().since_start() > Duration::from_secs(3));
    })
    .unwrap();
}

#[test]
fn a_peer_answers_datagrams() {
    let (mut sim, host, peer) = two(Config::default());
    let handle = sim.handle();
    let (exit, text) = sim
        .run(async {
            let socket = UdpSocket::bind(peer, any(false, 5000)).unwrap();
            let program = handle.spawn(host, launch(&compiled("pinger", &[]), &["127.0.0.1", "5000", "3"])).unwrap();
            let mut buffer = [0; 100];
            for round in 0..3 {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..length], format!("PING {round}").as_bytes());
                if round != 1 {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                    socket.send_to(&buffer[..length], from).await.unwrap();
                }
            }
            collect(handle, program).await
        })
        .unwrap();
    assert_eq!(exit, Exit::Status(0));
    assert_eq!(String::from_utf8(text).unwrap(), "42000 us\n1000000 us\n42000 us\nlost 1\n");
}

#[test]
fn a_call_that_is_not_known_is_reported() {
    let (mut sim, host, _) = two(Config::default());
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&compiled("strange", &[]), &[])).unwrap();
    sim.run(handle.exited(program)).unwrap();
    let unknown: Vec<_> =
        sim.calls().into_iter().filter(|call| call.outcome == Outcome::Unknown).map(|call| call.call).collect();
    assert_eq!(unknown, [Sys::Semtimedop]);
}

#[test]
fn a_program_that_is_missing_is_an_error() {
    let (mut sim, host, _) = two(Config::default());
    assert!(sim.spawn(host, launch("/nowhere/to/be/found".as_ref(), &[])).is_err());
}
