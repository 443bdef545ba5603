//! The uploader's two connections, on bytes.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use reference::ftp_upload::control::Control;
use reference::ftp_upload::place::{extended_port, passive_port};
use reference::ftp_upload::upload::{Order, data_port, log_in, read, send};
use rstest::rstest;

use crate::support::words;

/// A stream that yields one byte at a time: the least that a `read` may bring.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1);
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

/// A socket that takes a few bytes at a time, and breaks after so many.
struct Narrow {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(3).min(self.room - self.taken.len());
        if count == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ORDER: Order<'_> =
    Order { host: "h", port: 21, user: "anna", password: "open sesame", file: "a/b.txt", name: "b.txt" };

#[test]
fn logs_in_and_asks_for_a_port() {
    let replies = "220-depot\r\n 530 is not meant\r\n530 nor this\r\n220 ready\r\n331 and?\r\n230-\r\n230 in\r\n\
                   500 EPSV?\r\n227 Entering Passive Mode (127,0,0,1,20,162).\r\n";
    let mut said = Vec::new();
    let mut control = Control::new(Dribble(replies.as_bytes()), &mut said);
    log_in(&mut control, &ORDER).unwrap();
    assert_eq!(data_port(&mut control).unwrap(), 5282);
    assert_eq!(said, b"USER anna\r\nPASS open sesame\r\nEPSV\r\nPASV\r\n");
}

#[test]
fn does_not_show_a_password_to_who_wants_none() {
    let mut said = Vec::new();
    log_in(&mut Control::new("220 x\r\n230 in\r\n".as_bytes(), &mut said), &ORDER).unwrap();
    assert_eq!(said, b"USER anna\r\n");
}

#[rstest]
#[case("421 full\r\n", "the server refused the connection: 421 full")]
#[case("220 x\r\n530 no\r\n", "the server refused the name: 530 no")]
#[case("220 x\r\n331 x\r\n530 no\r\n", "the server did not confirm the login: 530 no")]
#[case("220 x\r\n331 x\r\n332 account?\r\n", "the server did not confirm the login: 332 account?")]
#[case("hello\r\n", "the server said \"hello\", which is no reply")]
#[case("220-x\r\n220", "the server closed the connection without a reply")]
#[case("", "the server closed the connection without a reply")]
fn says_what_went_wrong(#[case] replies: &str, #[case] complaint: &str) {
    let outcome = log_in(&mut Control::new(replies.as_bytes(), Vec::new()), &ORDER);
    assert_eq!(outcome.map_err(|failure| failure.to_string()), Err(complaint.to_owned()));
}

#[rstest]
#[case("Entering Extended Passive Mode (|||5282|)", Some(5282))]
#[case("ok (!!!5282!)", Some(5282))]
#[case("(|1|127.0.0.1|5282|)", Some(5282))]
#[case("(|||0|)", None)]
#[case("(|||65536|)", None)]
#[case("(5282)", None)]
#[case("()", None)]
#[case("no brackets", None)]
fn reads_an_extended_port(#[case] text: &str, #[case] port: Option<u16>) {
    assert_eq!(extended_port(text), port);
}

#[rstest]
#[case("Entering Passive Mode (127,0,0,1,20,162).", Some(5282))]
#[case("Entering Passive Mode 127,0,0,1,0,21", Some(21))]
#[case("=127,0,0,1,20,162", Some(5282))]
#[case("(127,0,0,1,20)", None)]
#[case("(127,0,0,1,20,256)", None)]
#[case("(0,0,0,0,0,0)", None)]
fn reads_a_passive_port(#[case] text: &str, #[case] port: Option<u16>) {
    assert_eq!(passive_port(text), port);
}

proptest! {
    #[test]
    fn sends_every_byte(bytes: Vec<u8>) {
        let mut data = Narrow { taken: Vec::new(), room: usize::MAX };
        prop_assert_eq!(send(&mut Dribble(&bytes), &mut data, "x").unwrap(), bytes.len() as u64);
        prop_assert_eq!(data.taken, bytes);
    }
}

#[test]
fn says_when_the_data_break_off() {
    let mut data = Narrow { taken: Vec::new(), room: 10 };
    let failure = send(&mut [7_u8; 100].as_slice(), &mut data, "x").unwrap_err();
    assert!(failure.to_string().starts_with("the connection broke while sending the file"), "{failure}");
    assert_eq!(data.taken.len(), 10);
}

#[rstest]
#[case("host 21 anna secret letter.txt", true)]
#[case("host 21 anna secret a/letter.txt", true)]
#[case("host 21 anna secret /", false)]
#[case("host 21 anna secret", false)]
#[case("host 0 anna secret letter.txt", false)]
#[case("host x anna secret letter.txt", false)]
fn looks_at_its_arguments(#[case] line: &str, #[case] fits: bool) {
    let arguments: Vec<&str> = line.split(' ').collect();
    assert_eq!(read(&words(&arguments)).is_ok(), fits);
}

#[test]
fn no_argument_smuggles_a_command_in() {
    let with = |user: &str, password: &str, file: &str| ["h", "21", user, password, file].map(str::to_owned).to_vec();
    assert_eq!(read(&with("anna", "two words", "a/b c.txt")).unwrap().name, "b c.txt");
    assert!(read(&with("anna\r\nDELE x", "x", "y")).is_err());
    assert!(read(&with("anna", "x\r\nDELE x", "y")).is_err());
    assert!(read(&with("anna", "x", "y\r\nDELE x")).is_err());
    assert!(read(&with("", "x", "y")).is_err());
}
