//! Expectations about what programs use and which calls they make.

use schemars::JsonSchema;
use serde::Deserialize;

/// The program idles.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectIdle {
    /// The program.
    pub program: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// A measurement.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Measure {
    /// The program, which must be running.
    pub program: String,
    /// The name of the measurement.
    #[serde(rename = "as")]
    pub name: String,
}

/// Growth between two measurements.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectGrowth {
    /// Earlier (or smaller) measurement.
    pub from: String,
    /// Later (or larger) one.
    pub to: String,
    /// Peak memory may differ by less than this many bytes.
    #[serde(default)]
    pub memory_below: Option<u64>,
    /// Open descriptors may grow by at most this many.
    #[serde(default)]
    pub descriptors: Option<u64>,
    /// Threads likewise.
    #[serde(default)]
    pub threads: Option<u64>,
    /// Zombie children likewise.
    #[serde(default)]
    pub zombies: Option<u64>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Processor time in proportion.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectLinear {
    /// Measurement before the small piece of work.
    pub before: String,
    /// After the small, before the large piece of work.
    pub small: String,
    /// After the large piece of work.
    pub large: String,
    /// How many times larger the large one is.
    pub factor: f64,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Sizes of reads and writes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectCallSizes {
    /// The program, which may have ended.
    pub program: String,
    /// Most bytes that one call may ask for. A program that never asks for more than 4096 gets a finding.
    pub at_most: u64,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// How a program waits for its sockets, by the calls that it has made so far.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectIoModel {
    /// The program, which may have ended.
    pub program: String,
    /// The way.
    pub model: IoModel,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Ways to wait for several sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IoModel {
    /// One thread of one process does all work on sockets and asks with `select`, `poll` or `epoll` which are ready.
    OneThread,
    /// One process does all work on sockets, in as many threads as it likes.
    OneProcess,
    /// Clients that are there at the same time are read by threads or processes of their own.
    PerClient,
    /// No call on a socket asks not to wait.
    Blocking,
}
