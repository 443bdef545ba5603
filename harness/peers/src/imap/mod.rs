//! A mailbox to be read with IMAP, without input or output (RFC 3501; initial responses: RFC 4959): bytes go in, replies
//! come out, and everything is remembered but the password's text.
//!
//! It has one folder, INBOX, takes every name and password unless a scenario plans otherwise, and is as patient as the
//! mailboxes and mail servers beside it: lines may end in LF, and blanks at their ends are no mistake. What it does not
//! have and others do is refused, and remembered as such, so that no program is blamed for it.

mod fetch;
mod folder;
mod login;
mod message;
mod search;
mod structure;

use imap_codec::decode::Decoder;
use imap_codec::encode::Encoder;
use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::response::{Data, Response};
use imap_codec::imap_types::utils::escape_quoted;
use imap_codec::{CommandCodec, ResponseCodec};

use self::message::Message;
use super::dialogue::{self, Reply, Turns, text};
use super::mailbox::{Exchange, MASKED, Plan, Record, is_refusal};
use harness_language::scenario::model::{Afterwards, Asked, MailboxReply};

/// Largest literal that is taken from a program, in bytes: commands of readers have small ones or none.
const LARGEST: usize = 1 << 20;

/// Commands of extensions that this mailbox has not, and that other servers may have.
const EXTENSIONS: [&str; 14] = [
    "STARTTLS",
    "ID",
    "NAMESPACE",
    "IDLE",
    "ENABLE",
    "COMPRESS",
    "SORT",
    "THREAD",
    "MOVE",
    "XLIST",
    "GETQUOTA",
    "GETQUOTAROOT",
    "GETMETADATA",
    "NOTIFY",
];

/// Commands that a line without a tag may begin with; also some of POP3, which a program may speak by mistake.
const COMMANDS: [&str; 14] = [
    "CAPABILITY",
    "SELECT",
    "EXAMINE",
    "FETCH",
    "SEARCH",
    "UID",
    "LIST",
    "STATUS",
    "NOOP",
    "CLOSE",
    "LOGOUT",
    "USER",
    "STAT",
    "RETR",
];

/// Where the session is (section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is logged in.
    Outside,
    /// Somebody is.
    Inside,
    /// And has the folder open, to look at it only or to change it as well.
    Open {
        /// Nothing can be changed (`EXAMINE`).
        read_only: bool,
    },
    /// Over.
    Ended,
}

/// What comes next.
#[derive(Debug, Default)]
enum Next {
    /// A line of a command.
    #[default]
    Line,
    /// So many bytes of a command.
    Literal(usize),
    /// What `AUTHENTICATE` has asked for; the command's tag.
    Credentials(String),
}

/// What a mailbox does that others do not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// TLS can be begun (`STARTTLS`, section 6.2.1).
    pub offers_tls: bool,
    /// Responses that nobody has asked for stand between the others, as they do where mail comes in meanwhile (section 7).
    pub unasked: bool,
}

/// A mailbox in one session.
#[derive(Debug)]
pub struct Server {
    messages: Vec<Message>,
    plan: Plan,
    manners: Manners,
    encrypted: bool,
    state: State,
    next: Next,
    /// The beginning of a command whose end has not come.
    begun: Vec<u8>,
    turns: Turns,
    record: Record,
}

/// A command on its way through.
struct Call {
    tag: String,
    asked: Option<Asked>,
    /// The command for the record.
    said: String,
}

impl Server {
    /// A mailbox with these messages, and replies other than usual.
    pub fn new(messages: &[Vec<u8>], planned: Vec<MailboxReply>, manners: Manners) -> Self {
        Self {
            messages: messages.iter().zip(1..).map(|(text, number)| Message::new(number, text)).collect(),
            plan: Plan::new(planned),
            manners,
            encrypted: false,
            state: State::Outside,
            next: Next::Line,
            begun: Vec::new(),
            turns: Turns::default(),
            record: Record::default(),
        }
    }

    /// The record at the end.
    pub fn into_record(self) -> Record {
        Record { conduct: self.turns.conduct, ..self.record }
    }

    /// A command, whole.
    fn command(&mut self, bytes: &[u8]) -> Reply {
        let open = String::from_utf8_lossy(bytes).into_owned();
        let mut words = open.split_ascii_whitespace();
        let (tag, verb) = (words.next().unwrap_or("*"), words.next().unwrap_or_default());
        match CommandCodec::default().decode(bytes) {
            Ok((_, Command { tag, body })) => {
                let said = self.for_the_record(&body, bytes);
                self.turns.owe(&said);
                let call = Call { tag: tag.inner().to_owned(), asked: kind(&body), said };
                self.serve(call, body)
            }
            // The grammar's library has this one only where it is built so.
            Err(_) if verb.eq_ignore_ascii_case("STARTTLS") && self.may_begin_tls() => {
                let (tag, said) = (tag.to_owned(), "STARTTLS".to_owned());
                self.turns.owe(&said);
                self.begin_tls(Call { tag, asked: Some(Asked::Tls), said })
            }
            Err(_) => {
                let said = self.unreadable(bytes);
                self.turns.owe(&said);
                let verb = verb.to_ascii_uppercase();
                // Google's own words for its own mail.
                if EXTENSIONS.contains(&verb.as_str()) || open.to_ascii_uppercase().contains("X-GM-") {
                    self.not_served(&said);
                }
                let asked = (verb == "LOGIN").then_some(Asked::Password);
                let call = Call { tag: tag.to_owned(), asked, said };
                self.refuse(call, "BAD this is none of the commands, or not in their form")
            }
        }
    }

