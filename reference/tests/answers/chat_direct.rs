//! Messages by name, over loopback.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use reference::chat_direct::address;
use reference::chat_direct::server::serve;
use reference::dialogue::Dialogue;
use rstest::rstest;

use crate::support::{Client, start, words};

fn start_server() -> SocketAddr {
    start(|listener| serve(&listener, Duration::from_secs(2)))
}

/// A user who is known to be there: the server answers the first line only then.
fn enter(address: SocketAddr, name: &str) -> Client {
    let mut client = Client::connect(address);
    client.send(format!("{name}\n"));
    assert_eq!(client.ask(&format!("here|{name}")), format!("{name}|here"));
    client
}

#[rstest]
#[case("hello|bert", Some(("hello", "bert")))]
#[case("a|b|bert", Some(("a|b", "bert")))]
#[case("  hello  |  bert \r", Some(("  hello", "bert")))]
#[case("|bert", Some(("", "bert")))]
#[case("hello|", None)]
#[case("hello| ", None)]
#[case("hello", None)]
#[case("", None)]
fn the_last_bar_separates(#[case] line: &str, #[case] expected: Option<(&str, &str)>) {
    assert_eq!(address(line.as_bytes()), expected.map(|(message, name)| (message.as_bytes(), name.as_bytes())));
}

#[test]
fn messages_reach_their_recipient_and_nobody_else() {
    let address = start_server();
    let names = ["anna", "bert", "cleo", "dora"];
    let mut users: Vec<_> = names.iter().map(|name| enter(address, name)).collect();
    for from in 0..names.len() {
        for to in 0..names.len() {
            users[from].send(format!("from {from} | to | {}\n", names[to]));
            assert_eq!(users[to].line(), format!("{}|from {from} | to", names[from]));
        }
    }
    for user in users {
        assert_eq!(user.finish(), b"");
    }
}

#[test]
fn lines_are_lines_whatever_the_segments() {
    let address = start_server();
    let (mut anna, mut bert) = (enter(address, "anna"), enter(address, "bert"));
    anna.send("one|bert\ntwo|bert\nthr");
    assert_eq!([bert.line(), bert.line()], ["anna|one", "anna|two"]);
    anna.send("ee|be");
    anna.send("rt\r\n");
    assert_eq!(bert.line(), "anna|three");
    anna.send("last|bert");
    assert_eq!(anna.finish(), b"");
    assert_eq!(bert.line(), "anna|last");
}

#[test]
fn what_cannot_be_delivered_is_said_and_harms_nobody() {
    let address = start_server();
    let mut anna = enter(address, "anna");
    assert_eq!(anna.ask("hello|nobody"), "server|there is no nobody here");
    assert_eq!(anna.ask("no bar"), "server|nobody is addressed; write <message>|<recipient>");
    anna.send("\n");
    anna.send("x".repeat(100_000));
    assert_eq!(anna.line(), "server|that line is too long");
    assert_eq!(anna.ask("\nstill here|anna"), "anna|still here");
}

#[test]
fn names_are_unique_and_free_again() {
    let address = start_server();
    let _silent = Client::connect(address);
    let mut anna = enter(address, "anna");
    for (name, told) in [
        ("anna", "server|the name anna is taken"),
        ("server", "server|that cannot be a name; the first line is yours"),
        ("a|b", "server|that cannot be a name; the first line is yours"),
        (" ", "server|that cannot be a name; the first line is yours"),
    ] {
        let mut other = Client::connect(address);
        assert_eq!(other.ask(name), told);
        assert_eq!(other.rest(), b"");
    }
    assert_eq!(anna.ask("still here|anna"), "anna|still here");
    for round in 0..100 {
        if round % 2 == 0 {
            drop(anna);
        } else {
            anna.reset();
        }
        anna = enter(address, "anna");
    }
    assert_eq!(anna.finish(), b"");
}

#[test]
fn many_senders_do_not_mix_their_lines() {
    let address = start_server();
    let mut reader = enter(address, "reader");
    let senders: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let mut sender = enter(address, &format!("sender{number}"));
                for line in 0..50 {
                    sender.send(format!("{line} {}|reader\n", "x".repeat(1_000)));
                }
                assert_eq!(sender.finish(), b"");
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for _ in 0..8 * 50 {
        let line = reader.line();
        let (name, message) = line.split_once('|').unwrap();
        let (number, filling) = message.split_once(' ').unwrap();
        assert_eq!(filling, "x".repeat(1_000));
        assert!(seen.insert((name.to_owned(), number.to_owned())), "{line} twice");
    }
    for sender in senders {
        sender.join().unwrap();
    }
}

#[test]
fn a_user_who_does_not_read_is_closed_and_the_others_go_on() {
    let address = start(|listener| serve(&listener, Duration::from_millis(100)));
    let stalled = enter(address, "stalled");
    let (mut flooder, mut anna, mut bert) = (enter(address, "flooder"), enter(address, "anna"), enter(address, "bert"));
    let mut socket = flooder.socket().try_clone().unwrap();
    let flood = thread::spawn(move || {
        let line = format!("{}|stalled\n", "x".repeat(60_000));
        for _ in 0..400 {
            socket.write_all(line.as_bytes()).unwrap();
        }
    });
    for _ in 0..100 {
        anna.send("hello|bert\n");
        assert_eq!(bert.line(), "anna|hello");
    }
    assert_eq!(flooder.line(), "server|there is no stalled here");
    assert_eq!(anna.ask("hello|stalled"), "server|there is no stalled here");
    flood.join().unwrap();
    drop(stalled);
}

#[test]
fn our_client_sends_its_name_first() {
    let address = start_server();
    let mut anna = enter(address, "anna");
    let mut output = Vec::new();
    let dialogue = Dialogue { opening: b"bert\n", in_turn: false, completes_last_line: true };
    let stdin = Cursor::new("hello|anna\nhello|bert\nbye | anna");
    dialogue.hold(TcpStream::connect(address).unwrap(), stdin, &mut output).unwrap();
    assert_eq!([anna.line(), anna.line()], ["bert|hello", "bert|bye"]);
    assert_eq!(output, b"bert|hello\n");

    let taken = Dialogue { opening: b"anna\n", in_turn: false, completes_last_line: true };
    let (keyboard, _open) = std::io::pipe().unwrap();
    let mut output = Vec::new();
    let failure = taken.hold(TcpStream::connect(address).unwrap(), keyboard, &mut output).unwrap_err();
    assert_eq!(output, b"server|the name anna is taken\n");
    assert_eq!((failure.status(), &*failure.to_string()), (1, "the server closed the connection"));
}

proptest! {
    #[test]
    fn what_is_addressed_is_on_the_line(line: Vec<u8>) {
        if let Some((message, recipient)) = address(&line) {
            prop_assert!(line.starts_with(message));
            prop_assert!(!recipient.contains(&b'|') && !recipient.is_empty());
        }
    }
}

#[rstest]
#[case("server", &["--port", "5000"])]
#[case("server", &["5000"])]
#[case("client", &["--ip", "localhost", "--port", "5000"])]
#[case("client", &["--ip", "localhost", "--port", "5000", "--username", ""])]
#[case("client", &["--ip", "localhost", "--port", "5000", "--username", "a|b"])]
#[case("client", &["--ip", "localhost", "--port", "5000", "--username"])]
fn bad_arguments_are_refused(#[case] role: &str, #[case] arguments: &[&str]) {
    assert_eq!(reference::run("chat-direct", role, &words(arguments)), Some(2));
}
