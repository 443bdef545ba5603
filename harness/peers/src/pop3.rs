//! A mailbox to be read, without input or output (RFC 1939; `CAPA`: RFC 2449; `STLS`: RFC 2595): bytes go in, replies come out, and
//! everything is remembered but the password's text, which no line of the record has in it.
//!
//! It takes every name and password unless a scenario plans otherwise, and is as patient as the mail server beside it.

use std::collections::BTreeSet;

use super::dialogue::{self, Reply, Turns};
use super::mailbox::{Exchange, Plan, Record, with_line_ends};
use harness_language::scenario::model::{Afterwards, Asked, MailboxReply};

/// Where the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is logged in (AUTHORIZATION).
    Outside,
    /// Somebody is (TRANSACTION).
    Inside,
    /// Over.
    Ended,
}

/// A mailbox in one session.
#[derive(Debug)]
pub struct Server {
    /// Lines end in CR LF.
    messages: Vec<Vec<u8>>,
    plan: Plan,
    state: State,
    user: Option<String>,
    deleted: BTreeSet<usize>,
    /// Whether TLS can be begun.
    offers_tls: bool,
    encrypted: bool,
    turns: Turns,
    record: Record,
}

impl Server {
    /// A mailbox with these messages, and replies other than usual. `offers_tls` says whether it can begin TLS.
    pub fn new(messages: &[Vec<u8>], planned: Vec<MailboxReply>, offers_tls: bool) -> Self {
        Self {
            messages: messages.iter().map(|message| with_line_ends(message)).collect(),
            plan: Plan::new(planned),
            state: State::Outside,
            user: None,
            deleted: BTreeSet::new(),
            offers_tls,
            encrypted: false,
            turns: Turns::default(),
            record: Record::default(),
        }
    }

    /// The record at the end.
    pub fn into_record(self) -> Record {
        Record { conduct: self.turns.conduct, ..self.record }
    }

