//! What is remembered of a session with a file server.

use std::collections::BTreeMap;

use harness_judging::complaint::Refused;

use crate::aside::{Door, Moved};
use crate::dialogue::{Conduct, Refusal};
use harness_language::scenario::model::FileMoment;

/// A command, or data, and the reply to it; or the connection and the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What it was, if a scenario can speak of it.
    pub asked: Option<FileMoment>,
    /// The line that came, without passwords and addresses; empty for the connection.
    pub said: String,
    /// The reply's lines with `\n` between them.
    pub reply: String,
}

impl Exchange {
    /// The reply's three digits.
    pub fn code(&self) -> &str {
        self.reply.get(..3).unwrap_or_default()
    }

    /// Whether the server refused, for now or for good.
    pub fn is_refusal(&self) -> bool {
        is_refusal(&self.reply)
    }
}

/// Whether a reply says no (RFC 959, section 4.2.1: 4 and 5 in the first place).
pub fn is_refusal(reply: &str) -> bool {
    reply.starts_with(['4', '5'])
}

/// A file that was announced, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its path on the server.
    pub name: String,
    /// How the connection for its data came about.
    pub door: Door,
    /// It came in ASCII mode.
    pub ascii: bool,
    /// Bytes that came.
    pub came: u64,
    /// How the data ended.
    pub end: Moved,
}

/// What a session was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Commands with their replies, in order.
    pub exchanges: Vec<Exchange>,
    /// Somebody was let in.
    pub admitted: bool,
    /// Every secret that came, taken or not.
    pub secrets: Vec<Vec<u8>>,
    /// Files whose data were awaited, in order.
    pub transfers: Vec<Transfer>,
    /// What is kept at the end, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The program listens for data at another address than the one it comes from.
    pub strange_address: bool,
    /// Which exchange was the first refusal that the scenario planned.
    pub(super) refused: Option<usize>,
    /// `QUIT` came.
    pub quit: bool,
    /// How the program behaved.
    pub conduct: Conduct,
}

impl Record {
    /// The first refusal that the scenario planned. Who then prepares a transfer as if the login had been taken goes on.
    pub fn refusal(&self) -> Option<Refusal> {
        let at = self.refused?;
        let exchange = &self.exchanges[at];
        let entry = [FileMoment::Connection, FileMoment::User, FileMoment::Password].map(Some);
        let what = if entry.contains(&exchange.asked) { Refused::Login } else { Refused::File };
        let work = [FileMoment::Type, FileMoment::Passive, FileMoment::Active, FileMoment::Store].map(Some);
        let worked_on = self.exchanges[at + 1..].iter().any(|later| work.contains(&later.asked));
        Some(Refusal {
            reply: exchange.reply.clone(),
            mark: exchange.code().to_owned(),
            went_on: what == Refused::Login && worked_on,
            what,
        })
    }
}
