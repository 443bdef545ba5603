//! Expectations about what a program says in its own words.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// The program has printed these texts in this order, whatever stands between them; upper and lower case count as
/// equal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectInOrder {
    /// The program.
    pub program: String,
    /// The texts. None may stand within another.
    pub texts: Vec<Payload>,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program says, on either stream, that there is none, or that something does not work: any sentence with a `no`,
/// a `not` or a word like these in it. Names that a scenario uses should not have such a word in them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectSaysNo {
    /// The program.
    pub program: String,
    /// A bare traceback does not count as saying so.
    #[serde(default)]
    pub not_a_traceback: bool,
    /// The number 0 says so, too: "0 messages".
    #[serde(default)]
    pub or_zero: bool,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has printed every line of a text, in order; whatever stands before, between and behind the lines, blanks
/// that are more or fewer, empty lines and line ends do not count. A dot more before a line that begins with one does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectText {
    /// The program.
    pub program: String,
    /// The text.
    pub text: Payload,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has printed a line that ends in this text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectLine {
    /// The program.
    pub program: String,
    /// The end of the line; blanks behind it are let pass.
    pub ends_in: Payload,
    /// This does not stand directly before it.
    #[serde(default)]
    pub not_after: Option<String>,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
