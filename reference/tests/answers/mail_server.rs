//! The mail server's session, without a network and over loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use proptest::prelude::*;
use reference::mail_server::server::serve;
use reference::mail_server::session::{Mail, Outcome, Session};
use rstest::rstest;

use crate::support::PATIENCE;

/// The reply codes to these lines, 0 for none, and the mails that were taken.
fn play(lines: &[&str]) -> (Vec<u16>, Vec<Mail>) {
    let (mut session, mut mails) = (Session::default(), Vec::new());
    let mut codes = Vec::new();
    for line in lines {
        let reply = match session.line(line.as_bytes()) {
            Outcome::Nothing => "000",
            Outcome::Reply(reply) | Outcome::Goodbye(reply) => reply,
            Outcome::Taken(mail, reply) => {
                mails.push(mail);
                reply
            }
        };
        codes.push(reply[..3].parse().unwrap());
    }
    (codes, mails)
}

#[rstest]
#[case(&["MAIL FROM:<a@b>"], &[503])]
#[case(&["HELO x", "RCPT TO:<a@b>", "DATA"], &[250, 503, 503])]
#[case(&["ehlo x", "mail from:<>", "rcpt to: <c@d> NOTIFY=NEVER", "data"], &[250, 250, 250, 354])]
#[case(&["HELO x", "MAIL FROM:<a@b>", "DATA"], &[250, 250, 503])]
#[case(&["HELO x", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>"], &[250, 250, 503])]
#[case(&["HELO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RSET", "DATA", "MAIL FROM:<a@b>"], &[250, 250, 250, 250, 503, 250])]
#[case(&["RSET", "MAIL FROM:<a@b>", "NOOP", "VRFY x", "", "what?", "QUIT"], &[250, 503, 250, 252, 500, 500, 221])]
#[case(&["HELO x", "MAIL TO:<a@b>", "MAIL FROM:a@b", "MAIL"], &[250, 501, 501, 501])]
fn keeps_the_order(#[case] lines: &[&str], #[case] codes: &[u16]) {
    assert_eq!(play(lines).0, codes);
}

const ENVELOPE: [&str; 5] = ["HELO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>", "DATA"];

#[test]
fn takes_dots_off_and_no_commands_in_the_text() {
    let lines = [&ENVELOPE[..], &["QUIT", "..one", "a dot.", "", "."]].concat();
    let (codes, mails) = play(&lines);
    assert_eq!(codes[5..], [0, 0, 0, 0, 250]);
    let mail = Mail {
        from: "a@b".to_owned(),
        to: vec!["c@d".to_owned(), "e@f".to_owned()],
        text: b"QUIT\n.one\na dot.\n\n".to_vec(),
    };
    assert_eq!(mails, [mail]);
}

proptest! {
    #[test]
    fn what_the_client_makes_of_a_text_is_undone(lines in proptest::collection::vec("[.a]{0,4}", 0..12)) {
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let sent = String::from_utf8(reference::mail_client::text::with_dots(text.as_bytes())).unwrap();
        let all: Vec<&str> = ENVELOPE.into_iter().chain(sent.split_terminator("\r\n")).collect();
        let taken = String::from_utf8(play(&all).1.remove(0).text).unwrap();
        prop_assert_eq!(taken.replace('\n', "\r\n"), text);
    }
}

#[test]
fn several_commands_in_one_segment_get_their_replies() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(&listener));
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"HELO x\r\nMAIL FROM:<a@b>\r\nNOOP\r\nQUIT\r\n").unwrap();
    let codes: Vec<String> = BufReader::new(client).lines().map(|line| line.unwrap()[..3].to_owned()).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "221"]);
}
