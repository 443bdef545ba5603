//! A cast: the programs of one submission for one task, ready to be started, and what was
//! learned when they were first met.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::run::remains::Remains;
use harness_language::catalogue::model::{FramingName, Input, Role, RoleKind, UrlForm};
use harness_language::scenario::model::TransportName;

/// A command with placeholders such as `{port}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The words, or, for a shell, the whole line as one.
    pub words: Vec<String>,
    /// Whether a shell reads it.
    pub shell: bool,
    /// Working directory below the submission's folder.
    pub cwd: PathBuf,
    /// Environment variables besides the usual ones.
    pub env: BTreeMap<String, String>,
    /// Lines that the program asks for on standard input, in order.
    pub stdin: Vec<String>,
    /// Text of the prompt after which the program reads.
    pub expect_prompt: Option<String>,
    /// The port that is built in.
    pub port: Option<u16>,
    /// What the task's placeholders stand for, where it is not the usual: a name that is built in, say.
    pub values: BTreeMap<String, String>,
    /// The folder below its own from which it serves documents.
    pub documents: Option<PathBuf>,
}

/// A command with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The words, or, for a shell, the whole line as one.
    pub words: Vec<String>,
    /// Whether a shell reads it.
    pub shell: bool,
    /// Working directory below the submission's folder.
    pub cwd: PathBuf,
    /// Environment variables besides the usual ones.
    pub env: BTreeMap<String, String>,
    /// The name of the input file, if the program is told it or has it built in; else the file is its standard input.
    pub names_file: Option<String>,
    /// The program is told a host.
    pub names_host: bool,
}

/// The name under which a program finds its input file, where the command names it and the task has no other.
pub const INPUT_FILE: &str = "message.txt";

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shell {
            return f.write_str(self.words.first().map_or("", String::as_str));
        }
        let words = shlex::try_join(self.words.iter().map(String::as_str)).unwrap_or_else(|_| self.words.join(" "));
        f.write_str(&words)
    }
}

/// Why a command cannot be filled in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandError {
    /// A placeholder without a value.
    #[error("nothing gives {{{name}}} a value in `{command}`; known: {known}")]
    Placeholder {
        /// The placeholder.
        name: String,
        /// The command.
        command: String,
        /// Placeholders that have a value.
        known: String,
    },
    /// The submission has no such program.
    #[error("the submission has no {0}")]
    NoProgram(String),
}

/// Placeholders in a text.
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        let name = &rest[open + 1..open + close];
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_') {
            found.push(name);
        }
        rest = &rest[open + close..];
    }
    found
}

/// What stands before the name of a placeholder whose value is a list: `{each-to}` is one word for each part of `{to}`.
const EACH: &str = "each-";

/// The value that a placeholder is about.
pub fn about(placeholder: &str) -> &str {
    placeholder.strip_prefix(EACH).unwrap_or(placeholder)
}

