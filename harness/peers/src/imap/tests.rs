use super::*;
use crate::mailbox;
use proptest::prelude::*;
use rstest::rstest;

const LETTERS: [&str; 2] = [
    "From: Bert <bert@example.net>\nDate: Tue, 03 Mar 2026 10:00:00 +0000\nSubject: one\n\nHello.\na1 OK done\n)\nBye\n",
    "Subject: two\n\nAgain\n",
];

fn letters() -> Vec<Vec<u8>> {
    LETTERS.map(|letter| letter.as_bytes().to_vec()).to_vec()
}

/// All that is said to a session in pieces of this size, without the greeting.
fn play(planned: Vec<MailboxReply>, session: &[u8], size: usize) -> (String, Record) {
    let mut server = Server::new(&letters(), planned, Manners::default());
    let said = dialogue::play(&mut server, session, size);
    let said = String::from_utf8(said).unwrap();
    (said.split_once("\r\n").unwrap().1.to_owned(), server.into_record())
}

/// What is said to commands of somebody who has the folder open.
fn inside(commands: &str) -> String {
    let (said, _) = play(Vec::new(), format!("x LOGIN a b\r\nx SELECT inbox\r\n{commands}\r\n").as_bytes(), 1000);
    said.split_once("[READ-WRITE] open\r\n").unwrap().1.to_owned()
}

#[rstest]
#[case("a NOOP", "a OK\r\n")]
#[case("a noop", "a OK\r\n")]
#[case("a CAPABILITY", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\na OK that is what I know\r\n")]
#[case("a SEARCH ALL", "* SEARCH 1 2\r\na OK that was all\r\n")]
#[case("a SEARCH CHARSET UTF-8 SUBJECT two ", "* SEARCH 2\r\na OK that was all\r\n")]
#[case("a UID SEARCH UNSEEN", "* SEARCH 101 102\r\na OK that was all\r\n")]
#[case("a SEARCH FROM nobody", "* SEARCH\r\na OK that was all\r\n")]
#[case("a FETCH 2 (RFC822)", "* 2 FETCH (RFC822 {23}\r\nSubject: two\r\n\r\nAgain\r\n)\r\na OK that was all\r\n")]
#[case("a FETCH 2 BODY[]", "* 2 FETCH (BODY[] {23}\r\nSubject: two\r\n\r\nAgain\r\n)\r\na OK that was all\r\n")]
#[case("a fetch 2 body.peek[text]", "* 2 FETCH (BODY[TEXT] {7}\r\nAgain\r\n)\r\na OK that was all\r\n")]
#[case("a FETCH 2 BODY[TEXT]<1.3>", "* 2 FETCH (BODY[TEXT]<1> {3}\r\ngai)\r\na OK that was all\r\n")]
#[case("a UID FETCH 102 RFC822.SIZE", "* 2 FETCH (UID 102 RFC822.SIZE 23)\r\na OK that was all\r\n")]
#[case("a UID FETCH 1:2 RFC822.SIZE", "a OK that was all\r\n")]
#[case("a FETCH 3 RFC822", "a BAD there are 2 messages, numbered from 1\r\n")]
#[case(
    "a FETCH 1 FAST",
    "* 1 FETCH (FLAGS (\\Recent) INTERNALDATE \"03-Mar-2026 10:00:00 +0000\" RFC822.SIZE 114)\r\na OK that was all\r\n"
)]
#[case(
    "a FETCH 1 RFC822.TEXT\r\nb FETCH 1:* FLAGS",
    "* 1 FETCH (RFC822.TEXT {28}\r\nHello.\r\na1 OK done\r\n)\r\nBye\r\n)\r\na OK that was all\r\n\
     * 1 FETCH (FLAGS (\\Seen \\Recent))\r\n* 2 FETCH (FLAGS (\\Recent))\r\nb OK that was all\r\n"
)]
#[case(
    "a STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc STATUS INBOX (MESSAGES UNSEEN)",
    "* 1 FETCH (FLAGS (\\Deleted \\Recent))\r\na OK noted\r\n* 1 EXPUNGE\r\nb OK gone\r\n\
     * STATUS INBOX (MESSAGES 1 UNSEEN 1)\r\nc OK\r\n"
)]
#[case("a LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\na OK these are all\r\n")]
#[case("a LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\na OK these are all\r\n")]
#[case("a LIST \"\" in%", "* LIST () \"/\" INBOX\r\na OK these are all\r\n")]
#[case("a LIST \"\" sent", "a OK these are all\r\n")]
#[case("a SELECT Sent", "a NO [NONEXISTENT] there is no such mailbox; there is INBOX\r\n")]
#[case("a CLOSE\r\nb FETCH 1 RFC822", "a OK closed\r\nb BAD select a mailbox first\r\n")]
#[case("a LOGIN a b", "a BAD you are logged in\r\n")]
#[case("a nonsense", "a BAD this is none of the commands, or not in their form\r\n")]
#[case("\r\n\r\na NOOP", "a OK\r\n")]
#[case("a SEARCH SUBJECT {3}\r\ntwo\r\n", "+ go on\r\n* SEARCH 2\r\na OK that was all\r\n")]
#[case("a SEARCH SUBJECT {3+}\r\ntwo\r\n", "* SEARCH 2\r\na OK that was all\r\n")]
#[case("a SEARCH SUBJECT {9999999}", "a BAD that is too long\r\n")]
fn answers(#[case] commands: &str, #[case] replies: &str) {
    assert_eq!(inside(commands), replies);
}

