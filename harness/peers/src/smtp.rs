//! A mail server without input or output (RFC 5321): bytes go in, replies come out, and everything is remembered but
//! what belongs to a login, which no line of the record has in it.
//!
//! It is patient where servers usually are: a line may end in LF alone, commands may be written in small letters, and
//! what comes too early is answered in its turn. What it let pass is in its record.

use harness_judging::complaint::Refused;

use super::dialogue::{self, Conduct, LARGEST, Refusal, Reply, SHORT, Turns, text};
use super::sasl::{self, Answer, Asking, Login};
use harness_language::scenario::model::{Afterwards, MailReply, Mechanism, Moment};

/// A command and the reply to it, or the connection and the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What it was, if it is one that mail needs.
    pub moment: Option<Moment>,
    /// The line that came; empty for the connection, `.` for a text.
    pub said: String,
    /// The reply code.
    pub code: u16,
    /// The reply's lines, without their ends.
    pub reply: String,
    /// Whether it was said in TLS.
    pub encrypted: bool,
}

impl Exchange {
    /// Whether the server refused.
    pub fn is_refusal(&self) -> bool {
        self.code >= 400
    }
}

/// A message that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The text, dots taken off, line ends as they came.
    pub content: Vec<u8>,
}

/// A name and a password that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// What they were.
    pub login: Login,
    /// Whether they came in TLS.
    pub encrypted: bool,
    /// Whether the server took them.
    pub taken: bool,
}

/// What a dialogue was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Commands with their replies, in order.
    pub exchanges: Vec<Exchange>,
    /// Messages that were taken.
    pub mails: Vec<Mail>,
    /// Names and passwords that came.
    pub logins: Vec<LoggedIn>,
    /// Every secret that came, as it was said and as it is meant.
    pub secrets: Vec<Vec<u8>>,
    /// How the program behaved.
    pub conduct: Conduct,
}

impl Record {
    /// Goes on with the dialogue on another connection.
    pub fn and_then(&mut self, next: Self) {
        let is_first = self.exchanges.is_empty();
        self.exchanges.extend(next.exchanges);
        self.mails.extend(next.mails);
        self.logins.extend(next.logins);
        self.secrets.extend(next.secrets);
        if is_first {
            self.conduct = next.conduct;
        }
    }

    /// Whether something of this kind came and was accepted.
    pub fn accepted(&self, moment: Moment) -> bool {
        self.exchanges.iter().any(|exchange| exchange.moment == Some(moment) && !exchange.is_refusal())
    }

    /// The first refusal that a scenario has planned, and whether the program went on with the mail after it.
    pub fn refusal(&self, planned: &[MailReply]) -> Option<Refusal> {
        let is_planned = |exchange: &Exchange| {
            exchange.is_refusal() && planned.iter().any(|reply| Some(reply.to) == exchange.moment)
        };
        let at = self.exchanges.iter().position(is_planned)?;
        let mail = [Moment::Mail, Moment::Recipient, Moment::Data, Moment::Text].map(Some);
        // Who is refused EHLO may try HELO.
        let went_on = self.exchanges[at + 1..].iter().any(|later| mail.contains(&later.moment) || later.code == 500);
        let Exchange { code, reply, .. } = &self.exchanges[at];
        Some(Refusal { reply: reply.clone(), mark: code.to_string(), went_on, what: Refused::Mail })
    }
}

/// Where the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected.
    Fresh,
    /// Greeted by the client.
    Greeted,
    /// There is a sender.
    Sender,
    /// There is a recipient.
    Recipients,
    /// In the text.
    Text,
    /// A part of a login is awaited.
    Login(Asking),
    /// Over.
    Ended,
}

/// A mail server in one dialogue.
#[derive(Debug)]
pub struct Server {
    planned: Vec<MailReply>,
    counts: std::collections::BTreeMap<Moment, u32>,
    state: State,
    mail: Mail,
    offers: Offers,
    encrypted: bool,
    /// The name that has come of a login of two parts.
    name: Vec<u8>,
    logged_in: bool,
    turns: Turns,
    record: Record,
}

