//! Steps about echo over datagrams: a peer that answers pings by a plan, and what the program
//! under test makes of it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::duration::Limit;

/// A peer answers pings by a plan, and goes on with the next step when the plan is played or the
/// program has ended.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AnswerPings {
    /// The peer, with a UDP socket.
    pub peer: String,
    /// What happens to the first ping, the second, and so on; each reply carries the ping's payload.
    pub replies: Vec<PingReply>,
    /// Bound for a ping to come. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements decided by whether all pings come; default: all of the scenario.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// What happens to one ping.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PingReply {
    /// The reply leaves this long after the ping came; left out: there is none.
    #[serde(default)]
    pub after: Option<Limit>,
    /// How many replies leave, all at that time. Default 1.
    #[serde(default = "one")]
    pub copies: u32,
}

fn one() -> u32 {
    1
}

/// Peers ping a server; each reply must go to the peer that sent its ping.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ping {
    /// The peer, or the group.
    pub peer: String,
    /// Pings of each peer. A server that drops some on purpose must answer at least one.
    pub times: u32,
    /// Bound for a reply. Default 1 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has printed the round-trip time of each ping that was answered within a second,
/// in order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectRoundTrips {
    /// The program.
    pub program: String,
    /// The peer that answered.
    pub peer: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has printed least, mean and largest round-trip time and the share of lost pings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectStatistics {
    /// The program.
    pub program: String,
    /// The peer that answered.
    pub peer: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// After a ping without an answer the next one came not before `at-least` and not after `at-most`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectPace {
    /// The peer that was pinged.
    pub peer: String,
    /// Shortest pause after an unanswered ping.
    pub at_least: Limit,
    /// Longest.
    pub at_most: Limit,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
