//! What `task.toml` says: a task, its roles, its requirements. Data only.

use std::collections::BTreeMap;

pub use harness_verdict::Level;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::bytes::Payload;
use crate::scenario::model::{BackendName, Stream, TransportName};

/// One lab-sheet item (`scenarios/TASK/task.toml`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TaskFile {
    /// The id: also the folder's name.
    pub id: String,
    /// A short title.
    pub title: String,
    /// Section of the catalogue, `A` to `H`, and place in it; orders every listing.
    pub section: String,
    /// Its programs may have a real mail provider built in: one that names such a provider is not started where it could
    /// reach it.
    #[serde(default)]
    pub mail: bool,
    /// Numbers of the lab sheets that ask for it.
    pub sheets: Vec<String>,
    /// One sentence: what the programs do.
    pub summary: String,
    /// The programs that a submission consists of.
    pub roles: Vec<Role>,
    /// The task's own requirements.
    pub requirements: Vec<Requirement>,
    /// Requirements of `scenarios/common/` that the task takes over.
    #[serde(default)]
    pub common: Vec<CommonUse>,
    /// Values for `"$name"` in scenarios and openings, e.g. what the common ones need.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub parameters: BTreeMap<String, toml::Value>,
    /// Files in the programs' working directory in every scenario of the task.
    #[serde(default)]
    pub files: BTreeMap<String, Payload>,
    /// How a lone program is recognised as one of this task's.
    #[serde(default)]
    pub probe: Vec<Probe>,
    /// Conversations in which a program shows that it is one of this task's.
    #[serde(default)]
    pub sign: Vec<Sign>,
    /// Words by which a file or a source names the task: weak evidence, where nothing else tells programs apart.
    #[serde(default)]
    pub words: Vec<String>,
    /// Further words by which a whole submission names the task, of which its siblings have the same.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The task that this one asks all of, and more: a program that is like both is one of this one. It may be missing
    /// where only some tasks are there.
    #[serde(default)]
    pub beyond: Option<String>,
    /// How a program is met before it is judged, to learn how it tells where a message ends.
    #[serde(default)]
    pub meet: Vec<Meet>,
    /// What a capture shows in which the task's exchange can be seen (`harness capture`).
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// Scenarios of the pairing `own` that show whether one submission's client and another's server work together
    /// (`harness interop`). Left out: pairs of this task are not played.
    #[serde(default)]
    pub together: Vec<String>,
}

/// A first conversation with a program: played with each way of ending a message in turn, until
/// one is understood. A program that understands none, and whose other half was handed in as
/// well, speaks a language of its own and is judged with its other half only.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Meet {
    /// The role.
    pub role: String,
    /// The conversation: `openings/NAME.toml`.
    pub opening: String,
    /// Ways of ending a message, the likeliest first. Default: by line, bare, by the end of the
    /// stream.
    #[serde(default)]
    pub framings: Vec<FramingName>,
    /// Forms in which a proxy may be told a URL, the likeliest first. Default: the absolute form.
    #[serde(default)]
    pub urls: Vec<UrlForm>,
    /// Whether a proxy that understands none of these is met with sites at port 80 as well: it may go there whatever
    /// port the URL names.
    #[serde(default)]
    pub at_port_80: bool,
    /// Placeholders whose values a program may have built in: the texts of its source are tried.
    #[serde(default)]
    pub learns: Vec<String>,
    /// Whether a server that does not find the task's files where it works is tried with them in its other folders.
    #[serde(default)]
    pub documents: bool,
}

/// How a proxy is told the URL that it is to fetch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UrlForm {
    /// `GET http://host/path`, as browsers tell a proxy (RFC 9112, section 3.2.2).
    #[default]
    Absolute,
    /// `GET /host/path`, as in the textbook's exercise, where the browser takes the proxy for a web server.
    Path,
}

/// How a message that is sent to a program is marked as complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FramingName {
    /// Not at all: it takes what one read yields.
    Bare,
    /// By a line end.
    Line,
    /// By the end of the stream.
    End,
}

/// The exchange that the sheet asks for, as a capture shows it: the client's data, and what
/// the server sends back in the same conversation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evidence {
    /// The exchange in one sentence.
    pub shows: String,
    /// What carries it.
    pub transport: TransportName,
    /// Bytes that the client's data must have for the exchange to be whole; with fewer it is
    /// shown in part. Left out: any.
    #[serde(default)]
    pub whole: Option<u64>,
    /// What the server sends back.
    pub reply: Reply,
}

/// What a server sends back.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// No data.
    Nothing,
    /// What it was sent, with `a` to `z` as capitals; a line end more or less is let pass.
    Uppercase,
    /// Data that hold these bytes.
    Contains(Payload),
}

