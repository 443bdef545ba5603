//! A peer that takes mail, and what is expected of the dialogue and of the message.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::actors::Peer;
use super::super::event::{Excerpt, What};
use super::super::judge;
use super::super::patience::Patience;
use super::super::stage::Connection;
use super::super::{Director, Done, Failure, Halt};
use super::said::{claims_success, says_no};
use crate::peers::message::{self, Held};
use crate::peers::smtp::{Record, Reply, Server};
use crate::scenario::model::{Afterwards, ExpectDialogue, ExpectMail, ExpectRefusalTold, Moment, ServeMail};

const USUAL: Duration = Duration::from_secs(10);

/// For how long a reply is held back at most.
const HOLD: Duration = Duration::from_millis(200);

/// Bound for a segment to be read.
const SEGMENT: Duration = Duration::from_secs(5);

/// A dialogue and what was planned for it.
#[derive(Debug, Default)]
pub struct Mailbox {
    record: Record,
    planned: Vec<crate::scenario::model::MailReply>,
}

/// What came of a read.
enum Came {
    Something,
    End,
    Nothing,
}

impl Director {
    pub(super) async fn serve_mail(&mut self, step: &ServeMail) -> Done {
        let peer = self.actors.peer(&step.peer);
        let Some(mut connection) = peer.borrow_mut().connection.take() else {
            return Err(Halt::Harness(format!("{} has no connection", step.peer)));
        };
        let mut server = Server::new(step.replies.clone());
        let reply = server.greeting();
        self.dialogue(step, &mut server, &mut *connection, reply).await;
        let mut peer = peer.borrow_mut();
        peer.connection = Some(connection);
        peer.mailbox = Some(Mailbox { record: server.into_record(), planned: step.replies.clone() });
        Ok(())
    }

    /// Replies and reads in turn, until one side ends it.
    async fn dialogue(&self, step: &ServeMail, server: &mut Server, connection: &mut dyn Connection, first: Reply) {
        let limit = step.within.map_or(USUAL, |limit| limit.0);
        let mut due = Some(first);
        loop {
            while let Some(reply) = due.take().or_else(|| server.next_reply()) {
                let left = !self.hold(step, server, connection).await;
                server.look_for_early();
                if left && server.record().left_before_reply_to.is_none() {
                    server.record().left_before_reply_to = server.open().map(str::to_owned);
                }
                let sent = self.reply(step, server, connection, &reply.bytes).await;
                server.answered();
                if reply.then == Afterwards::Close {
                    return self.part(step, server, connection).await;
                }
                if !sent {
                    break;
                }
            }
            let mut patience = Patience::new(&*self.stage, limit);
            loop {
                match self.read_more(step, server, connection, &mut patience).await {
                    Came::Something => break,
                    Came::End => return,
                    Came::Nothing => {}
                }
                if let Err(why) = patience.moment(&*self.stage).await {
                    server.record().gave_up = Some(self.explain(&why));
                    return;
                }
            }
        }
    }

    /// Takes what is there now, without waiting.
    async fn read_more(
        &self,
        step: &ServeMail,
        server: &mut Server,
        connection: &mut dyn Connection,
        patience: &mut Patience,
    ) -> Came {
        let mut buffer = vec![0; 64 * 1024];
        let came = tokio::select! {
            biased;
            came = connection.read(&mut buffer) => came,
            () = std::future::ready(()) => return Came::Nothing,
        };
        match came {
            Ok(0) => {
                self.note(&step.peer, What::EndReceived);
                Came::End
            }
            Ok(count) => {
                self.note(&step.peer, What::Received(Excerpt::of(&buffer[..count])));
                server.receive(&buffer[..count]);
                patience.renew(&*self.stage);
                Came::Something
            }
            Err(_) => {
                self.note(&step.peer, What::ResetReceived);
                Came::End
            }
        }
    }

