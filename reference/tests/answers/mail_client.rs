//! The mail client's forms, and its dialogue over loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use reference::mail_client::dialogue::{Dialogue, read_line};
use reference::mail_client::mail::read;
use reference::mail_client::text::{compose, date, with_dots};
use rstest::rstest;

use crate::support::words;

#[rstest]
#[case("250 ok", Some((250, false, "ok")))]
#[case("250-SIZE 7", Some((250, true, "SIZE 7")))]
#[case("354", Some((354, false, "")))]
#[case("25", None)]
#[case("250ok", None)]
#[case("999 x", None)]
#[case("äöü", None)]
fn reads_a_line_of_a_reply(#[case] line: &str, #[case] read: Option<(u16, bool, &str)>) {
    assert_eq!(read_line(line), read);
}

#[rstest]
#[case(0, "Thu, 01 Jan 1970 00:00:00 +0000")]
#[case(951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000")]
#[case(1_709_251_199, "Thu, 29 Feb 2024 23:59:59 +0000")]
#[case(4_107_542_400, "Mon, 01 Mar 2100 00:00:00 +0000")]
fn writes_a_date(#[case] seconds: u64, #[case] text: &str) {
    assert_eq!(date(seconds), text);
}

fn body(text: &[u8]) -> String {
    let mail = String::from_utf8(compose("a@b.example", "c@d.example", "x", text, UNIX_EPOCH)).unwrap();
    mail.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[rstest]
#[case(b"", "")]
#[case(b"one\ntwo", "one\r\ntwo\r\n")]
#[case(b"one\r\n\ntwo\n", "one\r\n\r\ntwo\r\n")]
#[case("g\u{fc}n = 1 \n".as_bytes(), "g=C3=BCn =3D 1=20\r\n")]
fn makes_a_body(#[case] text: &[u8], #[case] wanted: &str) {
    assert_eq!(body(text), wanted);
}

#[test]
fn long_lines_are_broken_and_can_be_joined() {
    let encoded = body("\u{fc}".repeat(100).as_bytes());
    assert!(encoded.lines().all(|line| line.len() <= 76), "{encoded}");
    assert_eq!(encoded.replace("=\r\n", ""), format!("{}\r\n", "=C3=BC".repeat(100)));
}

#[test]
fn the_header_says_how_the_text_is_written() {
    let header = |text: &[u8]| {
        let mail = String::from_utf8(compose("a@b.example", "c@d.example", "x", text, UNIX_EPOCH)).unwrap();
        mail.split_once("\r\n\r\n").unwrap().0.to_owned()
    };
    assert!(header(b"plain\n").contains("charset=us-ascii"));
    assert!(header("\u{fc}".as_bytes()).contains("charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"));
}

proptest! {
    #[test]
    fn no_line_ends_the_mail_too_early(lines in proptest::collection::vec("[.a]{0,4}", 0..12)) {
        let mail: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let sent = String::from_utf8(with_dots(mail.as_bytes())).unwrap();
        let mut received: Vec<&str> = sent.split_terminator("\r\n").collect();
        prop_assert_eq!(received.pop(), Some("."));
        prop_assert!(!received.contains(&"."));
        let plain: Vec<&str> = received.iter().map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
        prop_assert_eq!(plain, lines);
    }
}

#[rstest]
#[case("localhost 25 a@b.example c@d.example", true)]
#[case("localhost 25 a@b.example c@d.example hello", true)]
#[case("localhost 25 a@b.example", false)]
#[case("localhost 0 a@b.example c@d.example", false)]
#[case("localhost 25 a b", false)]
#[case("localhost 25 <a@b.example> c@d.example", false)]
fn reads_the_command_line(#[case] line: &str, #[case] good: bool) {
    assert_eq!(read(&words(&line.split(' ').collect::<Vec<_>>())).is_ok(), good);
}

#[test]
fn a_line_end_in_an_address_is_no_command() {
    let mut arguments = words(&["localhost", "25", "a@b.example", "c@d.example"]);
    arguments[2] = "a@b.example>\r\nRCPT TO:<x@y.example".to_owned();
    assert!(read(&arguments).is_err());
}

#[test]
fn a_reply_is_put_together_from_pieces_and_lines() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut line = [0; 6];
        connection.read_exact(&mut line).unwrap();
        for byte in b"250-one\r\n250-two\r\n550 three\r\n" {
            connection.write_all(&[*byte]).unwrap();
        }
        line
    });
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut dialogue = Dialogue::new(connection);
    let reply = dialogue.command("NOOP").unwrap();
    assert_eq!((reply.code, reply.text.as_str()), (550, "one / two / three"));
    assert_eq!(&server.join().unwrap(), b"NOOP\r\n");
    assert!(dialogue.reply().is_err(), "the stream has ended");
}
