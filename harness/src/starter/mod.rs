//! Starters: for a task and a language, programs that build, run, and fail honestly.
//!
//! A few templates for each language, by what a program does with the network, are filled in with what the catalogue
//! says of the task. Owns the choice and the filling in; what stands in the folder is written elsewhere.

mod arguments;
mod language;
mod steps;

use std::collections::BTreeMap;

use harness_judging::shown::counted;
use include_dir::{Dir, include_dir};

use arguments::Argument;
use harness_language::catalogue::Task;
use harness_language::catalogue::model::{Role, RoleKind};
use harness_language::scenario::model::TransportName;
pub use language::Language;

/// The programs, one template for each language and shape.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/starter/templates");

/// What a program does with the network before anything of the task is done: which template it is.
fn shape(role: &Role) -> &'static str {
    match (role.kind, role.transport) {
        (RoleKind::Local, _) => "local",
        (RoleKind::Relay, _) => "relay",
        (RoleKind::Server, TransportName::Tcp) => "tcp-server",
        (RoleKind::Server, TransportName::Udp) => "udp-server",
        (RoleKind::Client, TransportName::Tcp) if role.is_led() => "tcp-client",
        (RoleKind::Client, TransportName::Udp) if role.is_led() => "udp-client",
        // It finds its way by itself: through the machine's name server.
        (RoleKind::Client, _) => "names",
    }
}

/// The files of a starter, by their path in its folder; `own` says that the task is one of the course's own, and not of
/// the built-in catalogue.
pub fn files(task: &Task, language: Language, own: bool) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for role in &task.file.roles {
        files.insert(language.source(&role.name), program(task, role, language));
    }
    for (name, text) in language.build_files(task) {
        files.insert(name, text);
    }
    files.insert("submission.toml".to_owned(), manifest(task, language));
    files.insert("handout.md".to_owned(), task.handout.clone());
    files.insert("README.md".to_owned(), readme(task, language, own));
    files
}

/// A template's text; there is one for every language and shape, which a test asserts.
fn template(name: &str) -> &'static str {
    TEMPLATES.get_file(name).and_then(|file| file.contents_utf8()).unwrap_or_default()
}

fn program(task: &Task, role: &Role, language: Language) -> String {
    let arguments = Argument::of(role);
    let has_host = arguments.iter().any(|argument| argument.variable(language) == "host");
    let code = arguments::code(&arguments, language, &command_line(role, &arguments, language));
    let values = [
        ("title", task.file.title.clone()),
        ("role", role.name.clone()),
        ("file", language.source(&role.name)),
        ("class", language::class(&role.name)),
        ("usage", command_line(role, &arguments, language)),
        ("bind-host", language.bind_host(has_host).to_owned()),
        ("bind-address", language.bind_address(has_host).to_owned()),
    ];
    let text = fill(template(&format!("{}/{}", language.name(), shape(role))), &values);
    let todo: Vec<String> =
        steps::todo(task, role).into_iter().map(|line| format!("{} {line}", language.comment())).collect();
    insert(&insert(&text, "arguments", &code), "todo", &todo)
}

/// How a program is called, for its reader.
fn command_line(role: &Role, arguments: &[Argument], language: Language) -> String {
    let words = std::iter::once(language.command(&role.name)).chain(arguments.iter().map(Argument::usage));
    words.collect::<Vec<_>>().join(" ")
}

fn manifest(task: &Task, language: Language) -> String {
    let mut text = String::new();
    if let Some(build) = language.build(task) {
        text.push_str(&format!("build = \"{build}\"\n\n"));
    }
    text.push_str(&format!("[{}]\n", task.id()));
    for role in &task.file.roles {
        let line = format!("{} {}", language.command(&role.name), role.arguments);
        text.push_str(&format!("{} = \"{}\"\n", role.name, line.trim()));
    }
    text
}

fn readme(task: &Task, language: Language, own: bool) -> String {
    let files: Vec<String> = task.file.roles.iter().map(|role| format!("`{}`", language.source(&role.name))).collect();
    let programs = format!("{}, {}", counted(task.file.roles.len(), "program"), files.join(" and "));
    let first = task.file.requirements.first().map(|requirement| task.full_id(requirement)).unwrap_or_default();
    let values = [
        ("title", task.file.title.clone()),
        ("summary", task.file.summary.clone()),
        ("programs", programs),
        ("language-name", language.title().to_owned()),
        ("tools", language.tools().to_owned()),
        ("first", first),
        ("options", if own { "--scenarios TASKS " } else { "" }.to_owned()),
    ];
    let runs = task
        .file
        .roles
        .iter()
        .map(|role| format!("    {}", command_line(role, &Argument::of(role), language)))
        .collect::<Vec<_>>();
    let build = match language.build(task) {
        Some(line) => vec![format!("    {line}")],
        None => vec!["There is nothing to build.".to_owned()],
    };
    let text = fill(template("README.md"), &values);
    let text = insert(&insert(&text, "build", &build), "runs", &runs);
    let tasks =
        if own { vec!["`TASKS` is the folder of tasks that your course gives out.".to_owned()] } else { Vec::new() };
    insert(&insert(&text, "tasks", &tasks), "steps", &steps::list(task))
}

/// Puts values in the places of `@name@`.
fn fill(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

/// Puts lines, indented alike, in the place of the line that is `@name@`; without any, the place closes.
fn insert(text: &str, name: &str, lines: &[String]) -> String {
    let mark = format!("@{name}@");
    let mut whole = String::new();
    for line in text.lines() {
        if line.trim() != mark {
            whole.push_str(line);
            whole.push('\n');
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        for line in lines {
            whole.push_str(if line.is_empty() { "" } else { indent });
            whole.push_str(line);
            whole.push('\n');
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::catalogue::Catalogue;
    use rstest::rstest;

    #[test]
    fn everything_is_filled_in_for_every_task_and_language() {
        let catalogue = Catalogue::built_in().expect("the catalogue");
        for task in &catalogue.tasks {
            for language in Language::ALL {
                for role in &task.file.roles {
                    let name = format!("{}/{}", language.name(), shape(role));
                    assert!(TEMPLATES.get_file(&name).is_some(), "there is no template {name}");
                }
                for (name, text) in files(task, language, false) {
                    assert!(!text.is_empty(), "{} {name}", task.id());
                    let left = text.lines().find(|line| line.contains('@') && unfilled(line));
                    assert_eq!(left, None, "{} {name}", task.id());
                }
            }
        }
    }

    /// Whether a line holds a word between at-signs; addresses have one of them only.
    fn unfilled(line: &str) -> bool {
        line.split('@').skip(1).step_by(2).any(|word| {
            line.contains(&format!("@{word}@")) && !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
        })
    }

    #[rstest]
    #[case("uppercase-tcp", Language::Python)]
    #[case("chat-direct", Language::C)]
    #[case("port-forward", Language::Java)]
    #[case("mail-attach", Language::Go)]
    #[case("uppercase-udp", Language::Rust)]
    #[case("mx-lookup", Language::Node)]
    fn a_starter_reads_well(#[case] task: &str, #[case] language: Language) {
        let catalogue = Catalogue::built_in().expect("the catalogue");
        let task = catalogue.task(task).expect("a task");
        let mut whole = String::new();
        for (name, text) in files(task, language, false).into_iter().filter(|(name, _)| name != "handout.md") {
            whole.push_str(&format!("==> {name} <==\n{text}\n"));
        }
        insta::assert_snapshot!(format!("{}_{}", task.id(), language.name()), whole);
    }
}