#[test]
fn opens_a_folder() {
    let (said, _) = play(Vec::new(), b"x LOGIN a b\r\nx EXAMINE INBOX\r\nx FETCH 2 RFC822.HEADER\r\n", 7);
    let expected = "x OK you are in\r\n* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* 2 EXISTS\r\n\
                    * 2 RECENT\r\n* OK [UNSEEN 1] the first unseen\r\n* OK [PERMANENTFLAGS ()] these are kept\r\n\
                    * OK [UIDVALIDITY 1772000000] UIDs are valid\r\n* OK [UIDNEXT 103] the next UID\r\n\
                    x OK [READ-ONLY] open\r\n* 2 FETCH (RFC822.HEADER {16}\r\nSubject: two\r\n\r\n)\r\n\
                    x OK that was all\r\n";
    assert_eq!(said, expected);
}

/// `AGEAb3BlbiBzZXNhbWU=` is a zero byte, `a`, a zero byte, `open sesame`.
#[rstest]
#[case("x LOGIN a \"open sesame\"\r\n", "x OK you are in\r\n")]
#[case("x login \"a\" \"open sesame\"\r\n", "x OK you are in\r\n")]
#[case("x LOGIN {1}\r\na {11}\r\nopen sesame\r\n", "+ go on\r\n+ go on\r\nx OK you are in\r\n")]
#[case("x AUTHENTICATE PLAIN AGEAb3BlbiBzZXNhbWU=\r\n", "x OK you are in\r\n")]
#[case("x AUTHENTICATE PLAIN\r\nAGEAb3BlbiBzZXNhbWU=\r\n", "+ \r\nx OK you are in\r\n")]
fn lets_in(#[case] session: &str, #[case] replies: &str, #[values(1, 1000)] size: usize) {
    let (said, record) = play(Vec::new(), session.as_bytes(), size);
    assert_eq!(said, replies);
    assert_eq!(record.login, Some(("a".to_owned(), b"open sesame".to_vec())));
    let lines: String = record.exchanges.iter().map(|exchange| format!("{exchange:?}\n")).collect();
    assert!(lines.contains(mailbox::MASKED) && !lines.contains("sesame") && !lines.contains("AGEA"), "{lines}");
    assert!(record.secrets.contains(&b"open sesame".to_vec()));
}

