//! A peer that keeps a mailbox to be read, and what is expected of the session.

use harness_judging::shown;

use super::super::actors::Peer;
use super::super::event::What;
use super::super::{Director, Done, Failure, Halt};
use super::dialogue::Manner;
use harness_language::scenario::model::{Asked, Certificate, ExpectSession, MailboxReply, Protocol, ServeMailbox};
use harness_peers::dialogue::Refusal;
use harness_peers::imap::{self, Manners};
use harness_peers::mailbox::{Exchange, Record};
use harness_peers::pop3;

/// Exchanges that are shown of a session.
const SHOWN: usize = 14;

/// A session and what was planned for it.
#[derive(Debug)]
pub struct Session {
    protocol: Protocol,
    record: Record,
    planned: Vec<MailboxReply>,
}

impl Session {
    /// The refusal that was planned, if it came to that.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.record.refusal(&self.planned)
    }

    /// What was asked for in vain, and other servers have.
    pub(in crate::run) fn unserved(&self) -> Option<&str> {
        self.record.unserved.as_deref()
    }

    /// The session in one line.
    pub(super) fn course(&self) -> String {
        let words = |exchange: &Exchange| {
            let reply = shown::quote(shown::beginning(exchange.reply.as_bytes(), 60));
            match exchange.asked {
                Some(Asked::Connection) => format!("greeting → {reply}"),
                _ => format!("{} → {reply}", shown::quote(shown::beginning(exchange.said.as_bytes(), 60))),
            }
        };
        let all: Vec<String> = self.record.exchanges.iter().take(SHOWN).map(words).collect();
        let more = if self.record.exchanges.len() > SHOWN { ", …" } else { "" };
        let end = self.record.conduct.gave_up.as_ref().map(|why| format!("; then {why}")).unwrap_or_default();
        format!("{}{more}{end}", all.join(", "))
    }

    /// Every line that the server has said before the messages.
    pub(super) fn replies(&self) -> Vec<String> {
        self.record.exchanges.iter().map(|exchange| exchange.reply.clone()).collect()
    }
}

impl Director {
    pub(super) async fn serve_mailbox(&mut self, step: &ServeMailbox) -> Done {
        let messages: Result<Vec<Vec<u8>>, Halt> = step.messages.iter().map(|message| self.bytes(message, 0)).collect();
        let messages = messages?;
        let peer = self.actors.peer(&step.peer);
        let offers_tls = peer.borrow().encryption.as_ref().is_some_and(|it| it.outcome.is_none());
        let manner = Manner {
            peer: &step.peer,
            every: step.every,
            line_by_line: step.line_by_line,
            hold: step.hold,
            within: step.within,
        };
        let planned = step.replies.clone();
        let record = match step.protocol {
            Protocol::Pop3 => {
                let mut server = pop3::Server::new(&messages, planned, offers_tls);
                self.dialogue(&manner, &mut server).await?;
                server.into_record()
            }
            Protocol::Imap => {
                let mut server = imap::Server::new(&messages, planned, Manners { offers_tls, unasked: step.unasked });
                self.dialogue(&manner, &mut server).await?;
                server.into_record()
            }
        };
        for secret in &record.secrets {
            self.log.hide("password", secret);
        }
        if let Some((line, open)) = &record.conduct.early {
            let (line, open) = (shown::quote(line.as_bytes()), shown::quote(open.as_bytes()));
            self.note("harness", What::Finding(format!("{line} came before the server had replied to {open}")));
        }
        let spoke = record.exchanges.iter().any(|it| it.encrypted && !it.said.is_empty());
        let session = Session { protocol: step.protocol, record, planned: step.replies.clone() };
        peer.borrow_mut().session = Some(session);
        self.check_trust(&step.peer, spoke)
    }

