//! What a mail server says to each line (RFC 5321, section 4).
//!
//! Owns the order of commands and the mail in hand; never reads or writes a socket.

/// A mail that was handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender.
    pub from: String,
    /// All recipients.
    pub to: Vec<String>,
    /// Header and text, lines ended by LF, extra dots taken off.
    pub text: Vec<u8>,
}

/// What follows from a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A line of a mail: nothing is said.
    Nothing,
    /// A reply.
    Reply(&'static str),
    /// A mail is complete. The reply is the promise to deliver it.
    Taken(Mail, &'static str),
    /// A reply, and then the end.
    Goodbye(&'static str),
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connected,
    Greeted,
    HasSender,
    HasRecipient,
    InText,
}

/// Longest text, in bytes: a server that takes everything runs out of memory one day.
const LARGEST: usize = 32 << 20;

/// Most recipients of one mail. The standard asks for 100 at least (RFC 5321, section 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 1000;

/// One client's session.
#[derive(Debug)]
pub struct Session {
    state: State,
    mail: Mail,
}

impl Default for Session {
    fn default() -> Self {
        Self { state: State::Connected, mail: Mail::default() }
    }
}

impl Session {
    /// What is said first.
    pub const GREETING: &str = "220 localhost ready";

    /// What is said to a line that is too long to be a command.
    pub const TOO_LONG: &str = "500 the line is too long";

    /// Whether lines belong to a mail now.
    pub fn is_in_text(&self) -> bool {
        self.state == State::InText
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, line: &[u8]) -> Outcome {
        if self.is_in_text() { self.text(line) } else { self.command(&String::from_utf8_lossy(line)) }
    }

    fn text(&mut self, line: &[u8]) -> Outcome {
        if line == b"." {
            self.state = State::Greeted;
            let mail = std::mem::take(&mut self.mail);
            return match mail.text.len() > LARGEST {
                true => Outcome::Reply("552 the mail is too large"),
                false => Outcome::Taken(mail, "250 taken"),
            };
        }
        // Also what is too large is read to its end: it is followed by commands.
        if self.mail.text.len() <= LARGEST {
            self.mail.text.extend(line.strip_prefix(b".").unwrap_or(line));
            self.mail.text.push(b'\n');
        }
        Outcome::Nothing
    }

    fn command(&mut self, line: &str) -> Outcome {
        let line = line.trim();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        // Commands may be written in any letters.
        match (verb.to_ascii_uppercase().as_str(), self.state) {
            ("HELO" | "EHLO", _) => {
                // A greeting begins everything anew, as RSET does.
                (self.state, self.mail) = (State::Greeted, Mail::default());
                Outcome::Reply("250 localhost")
            }
            ("MAIL", State::Greeted) => match address(rest, "FROM:") {
                Some(from) => {
                    (self.state, self.mail.from) = (State::HasSender, from);
                    Outcome::Reply("250 ok")
                }
                None => Outcome::Reply("501 write MAIL FROM:<address>"),
            },
            ("RCPT", State::HasSender | State::HasRecipient) => match address(rest, "TO:") {
                _ if self.mail.to.len() >= MOST_RECIPIENTS => Outcome::Reply("452 too many recipients"),
                Some(to) if !to.is_empty() => {
                    self.mail.to.push(to);
                    self.state = State::HasRecipient;
                    Outcome::Reply("250 ok")
                }
                _ => Outcome::Reply("501 write RCPT TO:<address>"),
            },
            ("DATA", State::HasRecipient) => {
                self.state = State::InText;
                Outcome::Reply("354 go on, and end with a dot on a line")
            }
            ("MAIL" | "RCPT" | "DATA", _) => Outcome::Reply("503 this is not its turn"),
            ("RSET", _) => {
                if self.state != State::Connected {
                    (self.state, self.mail) = (State::Greeted, Mail::default());
                }
                Outcome::Reply("250 ok")
            }
            ("NOOP", _) => Outcome::Reply("250 ok"),
            // Nobody shall find out here who has a mailbox.
            ("VRFY", _) => Outcome::Reply("252 send something, and see"),
            ("QUIT", _) => Outcome::Goodbye("221 goodbye"),
            _ => Outcome::Reply("500 there is no such command"),
        }
    }
}

/// The address in `FROM:<anna@example.org> SIZE=100`; the sender may be empty, for mails about mails that came back.
fn address(rest: &str, keyword: &str) -> Option<String> {
    let head = rest.get(..keyword.len())?;
    let inner = rest.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    head.eq_ignore_ascii_case(keyword).then_some(())?;
    inner.split_once('>').map(|(address, _)| address.to_owned())
}