/// What a server offers besides taking mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    /// TLS, as long as there is none.
    pub starttls: bool,
    /// Ways to log in.
    pub auth: Vec<Mechanism>,
}

impl Server {
    /// A server with these replies other than usual, which offers this.
    pub fn new(planned: Vec<MailReply>, offers: Offers) -> Self {
        Self {
            planned,
            offers,
            encrypted: false,
            name: Vec::new(),
            logged_in: false,
            counts: std::collections::BTreeMap::new(),
            state: State::Fresh,
            mail: Mail::default(),
            turns: Turns::default(),
            record: Record::default(),
        }
    }

    /// The record at the end.
    pub fn into_record(self) -> Record {
        Record { conduct: self.turns.conduct, ..self.record }
    }

    fn text_line(&mut self, line: &[u8], is_whole: bool) -> Option<Reply> {
        if line == b"." {
            self.turns.owe("the text");
            return Some(self.reply(Some(Moment::Text), ".".to_owned(), "250 taken", |server, accepted| {
                let mail = std::mem::take(&mut server.mail);
                if accepted {
                    server.record.mails.push(mail);
                }
                server.state = State::Greeted;
            }));
        }
        if self.mail.content.len() >= LARGEST {
            return None;
        }
        // A dot that was put before a dot (RFC 5321, section 4.5.2).
        self.mail.content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        self.mail.content.extend_from_slice(if is_whole { b"\r\n" } else { b"\n" });
        None
    }

