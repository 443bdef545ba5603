//! Expectations about what programs print, how they end and where they listen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// The program ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectExit {
    /// The program.
    pub program: String,
    /// With which status. A death by signal is never right.
    #[serde(default)]
    pub status: ExitExpected,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
    /// Where this does not come out, the run is skipped for this reason and nothing is failed.
    #[serde(default)]
    pub or_skip: Option<String>,
}

/// Exit statuses that a scenario accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExitExpected {
    /// 0.
    Zero,
    /// Anything else.
    NonZero,
    /// Any status, no signal.
    #[default]
    Any,
    /// Any end whatever, also by a signal.
    AnyEnd,
}

/// The program runs on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectRunning {
    /// The program.
    pub program: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has printed something.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectOutput {
    /// The program.
    pub program: String,
    /// Which stream. Default: standard output.
    #[serde(default)]
    pub stream: Stream,
    /// These bytes appear somewhere, in one piece.
    #[serde(default)]
    pub contains: Option<Payload>,
    /// With `contains`: wherever they stand, they stand with the first of these words, and not with another of them.
    /// On a line with some of the words in it, the last one before counts, or else the next one; on a line without, the last one
    /// on the lines before.
    #[serde(default)]
    pub of: Vec<String>,
    /// These bytes and nothing else (one stray line end is let pass).
    #[serde(default)]
    pub equals: Option<Payload>,
    /// A line that ends in these bytes, and no further line after the prompt.
    #[serde(default)]
    pub one_line: Option<Payload>,
    /// What each of these peers has sent appears whole, in one piece, once; in any order.
    #[serde(default)]
    pub messages_from: Option<Vec<String>>,
    /// With `messages-from`: and nothing else is printed.
    #[serde(default)]
    pub nothing_else: bool,
    /// A number is said that is this one: `7`, `7.0` and `Result: 7` say 7.
    #[serde(default)]
    pub number: Option<f64>,
    /// These bytes do not appear, once the programs are still.
    #[serde(default)]
    pub lacks: Option<Payload>,
    /// Only what was printed since something was last typed counts.
    #[serde(default)]
    pub since_typed: bool,
    /// Form is let pass: colour, zero bytes, blanks round a bar, runs of blanks.
    #[serde(default)]
    pub loosely: bool,
    /// Upper and lower case count as equal.
    #[serde(default)]
    pub ignoring_case: bool,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
    /// Where this does not come out, the run is skipped for this reason and nothing is failed.
    #[serde(default)]
    pub or_skip: Option<String>,
}

/// Output streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// Either.
    Any,
}

/// The program says that something went wrong.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectComplaint {
    /// The program.
    pub program: String,
    /// On which stream. Default: either.
    #[serde(default = "either")]
    pub stream: Stream,
    /// A bare traceback does not count as saying so.
    #[serde(default)]
    pub not_a_traceback: bool,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

fn either() -> Stream {
    Stream::Any
}

/// Two programs that have ended can be told apart by their exit statuses or by what they printed;
/// figures, which may be times, are left out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectToldApart {
    /// The two programs.
    pub programs: [String; 2],
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program does not listen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectNotListening {
    /// The program.
    pub program: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program keeps to the address on its command line: a server listens on the port, a
/// client comes to the host and port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectAddress {
    /// The program.
    pub program: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
