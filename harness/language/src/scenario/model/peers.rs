//! Steps about peers: connections, what they send, and what comes to them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Certificate, ExpectedRequest, ExpectedResponse, RandomSegments, RoleName};
use crate::scenario::bytes::{Payload, SegmentSize};
use crate::scenario::duration::Limit;

/// Names a peer or a group of peers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PeerRef {
    /// The peer, or the group.
    pub peer: String,
}

/// Opens a peer's socket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listen {
    /// The peer.
    pub peer: String,
    /// Default: the transport of the judged role.
    #[serde(default)]
    pub transport: Option<TransportName>,
    /// For this internet protocol only (IPv6: on ::1). Default: for both.
    #[serde(default)]
    pub family: Option<Family>,
    /// Listens on the port that this role's program would take, to be in its way.
    #[serde(default)]
    pub in_the_way_of: Option<RoleName>,
    /// At port 80, which a URL need not name (`true`), or at another (`false`). Default: at port 80 for a proxy that
    /// goes there whatever port the URL names.
    #[serde(default)]
    pub port_80: Option<bool>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportName {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Takes a connection.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accept {
    /// The listening peer.
    pub peer: String,
    /// The name of the connection; default: the peer's own name. With `count`, `NAME-1` … `NAME-n`.
    #[serde(default, rename = "as")]
    pub name: Option<String>,
    /// Number of connections to take, one after the other: all meant by `NAME` in later steps.
    #[serde(default)]
    pub count: Option<u32>,
    /// The peer can speak TLS, and shows such a certificate: at once if the program begins with a handshake, else when
    /// it asks for it in what it speaks (`STARTTLS`). Steps see what is said, captures what is on the wire.
    #[serde(default)]
    pub tls: Option<Certificate>,
    /// Bound, for each connection. Default 10 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements decided by whether a connection comes; default: all of the scenario.
    #[serde(default)]
    pub decides: Vec<String>,
    /// Where this does not come out, the run is skipped for this reason and nothing is failed.
    #[serde(default)]
    pub or_skip: Option<String>,
}

/// Connects a peer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Connect {
    /// The peer, or the group with `count`.
    pub peer: String,
    /// Number of peers: `NAME-1` … `NAME-n`, all meant by `NAME` in later steps.
    #[serde(default)]
    pub count: Option<u32>,
    /// The program or listening peer to connect to.
    pub to: String,
    /// Default: the transport of the judged role.
    #[serde(default)]
    pub transport: Option<TransportName>,
    /// Over this internet protocol only. Default: whichever leads there.
    #[serde(default)]
    pub family: Option<Family>,
    /// A refusal is no failure: the later steps judge what it means.
    #[serde(default)]
    pub may_fail: bool,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements decided by whether the connection is taken; default: all of the scenario.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// A version of the internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Sends bytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Send {
    /// The peer; in a group every peer sends, each its own bytes if they are `random`.
    pub peer: String,
    /// The bytes.
    pub data: Payload,
    /// Cut into segments of these sizes.
    #[serde(default)]
    pub segments: Option<Vec<SegmentSize>>,
    /// Cut into segments of this size, in bytes.
    #[serde(default)]
    pub every: Option<usize>,
    /// Cut into random segments.
    #[serde(default)]
    pub random: Option<RandomSegments>,
    /// Sends each segment only after the one before was read, so that no read can get two.
    #[serde(default)]
    pub when_read: bool,
    /// Ends the data as the program under test was found to need it (`as-learned`), or as it is.
    #[serde(default)]
    pub end: MessageEnd,
    /// Sends nothing if this has come to the peer when the programs are still.
    #[serde(default)]
    pub unless_received: Option<Payload>,
    /// This peer takes in what comes to it meanwhile, for the steps that follow: what goes through a program may be
    /// more than the sockets on the way can hold.
    #[serde(default)]
    pub taken_in_by: Option<String>,
    /// Sends at most what fits without waiting for the program, and goes on.
    #[serde(default)]
    pub in_background: bool,
    /// Bound for the whole step. Default 20 s.
    #[serde(default)]
    pub within: Option<Limit>,
}

