//! `submission.toml`: how a submission differs from the default commands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::cast::{Command, about, placeholders};
use crate::sandbox;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::leaves_the_folder;
use harness_language::scenario::problem::{Problem, Problems, Source, nearest};

/// The name of the file.
pub const FILE: &str = "submission.toml";

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Who handed it in.
    pub student: Option<String>,
    /// Commands that build it, in order.
    pub build: Vec<Command>,
    /// Commands by task and role.
    pub tasks: BTreeMap<String, BTreeMap<String, Command>>,
}

/// How a program is started: one line, or a table.
#[derive(Debug, Clone)]
struct Entry(Command);

/// The table form of a command.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandTable {
    /// The command, split into words.
    #[serde(default)]
    run: Option<String>,
    /// A line for a shell.
    #[serde(default)]
    sh: Option<String>,
    /// Working directory below the submission's folder.
    #[serde(default)]
    cwd: Option<PathBuf>,
    /// Environment variables.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Lines that the program asks for on standard input, in order.
    #[serde(default)]
    stdin: Vec<String>,
    /// Text of the prompt after which the program reads.
    #[serde(default)]
    expect_prompt: Option<String>,
    /// The port that is built in.
    #[serde(default)]
    port: Option<u16>,
    /// What the task's placeholders stand for where it is not the usual: names of functions, a user that is built in.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// The folder below its own from which a server serves documents, if it is not its own.
    #[serde(default)]
    documents: Option<PathBuf>,
}

