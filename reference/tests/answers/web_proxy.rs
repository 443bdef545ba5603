//! The proxy over loopback, between clients and origin servers that a test plays by hand.

use std::io::{BufReader, Cursor, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use proptest::prelude::*;
use reference::web_proxy::body::{Extent, pass_on};
use reference::web_proxy::head::Head;
use reference::web_proxy::proxy::serve;
use reference::web_proxy::url::take_apart;
use rstest::rstest;

use crate::support::{Client, PATIENCE, start};

#[rstest]
#[case("http://site/a.html", Some(("site", 80, "site", "/a.html")))]
#[case("HTTP://site:8000/a?b=/c", Some(("site", 8000, "site:8000", "/a?b=/c")))]
#[case("http://site", Some(("site", 80, "site", "/")))]
#[case("http://site?b", Some(("site", 80, "site", "/?b")))]
#[case("http://site:/", Some(("site", 80, "site", "/")))]
#[case("http://[::1]:81/a", Some(("::1", 81, "[::1]:81", "/a")))]
#[case("/site:8000/a/b", Some(("site", 8000, "site:8000", "/a/b")))]
#[case("/site", Some(("site", 80, "site", "/")))]
#[case("/", None)]
#[case("http:///a", None)]
#[case("http://site:x/", None)]
#[case("http://site:0/", None)]
#[case("http://site:70000/", None)]
#[case("http://me@site/", None)]
#[case("site/a", None)]
#[case("https://site/", None)]
fn urls(#[case] target: &str, #[case] expected: Option<(&str, u16, &str, &str)>) {
    let found = take_apart(target);
    let found = found.as_ref().map(|it| (it.host.as_str(), it.port, it.authority.as_str(), it.path.as_str()));
    assert_eq!(found, expected);
}

#[rstest]
#[case(
    "A: b\r\nConnection: X-Own, close\r\nx-own: 1\r\nKEEP-ALIVE: 2\r\nProxy-Connection: 3\r\nC: d",
    Some("A: b\r\nC: d\r\n")
)]
#[case("Cookie:a=1", Some("Cookie:a=1\r\n"))]
#[case("no colon", None)]
#[case("A : b", None)]
#[case(" folded: yes", None)]
fn headers(#[case] lines: &str, #[case] kept: Option<&str>) {
    let head = Head::of(format!("first\r\n{lines}\r\n").as_bytes()).map(|mut head| {
        head.keep_end_to_end();
        String::from_utf8(head.bytes(&head.first, &[])).unwrap()
    });
    assert_eq!(head, kept.map(|kept| format!("first\r\n{kept}\r\n")));
}

#[rstest]
#[case("Content-Length: 7", 200, Some(Extent::Length(7)))]
#[case("Content-Length: 7, 7", 200, Some(Extent::Length(7)))]
#[case("Content-Length: 7\r\nContent-Length: 8", 200, None)]
#[case("Content-Length: -1", 200, None)]
#[case("Content-Length: 7\r\nTransfer-Encoding: chunked", 200, None)]
#[case("Transfer-Encoding: gzip, Chunked", 200, Some(Extent::Chunks))]
#[case("Transfer-Encoding: gzip", 200, None)]
#[case("A: b", 200, Some(Extent::UntilClose))]
#[case("Content-Length: 7", 304, Some(Extent::Length(0)))]
fn ends_of_answers(#[case] lines: &str, #[case] status: u16, #[case] expected: Option<Extent>) {
    let head = Head::of(format!("first\r\n{lines}\r\n").as_bytes()).unwrap();
    assert_eq!(Extent::of_response(&head, status, "GET"), expected);
}