    /// Waits until the programs wait, and takes what they say meanwhile. False if they have ended the connection.
    async fn hold(&self, step: &ServeMail, server: &mut Server, connection: &mut dyn Connection) -> bool {
        let mut patience = Patience::for_stillness(&*self.stage, step.hold.map_or(HOLD, |limit| limit.0));
        loop {
            match self.read_more(step, server, connection, &mut patience).await {
                Came::Something => continue,
                Came::End => return false,
                Came::Nothing => {}
            }
            if patience.moment(&*self.stage).await.is_err() {
                return true;
            }
        }
    }

    /// Sends a reply, in pieces where the scenario wants it. False if nobody takes it.
    async fn reply(
        &self,
        step: &ServeMail,
        server: &mut Server,
        connection: &mut dyn Connection,
        bytes: &[u8],
    ) -> bool {
        let pieces: Vec<&[u8]> = match step.every {
            Some(size) => bytes.chunks(size.max(1)).collect(),
            None if step.line_by_line => bytes.split_inclusive(|byte| *byte == b'\n').collect(),
            None => vec![bytes],
        };
        let count = pieces.len();
        for (index, piece) in pieces.into_iter().enumerate() {
            if connection.write_all(piece).await.is_err() || connection.flush().await.is_err() {
                self.note(&step.peer, What::ResetReceived);
                return false;
            }
            self.note(&step.peer, What::Sent(Excerpt::of(piece)));
            if index + 1 == count {
                break;
            }
            let patience = Patience::new(&*self.stage, SEGMENT);
            // A program that reads no more is seen by what it does next.
            let _ = self.until(patience, || (connection.unread().unwrap_or(0) == 0).then_some(())).await;
            if step.line_by_line {
                // Who takes the first line for all of it speaks now.
                self.hold(step, server, connection).await;
                server.look_for_early();
            }
        }
        true
    }

    /// Closes, and waits for the program to do so as well.
    async fn part(&self, step: &ServeMail, server: &mut Server, connection: &mut dyn Connection) {
        let _ = connection.shutdown().await;
        self.note(&step.peer, What::EndSent);
        let mut patience = Patience::new(&*self.stage, step.within.map_or(USUAL, |limit| limit.0));
        loop {
            match self.read_more(step, server, connection, &mut patience).await {
                Came::Something => continue,
                Came::End => {
                    server.record().closed = true;
                    return;
                }
                Came::Nothing => {}
            }
            if let Err(why) = patience.moment(&*self.stage).await {
                server.record().gave_up = Some(self.explain(&why));
                return;
            }
        }
    }

    fn with_mailbox<T>(&self, name: &str, look: impl FnOnce(&Mailbox) -> T) -> Result<T, Halt> {
        let peer: Option<&Peer> = self.actors.peers.get(name);
        let found = peer.and_then(|peer| peer.borrow().mailbox.as_ref().map(look));
        found.ok_or_else(|| Halt::Harness(format!("{name} has taken no mail: `serve-mail` comes first")))
    }

    pub(super) fn expect_dialogue(&mut self, step: &ExpectDialogue) -> Done {
        self.with_mailbox(&step.peer, |mailbox| {
            let record = &mailbox.record;
            let checks = [
                (step.complete, incomplete(record)),
                (step.waited, impatient(record)),
                (step.crlf, bare(record)),
                (step.closed, left_open(record)),
            ];
            checks.into_iter().filter(|(asked, _)| *asked).find_map(|(_, failure)| failure)
        })?
        .map_or(Ok(()), |failure| Err(failure.into()))
    }