/// A command as a manifest has it: a line, or a table where a line does not say it all.
pub fn entry(command: &Command) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    let line = match command.shell {
        true => command.words.first().cloned().unwrap_or_default(),
        // Braces are no quotes' business.
        false => command.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    let mut keys = vec![format!("{} = {}", if command.shell { "sh" } else { "run" }, text(&line))];
    if !command.cwd.as_os_str().is_empty() {
        keys.push(format!("cwd = {}", text(&command.cwd.display().to_string())));
    }
    if !command.env.is_empty() {
        let pairs = command.env.iter().map(|(name, value)| format!("{name} = {}", text(value)));
        keys.push(format!("env = {{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
    }
    if !command.stdin.is_empty() {
        keys.push(format!("stdin = [{}]", command.stdin.iter().map(|line| text(line)).collect::<Vec<_>>().join(", ")));
    }
    if let Some(prompt) = &command.expect_prompt {
        keys.push(format!("expect-prompt = {}", text(prompt)));
    }
    if let Some(port) = command.port {
        keys.push(format!("port = {port}"));
    }
    if !command.values.is_empty() {
        let pairs = command.values.iter().map(|(name, value)| format!("{name} = {}", text(value)));
        keys.push(format!("values = {{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
    }
    if let Some(documents) = &command.documents {
        keys.push(format!("documents = {}", text(&documents.display().to_string())));
    }
    match (keys.len(), command.shell) {
        (1, false) => text(&line),
        _ => format!("{{ {} }}", keys.join(", ")),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:={}@+,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

/// The build of a folder, which replaces everything that is found without a manifest.
pub fn build_line(build: &[Command]) -> Option<String> {
    let commands: Vec<String> = build.iter().map(entry).collect();
    (!commands.is_empty()).then(|| format!("build = [{}]", commands.join(", ")))
}

/// Splits a command line into words.
///
/// # Errors
/// If a quote is left open or there is no word.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    match shlex::split(line) {
        Some(words) if !words.is_empty() => Ok(words),
        Some(_) => Err("the command is empty".to_owned()),
        None => Err(format!("a quote is left open in `{line}`")),
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command such as \"python3 server.py {port}\", or { run = \"…\", cwd = \"…\" }")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<Entry, E> {
                Ok(Entry(Command { words: words(line).map_err(E::custom)?, ..Command::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                let table = CommandTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let (words, shell) = match (&table.run, &table.sh) {
                    (Some(line), None) => (words(line).map_err(de::Error::custom)?, false),
                    (None, Some(line)) => (vec![line.clone()], true),
                    _ => {
                        return Err(de::Error::custom(
                            "give either `run` (split into words) or `sh` (a line for a shell)",
                        ));
                    }
                };
                let cwd = table.cwd.unwrap_or_default();
                let leaves = |folder: &Path| {
                    folder.is_absolute() || folder.components().any(|part| part == std::path::Component::ParentDir)
                };
                if leaves(&cwd) {
                    return Err(de::Error::custom("`cwd` is a folder below the submission's own"));
                }
                if table.documents.as_deref().is_some_and(leaves) {
                    return Err(de::Error::custom("`documents` is a folder below the one in which the server works"));
                }
                Ok(Entry(Command {
                    words,
                    shell,
                    cwd,
                    env: table.env,
                    stdin: table.stdin,
                    expect_prompt: table.expect_prompt,
                    port: table.port,
                    values: table.values,
                    documents: table.documents,
                }))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// One command or several.
struct Commands(Vec<Command>);

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Commands;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command such as \"make\", or a list of commands")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<Commands, E> {
                Ok(Commands(vec![Command { words: words(line).map_err(E::custom)?, ..Command::default() }]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Commands, A::Error> {
                let mut commands = Vec::new();
                while let Some(Entry(command)) = list.next_element()? {
                    commands.push(command);
                }
                Ok(Commands(commands))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Commands, A::Error> {
                let Entry(command) = Entry::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Commands(vec![command]))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

fn typed<'t, T: Deserialize<'t>>(source: &Arc<Source>, value: &Spanned<DeValue<'t>>) -> Result<T, Problem> {
    T::deserialize(ValueDeserializer::from(value.clone())).map_err(|error| {
        let span = value.span();
        let mut problem = Problem::from_toml(source, &error);
        if problem.span.is_empty() {
            problem.span = span;
        }
        problem
    })
}

/// What is wrong with a command that names what is not the submission's.
fn elsewhere(source: &Arc<Source>, value: &Spanned<DeValue<'_>>, command: &Command) -> Option<Problem> {
    let path = sandbox::leads_out(command)?;
    let help = "a command names files by their paths from the submission's folder, and programs that are installed";
    let title = format!("`{path}` lies outside of the submission");
    Some(Problem::new(source, value.span(), title).help(Some(help.to_owned())))
}

/// Placeholders that commands may hold.
const PLACEHOLDERS: [&str; 9] = ["host", "port", "local-port", "file", "user", "password", "name", "sentence", "line"];

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(source: &Arc<Source>, catalogue: &Catalogue) -> Result<Self, Problems> {
        let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
        let mut problems = Vec::new();
        let manifest = Self::of(source, tree.get_ref().iter(), catalogue, &mut problems);
        if problems.is_empty() { Ok(manifest) } else { Err(Problems(problems)) }
    }

    /// Takes a manifest out of these keys of a file; what is wrong is added to the problems.
    pub fn of<'a, 't: 'a>(
        source: &Arc<Source>,
        keys: impl Iterator<Item = (&'a Spanned<Cow<'t, str>>, &'a Spanned<DeValue<'t>>)>,
        catalogue: &Catalogue,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut manifest = Self::default();
        for (key, value) in keys {
            let outcome = match key.get_ref().as_ref() {
                "student" => typed(source, value).map(|student| manifest.student = Some(student)),
                "build" => typed::<Commands>(source, value).map(|Commands(build)| {
                    problems.extend(build.iter().filter_map(|command| elsewhere(source, value, command)));
                    manifest.build = build;
                }),
                _ => manifest.task(source, key, value, catalogue, problems),
            };
            if let Err(problem) = outcome {
                problems.push(problem);
            }
        }
        manifest
    }

    /// The same as a file has it; `below` stands before the names of its tables.
    pub fn text(&self, below: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.student.as_ref().map(|name| format!("student = {}", toml::Value::from(name.as_str()))));
        lines.extend(build_line(&self.build));
        for (task, roles) in &self.tasks {
            lines.push(format!("[{below}{task}]"));
            lines.extend(roles.iter().map(|(role, command)| format!("{role} = {}", entry(command))));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn task<'t>(
        &mut self,
        source: &Arc<Source>,
        key: &Spanned<Cow<'t, str>>,
        value: &Spanned<DeValue<'t>>,
        catalogue: &Catalogue,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let name = key.get_ref();
        let Some(task) = catalogue.task(name) else {
            let known = catalogue.tasks.iter().map(|task| task.id()).chain(["student", "build"]);
            let help = nearest(name, known).map_or_else(
                || "the tasks there are: see `harness list`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Problem::new(source, key.span(), format!("there is no task `{name}`")).help(Some(help)));
        };
        let Some(table) = value.get_ref().as_table() else {
            let help = format!("write\n[{name}]\nserver = \"…\"");
            return Err(Problem::new(source, value.span(), format!("`{name}` is a table of commands")).help(Some(help)));
        };
        let mut roles = BTreeMap::new();
        let mut port = None;
        for (role, value) in table {
            let known: Vec<&str> = task.file.roles.iter().map(|role| role.name.as_str()).collect();
            if role.get_ref() == "port" {
                port = Some(typed::<u16>(source, value)?);
                continue;
            }
            if !known.contains(&role.get_ref().as_ref()) {
                let help = nearest(role.get_ref(), known.iter().copied()).map_or_else(
                    || format!("its roles: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let title = format!("task `{name}` has no role `{}`", role.get_ref());
                problems.push(Problem::new(source, role.span(), title).help(Some(help)));
                continue;
            }
            let Entry(command) = typed(source, value)?;
            problems.extend(elsewhere(source, value, &command));
            // Besides the usual ones: what the task gives its programs.
            let own = task.role(role.get_ref());
            let values: Vec<&str> = own.iter().flat_map(|role| role.values.keys().map(String::as_str)).collect();
            for word in command.words.iter().chain(&command.stdin) {
                for placeholder in placeholders(word) {
                    let known: Vec<&str> = PLACEHOLDERS.into_iter().chain(values.iter().copied()).collect();
                    if !known.contains(&about(placeholder)) {
                        let list = || known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" ");
                        let help = nearest(placeholder, known.iter().copied())
                            .map_or_else(|| format!("known: {}", list()), |near| format!("did you mean `{{{near}}}`?"));
                        let title = format!("nothing fills in {{{placeholder}}}");
                        problems.push(Problem::new(source, value.span(), title).help(Some(help)));
                    }
                }
            }
            for name in command.values.keys().filter(|name| !values.contains(&name.as_str())) {
                let list = || match values.is_empty() {
                    true => format!("`{name}` of `{}` has none", key.get_ref()),
                    false => format!("known: {}", values.join(", ")),
                };
                let help =
                    nearest(name, values.iter().copied()).map_or_else(list, |near| format!("did you mean `{near}`?"));
                let title = format!("the task has no value `{name}`");
                problems.push(Problem::new(source, value.span(), title).help(Some(help)));
            }
            let serves = || task.meetings().get(&**role.get_ref()).is_some_and(|meeting| meeting.documents);
            if command.documents.is_some() && !serves() {
                let title =
                    format!("`documents` says nothing here: no files are asked of the {} of `{name}`", role.get_ref());
                problems.push(Problem::new(source, value.span(), title).help(Some("leave it out".to_owned())));
            }
            if command.values.get("file").is_some_and(|name| leaves_the_folder(name)) {
                let title = "the file lies below the folder in which the program works";
                problems.push(Problem::new(source, value.span(), title));
            }
            roles.insert(role.get_ref().to_string(), command);
        }
        for command in roles.values_mut() {
            command.port = command.port.or(port);
        }
        self.tasks.insert(name.to_string(), roles);
        Ok(())
    }
}

/// The JSON Schema of manifests.
pub fn schema() -> schemars::Schema {
    let table = schemars::schema_for!(CommandTable);
    let command = serde_json::json!({
        "oneOf": [{ "type": "string", "description": "A command, split into words; {host}, {port} and {file} are filled in." }, table]
    });
    schemars::json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "submission.toml",
        "type": "object",
        "properties": {
            "student": { "type": "string", "description": "Who handed it in." },
            "build": {
                "description": "What builds it: run once, offline, with a time limit of its own.",
                "oneOf": [command, { "type": "array", "items": command }]
            }
        },
        "additionalProperties": {
            "description": "A task: commands by role.",
            "type": "object",
            "properties": { "port": { "type": "integer", "minimum": 1, "maximum": 65535, "description": "The port that is built in." } },
            "additionalProperties": command
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn what_is_written_is_read() {
        let catalogue = Catalogue::built_in().expect("the built-in catalogue");
        let command = Command {
            words: ["python3", "my server.py", "{port}"].map(str::to_owned).to_vec(),
            cwd: "Q 1".into(),
            env: BTreeMap::from([("PYTHONPATH".to_owned(), "..".to_owned())]),
            stdin: vec!["{host}".to_owned()],
            expect_prompt: Some("> ".to_owned()),
            port: Some(12_000),
            values: BTreeMap::from([("name".to_owned(), "bea".to_owned())]),
            ..Command::default()
        };
        let plain = Command { words: vec!["./client".to_owned(), "{host}".to_owned()], ..Command::default() };
        let roles = BTreeMap::from([("client".to_owned(), command), ("server".to_owned(), plain.clone())]);
        let manifest = Manifest {
            student: Some("ada \"a\"".to_owned()),
            build: vec![plain],
            tasks: BTreeMap::from([("chat-room".to_owned(), roles)]),
        };
        let text = manifest.text("");
        assert!(text.contains("\nserver = \"./client {host}\"\n"), "{text}");
        assert_eq!(Manifest::read(&Source::new("submission.toml", text), &catalogue), Ok(manifest));
    }

    #[rstest]
    #[case("web-server", true)]
    #[case("message", false)]
    fn documents_are_said_where_they_are_served(#[case] task: &str, #[case] right: bool) {
        let catalogue = Catalogue::built_in().expect("the built-in catalogue");
        let text = format!("[{task}]\nserver = {{ run = \"./server {{port}}\", documents = \"pages\" }}\n");
        let read = Manifest::read(&Source::new("submission.toml", text), &catalogue);
        assert_eq!(read.is_ok(), right, "{read:?}");
    }
}
