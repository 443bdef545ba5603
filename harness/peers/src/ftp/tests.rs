//! The server by itself: sessions as bytes, with data moved as it wants.

use harness_judging::complaint::Refused;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::dialogue::Server as _;

fn site() -> Site {
    Site {
        data: "127.0.0.1:5282".parse().unwrap(),
        client: "127.0.0.1".parse().unwrap(),
        user: Some("anna".to_owned()),
        password: Some("open sesame".to_owned()),
    }
}

/// All replies to a session in pieces of this size, without the greeting; each transfer takes these data.
fn play(mut server: Server, session: &str, size: usize, data: &[u8]) -> (String, Record) {
    server.greeting();
    server.turns().answered();
    let mut said = Vec::new();
    for piece in session.as_bytes().chunks(size) {
        server.turns().receive(piece);
        while let Some(reply) = server.next_reply() {
            said.extend(reply.bytes);
            server.turns().answered();
            match server.aside() {
                Some(Aside::Take(_)) => {
                    let cut = data.chunks(size).any(|piece| server.data(piece) != Flow::GoOn);
                    server.moved(if cut { Moved::Cut } else { Moved::Whole });
                }
                Some(Aside::Give(_, bytes)) => {
                    said.extend(bytes);
                    server.moved(Moved::Whole);
                }
                Some(Aside::Nothing) | None => {}
            }
        }
    }
    (String::from_utf8(said).unwrap(), server.into_record())
}

fn plain() -> Server {
    Server::new(site(), Vec::new(), None)
}

/// Replies to commands of somebody who is logged in.
fn inside(commands: &str) -> String {
    let session = format!("USER anna\r\nPASS open sesame\r\n{commands}\r\n");
    play(plain(), &session, 1000, b"one\r\ntwo\r\n").0.splitn(3, "\r\n").nth(2).unwrap().to_owned()
}

#[rstest]
#[case("PASV", "227 Entering Passive Mode (127,0,0,1,20,162).\r\n")]
#[case("epsv", "229 Entering Extended Passive Mode (|||5282|)\r\n")]
#[case("PORT 127,0,0,1,20,162", "200 There it is.\r\n")]
#[case("EPRT |1|127.0.0.1|5282|", "200 There it is.\r\n")]
#[case("PORT 192,0,2,1,20,162", "500 That address is not yours.\r\n")]
#[case("PORT 5282", "501 That is no address.\r\n")]
#[case("TYPE A N", "200 ASCII mode.\r\n")]
#[case("TYPE E", "504 TYPE A or TYPE I.\r\n")]
#[case("MODE B", "504 Only the usual.\r\n")]
#[case("STRU F", "200 As usual.\r\n")]
#[case("\r\n\r\nSTRU F\r\n\r\n", "200 As usual.\r\n")]
#[case("CWD a/b\r\nCDUP\r\nPWD", "250 There we are.\r\n250 One up.\r\n257 \"/a\" is the folder.\r\n")]
#[case("MKD x", "257 \"/x\" is made.\r\n")]
#[case("STOR x", "425 Use PORT or PASV first.\r\n")]
#[case("SIZE x", "550 There is no such file.\r\n")]
#[case("RNTO x", "503 RNFR comes first.\r\n")]
#[case("ABOR", "226 Nothing is under way.\r\n")]
#[case("SITE HELP", "502 That is not done here.\r\n")]
#[case("OPTS UTF8 ON", "200 UTF-8 it is.\r\n")]
fn replies(#[case] commands: &str, #[case] reply: &str) {
    assert_eq!(inside(commands), reply);
}