    fn command(&mut self, line: &[u8]) -> Reply {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &line[line.len()..]),
        };
        let word = String::from_utf8_lossy(word).to_ascii_uppercase();
        let said = self.for_the_record(&word, line, rest);
        self.turns.owe(&said);
        let argument = String::from_utf8_lossy(rest).trim().to_owned();
        match (word.as_str(), self.state) {
            ("CAPA", _) => {
                let known: &[u8] = match self.offers_tls && !self.encrypted {
                    true => b"USER\r\nTOP\r\nUIDL\r\nSTLS\r\n",
                    false => b"USER\r\nTOP\r\nUIDL\r\n",
                };
                self.lines(Asked::Capabilities, said, "+OK this is what I know", known)
            }
            ("STLS", State::Outside) if self.offers_tls && !self.encrypted => {
                let mut accepted = false;
                let mut reply = self.reply(Some(Asked::Tls), said, "+OK begin", |_| accepted = true);
                if accepted {
                    reply.then = Afterwards::Encrypt;
                }
                reply
            }
            ("QUIT", _) => self.quit(said),
            ("USER", State::Outside) => self.reply(Some(Asked::User), said, "+OK and the password?", |server| {
                server.user = Some(argument);
            }),
            ("PASS", State::Outside) => self.password(said, rest),
            ("NOOP", State::Inside) => self.reply(None, said, "+OK", |_| {}),
            ("RSET", State::Inside) => self.reply(None, said, "+OK all are back", |server| server.deleted.clear()),
            ("STAT", State::Inside) => {
                let usual = format!("+OK {} {}", self.there().count(), self.octets());
                self.reply(Some(Asked::Count), said, &usual, |_| {})
            }
            ("LIST", State::Inside) => {
                let size = |server: &Self, number: usize| server.messages[number - 1].len().to_string();
                self.listing(Asked::List, said, &argument, size)
            }
            ("UIDL", State::Inside) => {
                self.listing(Asked::UniqueIds, said, &argument, |_, number| format!("letter-{number}"))
            }
            ("RETR", State::Inside) => match self.numbered(&argument) {
                Some(number) => {
                    let usual = format!("+OK {} octets", self.messages[number - 1].len());
                    let message = self.messages[number - 1].clone();
                    self.lines(Asked::Message, said, &usual, &message)
                }
                None => self.not_there(Asked::Message, said),
            },
            ("TOP", State::Inside) => {
                let mut words = argument.split_ascii_whitespace();
                let number = words.next().and_then(|word| self.numbered(word));
                match (number, words.next().and_then(|word| word.parse().ok())) {
                    (Some(number), Some(count)) => {
                        let top = top(&self.messages[number - 1], count);
                        self.lines(Asked::Top, said, "+OK the beginning follows", &top)
                    }
                    _ => self.not_there(Asked::Top, said),
                }
            }
            ("DELE", State::Inside) => match self.numbered(&argument) {
                Some(number) => self.reply(Some(Asked::Delete), said, "+OK marked", |server| {
                    server.deleted.insert(number);
                }),
                None => self.not_there(Asked::Delete, said),
            },
            (word, State::Outside) => self.reply(kind(word), said, "-ERR log in first", |_| {}),
            ("USER" | "PASS", _) => self.reply(kind(&word), said, "-ERR you are logged in", |_| {}),
            _ => self.reply(None, said, "-ERR this is none of the commands", |_| {}),
        }
    }

    /// The line without what is nobody's business.
    fn for_the_record(&mut self, word: &str, line: &[u8], rest: &[u8]) -> String {
        // What follows the mechanism in `AUTH PLAIN …` is name and password in another spelling.
        let secret = match word {
            "PASS" => Some(rest),
            "AUTH" => rest.iter().position(|byte| *byte == b' ').map(|at| &rest[at + 1..]),
            _ => None,
        };
        dialogue::without_secret(line, secret.unwrap_or_default(), &mut self.record.secrets)
    }

    fn password(&mut self, said: String, password: &[u8]) -> Reply {
        let Some(user) = self.user.clone() else {
            return self.reply(Some(Asked::Password), said, "-ERR and the name?", |_| {});
        };
        let usual = format!("+OK {} messages", self.messages.len());
        self.reply(Some(Asked::Password), said, &usual, |server| {
            server.state = State::Inside;
            server.record.login = Some((user, password.to_vec()));
        })
    }

    fn quit(&mut self, said: String) -> Reply {
        let mut reply = self.reply(Some(Asked::Quit), said, "+OK goodbye", |server| {
            server.record.quit = true;
            server.record.deleted.append(&mut server.deleted);
        });
        self.state = State::Ended;
        reply.then = Afterwards::Close;
        reply
    }

    /// Numbers of the messages that are not marked as deleted.
    fn there(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=self.messages.len()).filter(|number| !self.deleted.contains(number))
    }

    fn octets(&self) -> usize {
        self.there().map(|number| self.messages[number - 1].len()).sum()
    }

    fn numbered(&self, argument: &str) -> Option<usize> {
        let number: usize = argument.parse().ok()?;
        self.there().find(|there| *there == number)
    }

    fn not_there(&mut self, asked: Asked, said: String) -> Reply {
        let usual = format!("-ERR there are {} messages, numbered from 1", self.messages.len());
        self.reply(Some(asked), said, &usual, |_| {})
    }

    /// `LIST` and `UIDL`: of one message, or of all.
    fn listing(&mut self, asked: Asked, said: String, argument: &str, of: fn(&Self, usize) -> String) -> Reply {
        if argument.is_empty() {
            let usual = format!("+OK {} messages", self.there().count());
            let lines: String = self.there().map(|number| format!("{number} {}\r\n", of(self, number))).collect();
            return self.lines(asked, said, &usual, lines.as_bytes());
        }
        match self.numbered(argument) {
            Some(number) => {
                let usual = format!("+OK {number} {}", of(self, number));
                self.reply(Some(asked), said, &usual, |_| {})
            }
            None => self.not_there(asked, said),
        }
    }

    /// A reply with lines after its first, and the one with a dot (RFC 1939, section 3).
    fn lines(&mut self, asked: Asked, said: String, usual: &str, lines: &[u8]) -> Reply {
        let mut accepted = false;
        let mut reply = self.reply(Some(asked), said, usual, |_| accepted = true);
        if !accepted {
            return reply;
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                reply.bytes.push(b'.');
            }
            reply.bytes.extend_from_slice(line);
        }
        reply.bytes.extend_from_slice(b".\r\n");
        reply
    }

    /// The planned first line, or the usual one; `act` is called if it agrees.
    fn reply(&mut self, asked: Option<Asked>, said: String, usual: &str, act: impl FnOnce(&mut Self)) -> Reply {
        // What cannot be is refused, whatever is planned.
        let planned = asked.filter(|_| usual.starts_with("+OK")).and_then(|asked| self.plan.next(asked));
        let (say, then) = planned.map_or_else(|| (usual.to_owned(), Afterwards::GoOn), |reply| (reply.say, reply.then));
        let exchange = Exchange { asked, said, reply: say.clone(), encrypted: self.encrypted };
        if !exchange.is_refusal() {
            act(self);
        }
        if then == Afterwards::Close {
            self.state = State::Ended;
        }
        self.record.exchanges.push(exchange);
        Reply { bytes: format!("{say}\r\n").into_bytes(), then }
    }
}