    fn serve(&mut self, call: Call, body: CommandBody<'_>) -> Reply {
        match (body, self.state) {
            (CommandBody::Capability, _) => {
                let tls = if self.may_begin_tls() { " STARTTLS" } else { "" };
                let data = format!("* CAPABILITY IMAP4rev1{tls} SASL-IR AUTH=PLAIN\r\n").into_bytes();
                self.reply(call, "OK that is what I know", |_| data)
            }
            (CommandBody::Noop, _) => self.reply(call, "OK", |_| Vec::new()),
            (CommandBody::Logout, _) => self.log_out(call),
            (CommandBody::Login { username, password }, State::Outside) => {
                let (user, password) = (username.as_ref().to_vec(), password.declassify().as_ref().to_vec());
                self.log_in(call, &user, password)
            }
            (CommandBody::Authenticate { mechanism, initial_response }, State::Outside) => {
                let response = initial_response.map(|response| response.declassify().to_vec());
                self.authenticate(call, &mechanism, response)
            }
            (CommandBody::Login { .. } | CommandBody::Authenticate { .. }, _) => {
                self.refuse(call, "BAD you are logged in")
            }
            (_, State::Outside) => self.refuse(call, "BAD log in first"),
            (body, _) => self.serve_folder(call, body),
        }
    }

    fn may_begin_tls(&self) -> bool {
        self.manners.offers_tls && !self.encrypted && self.state == State::Outside
    }

    fn begin_tls(&mut self, call: Call) -> Reply {
        let mut accepted = false;
        let mut reply = self.reply(call, "OK begin", |_| {
            accepted = true;
            Vec::new()
        });
        if accepted {
            reply.then = Afterwards::Encrypt;
        }
        reply
    }

    fn log_out(&mut self, call: Call) -> Reply {
        let mut reply = self.reply(call, "OK goodbye", |server| {
            server.record.quit = true;
            b"* BYE I am closing\r\n".to_vec()
        });
        self.state = State::Ended;
        reply.then = Afterwards::Close;
        reply
    }

    /// This is something that others have and this mailbox has not.
    fn not_served(&mut self, said: &str) {
        self.record.unserved.get_or_insert_with(|| said.to_owned());
    }

    /// The command without its tag, which programs draw at random, and without what is nobody's business.
    fn for_the_record(&mut self, body: &CommandBody<'_>, bytes: &[u8]) -> String {
        let line = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        match body {
            CommandBody::Login { username, password } => {
                self.record.keep_secret(password.declassify().as_ref(), line);
                // In quotation marks some letters are spelt otherwise.
                let password = String::from_utf8_lossy(password.declassify().as_ref()).into_owned();
                self.record.keep_secret(escape_quoted(&password).as_bytes(), line);
                format!("LOGIN {} {MASKED}", String::from_utf8_lossy(username.as_ref()))
            }
            CommandBody::Authenticate { mechanism, initial_response } => match initial_response {
                Some(response) => {
                    let spelt = line.split(|byte| *byte == b' ').next_back().unwrap_or_default();
                    self.keep_credentials(spelt, response.declassify());
                    format!("AUTHENTICATE {mechanism} {MASKED}")
                }
                None => format!("AUTHENTICATE {mechanism}"),
            },
            _ => {
                let from = line.iter().position(|byte| *byte == b' ').map_or(0, |at| at + 1);
                text(&line[from..])
            }
        }
    }

    /// The same for what cannot be read. What may be a password is none of the record's words.
    fn unreadable(&mut self, bytes: &[u8]) -> String {
        let line = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        let is = |word: &[u8], names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        let mut at = 0;
        for word in line.split(|byte| *byte == b' ').take(2) {
            at += word.len() + 1;
            if is(word, &["LOGIN", "AUTHENTICATE", "PASS", "AUTH"]) && at < line.len() {
                let rest = &line[at..];
                self.record.keep_secret(rest, line);
                let last = rest.split(|byte| *byte == b' ').next_back().unwrap_or_default();
                self.record.keep_secret(last.trim_ascii(), line);
                return format!("{} {MASKED}", String::from_utf8_lossy(word));
            }
        }
        // Where the tag was forgotten, the first word is the command.
        let first = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let is_tag = first < line.len() && !is(&line[..first], &COMMANDS);
        text(&line[if is_tag { first + 1 } else { 0 }..])
    }

