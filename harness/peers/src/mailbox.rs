//! What peers have in common that keep a mailbox to be read, whatever language it is read in: what is remembered of a
//! session, replies that a scenario has planned, and passwords, which no line of the record has in it.

use std::collections::{BTreeMap, BTreeSet};

use harness_judging::complaint::Refused;

pub use super::dialogue::MASKED;
use super::dialogue::{Conduct, Refusal, SHORT};
use harness_language::scenario::model::{Asked, MailboxReply};

/// A command and the reply to it, or the connection and the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What it was, if the mailbox knows it.
    pub asked: Option<Asked>,
    /// What came, without tags; empty for the connection.
    pub said: String,
    /// The line of the reply that agrees or refuses, without its tag and end.
    pub reply: String,
    /// Whether it was said in TLS.
    pub encrypted: bool,
}

impl Exchange {
    /// Whether the server refused.
    pub fn is_refusal(&self) -> bool {
        is_refusal(&self.reply)
    }
}

/// Whether a reply refuses, in POP3 or in IMAP.
pub fn is_refusal(reply: &str) -> bool {
    ["-ERR", "NO", "BAD", "BYE"].contains(&reply.split(' ').next().unwrap_or_default())
}

/// What a session was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Commands with their replies, in order.
    pub exchanges: Vec<Exchange>,
    /// The name and the password that were taken.
    pub login: Option<(String, Vec<u8>)>,
    /// Every secret that came, taken or not.
    pub secrets: Vec<Vec<u8>>,
    /// Numbers of the messages that were deleted for good.
    pub deleted: BTreeSet<usize>,
    /// The session was ended with the command for it.
    pub quit: bool,
    /// The first thing that was asked for, which other servers have and this one has not.
    pub unserved: Option<String>,
    /// How the program behaved.
    pub conduct: Conduct,
}

impl Record {
    /// The first refusal that a scenario has planned. Who then asks for mail goes on as if there had been none.
    pub fn refusal(&self, planned: &[MailboxReply]) -> Option<Refusal> {
        let is_planned =
            |exchange: &Exchange| exchange.is_refusal() && planned.iter().any(|reply| Some(reply.to) == exchange.asked);
        let at = self.exchanges.iter().position(is_planned)?;
        let mail = [
            Asked::Count,
            Asked::List,
            Asked::Select,
            Asked::Search,
            Asked::UniqueIds,
            Asked::Message,
            Asked::Top,
            Asked::Delete,
        ]
        .map(Some);
        let reply = self.exchanges[at].reply.clone();
        Some(Refusal {
            mark: mark(&reply),
            reply,
            went_on: self.exchanges[at + 1..].iter().any(|later| mail.contains(&later.asked)),
            what: Refused::Login,
        })
    }

    /// Remembers a secret that came in a line.
    pub fn keep_secret(&mut self, secret: &[u8], line: &[u8]) {
        let hidden = if secret.len() < SHORT { line } else { secret };
        if !secret.is_empty() && !self.secrets.iter().any(|known| known == hidden) {
            self.secrets.push(hidden.to_vec());
        }
    }
}

/// What of a refusal shows that it is one: `-ERR`, or the code in brackets, or all of it.
fn mark(reply: &str) -> String {
    if reply.starts_with("-ERR") {
        return "-ERR".to_owned();
    }
    let code = reply.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(code, _)| code);
    code.unwrap_or(reply).to_owned()
}

/// Replies other than usual, and how often each could have been given.
#[derive(Debug, Default)]
pub struct Plan {
    replies: Vec<MailboxReply>,
    counts: BTreeMap<Asked, u32>,
}

impl Plan {
    /// A plan.
    pub fn new(replies: Vec<MailboxReply>) -> Self {
        Self { replies, counts: BTreeMap::new() }
    }

    /// What is planned for the next time that this is asked for.
    pub fn next(&mut self, asked: Asked) -> Option<MailboxReply> {
        let count = self.counts.entry(asked).or_default();
        *count += 1;
        let count = *count;
        self.replies.iter().find(|reply| reply.to == asked && reply.nth.is_none_or(|nth| nth == count)).cloned()
    }
}

/// A message whose lines all end in CR LF.
pub fn with_line_ends(message: &[u8]) -> Vec<u8> {
    let body = message.strip_suffix(b"\n").unwrap_or(message);
    let mut whole = Vec::with_capacity(message.len() + message.len() / 16);
    for line in body.split(|byte| *byte == b'\n') {
        whole.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        whole.extend_from_slice(b"\r\n");
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("-ERR [AUTH] wrong", "-ERR")]
    #[case("NO [AUTHENTICATIONFAILED] wrong", "AUTHENTICATIONFAILED")]
    #[case("NO not you", "NO not you")]
    fn a_refusal_has_a_mark(#[case] reply: &str, #[case] shown: &str) {
        assert!(is_refusal(reply));
        assert_eq!(mark(reply), shown);
    }

    #[rstest]
    #[case("+OK")]
    #[case("OK NO problem")]
    #[case("+ go on")]
    fn not_every_reply_refuses(#[case] reply: &str) {
        assert!(!is_refusal(reply));
    }
}