/// A reader that gives a few bytes at a time, as a network may.
struct Dribble(Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

proptest! {
    #[test]
    fn chunks_go_through_unchanged_and_what_is_behind_them_stays(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..6),
        trailer in any::<bool>(),
        at_once in 1usize..50,
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend(format!("{:X};x=y\r\n", chunk.len()).bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\n");
        body.extend(if trailer { &b"Checksum: 1\r\n\r\n"[..] } else { b"\r\n" });
        let stream = [&body[..], b"HTTP/1.1 next"].concat();
        let mut from = BufReader::with_capacity(at_once, Dribble(Cursor::new(stream), at_once));
        let mut to = Vec::new();
        pass_on(&mut from, &mut to, Extent::Chunks).unwrap();
        prop_assert_eq!(to, body);
        let mut rest = Vec::new();
        from.read_to_end(&mut rest).unwrap();
        prop_assert_eq!(rest, b"HTTP/1.1 next");
    }
}

/// An origin server that answers every connection with these bytes, closes it, and hands over the request's head.
fn origin(answer: &'static [u8]) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            tell.send(String::from_utf8(head).unwrap()).unwrap();
            connection.write_all(answer).unwrap();
        }
    });
    (address, told)
}

fn ask(proxy: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut client = Client::connect(proxy);
    client.send(request);
    String::from_utf8(client.rest()).unwrap()
}

fn proxy() -> SocketAddr {
    start(|listener| serve(&listener))
}

#[test]
fn a_request_is_made_anew_for_the_site() {
    let (site, asked) = origin(b"HTTP/1.1 404 Not Here\r\nContent-Length: 3\r\nKeep-Alive: 5\r\nX: y\r\n\r\nno\n");
    let proxy = proxy();
    let request = format!(
        "GET http://{site}/a?b HTTP/1.1\r\nHost: elsewhere\r\nCookie: c\r\nProxy-Connection: keep-alive\r\n\r\n"
    );
    let answer = "HTTP/1.1 404 Not Here\r\nConnection: close\r\nContent-Length: 3\r\nX: y\r\n\r\nno\n";
    assert_eq!(ask(proxy, &request), answer);
    let wanted =
        format!("GET /a?b HTTP/1.1\r\nHost: {site}\r\nVia: 1.1 {proxy}\r\nConnection: close\r\nCookie: c\r\n\r\n");
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), wanted);
}

#[test]
fn an_interim_answer_comes_before_the_one_that_counts() {
    let (site, _asked) = origin(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil the end");
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nConnection: close\r\n\r\nuntil the end";
    assert_eq!(ask(proxy(), format!("GET http://{site}/ HTTP/1.1\r\n\r\n")), answer);
}

#[rstest]
#[case(b"", "502")]
#[case(b"HTTP/1.1 200 OK\r\nContent-", "502")]
#[case(b"hello?\r\n\r\n", "502")]
#[case(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "502")]
fn nonsense_is_a_bad_gateway(#[case] answer: &'static [u8], #[case] status: &str) {
    let (site, _asked) = origin(answer);
    let said = ask(proxy(), format!("GET http://{site}/ HTTP/1.1\r\n\r\n"));
    assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
}

#[test]
fn a_mirror_is_recognised() {
    let proxy = proxy();
    let nested = ask(proxy, format!("GET http://{proxy}/{proxy}/{proxy}/ HTTP/1.1\r\n\r\n"));
    assert!(nested.starts_with("HTTP/1.1 508 "), "{nested}");
    let plain = ask(proxy, format!("GET http://{proxy}/ HTTP/1.1\r\n\r\n"));
    assert!(plain.starts_with("HTTP/1.1 508 "), "{plain}");
}

#[test]
fn half_of_an_answer_is_not_taken_for_the_whole() {
    let (site, _asked) = origin(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    let mut client = TcpStream::connect(proxy()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(format!("GET http://{site}/ HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_tunnel_carries_both_directions_to_their_ends() {
    let (site, asked) = origin(b"\x16\x03 unread");
    let mut client = Client::connect(proxy());
    client.send(format!("CONNECT {site} HTTP/1.1\r\nHost: {site}\r\n\r\nhidden\r\n\r\n"));
    assert_eq!(client.line(), "HTTP/1.1 200 Connection Established\r");
    assert_eq!(client.line(), "\r");
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "hidden\r\n\r\n");
    assert_eq!(client.finish(), b"\x16\x03 unread");
}
