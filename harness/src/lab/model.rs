//! What a question's file says (`scenarios/lab/N.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// A question of the lab sheet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Question {
    /// The question in one line.
    pub title: String,
    /// Why what happens happens: teaching text with the sections of the standards.
    pub why: String,
    /// The experiments, in order.
    pub experiments: Vec<Experiment>,
}

/// One situation and what can be learned from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Experiment {
    /// Names its files.
    pub name: String,
    /// What is done, in one line.
    pub title: String,
    /// Whether it is about a target's own program, and not played without one.
    #[serde(default)]
    pub only_with_target: bool,
    /// With which programs it can be played: the first way that fits the target.
    pub plays: Vec<Play>,
    /// What is looked for besides what the scenario's own steps decide.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// What follows: the first whose facts hold.
    pub conclusions: Vec<Conclusion>,
    /// What else is worth saying: all whose facts hold.
    #[serde(default)]
    pub remarks: Vec<Conclusion>,
}

/// A cast for an experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Play {
    /// The scenario: `experiments/NAME.toml`.
    pub scenario: String,
    /// The task whose programs a target plays with.
    #[serde(default)]
    pub task: Option<String>,
    /// The roles that the target's programs take. Without any, the experiment is for comparison
    /// and played whatever the target is.
    #[serde(default)]
    pub target: Vec<String>,
    /// The command of every role without a target: a model answer or a lab program, as
    /// `harness reference` takes it (`message server {port}`, `lab udp-connected {host} {port}`).
    pub cast: BTreeMap<String, String>,
    /// Values of the scenario's `"$name"`.
    #[serde(default)]
    pub parameters: BTreeMap<String, toml::Value>,
}

/// Something that was seen or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fact {
    /// Its name; one that a step of the scenario decides may be decided here, too.
    pub name: String,
    /// The signs of it: one is enough.
    pub signs: Vec<Sign>,
}

/// Where a fact shows.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// A step of the scenario that decides this held.
    Judged(String),
    /// The record of calls holds this.
    Call(CallSign),
    /// These packets were on the wire, in this order, others between them: `there SYN`,
    /// `back SYN-ACK`, `there DATA`, `back FIN`, `back RST`, `back UNREACHABLE`. `there` is
    /// towards a server's port.
    Packets(Vec<String>),
}

/// A call and its result.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CallSign {
    /// The program.
    pub of: String,
    /// Beginnings of the call's name: `["recv", "read"]`.
    pub names: Vec<String>,
    /// The error that it came back with.
    #[serde(default)]
    pub error: Vec<String>,
    /// The value that it came back with.
    #[serde(default)]
    pub value: Option<i64>,
    /// The option that it sets, if it is `setsockopt`.
    #[serde(default)]
    pub option: Option<String>,
    /// How often, at least.
    #[serde(default = "once")]
    pub times: usize,
}

fn once() -> usize {
    1
}

/// What follows from facts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Conclusion {
    /// Names of facts that must hold, or, with `!` before them, must not.
    pub when: Vec<String>,
    /// The conclusion.
    pub says: String,
}
