//! The session with a mailbox, on bytes, and what is made of a message.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use reference::mail_read_imap::letter::Letter;
use reference::mail_read_imap::session::Session;
use rstest::rstest;

/// A connection that yields so many bytes at a time, and keeps what is said.
struct Wire<'a> {
    comes: &'a [u8],
    size: usize,
    said: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.comes.len().min(buffer.len()).min(self.size);
        let (now, later) = self.comes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.comes = later;
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.said.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const REPLIES: &str = "* OK ready\r\na1 OK in\r\n* FLAGS (\\Seen)\r\n* 1 EXISTS\r\n* 0 RECENT\r\na2 OK [READ-ONLY] open\r\n\
                       * OK still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\n\
                       * 1 FETCH (BODY[] {27}\r\nSubject: x\r\n\r\na3 OK\r\n)\r\n{9} FLAGS (\\Seen))\r\n\
                       a3 OK that was all\r\n* BYE bye\r\na4 OK bye\r\n";

#[rstest]
fn reads_a_mailbox(#[values(1, 7, 10_000)] size: usize) {
    let mut said = Vec::new();
    let mut session = Session::begin(Wire { comes: REPLIES.as_bytes(), size, said: &mut said }).unwrap();
    session.log_in("anna", "open \"sesame\"").unwrap();
    assert_eq!(session.examine().unwrap(), 1);
    // The message has in it what looks like the end of the reply.
    assert_eq!(session.message(1).unwrap(), b"Subject: x\r\n\r\na3 OK\r\n)\r\n{9}");
    session.log_out();
    let said = String::from_utf8(said).unwrap();
    let expected =
        "a1 LOGIN anna \"open \\\"sesame\\\"\"\r\na2 EXAMINE INBOX\r\na3 FETCH 1 BODY.PEEK[]\r\na4 LOGOUT\r\n";
    assert_eq!(said, expected);
}

#[rstest]
#[case("* BYE busy\r\n", "the server refused us: busy")]
#[case("* OK hi\r\na1 NO [AUTHENTICATIONFAILED] wrong\r\n", "the server refused the login: wrong")]
#[case("* OK hi\r\n* BYE too late\r\n", "the server ended the session: too late")]
#[case("* OK hi\r\na1 OK in\r\na2 OK open\r\n", "the server does not say how many messages there are")]
#[case("+OK hello\r\n", "the server said \"+OK hello\\r\\n\", which is no IMAP")]
#[case("* OK hi\r\n", "the server closed the connection in the middle of it")]
#[case("* OK hi\r\na1 OK in\r\n* 2 EXISTS {999999999}\r\n", "the server wants to send 999999999 bytes at once")]
fn says_what_went_wrong(#[case] replies: &str, #[case] complaint: &str) {
    let mut said = Vec::new();
    let session = Session::begin(Wire { comes: replies.as_bytes(), size: 100, said: &mut said });
    let failure = session.and_then(|mut session| {
        session.log_in("anna", "open sesame")?;
        session.examine()
    });
    assert_eq!(failure.map_err(|failure| failure.to_string()), Err(complaint.to_owned()));
}

#[test]
fn makes_a_message_readable() {
    let message = "From: =?utf-8?q?B=C3=A9a?= <bea@example.net>\r\nDate: Tue, 03 Mar 2026 10:00:00 +0000\r\n\
                   Subject: Re: =?utf-8?b?Z3LDvG4=?=\r\nMIME-Version: 1.0\r\n\
                   Content-Type: multipart/mixed; boundary=x\r\n\r\n\
                   --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                   caf=C3=A9=1B[31m\r\n--x\r\nContent-Type: application/pdf\r\n\
                   Content-Disposition: attachment; filename=menu.pdf\r\n\r\nabc\r\n--x--\r\n";
    let letter = Letter::read(message.as_bytes());
    // The escape character would have coloured the reader's terminal.
    let shown = "From: Béa <bea@example.net>\nDate: 2026-03-03T10:00:00Z\nSubject: Re: grün\n\ncafé[31m\n\
                 [attached: menu.pdf]\n";
    assert_eq!(letter.to_string(), shown);
}

proptest! {
    #[test]
    fn whatever_a_server_says_is_survived(bytes: Vec<u8>) {
        let _ = Letter::read(&bytes);
        let replies = [b"* OK hi\r\n".to_vec(), bytes].concat();
        let mut said = Vec::new();
        if let Ok(mut session) = Session::begin(Wire { comes: &replies, size: 100, said: &mut said }) {
            let _ = session.log_in("anna", "open sesame");
            let _ = session.examine();
        }
    }
}
