//! A peer that keeps mail to be fetched (POP3, IMAP), and what is expected of the session.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Afterwards;
use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// A peer with a connection keeps a mailbox and hands out what is in it (POP3, RFC 1939; IMAP, RFC 3501) until the
/// session is over. It takes every name and password unless `replies` says otherwise, and judges nothing: that is for
/// `expect-session`, `expect-text` and `expect-refusal-told`. A password that comes is masked wherever the run is
/// recorded.
///
/// Each reply is held back until the programs wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeMailbox {
    /// The peer.
    pub peer: String,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// The messages, header and text. Their lines leave with CR LF, whatever they end in here.
    #[serde(default)]
    pub messages: Vec<Payload>,
    /// Replies other than usual.
    #[serde(default)]
    pub replies: Vec<MailboxReply>,
    /// Responses that nobody has asked for stand between the others (IMAP).
    #[serde(default)]
    pub unasked: bool,
    /// Replies leave in segments of this size, in bytes, each when the one before was read.
    #[serde(default)]
    pub every: Option<usize>,
    /// Replies leave line by line, each line when the one before was read and the programs wait again.
    #[serde(default)]
    pub line_by_line: bool,
    /// For how long a reply is held back at most, where a program waits with a time-out or sleeps. Default 200 ms.
    #[serde(default)]
    pub hold: Option<Limit>,
    /// Bound for each command to come. Default 10 s.
    #[serde(default)]
    pub within: Option<Limit>,
}

/// What a mailbox is read with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// RFC 1939.
    #[default]
    Pop3,
    /// IMAP4rev1, RFC 3501.
    Imap,
}

/// A reply other than usual.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MailboxReply {
    /// To what.
    pub to: Asked,
    /// The reply's first line in POP3: `-ERR words` or `+OK words`; in IMAP its last, without its tag: `NO words`,
    /// `BAD words` or `OK words`. What else belongs to a reply that agrees stays as it is.
    pub say: String,
    /// Only the n-th time, counted from 1. Left out: each time.
    #[serde(default)]
    pub nth: Option<u32>,
    /// What the server does then.
    #[serde(default)]
    pub then: Afterwards,
}

/// What a mailbox replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// The connection.
    Connection,
    /// `CAPA` (RFC 2449); `CAPABILITY`.
    Capabilities,
    /// `STLS` (RFC 2595), which is offered where the connection was accepted with `tls`.
    Tls,
    /// `USER`.
    User,
    /// `PASS`; `LOGIN` and `AUTHENTICATE`.
    Password,
    /// `STAT`; `STATUS`.
    Count,
    /// `LIST`, in either sense.
    List,
    /// `SELECT` and `EXAMINE`.
    Select,
    /// `SEARCH`.
    Search,
    /// `UIDL`.
    UniqueIds,
    /// `RETR`; `FETCH`.
    Message,
    /// `TOP`.
    Top,
    /// `DELE`; `STORE` and `EXPUNGE`.
    Delete,
    /// `QUIT`; `LOGOUT`.
    Quit,
}

/// What is expected of the session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectSession {
    /// The peer that keeps the mailbox.
    pub peer: String,
    /// A name and a password came and were taken; those that the program was told, if it can be told any.
    #[serde(default)]
    pub logged_in: bool,
    /// `QUIT` or `LOGOUT` came.
    #[serde(default)]
    pub quit: bool,
    /// No message was deleted.
    #[serde(default)]
    pub kept: bool,
    /// No password was told the server in TLS whose certificate is not right.
    #[serde(default)]
    pub guarded: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
