//! A MySQL server without input or output: bytes go in, packets come out. Behind the protocol is a real SQL engine,
//! SQLite in memory, so that students may choose their own schema; statements are cut into words by [`lex`], and put
//! into SQLite's by [`render`] and [`define`].
//!
//! What this server cannot run is told apart from what no server would: the first is [`Trouble::Beyond`], and nobody is
//! judged by it.

pub mod define;
pub mod engine;
pub mod errors;
pub mod functions;
pub mod lex;
pub mod login;
pub mod look;
pub mod packet;
pub mod render;
pub mod result;
pub mod schema;
pub mod server;
pub mod session;
pub mod show;
pub mod storage;

use result::Refusal;

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
