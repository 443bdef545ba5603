//! The uppercase programs over TCP, on real loopback and on a simulated network.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use reference::Io;
use reference::network::{Network as _, Tokio};
use reference::uppercase_tcp::client::exchange;
use reference::uppercase_tcp::server::{capitalise, serve};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::support::{Closed, Ended, on_loopback, simulated, simulation, with_server, words};

const TASK: &str = "uppercase-tcp";

async fn start_server() -> SocketAddr {
    let listener = Tokio.listen(0).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn_local(serve(listener));
    (Ipv4Addr::LOCALHOST, port).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_in_any_pieces_come_back_in_capitals(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3_000), 0..12),
    ) {
        let answer = on_loopback(async {
            let (mut reader, mut writer) =
                TcpStream::connect(start_server().await).await.unwrap().into_split();
            let to_send = pieces.clone();
            spawn_local(async move {
                for piece in to_send {
                    writer.write_all(&piece).await.unwrap();
                }
                writer.shutdown().await.unwrap();
            });
            let mut answer = Vec::new();
            reader.read_to_end(&mut answer).await.unwrap();
            answer
        });
        prop_assert_eq!(answer, pieces.concat().to_ascii_uppercase());
    }

    #[test]
    fn the_client_gets_its_line_back_through_the_narrowest_pipe(
        sentence in prop::collection::vec(any::<u8>().prop_filter("one line", |&b| b != b'\n'), 0..9_000),
        width in 1..100_usize,
    ) {
        let reply = on_loopback(async {
            let (client, server) = tokio::io::duplex(width);
            spawn_local(capitalise(server));
            exchange(client, &sentence).await.unwrap()
        });
        prop_assert_eq!(reply, sentence.to_ascii_uppercase());
    }
}

#[test]
fn a_client_that_never_ends_its_sentence_is_answered_while_another_is_idle() {
    on_loopback(async {
        let address = start_server().await;
        let _idle = TcpStream::connect(address).await.unwrap();
        let mut textbook = TcpStream::connect(address).await.unwrap();
        for (sentence, reply) in [(b"abc, 1!", b"ABC, 1!"), (b"again: ", b"AGAIN: ")] {
            textbook.write_all(sentence).await.unwrap();
            let mut answer = [0; 7];
            textbook.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, reply);
        }
    });
}

#[test]
fn a_reset_costs_nobody_else() {
    on_loopback(async {
        let address = start_server().await;
        let mut rude = TcpStream::connect(address).await.unwrap();
        rude.write_all(b"abc").await.unwrap();
        rude.readable().await.unwrap();
        drop(rude); // with an unread answer, which resets
        let polite = TcpStream::connect(address).await.unwrap();
        assert_eq!(exchange(polite, b"hello").await.unwrap(), b"HELLO");
    });
}

#[test]
fn both_programs_on_the_simulated_network() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    for name in ["anna", "bert"] {
        sim.client(name, async move {
            let long = "long sentence, ".repeat(600);
            let ended = simulated(TASK, "client", &["server", "5000"], long.as_bytes()).await;
            assert_eq!(ended, Ended::well(&format!("{}\n", long.to_ascii_uppercase())));
            let ended = simulated(TASK, "client", &["server", "5000"], b"\nnot this").await;
            assert_eq!(ended, Ended::well("\n"));
            Ok(())
        });
    }
    sim.run().unwrap();
}

