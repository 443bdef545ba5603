//! One server for both families, over loopback, and on machines that have only one of them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;

use reference::arguments::Options;
use reference::dual_stack::server::{listen, make_socket, serve};
use rstest::rstest;
use socket2::{Domain, Socket};
use tempfile::TempDir;

use crate::support::{Client, words};

fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// A port that is free in both families, most likely; whoever finds it taken tries again.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

fn listen_somewhere(make: fn(Domain) -> io::Result<Socket>) -> (Vec<TcpListener>, Vec<&'static str>, u16) {
    for _ in 0..100 {
        let port = free_port();
        match listen(port, make) {
            Ok((listeners, absent)) => {
                return (listeners, absent.into_iter().map(|(family, _)| family).collect(), port);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no free port");
}

fn start_both(listeners: Vec<TcpListener>) {
    thread::spawn(move || {
        let folder = TempDir::new().unwrap();
        serve(listeners, folder.path())
    });
}

fn only_ipv4(domain: Domain) -> io::Result<Socket> {
    if domain == Domain::IPV4 { make_socket(domain) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn only_ipv6(domain: Domain) -> io::Result<Socket> {
    if domain == Domain::IPV6 { make_socket(domain) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn none(_: Domain) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

#[test]
fn both_families_are_served_at_the_same_time() {
    let (listeners, absent, port) = listen_somewhere(make_socket);
    assert_eq!(absent.is_empty(), has_ipv6());
    start_both(listeners);
    let ipv4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let _idle = Client::connect(ipv4);
    let mut first = Client::connect(ipv4);
    if has_ipv6() {
        let _idle = Client::connect(ipv6);
        let mut second = Client::connect(ipv6);
        assert_eq!(second.ask("six"), "six");
        assert_eq!(second.ask("run echo six"), "output 4, status 0");
    }
    assert_eq!(first.ask("four"), "four");
}

#[test]
fn without_ipv6_sockets_ipv4_is_served() {
    let (listeners, absent, port) = listen_somewhere(only_ipv4);
    assert_eq!((listeners.len(), absent), (1, vec!["IPv6"]));
    start_both(listeners);
    assert_eq!(Client::connect((Ipv4Addr::LOCALHOST, port).into()).ask("four"), "four");
}

#[test]
fn an_ipv6_socket_leaves_ipv4_alone() {
    if has_ipv6() {
        let (_listeners, absent, port) = listen_somewhere(only_ipv6);
        assert_eq!(absent, ["IPv4"]);
        // A stranger can still have the port in the other family.
        assert!(listen(port, only_ipv4).is_ok());
        assert!(listen(port, only_ipv6).is_err());
    }
}

#[test]
fn half_a_server_is_none() {
    let stranger = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = stranger.local_addr().unwrap().port();
    assert_eq!(listen(port, make_socket).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(reference::run("dual-stack", "server", &words(&["--port", &port.to_string()])), Some(1));
    assert!(listen(port, none).is_err());
}

#[rstest]
#[case("::1", "::1")]
#[case("[::1]", "::1")]
#[case("127.0.0.1", "127.0.0.1")]
#[case("localhost", "localhost")]
#[case("[::1", "[::1")]
fn brackets_are_taken_off(#[case] given: &str, #[case] host: &str) {
    let arguments = words(&["--port", "5000", &format!("--ip={given}")]);
    let options = Options::read(&arguments, &["ip", "port"]).unwrap();
    assert_eq!((options.host(), options.port()), (Ok(host), Ok(5000)));
}
