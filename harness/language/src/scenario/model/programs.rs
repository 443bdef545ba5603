//! Steps about programs: starting, typing, signals, ends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::RoleName;

use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// Names a running program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProgramRef {
    /// The program: its role, or the name given by `as`.
    pub program: String,
}

/// Starts a program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Start {
    /// The role to start.
    pub program: RoleName,
    /// The name of this copy; default: the role. With `count`, `NAME-1` … `NAME-n`.
    #[serde(default, rename = "as")]
    pub name: Option<String>,
    /// Number of copies.
    #[serde(default)]
    pub count: Option<u32>,
    /// The peer or program that `{host}` and `{port}` lead to; default: the listening peer,
    /// else the server program.
    #[serde(default)]
    pub to: Option<String>,
    /// Placeholder values that replace the usual ones: `{ port = "99999" }`.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
    /// Runs the command without the arguments that hold placeholders.
    #[serde(default)]
    pub without_arguments: bool,
    /// Standard input is a regular file with this content (`< file`).
    #[serde(default)]
    pub input_file: Option<Payload>,
    /// Standard output: a terminal (default) or a pipe.
    #[serde(default)]
    pub stdout: OutputKind,
    /// The program is started with so many files open besides its streams, so that its sockets get high
    /// descriptors (`sim` only).
    #[serde(default)]
    pub open_files: u32,
    /// What to wait for before the next step.
    #[serde(default)]
    pub ready: Ready,
    /// Bound for `ready`. Default 10 s.
    #[serde(default)]
    pub within: Option<Limit>,
}

/// What standard output is connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// A terminal without echo and without translation.
    #[default]
    Terminal,
    /// A pipe.
    Pipe,
}

/// When a started program counts as started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// A server when it listens, anything else at once.
    #[default]
    Usual,
    /// At once.
    AtOnce,
}

/// Types on standard input.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Type {
    /// The program.
    pub program: String,
    /// The bytes; a line needs its `\n`.
    pub data: Payload,
}

/// Sends a signal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignalStep {
    /// The program.
    pub program: String,
    /// The signal.
    pub signal: SignalName,
}

/// Signals that scenarios send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SignalName {
    /// Interrupt, as Ctrl-C.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// Terminate.
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// Kill.
    #[serde(rename = "SIGKILL")]
    Kill,
}

/// Starts a program again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restart {
    /// The program, which must have ended.
    pub program: String,
    /// Wait until it listens (default) or go on at once.
    #[serde(default)]
    pub ready: Ready,
    /// Bound for `ready`. Default 10 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements decided by whether it comes up; default: all of the scenario.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Waits for quiet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settle {
    /// The program.
    pub program: String,
    /// Bound. Default 3 s; passing it is no failure.
    #[serde(default)]
    pub within: Option<Limit>,
}
