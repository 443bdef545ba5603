//! One session with an IMAP server: commands go out with a tag, responses come in until the tag does.
//!
//! Owns the protocol's forms; knows nothing of what is done with the mail.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

use imap_codec::decode::Decoder;
use imap_codec::encode::{Encoder, Fragment};
use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::core::LiteralMode;
use imap_codec::imap_types::fetch::{MessageDataItem, MessageDataItemName};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, GreetingKind, Response, Status, StatusKind};
use imap_codec::{CommandCodec, GreetingCodec, ResponseCodec};

use crate::failure::Failure;

/// The longest response that is taken, in bytes. A server could announce a literal of four gigabytes.
const LONGEST: usize = 64 << 20;

/// A session on a connection, with TLS in it or not.
pub struct Session<S> {
    connection: BufReader<S>,
    /// How many commands were sent.
    commands: u32,
}

impl<S: Read + Write> Session<S> {
    /// Begins, and waits for the server's greeting.
    ///
    /// # Errors
    /// If the connection breaks, or the server does not want us.
    pub fn begin(connection: S) -> Result<Self, Failure> {
        let mut session = Self { connection: BufReader::new(connection), commands: 0 };
        let bytes = session.whole()?;
        let (_, greeting) = GreetingCodec::default().decode(&bytes).map_err(|_| not_imap(&bytes))?;
        match greeting.kind {
            GreetingKind::Ok | GreetingKind::PreAuth => Ok(session),
            GreetingKind::Bye => Err(Failure::Protocol(format!("the server refused us: {}", greeting.text))),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// If the connection breaks, or the server refuses.
    pub fn log_in(&mut self, user: &str, password: &str) -> Result<(), Failure> {
        let unfit = |_| Failure::Protocol("IMAP cannot carry this name or password".to_owned());
        let command = CommandBody::login(user.to_owned(), password.to_owned()).map_err(unfit)?;
        // What is said about it never has the password in it: what a program prints ends up in logs.
        self.command("the login", command).map(|_| ())
    }

    /// Opens the inbox so that nothing in it is changed, and says how many messages there are.
    ///
    /// # Errors
    /// If the connection breaks, or the server refuses.
    pub fn examine(&mut self) -> Result<u32, Failure> {
        let command = CommandBody::Examine { mailbox: Mailbox::Inbox };
        let responses = self.command("to open the inbox", command)?;
        let count = responses.iter().rev().find_map(|data| match data {
            Data::Exists(count) => Some(*count),
            _ => None,
        });
        count.ok_or_else(|| Failure::Protocol("the server does not say how many messages there are".to_owned()))
    }

    /// The message of this number, counted from 1, as it was sent.
    ///
    /// # Errors
    /// If the connection breaks, or there is no such message.
    pub fn message(&mut self, number: u32) -> Result<Vec<u8>, Failure> {
        let what = format!("message {number}");
        // Without PEEK the server would note that we have seen it; others may want to know that it is new.
        let body = MessageDataItemName::BodyExt { section: None, partial: None, peek: true };
        let unfit = |_| Failure::Protocol(format!("there is no {what}"));
        let command = CommandBody::fetch(number, vec![body], false).map_err(unfit)?;
        let responses = self.command(&what, command)?;
        let text = responses.into_iter().find_map(|data| match data {
            // There may be more about this message, and some about others: flags that somebody else has changed.
            Data::Fetch { seq, items } if seq.get() == number => items.into_iter().find_map(|item| match item {
                MessageDataItem::BodyExt { section: None, data, .. } => data.into_option(),
                _ => None,
            }),
            _ => None,
        });
        match text {
            Some(text) => Ok(text.into_owned()),
            None => Err(Failure::Protocol(format!("the server agreed, and did not send {what}"))),
        }
    }

    /// Says goodbye. What the server answers changes nothing any more.
    pub fn log_out(mut self) {
        let _ = self.command("to log out", CommandBody::Logout);
    }

    /// Sends a command, and collects what comes until its reply does.
    fn command(&mut self, what: &str, body: CommandBody<'_>) -> Result<Vec<Data<'static>>, Failure> {
        self.commands += 1;
        let tag = format!("a{}", self.commands);
        let unfit = |_| Failure::Protocol("the tag is none".to_owned());
        let command = Command::new(tag.as_str(), body).map_err(unfit)?;
        let mut line = Vec::new();
        for fragment in CommandCodec::default().encode(&command) {
            match fragment {
                Fragment::Line { data } => line.extend(data),
                Fragment::Literal { data, mode } => {
                    // What no quotation marks can hold goes as a literal, too; the server has to say that it may.
                    if mode == LiteralMode::Sync {
                        self.say(&line)?;
                        line.clear();
                        self.wait_for_go_on(what)?;
                    }
                    line.extend(data);
                }
            }
        }
        self.say(&line)?;
        self.collect(what, &tag)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let connection = self.connection.get_mut();
        // What is flushed is what TLS holds back until a record is full.
        let said = connection.write_all(bytes).and_then(|()| connection.flush());
        said.map_err(|source| Failure::Connection { doing: "speaking to the server", source })
    }

    fn wait_for_go_on(&mut self, what: &str) -> Result<(), Failure> {
        loop {
            match self.response()? {
                Response::CommandContinuationRequest(_) => return Ok(()),
                Response::Status(Status::Tagged(reply)) => return Err(refused(what, reply.body.text.inner())),
                _ => {}
            }
        }
    }

    /// The data up to the reply with this tag.
    fn collect(&mut self, what: &str, tag: &str) -> Result<Vec<Data<'static>>, Failure> {
        let mut collected = Vec::new();
        let mut farewell = None;
        loop {
            match self.response()? {
                Response::Data(data) => collected.push(data),
                Response::Status(Status::Tagged(reply)) if reply.tag.inner() == tag => match reply.body.kind {
                    StatusKind::Ok => return Ok(collected),
                    StatusKind::No | StatusKind::Bad => return Err(refused(what, reply.body.text.inner())),
                },
                // Before the server closes the connection it says why; the reply to LOGOUT comes after that.
                Response::Status(Status::Bye(bye)) => farewell = Some(bye.text.inner().to_owned()),
                // `* OK still here`, or a warning: nothing that we wait for.
                Response::Status(_) | Response::CommandContinuationRequest(_) => {}
            }
            if let Some(why) = &farewell
                && what != "to log out"
            {
                return Err(Failure::Protocol(format!("the server ended the session: {why}")));
            }
        }
    }

    fn response(&mut self) -> Result<Response<'static>, Failure> {
        let bytes = self.whole()?;
        match ResponseCodec::default().decode_static(&bytes) {
            Ok((_, response)) => Ok(response),
            Err(_) => Err(not_imap(&bytes)),
        }
    }

    /// The bytes of the next response: a line, and for each literal in it so many bytes and the next piece of the line.
    fn whole(&mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.add_line(&mut bytes)?;
        while let Some(size) = announced(&bytes) {
            if size > LONGEST.saturating_sub(bytes.len()) {
                return Err(Failure::Protocol(format!("the server wants to send {size} bytes at once")));
            }
            self.add_exactly(&mut bytes, size)?;
            self.add_line(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn add_line(&mut self, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let limit = LONGEST as u64;
        let broken = |source| Failure::Connection { doing: "waiting for the server", source };
        (&mut self.connection).take(limit).read_until(b'\n', bytes).map_err(broken)?;
        match bytes.last() {
            Some(b'\n') => Ok(()),
            _ => Err(Failure::Protocol("the server closed the connection in the middle of it".to_owned())),
        }
    }

    /// One `read` may bring less than was asked for; this reads on until all of it is there.
    fn add_exactly(&mut self, bytes: &mut Vec<u8>, size: usize) -> Result<(), Failure> {
        let start = bytes.len();
        bytes.resize(start + size, 0);
        self.connection.read_exact(&mut bytes[start..]).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => Failure::Protocol("the server closed the connection in a message".to_owned()),
            _ => Failure::Connection { doing: "reading a message", source },
        })
    }
}

/// The size of the literal that a line announces at its end, as `{640}` does.
fn announced(bytes: &[u8]) -> Option<usize> {
    let line = bytes.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let digits = &line[line.iter().rposition(|byte| *byte == b'{')? + 1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn refused(what: &str, why: &str) -> Failure {
    Failure::Protocol(format!("the server refused {what}: {why}"))
}

fn not_imap(bytes: &[u8]) -> Failure {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    Failure::Protocol(format!("the server said {shown:?}, which is no IMAP"))
}
