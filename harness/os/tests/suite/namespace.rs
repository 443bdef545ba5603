//! Networks and mounts of a thread's own, on machines that allow them.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::OnceLock;
use std::thread;

use harness_os::namespace::{Containment, NamespaceId, enter_private_files, enter_private_network, prepare_process};
use rstest::rstest;

/// Whether this machine can; says so when it cannot.
fn allowed(part: fn(&Containment) -> bool) -> bool {
    static CONTAINMENT: OnceLock<Containment> = OnceLock::new();
    let containment = CONTAINMENT.get_or_init(prepare_process);
    if !part(containment) {
        println!("skipped: {:?}", containment.why_not);
    }
    part(containment)
}

/// Runs `body` on a thread of its own, inside a network of its own.
fn in_private_network<T: Send + 'static>(body: impl FnOnce(NamespaceId) -> T + Send + 'static) -> T {
    thread::spawn(|| body(enter_private_network().expect("a private network"))).join().expect("the thread's body")
}

#[test]
fn what_is_missing_has_a_reason() {
    let containment = prepare_process();
    let complete = containment.network && containment.files;
    assert_eq!(containment.why_not.is_none(), complete, "{containment:?}");
    if let Some(reason) = containment.why_not {
        assert!(!reason.contains('\n'), "{reason}");
    }
}

#[test]
fn two_networks_have_the_same_port() {
    if !allowed(|c| c.network) {
        return;
    }
    let outside = NamespaceId::of_thread().unwrap();
    assert_eq!(NamespaceId::of_process(std::process::id() as i32), Some(outside));
    in_private_network(move |first| {
        let _kept = TcpListener::bind("127.0.0.1:8000").unwrap();
        assert_eq!(TcpListener::bind("127.0.0.1:8000").unwrap_err().kind(), ErrorKind::AddrInUse);
        in_private_network(move |second| {
            let _also = TcpListener::bind("127.0.0.1:8000").unwrap();
            assert!(first != second && first != outside && second != outside);
        });
        assert_eq!(NamespaceId::of_thread().unwrap(), first);
    });
    assert_eq!(NamespaceId::of_thread().unwrap(), outside);
}

#[rstest]
#[case("0.0.0.0", "192.0.2.7")]
#[case("0.0.0.0", "8.8.8.8")]
#[case("0.0.0.0", "10.1.2.3")]
#[case("0.0.0.0", "127.0.0.1")]
#[case("0.0.0.0", "127.4.5.6")]
#[case("127.0.0.1", "127.0.0.1")]
#[case("[::]", "[2001:db8::7]")]
#[case("[::]", "[::1]")]
#[case("[::]", "192.0.2.7")]
#[case("[::1]", "[::1]")]
fn every_address_leads_to_the_listener(#[case] listen: &str, #[case] connect: &str) {
    if !allowed(|c| c.network) {
        return;
    }
    let (listen, connect) = (listen.to_owned(), connect.to_owned());
    in_private_network(move |_| {
        let listener = match TcpListener::bind(format!("{listen}:0")) {
            Err(error) if listen.contains(':') => return println!("skipped: no IPv6: {error}"),
            listener => listener.unwrap(),
        };
        let port = listener.local_addr().unwrap().port();
        let mut client = TcpStream::connect(format!("{connect}:{port}")).unwrap();
        let (mut server, from) = listener.accept().unwrap();
        // An IPv4 peer of an IPv6 listener is shown as ::ffff:a.b.c.d.
        let own = client.local_addr().unwrap();
        assert_eq!((from.ip().to_canonical(), from.port()), (own.ip(), own.port()));
        client.write_all(b"ping").unwrap();
        drop(client);
        let mut seen = String::new();
        server.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "ping");
    });
}

#[test]
fn loopback_clients_come_from_loopback_and_closed_ports_refuse() {
    if !allowed(|c| c.network) {
        return;
    }
    in_private_network(|_| {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_server, from) = listener.accept().unwrap();
        assert_eq!(from.ip().to_string(), "127.0.0.1");
        drop(listener);
        for address in ["127.0.0.1", "192.0.2.7"] {
            assert_eq!(TcpStream::connect((address, 9)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
    });
}

#[test]
fn datagrams_to_a_foreign_address_are_answered_from_it() {
    if !allowed(|c| c.network) {
        return;
    }
    in_private_network(|_| {
        let server = UdpSocket::bind("0.0.0.0:53").unwrap();
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.connect("192.0.2.7:53").unwrap();
        client.send(b"query").unwrap();
        let mut buffer = [0; 16];
        let (n, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..n], from).unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    });
}

#[test]
fn low_ports_are_free_for_all() {
    if !allowed(|c| c.network) {
        return;
    }
    in_private_network(|_| {
        let setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        if fs::OpenOptions::new().write(true).open(setting).is_err() {
            return println!("skipped: {setting} is read-only");
        }
        assert_eq!(fs::read_to_string(setting).unwrap().trim(), "0");
    });
}

#[test]
fn a_file_is_replaced_for_this_thread_only() {
    if !allowed(|c| c.files) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let [own, target, missing] = ["own", "target", "missing"].map(|n| scratch.path().join(n));
    fs::write(&own, "own").unwrap();
    fs::write(&target, "machine").unwrap();
    let seen = {
        let (own, target) = (own.clone(), target.clone());
        thread::spawn(move || {
            enter_private_files(&[(own, target.clone())]).unwrap();
            fs::read_to_string(target).unwrap()
        })
    };
    assert_eq!(seen.join().unwrap(), "own");
    assert_eq!(fs::read_to_string(&target).unwrap(), "machine");

    let error = thread::spawn(move || enter_private_files(&[(missing, target)]).unwrap_err());
    let error = error.join().unwrap().to_string();
    assert!(error.ends_with(": No such file or directory"), "{error}");
}