    /// The planned reply, or the usual one. `act` is called if it agrees, and gives what comes before it.
    fn reply(&mut self, call: Call, usual: &str, act: impl FnOnce(&mut Self) -> Vec<u8>) -> Reply {
        // What cannot be is refused, whatever is planned.
        let planned = call.asked.filter(|_| !is_refusal(usual)).and_then(|asked| self.plan.next(asked));
        let (say, then) = planned.map_or_else(|| (usual.to_owned(), Afterwards::GoOn), |reply| (reply.say, reply.then));
        let mut bytes = if is_refusal(&say) { Vec::new() } else { act(self) };
        bytes.extend(format!("{} {say}\r\n", call.tag).into_bytes());
        if then == Afterwards::Close {
            self.state = State::Ended;
            bytes.extend_from_slice(b"* BYE I am closing\r\n");
        }
        let encrypted = self.encrypted;
        self.record.exchanges.push(Exchange { asked: call.asked, said: call.said, reply: say, encrypted });
        Reply { bytes, then }
    }

    fn refuse(&mut self, call: Call, why: &str) -> Reply {
        self.reply(call, why, |_| Vec::new())
    }

    /// Asks for the rest of what was begun.
    fn go_on(&mut self, what: &str, words: &str) -> Reply {
        self.turns.owe(what);
        Reply { bytes: format!("+ {words}\r\n").into_bytes(), then: Afterwards::GoOn }
    }
}

impl dialogue::Server for Server {
    fn greeting(&mut self) -> Reply {
        self.turns.owe("the connection");
        let call = Call { tag: "*".to_owned(), asked: Some(Asked::Connection), said: String::new() };
        self.reply(call, "OK letterbox.example ready", |_| Vec::new())
    }

    fn next_reply(&mut self) -> Option<Reply> {
        while self.state != State::Ended {
            if let Next::Literal(size) = self.next {
                let literal = self.turns.take(size)?;
                self.begun.extend_from_slice(&literal);
                self.next = Next::Line;
            }
            let (line, _) = self.turns.next_line()?;
            let line = line.trim_ascii_end();
            if let Next::Credentials(tag) = std::mem::take(&mut self.next) {
                return Some(self.credentials(tag, line));
            }
            if line.is_empty() && self.begun.is_empty() {
                continue;
            }
            self.begun.extend_from_slice(line);
            self.begun.extend_from_slice(b"\r\n");
            match announced(line) {
                Some((size, _)) if size > LARGEST => {
                    let tag = line.split(|byte| *byte == b' ').next().map(text).unwrap_or_default();
                    self.begun.clear();
                    let said = "a literal".to_owned();
                    return Some(self.refuse(Call { tag, asked: None, said }, "BAD that is too long"));
                }
                Some((size, waits)) => {
                    self.next = Next::Literal(size);
                    if waits {
                        return Some(self.go_on("the announcement of a literal", "go on"));
                    }
                }
                None => {
                    let command = std::mem::take(&mut self.begun);
                    return Some(self.command(&command));
                }
            }
        }
        None
    }

    fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    fn encrypted(&mut self) {
        self.encrypted = true;
        self.begun.clear();
    }
}

/// The literal that the end of a line announces, `{5}` or `{5+}`: its size, and whether the program waits until it may
/// send it (section 4.3; RFC 7888).
fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let open = line.strip_suffix(b"}")?;
    let from = open.iter().rposition(|byte| *byte == b'{')? + 1;
    let (digits, waits) = match open[from..].strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (&open[from..], true),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| (String::from_utf8_lossy(digits).parse().unwrap_or(usize::MAX), waits))
}

/// What a command asks for.
fn kind(body: &CommandBody<'_>) -> Option<Asked> {
    Some(match body {
        CommandBody::Capability => Asked::Capabilities,
        CommandBody::Login { .. } | CommandBody::Authenticate { .. } => Asked::Password,
        CommandBody::Select { .. } | CommandBody::Examine { .. } => Asked::Select,
        CommandBody::Status { .. } => Asked::Count,
        CommandBody::List { .. } | CommandBody::Lsub { .. } => Asked::List,
        CommandBody::Search { .. } => Asked::Search,
        CommandBody::Fetch { .. } => Asked::Message,
        CommandBody::Store { .. } | CommandBody::Expunge => Asked::Delete,
        CommandBody::Logout => Asked::Quit,
        _ => return None,
    })
}

/// A response with data, as it goes out.
fn encoded(data: Data<'_>) -> Vec<u8> {
    ResponseCodec::default().encode(&Response::Data(data)).dump()
}

#[cfg(test)]
mod tests;