/// The parts of a value that is a list: what stands between commas.
pub fn parts_of(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, CommandError> {
    let mut filled = text.to_owned();
    for name in placeholders(text) {
        let value = values.get(about(name)).ok_or_else(|| CommandError::Placeholder {
            name: name.to_owned(),
            command: text.to_owned(),
            known: values.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let each = || parts_of(value).collect::<Vec<_>>().join(" ");
        let value = if name == about(name) { value.clone() } else { each() };
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    Ok(filled)
}

/// The same, where `{each-NAME}` alone stands for several texts.
fn fill_each(text: &str, values: &BTreeMap<String, String>) -> Result<Vec<String>, CommandError> {
    let list = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).and_then(|name| name.strip_prefix(EACH));
    match list.and_then(|name| values.get(name)) {
        Some(value) => Ok(parts_of(value).map(str::to_owned).collect()),
        None => fill(text, values).map(|filled| vec![filled]),
    }
}

impl Command {
    /// Whether the program is told where to go on its standard input.
    pub fn asks_for_its_address(&self) -> bool {
        self.stdin.iter().any(|line| placeholders(line).iter().any(|name| ["host", "port"].contains(name)))
    }

    /// Whether the command tells the program anything.
    pub fn takes_arguments(&self) -> bool {
        self.words.iter().any(|word| !placeholders(word).is_empty())
    }

    /// Fills in the placeholders; `bare` leaves out the arguments that hold some, with the flags
    /// before them.
    ///
    /// # Errors
    /// If a placeholder has no value.
    pub fn invoke(&self, values: &BTreeMap<String, String>, bare: bool) -> Result<Invocation, CommandError> {
        let mut values = values.clone();
        values.entry("file".to_owned()).or_insert_with(|| INPUT_FILE.to_owned());
        let file = values["file"].clone();
        let texts = || self.words.iter().chain(&self.stdin).chain(self.env.values());
        let tells = |name: &str| texts().any(|text| placeholders(text).contains(&name));
        let mut words: Vec<String> = Vec::new();
        for (index, word) in self.words.iter().enumerate() {
            let holds = !placeholders(word).is_empty();
            if bare && holds {
                if index > 0 && words.last().is_some_and(|flag| flag.starts_with('-')) {
                    words.pop();
                }
                continue;
            }
            words.extend(fill_each(word, &values)?);
        }
        Ok(Invocation {
            words,
            shell: self.shell,
            cwd: self.cwd.clone(),
            // Braces in a variable may be the program's own affair.
            env: self
                .env
                .iter()
                .map(|(name, text)| (name.clone(), fill(text, &values).unwrap_or(text.clone())))
                .collect(),
            names_host: !bare && tells("host"),
            names_file: (tells("file") || self.values.contains_key("file")).then_some(file),
        })
    }
}

/// How a program tells where a message ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// It takes what one read yields.
    #[default]
    Bare,
    /// By line.
    Line,
    /// By the end of the stream.
    End,
}

impl From<FramingName> for Framing {
    fn from(name: FramingName) -> Self {
        match name {
            FramingName::Bare => Self::Bare,
            FramingName::Line => Self::Line,
            FramingName::End => Self::End,
        }
    }
}

/// Where a server has its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The folder, below that in which the server works.
    pub folder: PathBuf,
    /// What stands before a document's name in a URL: `/files`, or nothing.
    pub prefix: String,
}

/// What was learned when a program was first met.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meeting {
    /// The port that it uses whatever it is told.
    pub fixed_port: Option<u16>,
    /// The host that it goes to whatever it is told.
    pub fixed_host: Option<IpAddr>,
    /// Where it goes whatever it is told (a relay).
    pub target: Option<SocketAddr>,
    /// Where its documents are, if not where it works (a server).
    pub documents: Option<Documents>,
    /// The folder outside of what was handed in where it looks for them (a server).
    pub elsewhere: Option<String>,
    /// Names that it looked up.
    pub names: Vec<String>,
    /// In which way it does not keep to the address that it was given.
    pub strays: Option<String>,
    /// How it tells where a message ends.
    pub framing: Framing,
    /// How it is told a URL (a proxy).
    pub url_form: UrlForm,
    /// It goes to port 80 whatever port a URL names (a proxy).
    pub port_80: bool,
    /// What it sends after a message besides a line end (a client).
    pub suffix: Vec<u8>,
    /// The first that it sent (a client).
    pub sent: Vec<u8>,
    /// Nothing made it answer (a server that should).
    pub mute: bool,
    /// It was seen to understand plain text, or to send it.
    pub heard: bool,
    /// Why only its own other half understands it.
    pub private: Option<String>,
    /// What placeholders were found to stand for.
    pub values: BTreeMap<String, String>,
    /// Placeholders that the program has nothing for.
    pub lacks: BTreeSet<String>,
    /// What was noticed and costs nothing.
    pub findings: Vec<String>,
    /// What it left, if it ended before it could be met.
    pub fell: Option<Remains>,
}

/// One program of a cast.
#[derive(Debug, Clone)]
pub struct Part {
    /// How it is started.
    pub command: Command,
    /// What kind of program the role is.
    pub kind: RoleKind,
    /// What it speaks.
    pub transport: TransportName,
    /// What it reads on standard input.
    pub input: Input,
    /// What placeholders other than host and port stand for by default.
    pub values: BTreeMap<String, String>,
    /// Placeholders whose values are secret.
    pub secrets: Vec<String>,
    /// What was learned.
    pub meeting: Meeting,
    /// Where it already runs, if the harness does not start it (`--attach`).
    pub attached: Option<SocketAddr>,
}

