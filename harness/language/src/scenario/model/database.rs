//! A peer that is a database server, and what is expected to be in it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::duration::Limit;

/// A peer that listens answers as a MySQL server from now on, to as many connections as come. It is empty at first, and
/// lets in who has the name and the password that the judged program is told. What it cannot run and a real server may
/// turns a failure into a skip.
///
/// Needs a build with the feature `mysql`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeDatabase {
    /// The peer.
    pub peer: String,
    /// The students that the program is told. If none of them ever comes, it has others built in.
    #[serde(default)]
    pub names: Vec<String>,
    /// Somebody whom another client adds to the table as soon as the program looks at it and all of `names` are there.
    #[serde(default)]
    pub newcomer: Option<String>,
    /// For so long it thinks about each statement. Default: not at all.
    #[serde(default)]
    pub slow: Option<Limit>,
}

/// What is expected to be in the database, and to have been shown of it, when the program has ended or waits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectDatabase {
    /// The peer that is the database server.
    pub peer: String,
    /// The program.
    pub program: String,
    /// A table was made.
    #[serde(default)]
    pub made: bool,
    /// These students are in some table, whatever its columns are called.
    #[serde(default)]
    pub has: Vec<String>,
    /// Their names stand in a column of their own, byte for byte.
    #[serde(default)]
    pub exactly: bool,
    /// The program has asked for these students, and prints what the server has said; also of whom somebody else has
    /// added.
    #[serde(default)]
    pub shown: Vec<String>,
    /// There is nobody, and the program says so.
    #[serde(default)]
    pub nobody: bool,
    /// Bound for the program to end. Default 20 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