    pub(super) fn expect_session(&mut self, step: &ExpectSession) -> Done {
        let peer: Option<&Peer> = self.actors.peers.get(&step.peer);
        let peer = peer.map(|peer| peer.borrow());
        let session = peer.as_ref().and_then(|peer| peer.session.as_ref());
        let Some(session) = session else {
            return Err(Halt::Harness(format!("{} keeps no mailbox: `serve-mailbox` comes first", step.peer)));
        };
        let certificate = peer.as_ref().and_then(|peer| peer.encryption.as_ref()).map(|it| it.certificate);
        let checks = [
            (step.logged_in, not_logged_in(session, self.told("user").as_ref(), self.told("password").as_ref())),
            (step.quit, no_quit(session)),
            (step.kept, deleted(session)),
            (step.guarded, unguarded(session, certificate)),
        ];
        match checks.into_iter().filter(|(asked, _)| *asked).find_map(|(_, failure)| failure) {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

/// How a session's language names what is judged.
struct Words {
    /// What brings the name.
    name: &'static str,
    /// What brings the password.
    password: &'static str,
    /// The command that carries it.
    secret: &'static str,
    /// The whole login.
    login: &'static str,
    quit: &'static str,
    deletion: &'static str,
}

impl Session {
    fn words(&self) -> Words {
        match self.protocol {
            Protocol::Pop3 => Words {
                name: "USER",
                password: "PASS",
                secret: "PASS",
                login: "USER with the name and PASS with the password, both taken",
                quit: "QUIT",
                deletion: "DELE, and QUIT after it",
            },
            Protocol::Imap => Words {
                name: "LOGIN",
                password: "LOGIN and the name",
                secret: "LOGIN or AUTHENTICATE",
                login: "LOGIN with the name and the password, or AUTHENTICATE, taken",
                quit: "LOGOUT",
                deletion: "\\Deleted, and EXPUNGE or CLOSE after it",
            },
        }
    }
}

fn not_logged_in(session: &Session, user: Option<&String>, password: Option<&String>) -> Option<Failure> {
    let (course, words) = (session.course(), session.words());
    let (actual, reason) = match &session.record.login {
        None => (course.clone(), format!("nobody has logged in: {course}")),
        Some((came, _)) if user.is_some_and(|user| user != came) => {
            let (came, name) = (shown::quote(came.as_bytes()), words.name);
            (format!("{name} {came}"), format!("the name in {name} is not the one that the program was told: {came}"))
        }
        // What came instead may be a password, too.
        Some((_, came)) if password.is_some_and(|password| password.as_bytes() != came.trim_ascii_end()) => {
            let after = words.password;
            (
                course,
                format!("what follows {after} is not the password that the program was told (neither is shown here)"),
            )
        }
        Some(_) => return None,
    };
    Some(Failure { expected: words.login.to_owned(), actual, reason, ..Failure::default() })
}

fn unguarded(session: &Session, certificate: Option<Certificate>) -> Option<Failure> {
    let whose = certificate.and_then(Certificate::fault)?;
    let told = session.record.exchanges.iter().any(|it| it.encrypted && it.asked == Some(Asked::Password));
    told.then(|| Failure {
        expected: "no password to a server whose certificate is not right".to_owned(),
        actual: format!("{} with a password, to a server whose certificate {whose}", session.words().secret),
        reason: format!("the password went to a server whose certificate {whose}: {}", session.course()),
        ..Failure::default()
    })
}

fn no_quit(session: &Session) -> Option<Failure> {
    if session.record.quit {
        return None;
    }
    let (course, quit) = (session.course(), session.words().quit);
    let expected = format!("{quit} at the end of the session");
    Some(Failure { expected, reason: format!("{quit} did not come: {course}"), actual: course, ..Failure::default() })
}

fn deleted(session: &Session) -> Option<Failure> {
    let first = session.record.deleted.first()?;
    let how = session.words().deletion;
    Some(Failure {
        expected: "a mailbox in which everything is still there after the session".to_owned(),
        actual: session.course(),
        reason: format!("message {first} was deleted ({how}), which nobody has asked for"),
        ..Failure::default()
    })
}
