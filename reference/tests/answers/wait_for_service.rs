//! Waiting for a service, over loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use reference::failure::Failure;
use reference::wait_for_service::wait::{read, refuse_ourselves, wait_for};
use rstest::rstest;
use socket2::{Domain, Socket, Type};

use crate::support::{PATIENCE, words};

/// A port that nobody else gets and at which nobody listens, until the test lets it.
fn closed_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

type Outcome = Result<Duration, Failure>;

/// Waits in a thread. The first channel tells why each try failed, and the second how it ended.
fn waiting(host: &'static str, port: u16, limit: Option<Duration>) -> (Receiver<io::ErrorKind>, Receiver<Outcome>) {
    let (reason, reasons) = channel();
    let (end, ends) = channel();
    thread::spawn(move || {
        let outcome = wait_for(host, port, limit, |error| {
            let _ = reason.send(error.kind());
        });
        end.send(outcome).unwrap();
    });
    (reasons, ends)
}

#[rstest]
fn a_service_that_is_up_is_reached_at_once(#[values("127.0.0.1", "localhost")] host: &'static str) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (reasons, ends) = waiting(host, port, Some(PATIENCE));
    ends.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(reasons.iter().count(), 0, "the first try is enough");
    // It closes what it has opened.
    let (mut connection, _) = listener.accept().unwrap();
    assert_eq!(io::copy(&mut connection, &mut io::sink()).unwrap(), 0);
}

#[rstest]
fn a_service_that_comes_up_is_noticed(#[values(None, Some(PATIENCE))] limit: Option<Duration>) {
    let (socket, address) = closed_port();
    let (reasons, ends) = waiting("127.0.0.1", address.port(), limit);
    for _ in 0..3 {
        assert_eq!(reasons.recv_timeout(PATIENCE).unwrap(), io::ErrorKind::ConnectionRefused);
    }
    assert!(ends.try_recv().is_err(), "it goes on");
    socket.listen(8).unwrap();
    let waited = ends.recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(waited > Duration::from_millis(500), "two pauses, {waited:?}");
}

#[test]
fn it_gives_up_when_the_time_is_over() {
    let (_socket, address) = closed_port();
    let limit = Duration::from_secs(1);
    let began = Instant::now();
    let (reasons, ends) = waiting("127.0.0.1", address.port(), Some(limit));
    let failure = ends.recv_timeout(PATIENCE).unwrap().unwrap_err();
    let waited = began.elapsed();
    assert!(waited >= limit && waited < limit * 3, "{waited:?}");
    let tries = reasons.iter().count();
    assert!((1..=4).contains(&tries), "a pause after each: {tries}");
    assert_eq!(failure.status(), 1);
    let said = failure.to_string();
    let expected = format!("127.0.0.1 port {} could not be reached within 1 s: ", address.port());
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn silence_is_no_reason_to_take_longer() {
    // When the queue of those that wait for `accept` is full, the system drops every further SYN.
    let (socket, address) = closed_port();
    socket.listen(0).unwrap();
    let mut queued = Vec::new();
    while let Ok(connection) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(connection);
        assert!(queued.len() < 100, "the queue is never full");
    }
    let limit = Duration::from_secs(1);
    let (reasons, ends) = waiting("127.0.0.1", address.port(), Some(limit));
    ends.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(reasons.iter().collect::<Vec<_>>(), [io::ErrorKind::TimedOut]);

    // One try has its bound without any other, too, and the tries after it are answered.
    let (reasons, ends) = waiting("127.0.0.1", address.port(), None);
    assert_eq!(reasons.recv_timeout(PATIENCE).unwrap(), io::ErrorKind::TimedOut);
    thread::spawn(move || while socket.accept().is_ok() {});
    ends.recv_timeout(PATIENCE).unwrap().unwrap();
}

#[test]
fn it_does_not_take_itself_for_the_service() {
    let (socket, address) = closed_port();
    socket.connect(&address.into()).unwrap();
    let error = refuse_ourselves(socket.into()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    // The service can have its port, even if it does not ask for one in TIME_WAIT.
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().bind(&address.into()).unwrap();
}

#[test]
fn the_statuses_tell_the_outcomes_apart() {
    let (socket, address) = closed_port();
    let arguments = words(&["127.0.0.1", &address.port().to_string(), "1"]);
    assert_eq!(reference::run("wait-for-service", "wait", &arguments), Some(1));
    socket.listen(8).unwrap();
    assert_eq!(reference::run("wait-for-service", "wait", &arguments), Some(0));
}

#[rstest]
#[case(&["db", "3306", "30"], Some(30))]
#[case(&["db", "3306", "0"], None)]
#[case(&["db", "3306", "forever"], None)]
#[case(&["db", "3306", "Forever"], None)]
#[case(&["db", "3306"], None)]
fn a_time_or_for_ever(#[case] arguments: &[&str], #[case] seconds: Option<u64>) {
    assert_eq!(read(&words(arguments)).unwrap(), ("db", 3306, seconds.map(Duration::from_secs)));
}

#[rstest]
#[case("")]
#[case("127.0.0.1")]
#[case("127.0.0.1 0 5")]
#[case("127.0.0.1 65536 5")]
#[case("127.0.0.1 five 5")]
#[case("127.0.0.1 5000 ")]
#[case("127.0.0.1 5000 -1")]
#[case("127.0.0.1 5000 +1")]
#[case("127.0.0.1 5000 1.5")]
#[case("127.0.0.1 5000 never")]
#[case("127.0.0.1 5000 4294967296")]
#[case("127.0.0.1 5000 5 5")]
#[case(" 5000 5")]
fn bad_arguments_are_refused(#[case] arguments: &str) {
    let arguments: Vec<_> = arguments.split(' ').collect();
    assert_eq!(reference::run("wait-for-service", "wait", &words(&arguments)), Some(2));
}

proptest! {
    #[test]
    fn any_word_is_a_time_or_refused(word: String) {
        let arguments = words(&["host", "5000", &word]);
        match read(&arguments) {
            Ok((_, _, Some(limit))) => prop_assert_eq!(word.trim_start_matches('0'), limit.as_secs().to_string()),
            Ok((_, _, None)) => prop_assert!(word.trim_matches('0').is_empty() || word.eq_ignore_ascii_case("forever")),
            Err(_) => {}
        }
    }
}