impl dialogue::Server for Server {
    fn greeting(&mut self) -> Reply {
        self.turns.owe("the connection");
        // Without a timestamp: who has no secret in common cannot use APOP (RFC 1939, section 7).
        self.reply(Some(Asked::Connection), String::new(), "+OK letterbox.example ready", |_| {})
    }

    fn next_reply(&mut self) -> Option<Reply> {
        if self.state == State::Ended {
            return None;
        }
        let (line, _) = self.turns.next_line()?;
        Some(self.command(&line))
    }

    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    fn encrypted(&mut self) {
        self.encrypted = true;
        self.user = None;
    }
}

/// What a command asks for, also where it is not its turn.
fn kind(word: &str) -> Option<Asked> {
    Some(match word {
        "STLS" => Asked::Tls,
        "USER" => Asked::User,
        "PASS" => Asked::Password,
        "STAT" => Asked::Count,
        "LIST" => Asked::List,
        "UIDL" => Asked::UniqueIds,
        "RETR" => Asked::Message,
        "TOP" => Asked::Top,
        "DELE" => Asked::Delete,
        _ => return None,
    })
}

/// The header, the empty line, and this many lines of the text.
fn top(message: &[u8], count: usize) -> Vec<u8> {
    let header = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let text = message[header..].split_inclusive(|byte| *byte == b'\n').take(count);
    [&message[..header], &text.collect::<Vec<_>>().concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const LETTERS: [&str; 2] = ["Subject: one\n\nHello.\n.hidden\n.\nBye\n", "Subject: two\r\n\r\nAgain"];

    fn letters() -> Vec<Vec<u8>> {
        LETTERS.map(|letter| letter.as_bytes().to_vec()).to_vec()
    }

    /// All replies to a session in pieces of this size, without the greeting.
    fn play(messages: &[Vec<u8>], planned: Vec<MailboxReply>, session: &[u8], size: usize) -> (String, Record) {
        let mut server = Server::new(messages, planned, false);
        let said = dialogue::play(&mut server, session, size);
        let said = String::from_utf8(said).unwrap();
        (said.split_once("\r\n").unwrap().1.to_owned(), server.into_record())
    }

    fn inside(commands: &str) -> String {
        let (said, _) = play(&letters(), Vec::new(), format!("USER a\r\nPASS b\r\n{commands}\r\n").as_bytes(), 1000);
        said.splitn(3, "\r\n").nth(2).unwrap().to_owned()
    }

    #[rstest]
    #[case("STAT", "+OK 2 64\r\n")]
    #[case("stat", "+OK 2 64\r\n")]
    #[case("LIST", "+OK 2 messages\r\n1 41\r\n2 23\r\n.\r\n")]
    #[case("LIST 2", "+OK 2 23\r\n")]
    #[case("LIST 3", "-ERR there are 2 messages, numbered from 1\r\n")]
    #[case("UIDL", "+OK 2 messages\r\n1 letter-1\r\n2 letter-2\r\n.\r\n")]
    #[case("RETR 1", "+OK 41 octets\r\nSubject: one\r\n\r\nHello.\r\n..hidden\r\n..\r\nBye\r\n.\r\n")]
    #[case("RETR 2", "+OK 23 octets\r\nSubject: two\r\n\r\nAgain\r\n.\r\n")]
    #[case("RETR 0", "-ERR there are 2 messages, numbered from 1\r\n")]
    #[case("RETR", "-ERR there are 2 messages, numbered from 1\r\n")]
    #[case("TOP 1 1", "+OK the beginning follows\r\nSubject: one\r\n\r\nHello.\r\n.\r\n")]
    #[case("DELE 1\r\nSTAT\r\nLIST", "+OK marked\r\n+OK 1 23\r\n+OK 1 messages\r\n2 23\r\n.\r\n")]
    #[case("DELE 1\r\nRSET\r\nSTAT", "+OK marked\r\n+OK all are back\r\n+OK 2 64\r\n")]
    #[case("CAPA", "+OK this is what I know\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n")]
    #[case("NOOP", "+OK\r\n")]
    #[case("USER a", "-ERR you are logged in\r\n")]
    #[case("nonsense", "-ERR this is none of the commands\r\n")]
    fn answers(#[case] commands: &str, #[case] replies: &str) {
        assert_eq!(inside(commands), replies);
    }

    #[rstest]
    #[case("RETR 1", "-ERR log in first")]
    #[case("PASS secret", "-ERR and the name?")]
    #[case("AUTH PLAIN AGEAYg==", "-ERR log in first")]
    #[case("APOP a 0123", "-ERR log in first")]
    fn wants_a_login(#[case] command: &str, #[case] reply: &str) {
        let (said, record) = play(&letters(), Vec::new(), format!("{command}\r\n").as_bytes(), 1000);
        assert_eq!((said.trim_end(), record.login), (reply, None));
    }

    #[rstest]
    #[case("USER a\r\nPASS open sesame\r\nAUTH PLAIN AGEAYg==\r\n", &["open sesame", "AGEAYg=="])]
    #[case("PASS open sesame\r\n", &["open sesame"])]
    #[case("PASS abc\r\n", &["PASS abc"])]
    fn keeps_passwords_out_of_the_record(#[case] session: &str, #[case] secrets: &[&str]) {
        let (_, record) = play(&letters(), Vec::new(), session.as_bytes(), 3);
        let lines: String = record.exchanges.iter().map(|exchange| format!("{exchange:?}\n")).collect();
        assert!(lines.contains("PASS [masked: password]"), "{lines}");
        assert!(secrets.iter().all(|secret| !lines.contains(secret)), "{lines}");
        assert_eq!(record.secrets, secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect::<Vec<_>>());
    }

    #[rstest]
    #[case("DELE 1\r\nQUIT\r\n", true, &[1])]
    #[case("DELE 1\r\nRSET\r\nQUIT\r\n", true, &[])]
    #[case("DELE 1\r\n", false, &[])]
    fn deletes_at_the_end(#[case] commands: &str, #[case] quit: bool, #[case] deleted: &[usize]) {
        let session = format!("USER a\r\nPASS b\r\n{commands}");
        let (_, record) = play(&letters(), Vec::new(), session.as_bytes(), 1000);
        assert_eq!((record.quit, record.deleted), (quit, deleted.iter().copied().collect()));
        assert_eq!(record.login, Some(("a".to_owned(), b"b".to_vec())));
    }

    #[rstest]
    #[case("QUIT\r\n", false)]
    #[case("STAT\r\nQUIT\r\n", true)]
    #[case("USER a\r\nPASS c\r\nQUIT\r\n", false)]
    fn sees_who_goes_on_after_a_refusal(#[case] rest: &str, #[case] went_on: bool) {
        let say = "-ERR [AUTH] that was wrong".to_owned();
        let planned = vec![MailboxReply { to: Asked::Password, say: say.clone(), nth: None, then: Afterwards::GoOn }];
        let session = format!("USER a\r\nPASS b\r\n{rest}");
        let (_, record) = play(&letters(), planned.clone(), session.as_bytes(), 1000);
        let refusal = record.refusal(&planned).unwrap();
        assert_eq!((refusal.reply, refusal.went_on, record.login, record.quit), (say, went_on, None, true));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(bytes: Vec<u8>) {
            let _ = play(&letters(), Vec::new(), &bytes, 5);
        }

        #[test]
        fn a_message_comes_out_as_it_went_in(lines in proptest::collection::vec("[.a-z]{0,5}", 1..9)) {
            let message: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (said, _) = play(&[message.into_bytes()], Vec::new(), b"USER a\r\nPASS b\r\nRETR 1\r\n", 1000);
            let mut came: Vec<&str> = said.split("\r\n").skip(3).collect();
            prop_assert_eq!(came.pop(), Some(""));
            prop_assert_eq!(came.pop(), Some("."));
            let came: Vec<String> =
                came.iter().map(|line| line.strip_prefix('.').unwrap_or(line).to_owned()).collect();
            prop_assert_eq!(came, lines);
        }
    }
}