/// How a message that a peer sends is marked as complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageEnd {
    /// The data and nothing else.
    #[default]
    AsIs,
    /// What the program needs, learned when it was first met: nothing, a line end, or the end
    /// of the stream (half-close).
    AsLearned,
}

/// Receives bytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Receive {
    /// The peer, or the group.
    pub peer: String,
    /// The bytes must be these (one stray line end at the end is let pass).
    #[serde(default)]
    pub equals: Option<Payload>,
    /// The bytes must contain these.
    #[serde(default)]
    pub contains: Option<Payload>,
    /// The bytes must be these and nothing else, line ends included.
    #[serde(default)]
    pub exactly: Option<Payload>,
    /// At least this many bytes must come.
    #[serde(default)]
    pub at_least: Option<usize>,
    /// The bytes must be what another peer has sent: `{ "sent-by" = "alice" }`.
    #[serde(default)]
    pub sent_by: Option<String>,
    /// A number must be said that is this one: `7`, `7.0` and `Result: 7` say 7.
    #[serde(default)]
    pub number: Option<f64>,
    /// One line must be said that is this number and nothing else; blanks round it and the form of
    /// the line end are let pass.
    #[serde(default)]
    pub only_number: Option<f64>,
    /// Something must be said that is no bare number: an error line.
    #[serde(default)]
    pub complaint: bool,
    /// With `complaint`: words that have stood beside this number, which was a right answer, are none of an error line.
    #[serde(default)]
    pub unlike_answer: Option<f64>,
    /// What each of these peers has sent last must be there exactly once, in any order; what
    /// the receiver itself has sent is left out.
    #[serde(default)]
    pub heard_from: Option<Vec<String>>,
    /// The next HTTP response must come and be like this.
    #[serde(default)]
    pub response: Option<Box<ExpectedResponse>>,
    /// The next HTTP request must come and be like this.
    #[serde(default)]
    pub request: Option<Box<ExpectedRequest>>,
    /// With `contains`: exactly once, when the programs are still.
    #[serde(default)]
    pub once: bool,
    /// Form is let pass: colour, zero bytes, blanks round a bar, runs of blanks.
    #[serde(default)]
    pub loosely: bool,
    /// And these bytes must not be there once the programs are still.
    #[serde(default)]
    pub lacks: Option<Payload>,
    /// Upper and lower case count as equal.
    #[serde(default)]
    pub ignoring_case: bool,
    /// That the program closes the connection, or has refused it, will do as well; of `lacks` nothing may come all the same.
    #[serde(default)]
    pub or_closed: bool,
    /// Reads on until the other side ends its direction, before judging.
    #[serde(default)]
    pub until_end: bool,
    /// Stops reading (for good reasons of the scenario) after this many bytes.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides; default: all of the scenario, and a failure ends it.
    #[serde(default)]
    pub decides: Vec<String>,
    /// Where this does not come out, the run is skipped for this reason and nothing is failed.
    #[serde(default)]
    pub or_skip: Option<String>,
}

/// A peer pauses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stall {
    /// The peer.
    pub peer: String,
    /// How long, in virtual time.
    #[serde(rename = "for")]
    pub duration: Limit,
    /// How long on real sockets, where time is real; default: the same.
    #[serde(default)]
    pub on_wire: Option<Limit>,
}

/// Waits until sent bytes were read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwaitRead {
    /// The peer.
    pub peer: String,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The program has closed the connection.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectClosed {
    /// The peer, or the group.
    pub peer: String,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Nothing comes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectSilence {
    /// The peer, or the group.
    pub peer: String,
    /// Anything may come but these bytes, form let pass.
    #[serde(default)]
    pub lacks: Option<Payload>,
    /// Anything may come but this number.
    #[serde(default)]
    pub number: Option<f64>,
    /// Upper and lower case count as equal.
    #[serde(default)]
    pub ignoring_case: bool,
    /// For how long, if the programs are not still before. Default 2 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// A peer is turned away.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectTurnedAway {
    /// The peer.
    pub peer: String,
    /// A peer who was let in: to be told no more than that one has received so far is to be let in, too.
    #[serde(default)]
    pub unlike: Option<String>,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
