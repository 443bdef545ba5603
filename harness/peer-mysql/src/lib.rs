//! A MySQL server without input or output: bytes go in, packets come out. Behind the protocol is a real SQL engine,
//! SQLite in memory, so that students may choose their own schema; statements are cut into words by [`lex`], and put
//! into SQLite's by [`render`] and [`define`].
//!
//! What this server cannot run is told apart from what no server would: the first is [`Trouble::Beyond`], and nobody is
//! judged by it.

mod define;
mod engine;
mod errors;
mod functions;
mod lex;
mod login;
mod look;
mod packet;
mod render;
mod result;
mod schema;
mod server;
mod session;
mod show;
mod storage;

use std::collections::BTreeMap;
use std::time::Duration;

use harness_peers::database::{self, Account, Nonce, Record, Table, Turn};
use result::Refusal;
use server::Server;
use session::Session;

/// A server for clients who are expected to bring students of these `names`; `newcomer` is somebody whom another client
/// adds as soon as they are looked at.
///
/// # Errors
/// If SQLite cannot be had.
pub fn open(
    account: Account,
    names: &[String],
    newcomer: Option<String>,
) -> Result<Box<dyn database::Server>, rusqlite::Error> {
    let server = Server::new(account, names, newcomer)?;
    Ok(Box::new(Host { server, sessions: BTreeMap::new() }))
}

/// The server, and those who are connected.
struct Host {
    server: Server,
    sessions: BTreeMap<u32, Session>,
}

impl database::Server for Host {
    fn set_clock(&mut self, now: Duration) {
        self.server.set_clock(now);
    }

    fn meet(&mut self, client: u32, nonce: Nonce) -> Vec<u8> {
        let session = Session::new(client, nonce);
        let greeting = session.greeting();
        self.sessions.insert(client, session);
        greeting
    }

    fn receive(&mut self, client: u32, bytes: &[u8]) -> Turn {
        match self.sessions.get_mut(&client) {
            Some(session) => session.receive(&mut self.server, bytes),
            None => Turn { bytes: Vec::new(), close: true },
        }
    }

    fn gone(&mut self, client: u32) {
        if let Some(mut session) = self.sessions.remove(&client) {
            session.gone(&mut self.server);
        }
    }

    fn record(&self) -> &Record {
        &self.server.record
    }

    fn tables(&self) -> Vec<Table> {
        self.server.look()
    }
}

/// Why a statement was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A real server would refuse it as well.
    Refused(Refusal),
    /// Neither of two parsers can read it; it may still be MySQL.
    Doubtful(Refusal),
    /// A real server may run it; this one cannot.
    Beyond(String),
}

/// This server cannot.
fn beyond(what: &str) -> Trouble {
    Trouble::Beyond(what.to_owned())
}

/// A real server would refuse it as well.
fn refused(code: u16, message: impl Into<String>) -> Trouble {
    Trouble::Refused(Refusal::new(code, message))
}