// UDP to a port where nobody listens is not among these: the simulated network has no ICMP, so the client meets silence.
#[rstest]
#[case::nobody_listens(TASK, "here", "1", "client: no server at here port 1: ")]
#[case::unknown(TASK, "nowhere", "5000", "client: no server at nowhere port 5000: ")]
#[case::unknown_udp("uppercase-udp", "nowhere", "5000", "client: no server at nowhere port 5000: ")]
#[case::no_ipv6(TASK, "::1", "5000", "client: no server at ::1 port 5000: ")]
#[case::no_ipv6_udp("uppercase-udp", "::1", "5000", "client: no server at ::1 port 5000: ")]
fn without_a_server(
    #[case] task: &'static str,
    #[case] host: &'static str,
    #[case] port: &'static str,
    #[case] message: &'static str,
) {
    let mut sim = simulation();
    sim.client("here", async move {
        let ended = simulated(task, "client", &[host, port], b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (1, ""));
        assert!(ended.stderr.starts_with(message), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_partition_is_no_server_and_a_held_link_is_only_late() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        let arguments = &["server", "5000"];
        turmoil::partition("here", "server");
        let ended = simulated(TASK, "client", arguments, b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (1, ""));

        turmoil::repair("here", "server");
        turmoil::hold("here", "server");
        let late = spawn_local(simulated(TASK, "client", arguments, b"hello\n"));
        tokio::time::sleep(Duration::from_secs(30)).await; // simulated seconds
        assert!(!late.is_finished());
        turmoil::release("here", "server");
        assert_eq!(late.await?, Ended::well("HELLO\n"));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_restarted_server_serves_again() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    for name in ["before", "after"] {
        sim.client(name, async {
            let ended = simulated(TASK, "client", &["server", "5000"], b"hello").await;
            assert_eq!(ended, Ended::well("HELLO\n"));
            Ok(())
        });
        sim.run().unwrap();
        sim.bounce("server");
    }
}

/// Servers that end their replies in their own ways, and what the client makes of it. Each piece is a write of its own;
/// afterwards the server closes, or keeps the connection open for ever.
#[rstest]
#[case::line_and_close(&["XYZ\n"], true, Ended::well("XYZ\n"))]
#[case::line_and_open(&["XYZ\n"], false, Ended::well("XYZ\n"))]
#[case::bare_and_close(&["XYZ"], true, Ended::well("XYZ\n"))]
#[case::bare_and_open(&["XYZ"], false, Ended::well("XYZ\n"))]
#[case::in_pieces(&["X", "Y", "Z", "\n"], false, Ended::well("XYZ\n"))]
#[case::longer_line(&["From ", "Server: ", "XYZ\n"], false, Ended::well("From Server: XYZ\n"))]
#[case::shorter_and_close(&["X"], true, Ended::well("X\n"))]
#[case::only_one_line(&["XYZ\nmore\n"], false, Ended::well("XYZ\n"))]
#[case::nothing(&[], true, Ended {
    status: 1,
    stdout: String::new(),
    stderr: "client: the server closed the connection without a reply\n".to_owned(),
})]
fn replies_end_in_many_ways(#[case] pieces: &'static [&'static str], #[case] closes: bool, #[case] expected: Ended) {
    let mut sim = simulation();
    sim.host("server", move || async move {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:5000").await?;
        let (mut client, _) = listener.accept().await?;
        client.read_exact(&mut [0; 4]).await?;
        for piece in pieces {
            client.write_all(piece.as_bytes()).await?;
        }
        if !closes {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    sim.client("here", async move {
        let ended = simulated(TASK, "client", &["server", "5000"], b"abc\n").await;
        assert_eq!(ended, expected);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_reset_before_the_reply_is_said() {
    let mut sim = simulation();
    sim.host("server", || async {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:5000").await?;
        let (mut client, _) = listener.accept().await?;
        client.read_exact(&mut [0; 1]).await?; // the rest stays unread, so that the close is a reset
        Ok(())
    });
    sim.client("here", async {
        let ended = simulated(TASK, "client", &["server", "5000"], b"abc\n").await;
        assert_eq!((ended.status, &*ended.stdout), (1, ""));
        assert!(ended.stderr.contains("while waiting for the reply"), "{ended:?}");
        Ok(())
    });
    sim.run().unwrap();
}

#[rstest]
#[case::empty(b"".to_vec(), "there is no sentence")]
#[case::endless(vec![b'a'; (1 << 20) + 1], "longer than 1048576 bytes")]
fn a_sentence_that_is_none(#[case] stdin: Vec<u8>, #[case] message: &'static str) {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async move {
        let ended = simulated(TASK, "client", &["server", "5000"], &stdin).await;
        assert_eq!((ended.status, &*ended.stdout), (1, ""));
        assert!(ended.stderr.contains(message), "{ended:?}");
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_closed_standard_output_ends_the_client_quietly() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        let stderr = crate::support::Capture::default();
        let io = Io { stdin: Box::pin(&b"hello\n"[..]), stdout: Box::pin(Closed), stderr: Box::pin(stderr.clone()) };
        let arguments = words(&["server", "5000"]);
        let program = reference::run_on_turmoil(TASK, "client", arguments, io).unwrap();
        assert_eq!(program.await, 1);
        assert_eq!(stderr.text(), "");
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn blocking_programs_do_not_run_on_turmoil() {
    let io = Io {
        stdin: Box::pin(tokio::io::empty()),
        stdout: Box::pin(tokio::io::sink()),
        stderr: Box::pin(tokio::io::sink()),
    };
    assert!(reference::run_on_turmoil("message", "server", words(&["5000"]), io).is_none());
}
