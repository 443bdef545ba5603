//! A peer that takes mail, and what is expected of the dialogue and of the message.

use std::time::Duration;

use harness_judging::shown;
use harness_judging::shown::counted;

use super::super::actors::Peer;
use super::super::{Director, Done, Encryption, Failure, Halt};
use super::dialogue::Manner;
use harness_language::scenario::model::{Certificate, ExpectDialogue, ExpectMail, Moment, ServeMail};
use harness_peers::dialogue::Refusal;
use harness_peers::message::{self, Held};
use harness_peers::smtp::{Exchange, Offers, Record, Server};

/// A dialogue and what was planned for it.
#[derive(Debug, Default)]
pub struct Mailbox {
    record: Record,
    planned: Vec<harness_language::scenario::model::MailReply>,
}

impl Mailbox {
    /// The refusal that was planned, if it came to that.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.record.refusal(&self.planned)
    }

    /// What the dialogues were like.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The dialogue in one line.
    pub(super) fn course(&self) -> String {
        course(&self.record)
    }

    /// Every line that the server has said.
    pub(super) fn replies(&self) -> Vec<String> {
        self.record.exchanges.iter().flat_map(|it| it.reply.lines().map(str::to_owned)).collect()
    }
}

/// For how long another connection is awaited at most, where a program neither ends nor waits.
const FURTHER: Duration = Duration::from_secs(10);

impl Director {
    pub(super) async fn serve_mail(&mut self, step: &ServeMail) -> Done {
        let peer = self.actors.peer(&step.peer);
        let has_tls = peer.borrow().encryption.is_some();
        let starttls = peer.borrow().encryption.as_ref().is_some_and(|it| it.outcome.is_none());
        let manner = Manner {
            peer: &step.peer,
            every: step.every,
            line_by_line: step.line_by_line,
            hold: step.hold,
            within: step.within,
        };
        let mut mailbox = Mailbox { planned: step.replies.clone(), ..Mailbox::default() };
        loop {
            let mut server = Server::new(step.replies.clone(), Offers { starttls, auth: step.auth.clone() });
            self.dialogue(&manner, &mut server).await?;
            mailbox.record.and_then(server.into_record());
            if !step.further || !self.comes_again(&step.peer, FURTHER).await? {
                break;
            }
        }
        for secret in &mailbox.record.secrets {
            self.log.hide("password", secret);
        }
        if let Some(wants) = wants(&mailbox.record, has_tls, !step.auth.is_empty()) {
            return Err(insists(wants));
        }
        let spoke = mailbox.record.exchanges.iter().any(|it| it.encrypted && !it.said.is_empty());
        self.actors.peer(&step.peer).borrow_mut().mailbox = Some(mailbox);
        self.check_trust(&step.peer, spoke)
    }

    pub(super) fn with_mailbox<T>(&self, name: &str, look: impl FnOnce(&Mailbox) -> T) -> Result<T, Halt> {
        let peer: Option<&Peer> = self.actors.peers.get(name);
        let found = peer.and_then(|peer| peer.borrow().mailbox.as_ref().map(look));
        found.ok_or_else(|| Halt::Harness(format!("{name} has taken no mail: `serve-mail` comes first")))
    }