/// A program of a submission.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Role {
    /// First word of the default command.
    pub name: String,
    /// What kind of program it is.
    pub kind: RoleKind,
    /// What it speaks; without meaning for a `local` program.
    pub transport: TransportName,
    /// The default command after the program's name: `{port}` or `{host} {port}`.
    pub arguments: String,
    /// What the program reads on its standard input.
    #[serde(default)]
    pub input: Input,
    /// What placeholders other than `{host}` and `{port}` stand for where a scenario does not say. Several of a kind have
    /// commas between them; `{each-NAME}` is then as many words.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Placeholders whose values are secret: they are masked wherever a run is recorded.
    #[serde(default)]
    pub secrets: Vec<String>,
}

impl Role {
    /// Whether its program is told where to go, or where to listen. One that is not finds its way by itself, as a program
    /// that only looks up names does.
    pub fn is_led(&self) -> bool {
        ["{host}", "{port}", "{local-port}"].iter().any(|name| self.arguments.contains(name))
    }
}

/// Kinds of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleKind {
    /// Waits for others.
    Server,
    /// Contacts a server and ends.
    Client,
    /// Waits for others on `{local-port}`, and contacts `{host}` and `{port}` on their behalf.
    Relay,
    /// Looks at its own machine and ends: nobody comes to it, and it comes to nobody.
    Local,
}

impl RoleKind {
    /// Whether others come to it.
    pub fn listens(self) -> bool {
        matches!(self, Self::Server | Self::Relay)
    }
}

/// What a program reads on standard input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Nothing.
    #[default]
    None,
    /// A file (`< file`, or by its name, `{file}`).
    File,
    /// A text (`< file`). What `{file}` stands for is something else.
    Text,
    /// Lines that a person types.
    Lines,
}

/// What a submission must show.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requirement {
    /// The id within the task.
    pub id: String,
    /// The level.
    pub level: Level,
    /// The roles that it is judged for.
    pub roles: Vec<String>,
    /// One line: what is required.
    pub title: String,
    /// Points; default by level.
    #[serde(default)]
    pub points: Option<f64>,
    /// It is about the form of what is printed: a run that fails it on a terminal is played again on a pipe, where a program
    /// may print no prompt and no echo.
    #[serde(default)]
    pub again_on_a_pipe: bool,
    /// Only the simulated backend can decide it.
    #[serde(default)]
    pub sim_only: bool,
    /// The teaching text (`harness explain`): what goes wrong, why the protocol behaves so.
    pub teach: String,
    /// The heading of `handout.md` that treats it.
    pub handout: String,
    /// What to look at in one's own code; never the solution.
    pub look_at: String,
}

/// A common requirement that a task takes over.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommonUse {
    /// The id in `scenarios/common/task.toml`.
    pub id: String,
    /// The roles that it is judged for here.
    pub roles: Vec<String>,
    /// Backends that can play it with the programs of this task. Left out: all.
    #[serde(default)]
    pub backends: Option<Vec<BackendName>>,
}

/// One sign by which a program is recognised: what it does when it is spoken to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// The role that the sign speaks for.
    pub role: String,
    /// To a server: what is said to it. To a client: what it is given on standard input.
    pub say: Payload,
    /// To a client: what the server replies.
    #[serde(default)]
    pub answer: Option<Payload>,
    /// What it must answer (server) or send (client): it must contain this.
    #[serde(default)]
    pub replies: Option<Payload>,
    /// What it must print.
    #[serde(default)]
    pub prints: Option<Payload>,
    /// On which stream it prints.
    #[serde(default)]
    pub stream: Stream,
    /// Whether it must not answer anything on the connection.
    #[serde(default)]
    pub silent: bool,
    /// Client: whether it closes the connection by itself after sending, without a reply.
    #[serde(default)]
    pub closes: bool,
}

/// What a sign calls the first conversation with a role's program.
pub const MEETING: &str = "meeting";

/// A conversation by which a program is recognised: it plays a role of the task, and gets through.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sign {
    /// The role that the sign speaks for.
    pub role: String,
    /// A scenario of the task that judges the role, of which the first row is played; `meeting` for the first
    /// conversation (`[[meet]]`).
    pub scenario: String,
}

/// `scenarios/common/task.toml`: requirements that many tasks share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommonFile {
    /// Requirements that common scenarios need of the tasks that have them.
    #[serde(default)]
    pub optional_needs: Vec<String>,
    /// The requirements; `roles` names the kinds they fit (`server`, `client`).
    pub requirements: Vec<Requirement>,
}