impl Part {
    /// A part of this role, not met yet.
    pub fn new(role: &Role, command: Command) -> Self {
        let meeting = Meeting { fixed_port: command.port, ..Meeting::default() };
        let mut values = role.values.clone();
        values.extend(command.values.clone());
        Self {
            command,
            kind: role.kind,
            transport: role.transport,
            input: role.input,
            values,
            secrets: role.secrets.clone(),
            meeting,
            attached: None,
        }
    }
}

impl Part {
    fn with_defaults(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = self.values.clone();
        all.extend(values.clone());
        all
    }
}

/// The programs of one submission for one task.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// The folder that holds them, built; copied for each run.
    pub root: PathBuf,
    /// By role.
    pub parts: BTreeMap<String, Part>,
}

impl Cast {
    /// The command of a role, filled in.
    ///
    /// # Errors
    /// If there is no such program or a placeholder has no value.
    pub fn invocation(
        &self,
        role: &str,
        values: &BTreeMap<String, String>,
        bare: bool,
    ) -> Result<Invocation, CommandError> {
        let part = self.parts.get(role).ok_or_else(|| CommandError::NoProgram(role.to_owned()))?;
        let mut invocation = part.command.invoke(&part.with_defaults(values), bare)?;
        if part.input == Input::Text {
            invocation.names_file = None;
        }
        Ok(invocation)
    }

    /// Names and texts of the values that must not be shown: the role's secrets, and those that a scenario adds.
    pub fn secrets(&self, role: &str, values: &BTreeMap<String, String>, more: &[String]) -> BTreeMap<String, String> {
        let Some(part) = self.parts.get(role) else { return BTreeMap::new() };
        let mut all = part.with_defaults(values);
        all.retain(|name, _| part.secrets.contains(name) || more.contains(name));
        all
    }

    /// What a placeholder stands for in this start of a role's program.
    pub fn usual(&self, role: &str, values: &BTreeMap<String, String>, name: &str) -> Option<String> {
        values.get(name).or_else(|| self.parts.get(role)?.values.get(name)).cloned()
    }

    /// What the program asks for before anything else, filled in.
    pub fn answers(&self, role: &str, values: &BTreeMap<String, String>) -> Vec<String> {
        let Some(part) = self.parts.get(role) else { return Vec::new() };
        let mut values = part.with_defaults(values);
        values.entry("file".to_owned()).or_insert_with(|| INPUT_FILE.to_owned());
        let own = part
            .command
            .stdin
            .iter()
            .take_while(|line| !placeholders(line).iter().any(|name| ["sentence", "line"].contains(name)));
        own.filter_map(|line| fill_each(line, &values).ok()).flatten().collect()
    }

    /// Whether the role's program is told its address.
    pub fn takes_arguments(&self, role: &str) -> bool {
        self.parts.get(role).is_some_and(|part| part.command.takes_arguments())
    }

    /// Whether the role's program is told this value.
    pub fn takes(&self, role: &str, placeholder: &str) -> bool {
        let command = self.parts.get(role).map(|part| &part.command);
        command.is_some_and(|command| {
            let texts = command.words.iter().chain(&command.stdin).chain(command.env.values());
            texts.flat_map(|text| placeholders(text)).any(|name| about(name) == placeholder)
        })
    }

    /// Whose value a placeholder is: the judged program's, or that of the one beside it that has such a value.
    pub fn owner_of<'c>(&'c self, judged: &'c str, placeholder: &str) -> &'c str {
        let has = |part: &Part| part.values.contains_key(placeholder);
        let judged_has = self.parts.get(judged).is_some_and(has);
        let other = self.parts.iter().find(|(_, part)| !judged_has && has(part));
        other.map_or(judged, |(role, _)| role)
    }

    /// What stands before the name of a document in a URL at this role's program.
    pub fn prefix(&self, role: &str) -> &str {
        let documents = self.parts.get(role).and_then(|part| part.meeting.documents.as_ref());
        documents.map_or("", |documents| &documents.prefix)
    }

    /// What kind of program a role is.
    pub fn kind(&self, role: &str) -> Option<RoleKind> {
        self.parts.get(role).map(|part| part.kind)
    }

    /// The port to which a relay goes whatever it is told.
    pub fn target_port(&self, role: &str) -> Option<u16> {
        self.parts.get(role).and_then(|part| part.meeting.target).map(|target| target.port())
    }

    /// Whether others come to a role's program.
    pub fn listens(&self, role: &str) -> bool {
        self.kind(role).is_some_and(RoleKind::listens)
    }

