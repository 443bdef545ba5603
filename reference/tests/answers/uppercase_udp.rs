//! The uppercase programs over UDP, on real loopback and on a simulated network.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use reference::network::{Network as _, Tokio};
use reference::uppercase_udp::client::ask;
use reference::uppercase_udp::server::serve;
use rstest::rstest;
use tokio::net::UdpSocket;
use tokio::task::spawn_local;

use crate::support::{Ended, on_loopback, simulated, simulation, with_server};

const TASK: &str = "uppercase-udp";

async fn start_server() -> SocketAddr {
    let socket = Tokio.bind(0).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    spawn_local(serve(socket));
    (Ipv4Addr::LOCALHOST, port).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagram_comes_back_in_capitals(sentence in prop::collection::vec(any::<u8>(), 0..9_000)) {
        let reply = on_loopback(async {
            let server = start_server().await;
            ask(&Tokio, server, &sentence).await.unwrap()
        });
        prop_assert_eq!(reply, Some(sentence.to_ascii_uppercase()));
    }
}

#[test]
fn each_sender_gets_its_own_answer() {
    on_loopback(async {
        let server = start_server().await;
        let anna = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let bert = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // Both have asked before either is answered.
        anna.send_to(b"anna", server).await.unwrap();
        bert.send_to(b"bert", server).await.unwrap();
        let mut buffer = [0; 64];
        for (client, reply) in [(bert, b"BERT"), (anna, b"ANNA")] {
            let (length, from) = client.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], from), (&reply[..], server));
        }
    });
}

#[test]
fn a_refusal_is_seen() {
    on_loopback(async {
        // A socket that is connected to itself takes nobody else's datagrams, and keeps the port from being reused.
        let holder = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = holder.local_addr().unwrap();
        holder.connect(address).await.unwrap();
        let error = ask(&Tokio, address, b"hello").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[rstest]
#[case::sentence(b"Hello, world 1!\n", "HELLO, WORLD 1!\n")]
#[case::without_newline(b"hello", "HELLO\n")]
#[case::empty(b"\n", "\n")]
#[case::other_bytes("na\u{ef}ve \u{df}\n".as_bytes(), "NA\u{ef}VE \u{df}\n")]
fn both_programs_on_the_simulated_network(#[case] stdin: &'static [u8], #[case] stdout: &'static str) {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    for name in ["anna", "bert"] {
        sim.client(name, async move {
            let ended = simulated(TASK, "client", &["server", "5000"], stdin).await;
            assert_eq!(ended, Ended::well(stdout));
            Ok(())
        });
    }
    sim.run().unwrap();
}

#[rstest]
#[case::partition("server", "5000")]
#[case::nobody_listens("server", "5001")]
fn silence_is_borne_for_a_bounded_time(#[case] host: &'static str, #[case] port: &'static str) {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async move {
        if port == "5000" {
            turmoil::partition("here", "server");
        }
        let ended = simulated(TASK, "client", &[host, port], b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (1, ""));
        let message =
            format!("client: no reply from {host} port {port}: sent the sentence 3 times and waited 1 s each time\n");
        assert_eq!(ended.stderr, message);
        let waited = turmoil::elapsed();
        assert!((Duration::from_secs(3)..Duration::from_millis(3_100)).contains(&waited), "{waited:?}");
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        turmoil::partition("here", "server");
        let ended = spawn_local(simulated(TASK, "client", &["server", "5000"], b"hello\n"));
        tokio::time::sleep(Duration::from_millis(1_500)).await; // simulated: two attempts are lost by now
        turmoil::repair("here", "server");
        assert_eq!(ended.await?, Ended::well("HELLO\n"));
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn late_replies_do_not_show_twice() {
    let mut sim = simulation();
    with_server(&mut sim, TASK);
    sim.client("here", async {
        turmoil::hold("here", "server");
        let ended = spawn_local(simulated(TASK, "client", &["server", "5000"], b"hello\n"));
        tokio::time::sleep(Duration::from_millis(2_500)).await; // simulated: three datagrams are on the way
        turmoil::release("here", "server");
        assert_eq!(ended.await?, Ended::well("HELLO\n"));
        Ok(())
    });
    sim.run().unwrap();
}
