//! What an XML-RPC reply must say, and how the functions of a server are found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::http::Text;
use crate::scenario::xmlrpc::Value;

/// What the body of an HTTP response must say as an XML-RPC reply. Values are compared, not text: how a number is
/// written, white space and the order of a struct's members do not count.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedReply {
    /// Some value.
    Any,
    /// This value.
    Value(Value),
    /// A fault, with a number and a text.
    Fault,
    /// What `system.multicall` returns: these results in this order. A value that is not in an array of its own is let
    /// pass.
    Results(Vec<ExpectedResult>),
    /// The same, each value in an array of its own.
    ExactResults(Vec<ExpectedResult>),
    /// A fault, or a status from 400.
    Refused,
    /// Whatever holds no value: a fault, a status from 400, or something that is no reply.
    Unserved,
}

/// One result of several.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedResult {
    /// This value.
    Value(Value),
    /// A fault.
    Fault,
}

/// Finds out what a server calls the functions that a sheet leaves nameless: from the manifest, else from what
/// `system.listMethods` names, by calling it. What is not found is left out: a later step that calls it skips its run.
///
/// It belongs into the first conversation (`[[meet]]`), whose findings later runs use.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LearnFunctions {
    /// The server.
    pub program: String,
    /// The request target.
    pub target: Text,
    /// Header fields of each request.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// By the name of the role's value.
    pub functions: BTreeMap<String, Sought>,
}

/// A function that is looked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sought {
    /// Names that are usual for it, the likeliest first. What stands before a dot and letter case do not count.
    pub names: Vec<String>,
    /// Parameters to try it with.
    #[serde(default)]
    pub params: Vec<Value>,
    /// What it returns then, by which it is known whatever its name. Left out: it is known by its name only.
    #[serde(default)]
    pub value: Option<Value>,
}