#[test]
fn hides_a_password_as_it_is_spelt() {
    let (_, record) = play(Vec::new(), b"x LOGIN a \"open \\\"sesame\\\"\"\r\n", 1000);
    let secrets = [&br#"open "sesame""#[..], br#"open \"sesame\""#];
    assert_eq!(record.secrets, secrets.map(<[u8]>::to_vec));
}

#[rstest]
#[case("x FETCH 1 RFC822\r\n", "x BAD log in first\r\n", None)]
#[case("x LOGIN anna open sesame\r\n", "x BAD this is none of the commands, or not in their form\r\n", None)]
#[case("LOGIN anna sesame\r\n", "LOGIN BAD this is none of the commands, or not in their form\r\n", None)]
#[case("x AUTHENTICATE PLAIN\r\nsesame!\r\n", "+ \r\nx BAD that is not base64\r\n", None)]
#[case("x AUTHENTICATE PLAIN\r\n*\r\n", "+ \r\nx BAD given up\r\n", None)]
#[case("x AUTHENTICATE CRAM-MD5\r\n", "x NO I know PLAIN only\r\n", Some("AUTHENTICATE CRAM-MD5"))]
#[case("x STARTTLS\r\n", "x BAD this is none of the commands, or not in their form\r\n", Some("STARTTLS"))]
fn lets_nobody_in(#[case] session: &str, #[case] replies: &str, #[case] unserved: Option<&str>) {
    let (said, record) = play(Vec::new(), session.as_bytes(), 1000);
    assert_eq!((said.as_str(), record.login, record.unserved.as_deref()), (replies, None, unserved));
    let lines: String = record.exchanges.iter().map(|exchange| format!("{exchange:?}\n")).collect();
    assert!(!lines.contains("sesame"), "{lines}");
}

#[rstest]
#[case("a SEARCH X-GM-RAW \"in:inbox\"", Some("SEARCH X-GM-RAW \"in:inbox\""))]
#[case("a SELECT \"[Gmail]/All Mail\"", Some("SELECT \"[Gmail]/All Mail\""))]
#[case("a SORT (DATE) UTF-8 ALL", Some("SORT (DATE) UTF-8 ALL"))]
#[case("a CREATE new", Some("CREATE new"))]
#[case("a SELECT Sent", None)]
#[case("a SEARCH EVERYTHING", None)]
fn tells_what_it_has_not(#[case] command: &str, #[case] unserved: Option<&str>) {
    let session = format!("x LOGIN a b\r\nx SELECT INBOX\r\n{command}\r\n");
    let (_, record) = play(Vec::new(), session.as_bytes(), 1000);
    assert_eq!(record.unserved.as_deref(), unserved);
    assert!(record.exchanges.last().unwrap().is_refusal());
}

#[test]
fn says_what_nobody_has_asked_for() {
    let mut server = Server::new(&letters(), Vec::new(), Manners { unasked: true, ..Manners::default() });
    let said = dialogue::play(&mut server, b"x LOGIN a b\r\nx SELECT INBOX\r\nx FETCH 2 BODY[TEXT]\r\n", 1000);
    let expected = "* OK still here\r\n* 2 EXISTS\r\n* 2 FETCH (BODY[TEXT] {7}\r\nAgain\r\n FLAGS (\\Seen \\Recent))\r\n\
                    * OK still here\r\n* 2 EXISTS\r\nx OK that was all\r\n";
    assert!(String::from_utf8(said).unwrap().ends_with(expected));
}

#[test]
fn begins_tls_once() {
    let mut server = Server::new(&letters(), Vec::new(), Manners { offers_tls: true, ..Manners::default() });
    let said = dialogue::play(&mut server, b"x CAPABILITY\r\n", 1000);
    assert!(String::from_utf8(said).unwrap().contains("* CAPABILITY IMAP4rev1 STARTTLS SASL-IR AUTH=PLAIN\r\n"));
    dialogue::Server::turns(&mut server).receive(b"x STARTTLS\r\n");
    let reply = dialogue::Server::next_reply(&mut server).unwrap();
    assert_eq!((reply.bytes.as_slice(), reply.then), (&b"x OK begin\r\n"[..], Afterwards::Encrypt));
    dialogue::Server::encrypted(&mut server);
    dialogue::Server::turns(&mut server).receive(b"x CAPABILITY\r\nx STARTTLS\r\nx LOGIN a b\r\n");
    let replies: Vec<Reply> = std::iter::from_fn(|| dialogue::Server::next_reply(&mut server)).collect();
    assert_eq!(replies[0].bytes, b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\nx OK that is what I know\r\n");
    assert!(replies[1].bytes.starts_with(b"x BAD"));
    let record = server.into_record();
    let encrypted: Vec<bool> = record.exchanges.iter().map(|exchange| exchange.encrypted).collect();
    assert_eq!((record.login.is_some(), encrypted), (true, vec![false, false, false, true, true, true]));
}

#[rstest]
#[case("x LOGOUT\r\n", false)]
#[case("x SELECT INBOX\r\nx LOGOUT\r\n", true)]
fn sees_who_goes_on_after_a_refusal(#[case] rest: &str, #[case] went_on: bool) {
    let say = "NO [AUTHENTICATIONFAILED] that was wrong".to_owned();
    let planned = vec![MailboxReply { to: Asked::Password, say: say.clone(), nth: None, then: Afterwards::GoOn }];
    let (said, record) = play(planned.clone(), format!("x LOGIN a b\r\n{rest}").as_bytes(), 1000);
    let refusal = record.refusal(&planned).unwrap();
    assert!(said.starts_with("x NO [AUTHENTICATIONFAILED] that was wrong\r\n") && said.ends_with("x OK goodbye\r\n"));
    assert_eq!((refusal.reply, refusal.mark.as_str()), (say, "AUTHENTICATIONFAILED"));
    assert_eq!((refusal.went_on, record.login, record.quit), (went_on, None, true));
}

#[rstest]
#[case("a STORE 2 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n", &[2])]
#[case("a STORE 1 FLAGS \\Deleted\r\na CLOSE\r\n", &[1])]
#[case("a STORE 1 +FLAGS \\Deleted\r\na LOGOUT\r\n", &[])]
#[case("a STORE 1 +FLAGS \\Deleted\r\na STORE 1 -FLAGS \\Deleted\r\na EXPUNGE\r\n", &[])]
fn deletes_what_is_marked(#[case] commands: &str, #[case] deleted: &[usize]) {
    let session = format!("x LOGIN a b\r\nx SELECT INBOX\r\n{commands}");
    let (_, record) = play(Vec::new(), session.as_bytes(), 1000);
    assert_eq!(record.deleted, deleted.iter().copied().collect());
}

proptest! {
    #[test]
    fn whatever_comes_is_survived(bytes: Vec<u8>) {
        let _ = play(Vec::new(), &bytes, 5);
        let _ = play(Vec::new(), &[b"x LOGIN a b\r\nx SELECT INBOX\r\nx ".to_vec(), bytes].concat(), 5);
    }

    /// However a session is cut, the same is said.
    #[test]
    fn pieces_do_not_matter(size in 1usize..40) {
        let session = b"x LOGIN {1}\r\na \"b\"\r\nx SELECT INBOX\r\nx FETCH 1:* (FLAGS BODY[])\r\nx LOGOUT\r\n";
        prop_assert_eq!(play(Vec::new(), session, size), play(Vec::new(), session, 10_000));
    }
}
