//! A peer that is a whole machine, reached over SSH, and what is expected of a program that looks at it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::duration::Limit;

/// A listening peer is a machine that serves SSH from now on: it lets programs in, and runs what they ask for in a
/// shell over files that were made for this run. Its processors and its memory are like those of no other machine.
///
/// It takes every name and every password, but for one that is almost the one that the program was told. In the home
/// folder of the run's programs are a list of known hosts and, if logins by key are taken, the key. It judges nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeRemote {
    /// The peer, which listens.
    pub peer: String,
    /// In which ways it can be logged in to. Default: by password and by key; empty: all are refused.
    #[serde(default = "both")]
    pub logins: Vec<Login>,
    /// What the list of known hosts says about it.
    #[serde(default)]
    pub known_hosts: KnownHost,
    /// Which machine it is: one with less memory and less to do, or one with more of both.
    #[serde(default)]
    pub machine: MachineSize,
}

fn both() -> Vec<Login> {
    vec![Login::Password, Login::Key]
}

/// A way to log in (RFC 4252).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// By password (section 8).
    Password,
    /// By the key in `~/.ssh/id_ed25519` (section 7).
    Key,
}

/// What a list of known hosts says about a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownHost {
    /// Its key.
    #[default]
    Right,
    /// Another machine's key.
    Other,
}

/// Machines that differ in everything that a program could show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MachineSize {
    /// About a third of its processor time is in use, and it has less than 31 GiB.
    #[default]
    Small,
    /// About two thirds are in use, and it has more than 40 GiB.
    Large,
}

/// The program has printed figures of a machine that serves SSH, in whatever form and unit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectFigures {
    /// The program.
    pub program: String,
    /// The peer that is the machine.
    pub peer: String,
    /// Of what.
    pub of: FiguresOf,
    /// Bound. Default 30 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// What figures are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FiguresOf {
    /// The processors: how much of them is in use or idle, the load, or which and how many they are.
    Cpu,
    /// The main memory: how much there is, is in use, or is left.
    Memory,
}

/// What the program has done at the door of a machine that serves SSH.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectLogin {
    /// The program.
    pub program: String,
    /// The peer that is the machine.
    pub peer: String,
    /// What must have come of it.
    pub outcome: LoginOutcome,
    /// Bound. Default 30 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// What can come of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoginOutcome {
    /// The program was let in by its key, and has asked for something to be run.
    ByKey,
    /// The machine has refused, and the program says so.
    Refused,
    /// The program has not trusted the machine: it has come, has neither logged in nor shown a password, and says so.
    Distrusted,
}