    pub(super) fn expect_dialogue(&mut self, step: &ExpectDialogue) -> Done {
        let encryption = self.actors.peers.get(&step.peer).and_then(|peer| peer.borrow().encryption.clone());
        // Who has name and password built in cannot be asked for others.
        let told = |name: &str| {
            let part = self.cast.parts.get(&self.scenario.role);
            part.and_then(|part| part.values.get(name)).filter(|_| self.cast.takes(&self.scenario.role, name))
        };
        self.with_mailbox(&step.peer, |mailbox| {
            let record = &mailbox.record;
            let checks = [
                (step.complete, incomplete(record)),
                (step.waited, impatient(record)),
                (step.crlf, bare(record)),
                (step.closed, left_open(record)),
                (step.encrypted, in_clear(record, encryption.as_ref())),
                (step.logged_in, not_logged_in(record, told("user"), told("password"))),
                (step.guarded, unguarded(record, encryption.as_ref())),
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
        let mut own_text = false;
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
            let came = shown::describe(&mail.content);
            if let Some(text) = &text {
                let expected = format!("a message with {} in it", shown::describe(text));
                let is_header_wanted = step.header || step.charset;
                match message::holds(&mail.content, text) {
                    Held::Lacks(_) if message::is_another(&mail.content, text) => own_text = true,
                    Held::Lacks(line) => {
                        let why = not_whole(text, &line);
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
            Some((expected, actual, reason)) => Err(Failure { expected, actual, reason, ..Failure::default() }.into()),
            // No sheet asks that the text be told.
            None if own_text && !step.or_own_text => {
                Err(Halt::not_applicable("the program sends a text of its own, whatever it is given"))
            }
            None => Ok(()),
        }
    }
}

/// The dialogue in one line.
fn course(record: &Record) -> String {
    let words = |exchange: &Exchange| match exchange.moment {
        Some(Moment::Connection) => format!("greeting → {}", exchange.code),
        Some(Moment::Text) => format!("text and dot → {}", exchange.code),
        _ => format!("{} → {}", shown::quote(shown::beginning(exchange.said.as_bytes(), 60)), exchange.code),
    };
    let mut in_tls = false;
    let marked = |exchange: &Exchange| {
        let begins = exchange.encrypted && !std::mem::replace(&mut in_tls, exchange.encrypted);
        format!("{}{}", if begins { "(from here in TLS) " } else { "" }, words(exchange))
    };
    let all: Vec<String> = record.exchanges.iter().take(12).map(marked).collect();
    let more = if record.exchanges.len() > 12 { ", …" } else { "" };
    let end = record.conduct.gave_up.as_ref().map(|why| format!("; then {why}")).unwrap_or_default();
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
        ..Failure::default()
    })
}

/// A command as a reader wants to see it.
fn quoted(exchange: &Exchange) -> String {
    shown::quote(shown::beginning(exchange.said.as_bytes(), 60))
}

/// What a program has asked for that the server does not have, and without which it hands nothing over.
fn wants(record: &Record, has_tls: bool, has_logins: bool) -> Option<&'static str> {
    let said =
        |word: &str| record.exchanges.iter().any(|it| it.said.trim_start().to_ascii_uppercase().starts_with(word));
    match record.accepted(Moment::Mail) {
        true => None,
        _ if !has_tls && record.conduct.is_encrypted => Some("it speaks TLS from the first byte on"),
        _ if !has_tls && said("STARTTLS") => Some("it says STARTTLS"),
        _ if !has_logins && said("AUTH") => Some("it says AUTH"),
        _ => None,
    }
}

/// A program that cannot be judged here, since it insists on what the sheet does not ask for.
pub(super) fn insists(how: &str) -> Halt {
    let why = "the server of this scenario offers neither encryption nor a login, and the program insists on it \
               (a program that looks at what EHLO is answered with can do without)";
    Halt::skipped(format!("{why}: {how}"))
}

fn in_clear(record: &Record, encryption: Option<&Encryption>) -> Option<Failure> {
    const HARMLESS: [&str; 6] = ["HELO", "EHLO", "STARTTLS", "NOOP", "RSET", "QUIT"];
    let expected = "TLS, and before it nothing but EHLO and STARTTLS".to_owned();
    let is_harmless = |exchange: &Exchange| {
        let word = exchange.said.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        exchange.encrypted || word.is_empty() || HARMLESS.contains(&word.as_str())
    };
    if let Some(first) = record.exchanges.iter().find(|exchange| !is_harmless(exchange)) {
        return Some(Failure {
            expected,
            actual: format!("{} in clear", quoted(first)),
            reason: format!(
                "{} came in clear, where everybody on the way can read it: {}",
                quoted(first),
                course(record)
            ),
            ..Failure::default()
        });
    }
    let why = match encryption.and_then(|encryption| encryption.outcome.as_ref()) {
        Some(Ok(())) => return None,
        Some(Err(hindrance)) => format!("TLS has not come about: {hindrance}"),
        None => "the program neither begins with TLS nor says STARTTLS".to_owned(),
    };
    let reason = if record.exchanges.is_empty() { why.clone() } else { format!("{why}: {}", course(record)) };
    Some(Failure { expected, actual: why, reason, ..Failure::default() })
}

fn not_logged_in(record: &Record, user: Option<&String>, password: Option<&String>) -> Option<Failure> {
    let course = course(record);
    let (actual, reason) = match record.logins.iter().find(|it| it.taken) {
        None => (course.clone(), format!("nobody has logged in (AUTH): {course}")),
        Some(it) if !it.encrypted => {
            let why = "the password came in clear: base64 is a spelling, and no encryption";
            (course.clone(), format!("{why}: {course}"))
        }
        Some(it) if user.is_some_and(|user| *user != it.login.user) => {
            let came = shown::quote(it.login.user.as_bytes());
            (format!("the name {came}"), format!("the name in AUTH is not the one that the program was told: {came}"))
        }
        // What came instead may be a password, too.
        Some(it) if password.is_some_and(|password| password.as_bytes() != it.login.password) => {
            let why = "the password in AUTH is not the one that the program was told (neither is shown here)";
            (course, why.to_owned())
        }
        Some(_) => return None,
    };
    Some(Failure {
        expected: "AUTH with the name and the password, in TLS, and taken".to_owned(),
        actual,
        reason,
        ..Failure::default()
    })
}

fn unguarded(record: &Record, encryption: Option<&Encryption>) -> Option<Failure> {
    let certificate = encryption.map(|encryption| encryption.certificate);
    let is_safe = |encrypted: bool| encrypted && certificate == Some(Certificate::Good);
    let mail = [Moment::Mail, Moment::Recipient, Moment::Data, Moment::Text].map(Some);
    let told = record.logins.iter().find(|it| !is_safe(it.encrypted)).map(|it| ("name and password", it.encrypted));
    let sent = || {
        let mut sent = record.exchanges.iter().filter(|exchange| mail.contains(&exchange.moment));
        sent.find(|exchange| !is_safe(exchange.encrypted)).map(|exchange| ("the mail", exchange.encrypted))
    };
    let (what, encrypted) = told.or_else(sent)?;
    let fault = certificate.and_then(Certificate::fault).filter(|_| encrypted);
    let how = fault.map_or("in clear".to_owned(), |fault| format!("to a server whose certificate {fault}"));
    let course = course(record);
    Some(Failure {
        expected: "neither name and password nor a mail where it is not safe".to_owned(),
        actual: format!("{what} {how}"),
        reason: format!("{what} went {how}: {course}"),
        ..Failure::default()
    })
}

fn impatient(record: &Record) -> Option<Failure> {
    let expected = "each command after the reply to the one before".to_owned();
    // Who does not wait for the reply to QUIT sends nothing after it: that is about the end, and judged there.
    let left =
        record.conduct.left_before_reply_to.as_ref().filter(|open| !open.to_ascii_uppercase().starts_with("QUIT"));
    let (said, open) = match (&record.conduct.early, left) {
        (Some((line, open)), _) => (shown::quote(shown::beginning(line.as_bytes(), 60)), open),
        (None, Some(open)) => ("the end of the connection".to_owned(), open),
        (None, None) => return None,
    };
    let open = shown::quote(shown::beginning(open.as_bytes(), 60));
    Some(Failure {
        expected,
        actual: format!("{said} before the reply to {open}"),
        reason: format!("the program did not wait: {said} came before the server had replied to {open}"),
        ..Failure::default()
    })
}

fn bare(record: &Record) -> Option<Failure> {
    let line = record.conduct.bare.as_ref()?;
    let line = shown::quote(shown::beginning(line.as_bytes(), 60));
    Some(Failure {
        expected: "lines that end in CR LF, and neither of the two anywhere else".to_owned(),
        actual: format!("the line {line} with another end, or with a CR in it"),
        reason: format!("the line {line} does not end in CR LF, or has a CR of its own"),
        ..Failure::default()
    })
}

fn left_open(record: &Record) -> Option<Failure> {
    let expected = "QUIT, its reply, and then the end of the connection".to_owned();
    let reason = if !record.accepted(Moment::Quit) {
        format!("QUIT did not come: {}", course(record))
    } else if record.conduct.left_before_reply_to.is_some() {
        "the program ended the connection without waiting for the reply to QUIT".to_owned()
    } else if !record.conduct.closed {
        let why = record.conduct.gave_up.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("QUIT was answered and the server closed its side, and the program keeps the connection open{why}")
    } else {
        return None;
    };
    Some(Failure { expected, actual: course(record), reason, ..Failure::default() })
}

/// That a line of a text did not arrive, and which.
fn not_whole(text: &[u8], missing: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    let place = match lines.iter().position(|line| *line == missing) {
        Some(index) => format!("line {} of its {}", index + 1, counted(lines.len(), "line")),
        None => "a line".to_owned(),
    };
    let shown = match missing {
        "" => "an empty line".to_owned(),
        line => shown::quote(shown::beginning(line.as_bytes(), 60)),
    };
    format!("the text did not arrive whole: {place} is missing, or not in its place ({shown})")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use harness_peers::dialogue;

    #[rstest]
    #[case::asks_for_tls("HELO a\r\nSTARTTLS\r\n\u{16}\u{3}\u{1}", Some("it says STARTTLS"))]
    #[case::begins_with_tls("\u{16}\u{3}\u{1}\r\n", Some("it speaks TLS from the first byte on"))]
    #[case::asks_for_a_login("EHLO a\r\nAUTH LOGIN\r\n", Some("it says AUTH"))]
    #[case::does_without("EHLO a\r\nSTARTTLS\r\nMAIL FROM:<a@b.example>\r\n", None)]
    #[case::asks_for_neither("EHLO a\r\nRCPT TO:<a@b.example>\r\n", None)]
    fn who_insists_on_what_is_not_offered_is_known(#[case] said: &str, #[case] wanted: Option<&str>) {
        let mut server = Server::new(Vec::new(), Offers::default());
        dialogue::play(&mut server, said.as_bytes(), 1000);
        let record = server.into_record();
        assert_eq!(wants(&record, false, false), wanted);
        assert_eq!(wants(&record, true, true), None);
    }
}
