//! The mailbox reader's session, on bytes.

use std::io::Read;

use reference::mail_read_pop3::read::read;
use reference::mail_read_pop3::session::Session;
use rstest::rstest;

use crate::support::words;

/// A stream that yields one byte at a time: the least that a `read` may bring.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1);
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

#[test]
fn reads_a_mailbox() {
    let replies = "+OK ready\r\n+OK name\r\n+OK in\r\n+OK 1 40\r\n+OK 40 octets\r\n\
                   Subject: x\r\n\r\n..one\r\ntwo.\r\n..\r\nend\r\n.\r\n+OK bye\r\n";
    let mut said = Vec::new();
    let mut session = Session::begin(Dribble(replies.as_bytes()), &mut said).unwrap();
    session.log_in("anna", "open sesame").unwrap();
    assert_eq!(session.count().unwrap(), 1);
    assert_eq!(session.message(1).unwrap(), b"Subject: x\n\n.one\ntwo.\n.\nend\n");
    session.quit();
    assert_eq!(said, b"USER anna\r\nPASS open sesame\r\nSTAT\r\nRETR 1\r\nQUIT\r\n");
}

#[rstest]
#[case("-ERR busy\r\n", "the server refused the connection: busy")]
#[case("+OK\r\n-ERR who?\r\n", "the server refused the name: who?")]
#[case("+OK\r\n+OK\r\n-ERR [AUTH] wrong\r\n", "the server refused the password: [AUTH] wrong")]
#[case("+OK\r\n+OK\r\n+OK\r\n+OK many\r\n", "to STAT the server said \"many\", which has no number")]
#[case("220 mail.example\r\n", "the server said \"220 mail.example\", which is no reply")]
#[case("+OK\r\n+OK\r\n", "the server closed the connection in the middle of it")]
fn says_what_went_wrong(#[case] replies: &str, #[case] complaint: &str) {
    let session = Session::begin(replies.as_bytes(), Vec::new());
    let failure = session.and_then(|mut session| {
        session.log_in("anna", "open sesame")?;
        session.count()
    });
    assert_eq!(failure.map_err(|failure| failure.to_string()), Err(complaint.to_owned()));
}

#[rstest]
#[case("host 110 anna secret", true)]
#[case("host 110 anna", false)]
#[case("host 110 anna secret more", false)]
#[case("host 0 anna secret", false)]
#[case("host x anna secret", false)]
fn looks_at_its_arguments(#[case] line: &str, #[case] fits: bool) {
    let arguments: Vec<&str> = line.split(' ').collect();
    assert_eq!(read(&words(&arguments)).is_ok(), fits);
}

#[test]
fn no_argument_smuggles_a_command_in() {
    let with = |user: &str, password: &str| ["host", "110", user, password].map(str::to_owned).to_vec();
    assert!(read(&with("anna", "two words")).is_ok());
    assert!(read(&with("anna\r\nDELE 1", "x")).is_err());
    assert!(read(&with("anna", "x\r\nDELE 1")).is_err());
    assert!(read(&with("anna b", "x")).is_err());
    assert!(read(&with("anna", "")).is_err());
}
