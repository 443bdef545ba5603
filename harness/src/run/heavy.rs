//! The peers whose libraries take longer to build than all the rest: a build may be without them (cargo feature
//! `remote`). Whether it has them is asked here.

use harness_peers::database::{self, Account};

use super::Halt;

/// Whether there is a database server.
pub const HAS_DATABASE: bool = cfg!(feature = "mysql");

/// Whether there are machines that serve SSH.
pub const HAS_SSH: bool = cfg!(feature = "ssh");

/// Opens a database server for clients who are expected to bring students of these `names`; `newcomer` is somebody whom
/// another client adds as soon as they are looked at.
///
/// # Errors
/// If this build has none, or its library fails.
#[cfg(feature = "mysql")]
pub(crate) fn database(
    account: Account,
    names: &[String],
    newcomer: Option<String>,
) -> Result<Box<dyn database::Server>, Halt> {
    let opened = harness_peer_mysql::open(account, names, newcomer);
    opened.map_err(|error| Halt::Harness(format!("the database server does not start: {error}")))
}

/// There is none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "mysql"))]
pub(crate) fn database(_: Account, _: &[String], _: Option<String>) -> Result<Box<dyn database::Server>, Halt> {
    Err(Halt::skipped("this build has no database server: build the harness with `--features remote`"))
}
