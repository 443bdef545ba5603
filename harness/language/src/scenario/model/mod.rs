//! What a scenario file says, as types: nothing here reads a file or runs a step.
//!
//! One rule keeps error positions true: enums are externally tagged only (`send = { … }`),
//! because internally tagged, untagged and flattened ones lose their place in the file.

mod attached;
mod database;
mod expect;
mod folder;
mod http;
mod mail;
mod mailbox;
mod names;
mod network;
mod peers;
mod pings;
mod programs;
mod remote;
mod resources;
mod said;
mod step;
mod tls;
mod upload;
mod xmlrpc;

use std::collections::BTreeMap;

pub use harness_verdict::{BackendName, Pairing};
use schemars::JsonSchema;
use serde::Deserialize;

use super::bytes::{Payload, SegmentSize};
use super::duration::Limit;
pub use attached::*;
pub use database::*;
pub use expect::*;
pub use folder::*;
pub use http::*;
pub use mail::*;
pub use mailbox::*;
pub use names::*;
pub use network::*;
pub use peers::*;
pub use pings::*;
pub use programs::*;
pub use remote::*;
pub use resources::*;
pub use said::*;
pub use step::*;
pub use tls::*;
pub use upload::*;
pub use xmlrpc::*;

/// The programs of one side of a lab are named by their role: the first word of the
/// task's default command (`server`, `client`, `proxy` …).
pub type RoleName = String;

/// A scenario file: one situation, the steps that make it, and what it decides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// One line that an instructor can read aloud.
    pub title: String,
    /// The requirements that this scenario decides, by their short ids in the task
    /// (`twenty-kb`); in `scenarios/common/` by their common id (`bind-error`).
    pub decides: Vec<String>,
    /// The role whose program is judged.
    pub judges: RoleName,
    /// Who plays the other side. Left out: the harness does.
    #[serde(default)]
    pub pairing: Pairing,
    /// Backends that can play the scenario. Left out: all.
    #[serde(default)]
    pub backends: Option<Vec<BackendName>>,
    /// Placeholders (such as `password`) whose values are secret besides those that the task names: they are masked as
    /// `[masked: password]` wherever the run is recorded.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Other requirements of the task whose failure explains a failure here: then this
    /// scenario is skipped and not failed a second time.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Bound for the whole run in the scenario's own time. Default 60 s.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// It takes seconds of processor time: `selftest --light` spares it where no failure of it is declared.
    #[serde(default)]
    pub heavy: bool,
    /// Forced short reads and writes at the system-call boundary (`sim` only).
    #[serde(default)]
    pub forced: Forced,
    /// How the simulated network behaves (`sim` and `turmoil`).
    #[serde(default)]
    pub network: Network,
    /// Files put into the programs' working directory before they start.
    #[serde(default)]
    pub files: BTreeMap<String, Payload>,
    /// Folders made in the programs' working directory with nothing in them.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Files put into the folder above it, which programs must not hand out.
    #[serde(default)]
    pub files_above: BTreeMap<String, Payload>,
    /// Symbolic links put into the programs' working directory, with what they point to.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Network interfaces of the programs' machine besides `lo`, by name (`wire` only).
    #[serde(default)]
    pub interfaces: BTreeMap<String, Interface>,
    /// A table of parameters: the scenario runs once per row, and `"$name"` anywhere in the
    /// file stands for the row's value.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub rows: Vec<BTreeMap<String, toml::Value>>,
    /// A parameter that counts: the scenario runs once for each whole number from the first to the
    /// last of the two, which `"$name"` then stands for.
    #[serde(default)]
    pub count: BTreeMap<String, [u32; 2]>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// A named piece of dialogue that several scenarios share (`openings/NAME.toml`), inlined by
/// `perform = { opening = "NAME", with = { … } }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OpeningFile {
    /// What the piece of dialogue does.
    pub title: String,
    /// Names that `with` must give a value to.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// Short counts forced on a program's own calls.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Forced {
    /// How many bytes each read may yield.
    #[serde(default)]
    pub reads: Option<Schedule>,
    /// How many bytes each write may take.
    #[serde(default)]
    pub writes: Option<Schedule>,
    /// Interrupt the n-th blocking call of the judged program with a signal (`EINTR`).
    #[serde(default)]
    pub interrupts: Option<u32>,
}

/// Where a stream of bytes is cut.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Pieces of these sizes; `"rest"` takes what is left.
    List(Vec<SegmentSize>),
    /// Pieces of one size, in bytes.
    Every(usize),
    /// Pieces of 1 to `max` bytes, drawn from the run's seed.
    Random(RandomSegments),
}

/// Bounds of randomly drawn pieces.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomSegments {
    /// Largest piece, in bytes.
    pub max: usize,
}
