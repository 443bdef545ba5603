//! Arguments, registry, taken ports: what every program does alike.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use rstest::rstest;

use crate::support::{simulated, simulation, words};

#[rstest]
fn bad_arguments_are_refused(
    #[values("message", "uppercase-tcp", "uppercase-udp")] task: &str,
    // Split at each blank, so that two in a row hold an empty argument.
    #[values(
        "server",
        "server 0",
        "server 65536",
        "server -1",
        "server +80",
        "server five",
        "server ",
        "server 5000 5001",
        "client",
        "client localhost",
        "client localhost http",
        "client localhost 99999",
        "client  5000",
        "client localhost 5000 extra"
    )]
    command: &str,
) {
    let mut arguments: Vec<_> = command.split(' ').collect();
    let role = arguments.remove(0);
    assert_eq!(reference::run(task, role, &words(&arguments)), Some(2));
}

#[rstest]
#[case("server", &[], "usage: server PORT (arguments needed: 1, given: 0)\n")]
#[case("client", &["server", "0"], "usage: client HOST PORT (PORT is a number from 1 to 65535, not \"0\")\n")]
fn usage_is_all_that_is_printed(
    #[values("uppercase-tcp", "uppercase-udp")] task: &'static str,
    #[case] role: &'static str,
    #[case] arguments: &'static [&'static str],
    #[case] usage: &'static str,
) {
    let mut sim = simulation();
    sim.client("here", async move {
        let ended = simulated(task, role, arguments, b"hello\n").await;
        assert_eq!((ended.status, &*ended.stdout), (2, ""));
        assert_eq!(ended.stderr, usage);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_taken_port_is_an_error() {
    let stream = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = stream.local_addr().unwrap().port().to_string();
    for task in ["message", "uppercase-tcp"] {
        assert_eq!(reference::run(task, "server", &words(&[&port])), Some(1));
    }
    let datagrams = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = datagrams.local_addr().unwrap().port().to_string();
    assert_eq!(reference::run("uppercase-udp", "server", &words(&[&port])), Some(1));
}

/// Each server with a port that a stranger has, on all addresses.
#[rstest]
#[case("password", &["PORT", "word"])]
#[case("calc-single", &["127.0.0.1", "PORT"])]
#[case("calc-threads", &["127.0.0.1", "PORT"])]
#[case("calc-select", &["127.0.0.1", "PORT"])]
#[case("echo-select", &["127.0.0.1", "PORT"])]
#[case("echo-commands", &["--port", "PORT"])]
#[case("dual-stack", &["--port", "PORT"])]
#[case("chat-direct", &["--ip", "127.0.0.1", "--port", "PORT"])]
#[case("chat-room", &["PORT"])]
fn a_port_of_a_stranger_is_an_error(#[case] task: &str, #[case] arguments: &[&str]) {
    let stranger = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    assert_eq!(reference::run(task, "server", &with_port(arguments, stranger.local_addr().unwrap().port())), Some(1));
}

#[test]
fn a_datagram_port_of_a_stranger_is_an_error() {
    let stranger = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let arguments = with_port(&["PORT"], stranger.local_addr().unwrap().port());
    assert_eq!(reference::run("udp-pinger", "server", &arguments), Some(1));
}

/// Each client with a port at which nobody listens.
#[rstest]
#[case("password", &["127.0.0.1", "PORT"])]
#[case("calc-single", &["127.0.0.1", "PORT"])]
#[case("calc-threads", &["localhost", "PORT"])]
#[case("calc-select", &["127.0.0.1", "PORT"])]
#[case("echo-select", &["127.0.0.1", "PORT"])]
#[case("echo-commands", &["--ip", "127.0.0.1", "--port", "PORT"])]
#[case("dual-stack", &["--ip", "[::1]", "--port", "PORT"])]
#[case("chat-direct", &["--ip", "127.0.0.1", "--port", "PORT", "--username", "anna"])]
#[case("chat-room", &["127.0.0.1", "PORT", "anna"])]
fn nobody_listens(#[case] task: &str, #[case] arguments: &[&str]) {
    // A socket that is bound but does not listen keeps the port from being reused, and refuses.
    let holder = tokio::net::TcpSocket::new_v4().unwrap();
    holder.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    assert_eq!(reference::run(task, "client", &with_port(arguments, holder.local_addr().unwrap().port())), Some(1));
}

fn with_port(arguments: &[&str], port: u16) -> Vec<String> {
    arguments.iter().map(|word| word.replace("PORT", &port.to_string())).collect()
}

#[rstest]
fn calculators_and_echo_take_a_host_and_a_port(
    #[values("calc-single", "calc-threads", "calc-select", "echo-select")] task: &str,
    #[values("server", "client")] role: &str,
    #[values("", "localhost", "5000", "localhost 0", "localhost five", "localhost 5000 x")] arguments: &str,
) {
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    assert_eq!(reference::run(task, role, &words(&arguments)), Some(2));
}

#[rstest]
fn a_second_copy_is_refused(#[values("uppercase-tcp", "uppercase-udp", "chat-room", "udp-pinger")] task: &'static str) {
    let mut sim = simulation();
    sim.client("here", async move {
        let first = tokio::task::spawn_local(simulated(task, "server", &["5000"], b""));
        tokio::task::yield_now().await;
        let second = simulated(task, "server", &["5000"], b"").await;
        assert_eq!((second.status, &*second.stdout), (1, ""));
        assert!(second.stderr.starts_with("server: cannot listen on port 5000: "));
        assert!(!first.is_finished(), "the first copy goes on");
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn the_registry_has_no_doubles() {
    let mut seen = std::collections::BTreeSet::new();
    for program in reference::programs() {
        assert!(seen.insert((program.task, program.role)), "{program:?} twice");
        assert_eq!(program.usage.split(' ').next(), Some(program.role));
    }
}

#[test]
fn unknown_programs_are_none() {
    assert_eq!(reference::run("message", "proxy", &[]), None);
    assert_eq!(reference::run("massage", "server", &[]), None);
}
