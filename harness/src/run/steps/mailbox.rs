//! A peer that keeps a mailbox to be read, and what is expected of the session.

use super::super::actors::Peer;
use super::super::event::What;
use super::super::judge;
use super::super::{Director, Done, Failure, Halt};
use super::dialogue::Manner;
use crate::peers::dialogue::Refusal;
use crate::peers::pop3::{Exchange, Record, Server};
use crate::scenario::model::{Asked, ExpectSession, MailboxReply, ServeMailbox};

/// Exchanges that are shown of a session.
const SHOWN: usize = 14;

/// A session and what was planned for it.
#[derive(Debug, Default)]
pub struct Session {
    record: Record,
    planned: Vec<MailboxReply>,
}

impl Session {
    /// The refusal that was planned, if it came to that.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.record.refusal(&self.planned)
    }

    /// The session in one line.
    pub(super) fn course(&self) -> String {
        let words = |exchange: &Exchange| {
            let reply = judge::quote(judge::beginning(exchange.reply.as_bytes(), 60));
            match exchange.asked {
                Some(Asked::Connection) => format!("greeting → {reply}"),
                _ => format!("{} → {reply}", judge::quote(judge::beginning(exchange.said.as_bytes(), 60))),
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
        let mut server = Server::new(&messages?, step.replies.clone());
        let manner = Manner {
            peer: &step.peer,
            every: step.every,
            line_by_line: step.line_by_line,
            hold: step.hold,
            within: step.within,
        };
        self.dialogue(&manner, &mut server).await?;
        let record = server.into_record();
        for secret in &record.secrets {
            self.log.hide("password", secret);
        }
        if let Some((line, open)) = &record.conduct.early {
            let (line, open) = (judge::quote(line.as_bytes()), judge::quote(open.as_bytes()));
            self.note("harness", What::Finding(format!("{line} came before the server had replied to {open}")));
        }
        let session = Session { record, planned: step.replies.clone() };
        self.actors.peer(&step.peer).borrow_mut().session = Some(session);
        Ok(())
    }

    pub(super) fn expect_session(&mut self, step: &ExpectSession) -> Done {
        let peer: Option<&Peer> = self.actors.peers.get(&step.peer);
        let peer = peer.map(|peer| peer.borrow());
        let session = peer.as_ref().and_then(|peer| peer.session.as_ref());
        let Some(session) = session else {
            return Err(Halt::Harness(format!("{} keeps no mailbox: `serve-mailbox` comes first", step.peer)));
        };
        let checks = [
            (step.logged_in, not_logged_in(session, self.told("user").as_ref(), self.told("password").as_ref())),
            (step.quit, no_quit(session)),
            (step.kept, deleted(session)),
        ];
        match checks.into_iter().filter(|(asked, _)| *asked).find_map(|(_, failure)| failure) {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

fn not_logged_in(session: &Session, user: Option<&String>, password: Option<&String>) -> Option<Failure> {
    let course = session.course();
    let (actual, reason) = match &session.record.login {
        None => (course.clone(), format!("nobody has logged in: {course}")),
        Some((came, _)) if user.is_some_and(|user| user != came) => {
            let came = judge::quote(came.as_bytes());
            (format!("USER {came}"), format!("the name in USER is not the one that the program was told: {came}"))
        }
        // What came instead may be a password, too.
        Some((_, came)) if password.is_some_and(|password| password.as_bytes() != came.trim_ascii_end()) => {
            let why = "what follows PASS is not the password that the program was told (neither is shown here)";
            (course, why.to_owned())
        }
        Some(_) => return None,
    };
    Some(Failure { expected: "USER with the name and PASS with the password, both taken".to_owned(), actual, reason })
}

fn no_quit(session: &Session) -> Option<Failure> {
    if session.record.quit {
        return None;
    }
    let course = session.course();
    let expected = "QUIT at the end of the session".to_owned();
    Some(Failure { expected, reason: format!("QUIT did not come: {course}"), actual: course })
}

fn deleted(session: &Session) -> Option<Failure> {
    let first = session.record.deleted.first()?;
    Some(Failure {
        expected: "a mailbox in which everything is still there after the session".to_owned(),
        actual: session.course(),
        reason: format!("message {first} was deleted (DELE, and QUIT after it), which nobody has asked for"),
    })
}
