//! Where a build has no database server.

use super::super::{Director, Done, Halt};
use harness_language::scenario::model::{ExpectDatabase, ServeDatabase};
use harness_peers::dialogue::Refusal;

/// What is to be done about it.
const MISSING: &str = "this build has no database server: build the harness with `--features remote`";

/// A database server that nobody has.
#[derive(Debug)]
pub enum Database {}

impl Database {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match *self {}
    }

    pub(super) fn course(&self) -> String {
        match *self {}
    }

    pub(super) fn replies(&self) -> Vec<String> {
        match *self {}
    }
}

impl Director {
    pub(super) fn serve_database(&mut self, _: &ServeDatabase) -> Done {
        Err(Halt::skipped(MISSING.to_owned()))
    }

    pub(super) async fn expect_database(&mut self, _: &ExpectDatabase) -> Done {
        Err(Halt::skipped(MISSING.to_owned()))
    }
}