    fn command(&mut self, line: &[u8]) -> Reply {
        let said = text(line);
        if said.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("AUTH")) {
            return self.auth(&said);
        }
        self.turns.owe(&said);
        let trimmed = said.trim();
        let word = trimmed.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let rest = trimmed.get(word.len()..).unwrap_or_default().trim();
        let is_greeted = !matches!(self.state, State::Fresh);
        let out_of_order =
            |server: &mut Self, moment, said| server.reply(moment, said, "503 this is not its turn", |_, _| {});
        match word.as_str() {
            "HELO" | "EHLO" => {
                let usual = if word == "HELO" { "250 postbox.example".to_owned() } else { self.extensions() };
                self.reply(Some(Moment::Hello), said, &usual, |server, accepted| {
                    if accepted {
                        server.state = State::Greeted;
                        server.mail = Mail::default();
                    }
                })
            }
            "STARTTLS" if self.encrypted => out_of_order(self, Some(Moment::StartTls), said),
            "STARTTLS" if self.offers.starttls => {
                let mut accepted = false;
                let mut reply = self.reply(Some(Moment::StartTls), said, "220 go ahead", |_, it| accepted = it);
                if accepted {
                    reply.then = Afterwards::Encrypt;
                }
                reply
            }
            "MAIL" if !is_greeted || self.state != State::Greeted => out_of_order(self, Some(Moment::Mail), said),
            "MAIL" => match address(rest, "FROM") {
                None => self.reply(Some(Moment::Mail), said, "501 write MAIL FROM:<address>", |_, _| {}),
                Some(from) => self.reply(Some(Moment::Mail), said, "250 ok", |server, accepted| {
                    if accepted {
                        server.mail = Mail { from, ..Mail::default() };
                        server.state = State::Sender;
                    }
                }),
            },
            "RCPT" if !matches!(self.state, State::Sender | State::Recipients) => {
                out_of_order(self, Some(Moment::Recipient), said)
            }
            "RCPT" => match address(rest, "TO") {
                None => self.reply(Some(Moment::Recipient), said, "501 write RCPT TO:<address>", |_, _| {}),
                Some(to) => self.reply(Some(Moment::Recipient), said, "250 ok", |server, accepted| {
                    if accepted {
                        server.mail.to.push(to);
                        server.state = State::Recipients;
                    }
                }),
            },
            "DATA" if self.state != State::Recipients => out_of_order(self, Some(Moment::Data), said),
            "DATA" => self.reply(Some(Moment::Data), said, "354 go on, end with a dot", |server, accepted| {
                if accepted {
                    server.state = State::Text;
                }
            }),
            "QUIT" => {
                let mut reply =
                    self.reply(Some(Moment::Quit), said, "221 goodbye", |server, _| server.state = State::Ended);
                reply.then = Afterwards::Close;
                reply
            }
            "RSET" => {
                if is_greeted {
                    self.state = State::Greeted;
                    self.mail = Mail::default();
                }
                self.reply(None, said, "250 ok", |_, _| {})
            }
            "NOOP" => self.reply(None, said, "250 ok", |_, _| {}),
            "VRFY" => self.reply(None, said, "252 send some mail and see", |_, _| {}),
            _ => self.reply(None, said, "500 this is none of the commands", |_, _| {}),
        }
    }

    /// The reply to `EHLO` (RFC 5321, section 4.1.1.1).
    fn extensions(&self) -> String {
        let mut lines = vec!["postbox.example".to_owned()];
        if self.offers.starttls && !self.encrypted {
            lines.push("STARTTLS".to_owned());
        }
        if !self.offers.auth.is_empty() {
            let names: Vec<&str> = self.offers.auth.iter().map(|mechanism| sasl::name(*mechanism)).collect();
            lines.push(format!("AUTH {}", names.join(" ")));
        }
        let last = lines.len() - 1;
        let mark = |(at, line): (usize, &String)| format!("250{}{line}", if at == last { ' ' } else { '-' });
        lines.iter().enumerate().map(mark).collect::<Vec<_>>().join("\n")
    }

    /// `AUTH` and what stands behind it.
    fn auth(&mut self, line: &str) -> Reply {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (mechanism, first) = (words.next().unwrap_or_default().to_ascii_uppercase(), words.next());
        let said = match first {
            // One character stands for an empty answer (RFC 4954, section 4).
            Some(first) if first != "=" => {
                self.record.secrets.push(first.as_bytes().to_vec());
                format!("AUTH {mechanism} {}", sasl::MASKED)
            }
            _ => text(line.as_bytes()),
        };
        self.turns.owe(&said);
        let offered = self.offers.auth.iter().copied().find(|it| sasl::name(*it) == mechanism);
        match (offered, self.state) {
            _ if self.offers.auth.is_empty() => self.reply(None, said, "500 this is none of the commands", |_, _| {}),
            _ if self.state != State::Greeted || self.logged_in => {
                self.reply(None, said, "503 this is not its turn", |_, _| {})
            }
            (None, _) => self.reply(None, said, "504 another way, please", |_, _| {}),
            (Some(mechanism), _) => match (Asking::first(mechanism), first) {
                (asking, Some(first)) => self.answer(asking, said, first),
                (asking, None) => self.ask(asking, said),
            },
        }
    }

    /// Asks for a part of a login.
    fn ask(&mut self, asking: Asking, said: String) -> Reply {
        self.state = State::Login(asking);
        self.reply(None, said, &format!("334 {}", asking.challenge()), |_, _| {})
    }

    /// A part of a login has come in a line of its own.
    fn login_line(&mut self, asking: Asking, line: &[u8]) -> Reply {
        let came = text(line);
        let said = if asking.is_secret() { sasl::MASKED.to_owned() } else { came.clone() };
        if asking.is_secret() {
            self.record.secrets.push(came.trim().as_bytes().to_vec());
        }
        self.turns.owe(&said);
        self.answer(asking, said, came.trim())
    }

    fn answer(&mut self, asking: Asking, said: String, came: &str) -> Reply {
        self.state = State::Greeted;
        match asking.read(came, &self.name) {
            Answer::Nothing => self.reply(None, said, "501 this is no login", |_, _| {}),
            Answer::Name(name) => {
                self.name = name;
                self.ask(Asking::Password, said)
            }
            Answer::Login(login) => {
                if login.password.len() >= SHORT {
                    self.record.secrets.push(login.password.clone());
                }
                self.reply(Some(Moment::Auth), said, "235 welcome", |server, taken| {
                    server.logged_in |= taken;
                    server.record.logins.push(LoggedIn { login, encrypted: server.encrypted, taken });
                })
            }
        }
    }

    /// The planned reply, or the usual one; `act` is told whether it accepts.
    fn reply(&mut self, moment: Option<Moment>, said: String, usual: &str, act: impl FnOnce(&mut Self, bool)) -> Reply {
        // What comes out of turn is refused, whatever is planned.
        let planned = moment.filter(|_| !usual.starts_with("503")).and_then(|moment| {
            let count = self.counts.entry(moment).or_default();
            *count += 1;
            let count = *count;
            self.planned.iter().find(|reply| reply.to == moment && reply.nth.is_none_or(|nth| nth == count)).cloned()
        });
        let all_the_same = planned.as_ref().is_some_and(|reply| reply.all_the_same);
        let (say, then) = planned.map_or_else(|| (usual.to_owned(), Afterwards::GoOn), |reply| (reply.say, reply.then));
        let lines: Vec<&str> = say.lines().collect();
        let code = lines.last().and_then(|line| line.get(..3)).and_then(|code| code.parse().ok()).unwrap_or(0);
        act(self, code < 400 || all_the_same);
        if then == Afterwards::Close {
            self.state = State::Ended;
        }
        let bytes = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let (reply, encrypted) = (lines.join("\n"), self.encrypted);
        self.record.exchanges.push(Exchange { moment, said, code, reply, encrypted });
        Reply { bytes, then }
    }
}