    pub(super) fn expect_mail(&mut self, step: &ExpectMail) -> Done {
        let text = step.text.as_ref().map(|text| self.bytes(text, 0)).transpose()?;
        // Who has an address built in cannot be asked for another one.
        let told = |name: &str, address: &Option<String>| {
            let takes = self.cast.takes(&self.scenario.role, name);
            address.clone().filter(|_| takes)
        };
        let (from, to) = (told("from", &step.from), told("to", &step.to));
        let lack = self.with_mailbox(&step.peer, |mailbox| {
            let record = &mailbox.record;
            let Some(mail) = record.mails.first() else {
                return Some((
                    "a message".to_owned(),
                    "none".to_owned(),
                    format!("no message came: {}", course(record)),
                ));
            };
            if let Some(from) = from.as_ref().filter(|from| !mail.from.eq_ignore_ascii_case(from)) {
                let why = format!("the sender in MAIL FROM is not the one that the program was told: {from}");
                return Some((format!("MAIL FROM:<{from}>"), format!("MAIL FROM:<{}>", mail.from), why));
            }
            if let Some(to) = to.as_ref().filter(|to| !mail.to.iter().any(|it| it.eq_ignore_ascii_case(to))) {
                let why = format!("the recipient in RCPT TO is not the one that the program was told: {to}");
                return Some((format!("RCPT TO:<{to}>"), format!("RCPT TO:<{}>", mail.to.join(">, <")), why));
            }
            let came = judge::describe(&mail.content);
            if let Some(text) = &text {
                let expected = format!("a message with {} in it", judge::describe(text));
                let is_header_wanted = step.header || step.charset;
                match message::holds(&mail.content, text) {
                    Held::Lacks(line) => {
                        let why = format!(
                            "the text is not there whole: {} is missing, or not in its place",
                            judge::quote(line.as_bytes())
                        );
                        return Some((expected, came, why));
                    }
                    Held::Raw if is_header_wanted => {
                        let why = "the text is not in the body of the message: an empty line ends the header, and what \
                                   stands before it is header";
                        return Some((expected, came, why.to_owned()));
                    }
                    Held::InPart(None) if step.charset => {
                        let why = "the message does not say in which character set its text is written \
                                   (Content-Type: text/plain; charset=…), so that a reader has to guess";
                        return Some((expected, came, why.to_owned()));
                    }
                    Held::InPart(_) | Held::Raw => {}
                }
            }
            if step.header
                && let Some(lack) = message::header_lacks(&mail.content, from.as_deref(), to.as_deref())
            {
                let expected = "a header with From, To and Subject, and an empty line after it".to_owned();
                return Some((expected, came, format!("the message's header is not as it should be: {lack}")));
            }
            None
        })?;
        match lack {
            Some((expected, actual, reason)) => Err(Failure { expected, actual, reason }.into()),
            None => Ok(()),
        }
    }

    pub(super) async fn expect_refusal_told(&mut self, step: &ExpectRefusalTold) -> Done {
        let limit = step.within.map_or(Duration::from_secs(5), |limit| limit.0);
        let refusal = self.with_mailbox(&step.peer, |mailbox| {
            let lines: Vec<String> =
                mailbox.record.exchanges.iter().flat_map(|it| it.reply.lines().map(str::to_owned)).collect();
            let refused = mailbox.record.refusal(&mailbox.planned);
            refused.map(|(exchange, went_on)| (exchange.clone(), went_on, lines))
        })?;
        let Some((refused, went_on, replies)) = refusal else {
            // It never came to that.
            let course = self.with_mailbox(&step.peer, |mailbox| course(&mailbox.record))?;
            return Err(Failure {
                expected: "a dialogue up to the command that is refused".to_owned(),
                actual: course.clone(),
                reason: format!("the command that the server would have refused did not come: {course}"),
            }
            .into());
        };
        for (name, actor) in self.actors.programs_named(&step.program) {
            let (stdout, stderr) = self.all_said(&actor, limit).await;
            self.note_said(&name, &stdout, &stderr);
            let said = [stdout.as_slice(), b"\n", stderr.as_slice()].concat();
            let own = without_echo(&said, &replies);
            let shown = judge::contains(&said, refused.code.to_string().as_bytes(), false);
            let claim = claims_success(&own);
            let told = says_no(&own) || judge::is_complaint(&stderr) || shown && !went_on;
            let what = judge::quote(refused.reply.lines().next().unwrap_or_default().as_bytes());
            let reason = match claim {
                Some(line) => {
                    format!("the server refused with {what}, and the {name} says {}", judge::quote(line.as_bytes()))
                }
                None if told => continue,
                None if shown => format!(
                    "the server refused with {what}; the {name} shows the reply, says nothing about it and goes on as if \
                     the server had agreed"
                ),
                None => format!("the server refused with {what}, and the {name} does not say so"),
            };
            return Err(Failure {
                expected: format!("the {name} says that the mail was not sent"),
                actual: judge::describe(&said),
                reason,
            }
            .into());
        }
        Ok(())
    }
}

