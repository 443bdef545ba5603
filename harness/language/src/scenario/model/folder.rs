//! Steps about files in a program's working directory.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// A file with this content appears in the program's working directory.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectFile {
    /// The program.
    pub program: String,
    /// The file's path below the working directory.
    pub path: String,
    /// Its content, byte for byte.
    pub equals: Payload,
    /// Bound. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// No such file is in the program's working directory once the programs are still.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectNoFile {
    /// The program.
    pub program: String,
    /// The file's path below the working directory.
    pub path: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
