//! The password dialogue over loopback.

use std::net::TcpStream;
use std::thread;
use std::{io::Read, io::Write, net::SocketAddr};

use proptest::prelude::*;
use reference::password::client::ask;
use reference::password::server::{is_right, is_same, serve};
use rstest::rstest;

use crate::support::{Client, start, words};

const PASSWORD: &str = "open Sesame";

fn start_server() -> SocketAddr {
    start(|listener| serve(&listener, PASSWORD))
}

#[rstest]
#[case("open Sesame\n", true)]
#[case("open Sesame\r\n", true)]
#[case("open Sesame", true)]
#[case("open Sesame\nand what follows", true)]
#[case("open Sesame\r", false)]
#[case("open Sesame\r\r\n", false)]
#[case("open Sesame\n\n", true)]
#[case("open Sesame \n", false)]
#[case(" open Sesame\n", false)]
#[case("open sesame\n", false)]
#[case("open\n", false)]
#[case("Sesame\n", false)]
#[case("open Sesame!\n", false)]
#[case("open Sesame!!\n", false)]
#[case("open Sesame\0\n", false)]
#[case("\n", false)]
#[case("", false)]
fn verdicts(#[case] given: &str, #[case] granted: bool) {
    let mut client = Client::connect(start_server());
    client.send(given);
    let expected = if granted { "access granted\n" } else { "access denied\n" };
    assert_eq!(String::from_utf8(client.finish()).unwrap(), expected);
}

#[test]
fn a_newline_is_answered_while_the_client_keeps_its_side_open() {
    let mut client = Client::connect(start_server());
    for piece in ["o", "pen", " Ses", "ame"] {
        client.send(piece);
    }
    client.send("\n");
    assert_eq!(client.line(), "access granted");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_hundred_kilobytes_get_one_verdict_that_survives_the_close() {
    let mut client = Client::connect(start_server());
    client.send(format!("wrong\n{}", PASSWORD.repeat(10_000)));
    assert_eq!(client.finish(), b"access denied\n");
    let mut client = Client::connect(start_server());
    client.send(PASSWORD.repeat(10_000));
    assert_eq!(client.finish(), b"access denied\n");
}

#[test]
fn a_silent_client_and_a_reset_cost_nobody_else() {
    let address = start_server();
    let _silent = Client::connect(address);
    let mut rude = Client::connect(address);
    rude.send("open ");
    rude.reset();
    assert_eq!(Client::connect(address).ask(PASSWORD), "access granted");
}

proptest! {
    #[test]
    fn only_the_password_is_the_password(
        mut stream in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            Just(PASSWORD.as_bytes().to_vec()),
            (0..PASSWORD.len(), any::<u8>()).prop_map(|(at, byte)| {
                let mut near = PASSWORD.as_bytes().to_vec();
                near[at] = byte;
                near
            }),
        ],
    ) {
        stream.retain(|&byte| byte != b'\n');
        prop_assert_eq!(is_same(&stream, PASSWORD.as_bytes()), stream == PASSWORD.as_bytes());
        prop_assert_eq!(is_right(&mut &*stream, PASSWORD.as_bytes()).unwrap(), stream == PASSWORD.as_bytes());
    }
}

#[rstest]
#[case::line(&["access ", "granted\n"], false, Some("access granted"))]
#[case::bare_and_open(&["Access denied"], false, Some("Access denied"))]
#[case::bare_and_closed(&["go away"], true, Some("go away"))]
#[case::nothing(&[], true, None)]
fn the_client_knows_a_verdict(
    #[case] pieces: &'static [&'static str],
    #[case] closes: bool,
    #[case] expected: Option<&str>,
) {
    let (tell, done) = std::sync::mpsc::channel::<()>();
    let address = start(move |listener| {
        let (mut client, _) = listener.accept().unwrap();
        let mut line = Vec::new();
        client.read_to_end(&mut line).unwrap();
        assert_eq!(line, b"word\n");
        for piece in pieces {
            client.write_all(piece.as_bytes()).unwrap();
        }
        if !closes {
            let _ = done.recv();
        }
    });
    let verdict = thread::spawn(move || ask(TcpStream::connect(address).unwrap(), b"word\n")).join().unwrap();
    drop(tell);
    assert_eq!(verdict.ok().as_deref(), expected.map(str::as_bytes));
}

#[rstest]
#[case(&["5000"])]
#[case(&["5000", ""])]
#[case(&["5000", "two\nlines"])]
#[case(&["0", "word"])]
#[case(&["5000", "two", "words"])]
fn bad_arguments_are_refused(#[case] arguments: &[&str]) {
    assert_eq!(reference::run("password", "server", &words(arguments)), Some(2));
}