#[test]
fn a_file_is_stored_listed_and_fetched_again() {
    let commands =
        "TYPE I\r\nPASV\r\nSTOR x\r\nSIZE x\r\nRNFR x\r\nRNTO y\r\nPASV\r\nNLST\r\nPASV\r\nREST 5\r\nRETR /y\r\nQUIT";
    insta::assert_snapshot!(inside(commands).replace('\r', ""), @r"
    200 Binary mode.
    227 Entering Passive Mode (127,0,0,1,20,162).
    150 Send it.
    226 It is stored.
    213 10
    350 To what?
    250 Renamed.
    227 Entering Passive Mode (127,0,0,1,20,162).
    150 Here it comes.
    y
    226 That was it.
    227 Entering Passive Mode (127,0,0,1,20,162).
    350 From there.
    150 Here it comes.
    two
    226 That was it.
    221 Goodbye.
    ");
}

#[rstest]
#[case::ascii_until_said_otherwise("PASV\r\nSTOR x", b"one\ntwo\n")]
#[case::binary("TYPE I\r\nPASV\r\nSTOR x", b"one\r\ntwo\r\n")]
#[case::twice("TYPE I\r\nPASV\r\nSTOR x\r\nPASV\r\nSTOR x", b"one\r\ntwo\r\n")]
#[case::appended("PASV\r\nSTOR x\r\nPASV\r\nAPPE x", b"one\ntwo\none\ntwo\n")]
#[case::from_a_place("TYPE I\r\nPASV\r\nSTOR x\r\nREST 3\r\nPORT 127,0,0,1,20,162\r\nSTOR x", b"oneone\r\ntwo\r\n")]
fn keeps(#[case] commands: &str, #[case] content: &[u8]) {
    let session = format!("USER anna\r\nPASS open sesame\r\n{commands}\r\n");
    let (_, record) = play(plain(), &session, 1000, b"one\r\ntwo\r\n");
    assert_eq!(record.files.get("/x").map(Vec::as_slice), Some(content));
}

#[rstest]
#[case("USER anna\r\nPASS open sesame\r\n", true)]
#[case("USER anna\r\nPASS open Sesame\r\n", false)]
#[case("USER bert\r\nPASS open sesame\r\n", false)]
#[case("PASS open sesame\r\n", false)]
fn lets_in_whom_it_knows(#[case] session: &str, #[case] admitted: bool) {
    let (said, record) = play(plain(), &format!("{session}PASV\r\n"), 1000, b"");
    assert_eq!((record.admitted, said.contains("\r\n227 ")), (admitted, admitted));
    assert!(!format!("{:?}", record.exchanges).contains("sesame"));
    assert_eq!(record.secrets.len(), 1);
}

#[test]
fn without_an_account_everybody_is_let_in() {
    let server = Server::new(Site { user: None, password: None, ..site() }, Vec::new(), None);
    assert!(play(server, "USER x\r\nPASS y\r\n", 1000, b"").1.admitted);
}

fn planned(to: FileMoment, say: &str) -> Server {
    Server::new(site(), vec![FileReply { to, say: say.to_owned(), nth: None, then: Afterwards::GoOn }], None)
}

const UPLOAD: &str = "USER anna\r\nPASS open sesame\r\nPASV\r\nSTOR x\r\nQUIT\r\n";

#[rstest]
#[case(FileMoment::Password, "530 No.", Refused::Login, true)]
#[case(FileMoment::Store, "452 No room.", Refused::File, false)]
#[case(FileMoment::Stored, "552-No room\n552 at all.", Refused::File, false)]
fn a_planned_refusal_is_remembered(
    #[case] to: FileMoment,
    #[case] say: &str,
    #[case] what: Refused,
    #[case] went_on: bool,
) {
    let (said, record) = play(planned(to, say), UPLOAD, 1000, b"data");
    assert!(said.contains(&say.replace('\n', "\r\n")), "{said}");
    let refusal = record.refusal().unwrap();
    assert_eq!((refusal.what, refusal.went_on, refusal.mark.as_str()), (what, went_on, &say[..3]));
    assert!(record.files.is_empty());
}

#[rstest]
#[case(3)]
#[case(4)]
fn a_file_that_is_cut_off_is_not_kept(#[case] after: u64) {
    let cut_off = CutOff { after, by: CutOffBy::Reset, say: "426 Broken.".to_owned() };
    let (said, record) = play(Server::new(site(), Vec::new(), Some(cut_off)), UPLOAD, 1000, b"data");
    assert!(said.contains("150 Send it.\r\n426 Broken.\r\n221 "), "{said}");
    assert_eq!((record.files.len(), record.transfers[0].came), (0, after));
    assert_eq!(record.refusal().unwrap().mark, "426");
}

#[test]
fn who_needs_no_password_is_in() {
    let (said, record) = play(planned(FileMoment::User, "230 Come in."), "USER anna\r\nPASV\r\n", 1000, b"");
    assert!(record.admitted && said.contains("227 "), "{said}");
}

proptest! {
    #[test]
    fn cuts_change_nothing(size in 1usize..60, data in proptest::collection::vec(any::<u8>(), 0..50)) {
        let whole = play(plain(), UPLOAD, 1000, &data);
        prop_assert_eq!(play(plain(), UPLOAD, size, &data), whole);
    }

    #[test]
    fn no_line_is_too_strange(bytes in "[A-Za-z0-9 ,|./\"\\r\\n]{0,120}") {
        play(plain(), &format!("USER anna\r\nPASS open sesame\r\n{bytes}\r\n"), 7, b"x");
    }
}