impl dialogue::Server for Server {
    fn greeting(&mut self) -> Reply {
        self.turns.owe("the connection");
        self.reply(Some(Moment::Connection), String::new(), "220 postbox.example ready", |_, _| {})
    }

    /// The reply to the next command, or to the text.
    fn next_reply(&mut self) -> Option<Reply> {
        while self.state != State::Ended {
            let (line, is_whole) = self.turns.next_line()?;
            if self.state == State::Text {
                if let Some(reply) = self.text_line(&line, is_whole) {
                    return Some(reply);
                }
                continue;
            }
            if let State::Login(asking) = self.state {
                return Some(self.login_line(asking, &line));
            }
            return Some(self.command(&line));
        }
        None
    }

    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    fn encrypted(&mut self) {
        self.encrypted = true;
        // Also who has said EHLO says it again: in TLS the server may offer something else.
        self.state = State::Fresh;
        self.mail = Mail::default();
        self.logged_in = false;
    }
}

/// The address in `FROM:<a@b> SIZE=7`; angle brackets may be missing, as in many a first attempt.
fn address(rest: &str, keyword: &str) -> Option<String> {
    let head = rest.get(..keyword.len())?;
    let after = rest.get(keyword.len()..)?.trim_start().strip_prefix(':')?.trim_start();
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let address = match after.strip_prefix('<') {
        Some(inner) => inner.split_once('>')?.0,
        None => after.split_ascii_whitespace().next()?,
    };
    Some(address.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::dialogue::Server as _;
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    /// All replies to a dialogue in pieces of this size.
    fn play(planned: Vec<MailReply>, dialogue: &[u8], size: usize) -> (String, Record) {
        let mut server = Server::new(planned, Offers::default());
        let said = dialogue::play(&mut server, dialogue, size);
        (String::from_utf8(said).unwrap(), server.into_record())
    }

    const USUAL: &[u8] = b"EHLO a\r\nMAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.net>\r\nDATA\r\nSubject: x\r\n\r\n..one\r\n.\r\nQUIT\r\n";

    #[rstest]
    fn takes_a_mail(#[values(1, 7, 1000)] size: usize) {
        let (said, record) = play(Vec::new(), USUAL, size);
        let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
        assert_eq!(record.mails[0].content, b"Subject: x\r\n\r\n.one\r\n");
        assert_eq!(
            (record.mails[0].from.as_str(), &record.mails[0].to),
            ("anna@example.org", &vec!["bert@example.net".to_owned()])
        );
        assert_eq!((record.conduct.bare, record.conduct.early), (None, None));
    }

    #[test]
    fn lets_line_feeds_pass_and_notes_them() {
        let dialogue: Vec<u8> = USUAL.iter().copied().filter(|byte| *byte != b'\r').collect();
        let (_, record) = play(Vec::new(), &dialogue, 1000);
        assert_eq!(record.mails[0].content, b"Subject: x\n\n.one\n");
        assert_eq!(record.conduct.bare.as_deref(), Some("EHLO a"));
    }

    #[rstest]
    #[case("MAIL FROM:<a@b>\r\n", "503")]
    #[case("HELO a\r\nRCPT TO:<a@b>\r\n", "503")]
    #[case("HELO a\r\nDATA\r\n", "503")]
    #[case("HELO a\r\nMAIL <a@b>\r\n", "501")]
    #[case("helo a\r\nmail from: a@b\r\n", "250")]
    #[case("nonsense\r\n", "500")]
    fn keeps_the_order(#[case] dialogue: &str, #[case] code: &str) {
        let (said, _) = play(Vec::new(), dialogue.as_bytes(), 1000);
        assert_eq!(&said.lines().last().unwrap()[..3], code);
    }

    #[test]
    fn refuses_as_planned_and_sees_who_goes_on() {
        let planned = vec![MailReply {
            to: Moment::Recipient,
            say: "550-one\n550 two".to_owned(),
            nth: None,
            then: Afterwards::GoOn,
            all_the_same: false,
        }];
        let (said, record) = play(planned.clone(), USUAL, 1000);
        assert!(said.contains("550-one\r\n550 two\r\n503"), "{said}");
        assert!(record.mails.is_empty());
        assert!(record.refusal(&planned).unwrap().went_on);
        let (_, record) = play(planned.clone(), b"HELO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nQUIT\r\n", 1000);
        assert!(!record.refusal(&planned).unwrap().went_on);
    }

    #[test]
    fn goes_on_all_the_same_after_a_refusal() {
        let say = "550 two".to_owned();
        let planned =
            vec![MailReply { to: Moment::Recipient, say, nth: None, then: Afterwards::GoOn, all_the_same: true }];
        let (said, record) = play(planned.clone(), USUAL, 1000);
        assert!(said.ends_with("550 two\r\n354 go on, end with a dot\r\n250 taken\r\n221 goodbye\r\n"), "{said}");
        assert!(record.refusal(&planned).unwrap().went_on);
    }

    #[test]
    fn sees_what_comes_early() {
        let mut server = Server::new(Vec::new(), Offers::default());
        let _ = server.greeting();
        server.turns.receive(b"HELO a\r\n");
        server.turns.look_for_early();
        assert_eq!(server.into_record().conduct.early, Some(("HELO a".to_owned(), "the connection".to_owned())));
    }

    fn offering() -> Server {
        let auth = vec![Mechanism::Plain, Mechanism::Login];
        Server::new(Vec::new(), Offers { starttls: true, auth })
    }

    #[rstest]
    #[case::plain("AUTH PLAIN AGFubmEAb3BlbiBzZXNhbWU=\r\n", "235")]
    #[case::plain_in_two("auth plain\r\nAGFubmEAb3BlbiBzZXNhbWU=\r\n", "334 235")]
    #[case::login("AUTH LOGIN\r\nYW5uYQ==\r\nb3BlbiBzZXNhbWU=\r\n", "334 334 235")]
    #[case::login_with_name("AUTH LOGIN YW5uYQ==\r\nb3BlbiBzZXNhbWU=\r\n", "334 235")]
    #[case::broken_off("AUTH LOGIN\r\n*\r\nAUTH PLAIN AGFubmEAb3BlbiBzZXNhbWU=\r\n", "334 501 235")]
    #[case::another_first("AUTH CRAM-MD5\r\nAUTH PLAIN AGFubmEAb3BlbiBzZXNhbWU=\r\n", "504 235")]
    fn lets_people_in(#[case] login: &str, #[case] codes: &str) {
        let mut server = offering();
        let said = dialogue::play(&mut server, format!("EHLO a\r\n{login}").as_bytes(), 3);
        let said = String::from_utf8(said).unwrap();
        let replies: Vec<&str> = said.lines().skip(4).map(|line| &line[..3]).collect();
        assert_eq!(replies.join(" "), codes);
        let record = server.into_record();
        let LoggedIn { login, encrypted, taken } = &record.logins[0];
        assert_eq!((login.user.as_str(), login.password.as_slice()), ("anna", b"open sesame".as_slice()));
        assert_eq!((*encrypted, *taken), (false, true));
        let lines: String = record.exchanges.iter().map(|it| format!("{}\n", it.said)).collect();
        assert!(!lines.contains("AGFub") && !lines.contains("b3Blb"), "{lines}");
        assert!(record.secrets.contains(&b"open sesame".to_vec()));
    }

    #[rstest]
    #[case::not_greeted("AUTH PLAIN AGFubmEAYg==\r\n", "503")]
    #[case::twice("EHLO a\r\nAUTH PLAIN AGFubmEAYg==\r\nAUTH PLAIN AGFubmEAYg==\r\n", "503")]
    #[case::no_base64("EHLO a\r\nAUTH PLAIN !\r\n", "501")]
    #[case::no_zeros("EHLO a\r\nAUTH PLAIN YW5uYQ==\r\n", "501")]
    fn keeps_people_out(#[case] dialogue: &str, #[case] code: &str) {
        let said = dialogue::play(&mut offering(), dialogue.as_bytes(), 1000);
        assert_eq!(&String::from_utf8(said).unwrap().lines().last().unwrap()[..3], code);
    }

    #[test]
    fn begins_anew_in_tls() {
        let mut server = offering();
        let said = dialogue::play(&mut server, b"EHLO a\r\nSTARTTLS\r\n", 1000);
        assert!(String::from_utf8(said).unwrap().ends_with("250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n220 go ahead\r\n"));
        server.encrypted();
        server.turns.receive(b"MAIL FROM:<a@b>\r\nEHLO a\r\nSTARTTLS\r\n");
        let replies: Vec<String> = std::iter::from_fn(|| dialogue::Server::next_reply(&mut server))
            .map(|reply| String::from_utf8(reply.bytes).unwrap())
            .collect();
        assert_eq!(replies.len(), 3);
        assert!(replies[0].starts_with("503") && replies[2].starts_with("503"));
        assert_eq!(replies[1], "250-postbox.example\r\n250 AUTH PLAIN LOGIN\r\n");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_survived(bytes: Vec<u8>) {
            let _ = play(Vec::new(), &bytes, 5);
        }

        #[test]
        fn a_text_comes_out_as_it_went_in(lines in proptest::collection::vec("[.a-z]{0,5}", 0..9)) {
            let mut dialogue = b"HELO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".to_vec();
            for line in &lines {
                let dot = if line.starts_with('.') { "." } else { "" };
                dialogue.extend(format!("{dot}{line}\r\n").bytes());
            }
            dialogue.extend(b".\r\n");
            let (_, record) = play(Vec::new(), &dialogue, 3);
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            prop_assert_eq!(&record.mails[0].content, text.as_bytes());
        }
    }
}
