//! A peer that takes files (FTP), and what is expected of what it was handed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Afterwards;
use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// A peer with a connection is a file server (FTP, RFC 959; `EPSV` and `EPRT`: RFC 2428) until the session is over. Data
/// come and go on connections of their own: the program's to the peer (`PASV`, `EPSV`) or the peer's to the program (`PORT`,
/// `EPRT`). Who logs in needs the name and the password that the program was told; where it was told none, all will do.
/// What comes in ASCII mode, which is what holds until `TYPE I`, is kept with LF for CR LF, as Unix servers do. It judges
/// nothing: that is for `expect-upload` and `expect-refusal-told`. A password that comes is masked wherever the run is recorded.
///
/// Each reply is held back until the programs wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeFiles {
    /// The peer.
    pub peer: String,
    /// Replies other than usual.
    #[serde(default)]
    pub replies: Vec<FileReply>,
    /// Ends the connection for data in the middle of a file.
    #[serde(default)]
    pub cut_off: Option<CutOff>,
    /// Replies leave in segments of this size, in bytes, each when the one before was read.
    #[serde(default)]
    pub every: Option<usize>,
    /// Replies leave line by line, each line when the one before was read and the programs wait again.
    #[serde(default)]
    pub line_by_line: bool,
    /// For how long a reply is held back at most, where a program waits with a time-out or sleeps. Default 200 ms.
    #[serde(default)]
    pub hold: Option<Limit>,
    /// Bound for each command and for each piece of a file to come. Default 10 s.
    #[serde(default)]
    pub within: Option<Limit>,
}

/// A reply other than usual.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileReply {
    /// To what.
    pub to: FileMoment,
    /// The reply's lines with `\n` between them: `"230-Welcome.\n The library closes at ten.\n230 Come in."`.
    pub say: String,
    /// Only the n-th time, counted from 1. Left out: each time.
    #[serde(default)]
    pub nth: Option<u32>,
    /// What the server does then.
    #[serde(default)]
    pub then: Afterwards,
}

/// What a file server replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileMoment {
    /// The connection.
    Connection,
    /// `USER`.
    User,
    /// `PASS`.
    Password,
    /// `TYPE`.
    Type,
    /// `PASV` or `EPSV`. The address stands in the usual reply: only a refusal makes sense here.
    Passive,
    /// `PORT` or `EPRT`.
    Active,
    /// `STOR`, `STOU` or `APPE`: before the data.
    Store,
    /// The data of a file, all of which have come.
    Stored,
    /// `QUIT`.
    Quit,
}

/// How a connection for data ends before its time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CutOff {
    /// When so many bytes of a file have come.
    pub after: u64,
    /// In which way.
    pub by: CutOffBy,
    /// What the server then says: a reply that begins with 4 or 5.
    pub say: String,
}

/// Ways of ending a connection for data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CutOffBy {
    /// The server closes it and reads no more.
    Close,
    /// The server aborts it (RST).
    Reset,
}

/// What is expected of what a file server was handed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectUpload {
    /// The peer that took files.
    pub peer: String,
    /// Under some name it has a file with this content, byte for byte, and has confirmed it.
    #[serde(default)]
    pub content: Option<Payload>,
    /// Data came on a connection of its own, which the program and the peer had agreed upon, and whose end was the end of the
    /// file.
    #[serde(default)]
    pub data_connection: bool,
    /// `QUIT` came.
    #[serde(default)]
    pub quit: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