    /// What a role speaks.
    pub fn transport(&self, role: &str) -> TransportName {
        self.parts.get(role).map_or(TransportName::Tcp, |part| part.transport)
    }

    /// The port that a role's program uses whatever it is told.
    pub fn fixed_port(&self, role: &str) -> Option<u16> {
        self.parts.get(role).and_then(|part| part.meeting.fixed_port)
    }

    /// In which way a role's program does not keep to its address.
    pub fn strays(&self, role: &str) -> Option<String> {
        self.parts.get(role).and_then(|part| part.meeting.strays.clone())
    }

    /// How a role's program tells where a message ends.
    pub fn framing(&self, role: &str) -> Framing {
        self.parts.get(role).map_or(Framing::Bare, |part| part.meeting.framing)
    }

    /// How a role's program is told a URL.
    pub fn url_form(&self, role: &str) -> UrlForm {
        self.parts.get(role).map_or(UrlForm::Absolute, |part| part.meeting.url_form)
    }

    /// Whether a role's program, a proxy, goes to port 80 whatever port a URL names.
    pub fn goes_to_port_80(&self, role: &str) -> bool {
        self.parts.get(role).is_some_and(|part| part.meeting.port_80)
    }

    /// Findings about a role's program from when it was met.
    pub fn findings(&self, role: &str) -> Vec<String> {
        self.parts.get(role).map(|part| part.meeting.findings.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn values() -> BTreeMap<String, String> {
        let all = [("host", "127.0.0.1"), ("port", "5000"), ("to", "b@x, c@y")];
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn command(words: &str) -> Command {
        Command { words: shlex::split(words).unwrap(), ..Command::default() }
    }

    #[test]
    fn fills_in_what_is_told_by_the_environment() {
        let env =
            BTreeMap::from([("PORT".to_owned(), "{port}".to_owned()), ("SETTINGS".to_owned(), "{own}".to_owned())]);
        let invocation = Command { env, ..command("./server") }.invoke(&values(), false).unwrap();
        assert_eq!((invocation.env["PORT"].as_str(), invocation.env["SETTINGS"].as_str()), ("5000", "{own}"));
    }

    #[rstest]
    #[case("./upload {host}", None, None)]
    #[case("./upload {host} {file}", None, Some("message.txt"))]
    #[case("./upload {host}", Some("notes.txt"), Some("notes.txt"))]
    #[case("./upload {host} {file}", Some("notes.txt"), Some("notes.txt"))]
    fn names_the_input_file(#[case] words: &str, #[case] built_in: Option<&str>, #[case] name: Option<&str>) {
        let own: BTreeMap<String, String> =
            built_in.map(|name| ("file".to_owned(), name.to_owned())).into_iter().collect();
        let mut values = values();
        values.extend(own.clone());
        let invocation = Command { values: own, ..command(words) }.invoke(&values, false).unwrap();
        assert_eq!((invocation.names_file.as_deref(), invocation.names_host), (name, true));
    }

    #[rstest]
    #[case("python3 server.py {port}", false, "python3 server.py 5000")]
    #[case("python3 server.py {port}", true, "python3 server.py")]
    #[case("./client --ip {host} -p {port} -v", false, "./client --ip 127.0.0.1 -p 5000 -v")]
    #[case("./client --ip {host} -p {port} -v", true, "./client -v")]
    #[case("./server --port={port}", false, "./server '--port=5000'")]
    #[case("'my server' {port}", false, "'my server' 5000")]
    #[case("./client {file}", false, "./client message.txt")]
    #[case("./mail {to} -a {file}", false, "./mail 'b@x, c@y' -a message.txt")]
    #[case("./mail {each-to} {file}", false, "./mail b@x c@y message.txt")]
    #[case("./mail {each-to}", true, "./mail")]
    #[case("./mail 'to {each-to}'", false, "./mail 'to b@x c@y'")]
    #[case("awk {print}x", false, "")]
    fn fills_in(#[case] words: &str, #[case] bare: bool, #[case] filled: &str) {
        match command(words).invoke(&values(), bare) {
            Ok(invocation) => assert_eq!(invocation.to_string(), filled),
            Err(error) => {
                assert_eq!(
                    error.to_string(),
                    "nothing gives {print} a value in `{print}x`; known: file, host, port, to"
                )
            }
        }
    }
}
