//! What is expected of what a message has with it: recipients, attached files, an archive.

use schemars::JsonSchema;
use serde::Deserialize;

/// Each recipient whom the program was told was named in `RCPT TO`, in one message or in one for each. Who else was named is
/// not looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectRecipients {
    /// The peer that took the mail.
    pub peer: String,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// Each message has the files with it that the program was told: the value `file`, from the scenario's `files`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectAttachments {
    /// The peer that took the mail.
    pub peer: String,
    /// The message can be taken apart: it says that it has parts, the line between them is found, the last part is ended,
    /// and what is encoded can be decoded.
    #[serde(default)]
    pub mime: bool,
    /// Each file is a part of its own, marked as attached, and decodes to the file's bytes. In a text, CR LF passes for LF,
    /// and so does one line end more or less at its end.
    #[serde(default)]
    pub exact: bool,
    /// The part that has a file's bytes has its name as well.
    #[serde(default)]
    pub names: bool,
    /// No line is longer than servers take (998 bytes).
    #[serde(default)]
    pub lines: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// A part of the message is an archive (zip, tar, or tar in gzip) of the program's working directory, and opens. A folder
/// around everything and the form of names (`./a`, `/a`) are let pass.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectArchive {
    /// The peer that took the mail.
    pub peer: String,
    /// Names from the scenario's `files` that stand in it, with their content; at most twice, because who follows a link
    /// into a circle has them many times.
    #[serde(default)]
    pub holds: Vec<String>,
    /// Names of folders that stand in it, with or without something in them.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Nothing stands in it that is the archive itself, or its beginning.
    #[serde(default)]
    pub not_itself: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