/// What a program has said without the server's replies that it shows.
fn without_echo(said: &[u8], replies: &[String]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(said).into_owned();
    for reply in replies {
        text = text.replace(reply.as_str(), "");
        // Some show it without the code.
        if let Some(words) = reply.get(4..).filter(|words| words.len() > 3) {
            text = text.replace(words, "");
        }
    }
    text.into_bytes()
}

/// The dialogue in one line.
fn course(record: &Record) -> String {
    let words = |exchange: &crate::peers::smtp::Exchange| match exchange.moment {
        Some(Moment::Connection) => format!("greeting → {}", exchange.code),
        Some(Moment::Text) => format!("text and dot → {}", exchange.code),
        _ => format!("{} → {}", judge::quote(judge::beginning(exchange.said.as_bytes(), 60)), exchange.code),
    };
    let all: Vec<String> = record.exchanges.iter().take(12).map(words).collect();
    let more = if record.exchanges.len() > 12 { ", …" } else { "" };
    let end = record.gave_up.as_ref().map(|why| format!("; then {why}")).unwrap_or_default();
    format!("{}{more}{end}", all.join(", "))
}

fn incomplete(record: &Record) -> Option<Failure> {
    let parts = [
        (Moment::Hello, "HELO or EHLO"),
        (Moment::Mail, "MAIL FROM"),
        (Moment::Recipient, "RCPT TO"),
        (Moment::Data, "DATA"),
        (Moment::Text, "the text and a line with a dot"),
        (Moment::Quit, "QUIT"),
    ];
    let (_, missing) = parts.into_iter().find(|(moment, _)| !record.accepted(*moment))?;
    Some(Failure {
        expected: "HELO or EHLO, MAIL FROM, RCPT TO, DATA, the text, a line with a dot, QUIT".to_owned(),
        actual: course(record),
        reason: format!("{missing} did not come, or not in its turn: {}", course(record)),
    })
}

fn impatient(record: &Record) -> Option<Failure> {
    let expected = "each command after the reply to the one before".to_owned();
    // Who does not wait for the reply to QUIT sends nothing after it: that is about the end, and judged there.
    let left = record.left_before_reply_to.as_ref().filter(|open| !open.to_ascii_uppercase().starts_with("QUIT"));
    let (said, open) = match (&record.early, left) {
        (Some((line, open)), _) => (judge::quote(judge::beginning(line.as_bytes(), 60)), open),
        (None, Some(open)) => ("the end of the connection".to_owned(), open),
        (None, None) => return None,
    };
    let open = judge::quote(judge::beginning(open.as_bytes(), 60));
    Some(Failure {
        expected,
        actual: format!("{said} before the reply to {open}"),
        reason: format!("the program did not wait: {said} came before the server had replied to {open}"),
    })
}

fn bare(record: &Record) -> Option<Failure> {
    let line = record.bare.as_ref()?;
    let line = judge::quote(judge::beginning(line.as_bytes(), 60));
    Some(Failure {
        expected: "lines that end in CR LF, and neither of the two anywhere else".to_owned(),
        actual: format!("the line {line} with another end, or with a CR in it"),
        reason: format!("the line {line} does not end in CR LF, or has a CR of its own"),
    })
}

fn left_open(record: &Record) -> Option<Failure> {
    let expected = "QUIT, its reply, and then the end of the connection".to_owned();
    let reason = if !record.accepted(Moment::Quit) {
        format!("QUIT did not come: {}", course(record))
    } else if record.left_before_reply_to.is_some() {
        "the program ended the connection without waiting for the reply to QUIT".to_owned()
    } else if !record.closed {
        let why = record.gave_up.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("QUIT was answered and the server closed its side, and the program keeps the connection open{why}")
    } else {
        return None;
    };
    Some(Failure { expected, actual: course(record), reason })
}
