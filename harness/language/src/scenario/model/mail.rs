//! A peer that takes mail (SMTP), and what is expected of the dialogue and of the message.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::bytes::Payload;
use crate::scenario::duration::Limit;

/// A peer with a connection speaks as a mail server until the dialogue is over, and remembers it. It judges nothing:
/// that is for `expect-dialogue`, `expect-mail` and `expect-refusal-told`.
///
/// Each reply is held back until the programs wait, so that a program that goes on without it is found out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeMail {
    /// The peer.
    pub peer: String,
    /// Replies other than usual.
    #[serde(default)]
    pub replies: Vec<MailReply>,
    /// Ways to log in that the server offers with its reply to `EHLO`, in clear as well (RFC 4954). It takes every name
    /// and password. Left out: none, and `AUTH` is no command.
    #[serde(default)]
    pub auth: Vec<Mechanism>,
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
    /// Takes further connections as well, one after another, until the program has ended or waits for nothing of the
    /// peer's: some bring a message to each recipient on a connection of its own.
    #[serde(default)]
    pub further: bool,
}

/// A reply other than usual.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MailReply {
    /// To what.
    pub to: Moment,
    /// The reply's lines with `\n` between them: `"250-mail.example\n250 8BITMIME"`.
    pub say: String,
    /// Only the n-th time, counted from 1. Left out: each time.
    #[serde(default)]
    pub nth: Option<u32>,
    /// What the server does then.
    #[serde(default)]
    pub then: Afterwards,
    /// After a refusal the server goes on as if it had agreed, so that no later reply refuses in its place.
    #[serde(default)]
    pub all_the_same: bool,
}

/// What a mail server replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The connection.
    Connection,
    /// `HELO` or `EHLO`.
    Hello,
    /// `STARTTLS` (RFC 3207), which a server offers whose connection was accepted with `tls`.
    #[serde(rename = "starttls")]
    StartTls,
    /// `AUTH`, when name and password are there.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The text, ended by a line with a dot.
    Text,
    /// `QUIT`.
    Quit,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Name and password at once (RFC 4616).
    Plain,
    /// First the name, then the password, each when it is asked for.
    Login,
}

/// What a server does after a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Afterwards {
    /// It waits for the next command.
    #[default]
    GoOn,
    /// It closes the connection.
    Close,
    /// It begins TLS on the connection: what follows is a handshake. For the peers' own use.
    #[serde(skip)]
    Encrypt,
}

/// What is expected of the dialogue.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectDialogue {
    /// The peer that took the mail.
    pub peer: String,
    /// All of it came in order: `HELO` or `EHLO`, `MAIL`, `RCPT`, `DATA`, a text, `QUIT`.
    #[serde(default)]
    pub complete: bool,
    /// Nothing came before the reply to what was before it.
    #[serde(default)]
    pub waited: bool,
    /// Every line ended in CR LF, and neither stood alone.
    #[serde(default)]
    pub crlf: bool,
    /// After `QUIT` and its reply the program closed the connection.
    #[serde(default)]
    pub closed: bool,
    /// TLS was begun, and in clear nothing came but `HELO`, `EHLO`, `STARTTLS`, `NOOP`, `RSET` and `QUIT`.
    #[serde(default)]
    pub encrypted: bool,
    /// Name and password came over TLS and were taken; those that the program was told, if it can be told any.
    #[serde(default)]
    pub logged_in: bool,
    /// No name, password or mail was told the server in clear, or in TLS if its certificate is not right.
    #[serde(default)]
    pub guarded: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

impl ExpectDialogue {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        let Self { peer: _, complete, waited, crlf, closed, encrypted, logged_in, guarded, decides: _ } = self;
        ![complete, waited, crlf, closed, encrypted, logged_in, guarded].contains(&&true)
    }
}

/// What is expected of the message that came.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectMail {
    /// The peer that took the mail.
    pub peer: String,
    /// The sender that the server was told; not asked of a program that cannot be told one.
    #[serde(default)]
    pub from: Option<String>,
    /// A recipient that the server was told; likewise.
    #[serde(default)]
    pub to: Option<String>,
    /// The text is in it, whole and in one piece: as it came, or decoded from the part of the message that holds it.
    /// Line ends are not compared, nor empty lines at the end.
    #[serde(default)]
    pub text: Option<Payload>,
    /// A text that the program has built in will do as well.
    #[serde(default)]
    pub or_own_text: bool,
    /// The header has `From` and `To` with these addresses, and a `Subject`; an empty line ends it.
    #[serde(default)]
    pub header: bool,
    /// The part that holds the text says in which character set it is written.
    #[serde(default)]
    pub charset: bool,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}

/// The server has refused something, and the program says so and does not claim that all went well. To show the
/// server's reply is enough for a program that then does not go on as if nothing had happened.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectRefusalTold {
    /// The program.
    pub program: String,
    /// The peer that refused.
    pub peer: String,
    /// Bound for the program to end or to wait for ever. Default 5 s.
    #[serde(default)]
    pub within: Option<Limit>,
    /// Requirements that this step decides.
    #[serde(default)]
    pub decides: Vec<String>,
}
