//! Hand-ins of strangers against stated truths: which programs a right grader takes, and what it fails.
//!
//! The list and the folders stay outside the repository. A folder is opened and graded in a process of its own
//! ([`look`]), whose [`Seen`] is then judged ([`judge`]) without a look at anything else.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::grade::{Filter, Options, Rubric, Subject, grade};
use crate::report::model::Status;
use crate::submission::open::{self, OpenError, Opened, Request};
use crate::submission::{Command, manifest};
use harness_language::catalogue::Catalogue;
use harness_language::catalogue::model::Level;
pub use table::render;

/// A list of hand-ins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The hand-ins.
    #[serde(rename = "hand-in")]
    pub hand_ins: Vec<HandIn>,
}

/// A hand-in, and the truth about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HandIn {
    /// What is graded, from the folder of the list.
    pub folder: PathBuf,
    /// The task that it is graded for.
    pub task: String,
    /// The language that it is written in.
    pub language: String,
    /// The right programs, one table for each choice; none: there are no right ones.
    #[serde(default)]
    pub right: Vec<Right>,
    /// Nothing is stated about the verdicts.
    #[serde(default)]
    pub verdicts_unknown: bool,
    /// Something to know about it.
    #[serde(default)]
    pub note: String,
}

/// Right programs, and what a right grader fails of them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Right {
    /// Ids of requirements, without the task's.
    #[serde(default)]
    pub fails: BTreeSet<String>,
    /// Those that it fails or leaves undecided: what they need may fail first.
    #[serde(default)]
    pub either: BTreeSet<String>,
    /// Their files by role.
    #[serde(flatten)]
    pub files: BTreeMap<String, PathBuf>,
}

/// What came of looking at a hand-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It was graded.
    Graded {
        /// By role: files that the command may be about, without their extension.
        programs: BTreeMap<String, Vec<PathBuf>>,
        /// What is said of each requirement, by its id without the task's.
        verdicts: BTreeMap<String, Verdict>,
    },
    /// The grader asks which programs are meant.
    Asked(String),
    /// The grader says that there is nothing to grade.
    NotGradable(String),
    /// The grader failed, or took too long.
    Broken(String),
}

/// A verdict and its reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    /// The requirement's level.
    pub level: Level,
    /// The verdict.
    pub status: Status,
    /// Why, as the report says it.
    pub why: String,
}

/// How the programs were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// The right ones were taken.
    Right,
    /// The grader asked.
    Asked,
    /// Only some of the right ones were taken.
    Half,
    /// A program that is not right was taken.
    Wrong,
    /// Nothing was graded.
    NotGradable,
    /// There is no right program, and nothing was graded.
    RightlyNone,
    /// The grader failed, or took too long.
    Broken,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The hand-in.
    pub hand_in: HandIn,
    /// How its programs were found.
    pub found: Found,
    /// What was taken or said, in one line.
    pub how: String,
    /// Musts whose verdict is as stated.
    pub right: usize,
    /// Musts that are failed and should not be.
    pub false_fails: BTreeMap<String, Verdict>,
    /// Requirements that pass and should be failed.
    pub false_passes: BTreeSet<String>,
    /// Requirements that should be failed and are left undecided.
    pub missed: BTreeMap<String, Verdict>,
    /// Musts that should pass and are left undecided.
    pub undecided: BTreeMap<String, Verdict>,
    /// Wall-clock seconds.
    pub seconds: u64,
}

/// Opens a hand-in, and grades it unless only its `programs` are asked for.
pub fn look(catalogue: &Catalogue, folder: &Path, hand_in: &HandIn, options: &Options, programs: bool) -> Seen {
    let target = folder.join(&hand_in.folder);
    let request = Request { target: Some(target), tasks: vec![hand_in.task.clone()], ..Request::default() };
    let opened = match open::open(&request, catalogue, &options.setup) {
        Ok(opened) => opened,
        Err(OpenError::Ambiguous(why) | OpenError::Asked(why)) => return Seen::Asked(why),
        Err(OpenError::NotGradable(why)) => return Seen::NotGradable(why),
        Err(other) => return Seen::Broken(other.to_string()),
    };
    let parts = opened.casts.get(&hand_in.task).map(|cast| &cast.parts);
    let taken = parts.into_iter().flatten().map(|(role, part)| (role.clone(), files_of(&part.command))).collect();
    let verdicts = if programs { BTreeMap::new() } else { verdicts(catalogue, hand_in, &opened, options) };
    Seen::Graded { programs: taken, verdicts }
}

fn verdicts(catalogue: &Catalogue, hand_in: &HandIn, opened: &Opened, options: &Options) -> BTreeMap<String, Verdict> {
    let filter = Filter { tasks: vec![hand_in.task.clone()], ..Filter::default() };
    let subject = Subject::of(opened, hand_in.folder.display().to_string());
    let graded = grade(catalogue, &subject, &filter, &Rubric::default(), options, &|_, _, _| {});
    let verdicts = graded.report.tasks.into_iter().flat_map(|task| task.requirements).map(|requirement| {
        let run = requirement.runs.iter().find(|run| run.status == requirement.status);
        let why = run.map(|run| match &run.skip_reason {
            Some(why) => format!("{}: {why}", run.id),
            None => format!("{}: {}", run.id, run.why()),
        });
        let id = requirement.id.split_once('.').map_or(requirement.id.as_str(), |(_, id)| id).to_owned();
        (id, Verdict { level: requirement.level, status: requirement.status, why: why.unwrap_or_default() })
    });
    verdicts.collect()
}

/// The files that a command may be about, below the submission and without their extension.
fn files_of(command: &Command) -> Vec<PathBuf> {
    let split = command.shell.then(|| command.words.first().and_then(|line| manifest::words(line).ok())).flatten();
    let words = split.as_ref().unwrap_or(&command.words);
    // `java` is told a class: what stands after the last dot is its file.
    let is_java = words.first().is_some_and(|word| word == "java");
    let file = |word: &String| match is_java {
        true => command.cwd.join(word.replace('.', "/")),
        false => bare(&command.cwd.join(word)),
    };
    words.iter().filter(|word| !word.starts_with('{') && !word.starts_with("-")).map(file).collect()
}

/// A path without its extension and without `.`.
fn bare(path: &Path) -> PathBuf {
    path.with_extension("").components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// Whether one of the files is the right one. What a build made elsewhere is known by its name.
fn is_among(right: &Path, files: &[PathBuf]) -> bool {
    let right = bare(right);
    files.iter().any(|file| *file == right || right.ends_with(file))
}

/// Judges what was seen by what is true.
pub fn judge(hand_in: &HandIn, seen: &Seen, seconds: u64) -> Row {
    let mut row = Row {
        hand_in: hand_in.clone(),
        found: Found::Broken,
        how: String::new(),
        right: 0,
        false_fails: BTreeMap::new(),
        false_passes: BTreeSet::new(),
        missed: BTreeMap::new(),
        undecided: BTreeMap::new(),
        seconds,
    };
    let nothing = if hand_in.right.is_empty() { Found::RightlyNone } else { Found::NotGradable };
    let (programs, verdicts) = match seen {
        Seen::Graded { programs, verdicts } => (programs, verdicts),
        Seen::Asked(why) => {
            let found = if hand_in.right.is_empty() { Found::RightlyNone } else { Found::Asked };
            return Row { found, how: why.clone(), ..row };
        }
        Seen::NotGradable(why) => return Row { found: nothing, how: why.clone(), ..row },
        Seen::Broken(why) => return Row { how: why.clone(), ..row },
    };
    let taken = |(role, files): (&String, &Vec<PathBuf>)| {
        let file = files.iter().max_by_key(|file| file.components().count());
        format!("{role}: {}", file.map(|file| file.display().to_string()).unwrap_or_default())
    };
    row.how = programs.iter().map(taken).collect::<Vec<_>>().join(", ");
    // Roles of different choices may be taken together: a client in C and a server in Go.
    let choices: Vec<&Right> = hand_in
        .right
        .iter()
        .filter(|right| {
            right.files.iter().any(|(role, file)| programs.get(role).is_some_and(|files| is_among(file, files)))
        })
        .collect();
    let is_right = |(role, files): (&String, &Vec<PathBuf>)| {
        choices.iter().any(|right| right.files.get(role).is_some_and(|file| is_among(file, files)))
    };
    row.found = match programs.is_empty() {
        true => nothing,
        false if !programs.iter().all(is_right) => Found::Wrong,
        false if choices.iter().any(|right| right.files.keys().all(|role| programs.contains_key(role))) => Found::Right,
        false => Found::Half,
    };
    if hand_in.verdicts_unknown || !matches!(row.found, Found::Right | Found::Half) {
        return row;
    }
    let should_fail = |id: &String| choices.iter().any(|right| right.fails.contains(id));
    let either = |id: &String| choices.iter().any(|right| right.either.contains(id));
    let must_fail = |id: &String| choices.iter().all(|right| right.fails.contains(id));
    for (id, verdict) in verdicts {
        let is_must = verdict.level == Level::Must;
        match verdict.status {
            Status::Fail if should_fail(id) || either(id) => row.right += usize::from(is_must),
            Status::Fail if is_must => {
                row.false_fails.insert(id.clone(), verdict.clone());
            }
            Status::Pass if must_fail(id) => {
                row.false_passes.insert(id.clone());
            }
            Status::Pass => row.right += usize::from(is_must),
            _ if must_fail(id) => {
                row.missed.insert(id.clone(), verdict.clone());
            }
            _ if either(id) => row.right += usize::from(is_must),
            _ if is_must => {
                row.undecided.insert(id.clone(), verdict.clone());
            }
            _ => {}
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn hand_in() -> HandIn {
        let list: List = toml::from_str(
            r#"
            [[hand-in]]
            folder = "lab"
            task = "message"
            language = "C and Java"
            [[hand-in.right]]
            server = "c/server.c"
            client = "c/client.c"
            fails = ["twenty-kb"]
            either = ["truncates", "short-writes"]
            [[hand-in.right]]
            server = "src/net/Server.java"
            client = "src/net/Client.java"
            "#,
        )
        .unwrap();
        list.hand_ins.into_iter().next().unwrap()
    }

    fn part(cwd: &str, words: &str) -> Vec<PathBuf> {
        files_of(&Command {
            words: words.split(' ').map(str::to_owned).collect(),
            cwd: cwd.into(),
            ..Command::default()
        })
    }

    fn seen(parts: &[(&str, &str, &str)], verdicts: &[(&str, Level, Status)]) -> Seen {
        let verdict = |(id, level, status): &(&str, Level, Status)| {
            ((*id).to_owned(), Verdict { level: *level, status: *status, why: String::new() })
        };
        Seen::Graded {
            programs: parts.iter().map(|(role, cwd, words)| ((*role).to_owned(), part(cwd, words))).collect(),
            verdicts: verdicts.iter().map(verdict).collect(),
        }
    }

    #[rstest]
    #[case::right(&[("server", "c", "./server {port}"), ("client", "c", "./client")], Found::Right)]
    #[case::half(&[("server", "c", "./server {port}")], Found::Half)]
    #[case::another_folder(&[("server", "old", "./server"), ("client", "c", "./client")], Found::Wrong)]
    #[case::another_file(&[("server", "c", "./other"), ("client", "c", "./client")], Found::Wrong)]
    #[case::a_class(&[("server", "src", "java -cp . net.Server {port}"), ("client", "", "./c/client")], Found::Right)]
    #[case::nothing(&[], Found::NotGradable)]
    fn programs_are_right_or_not(#[case] parts: &[(&str, &str, &str)], #[case] found: Found) {
        assert_eq!(judge(&hand_in(), &seen(parts, &[]), 1).found, found);
    }

    #[test]
    fn verdicts_are_held_against_the_truth() {
        let verdicts = [
            ("twenty-kb", Level::Must, Status::Pass),
            ("queues", Level::Must, Status::Fail),
            ("endless", Level::Must, Status::Skip),
            ("full-buffer", Level::Should, Status::Skip),
            ("blocking", Level::May, Status::Fail),
            ("client-exits", Level::Must, Status::Pass),
            ("truncates", Level::Must, Status::Skip),
            ("short-writes", Level::Must, Status::Fail),
        ];
        let row = judge(&hand_in(), &seen(&[("server", "c", "./server"), ("client", "c", "./client")], &verdicts), 1);
        let names = |verdicts: &BTreeMap<String, Verdict>| verdicts.keys().cloned().collect::<Vec<_>>();
        assert_eq!(row.right, 3);
        assert_eq!(row.false_passes.iter().collect::<Vec<_>>(), ["twenty-kb"]);
        assert_eq!(names(&row.false_fails), ["queues"]);
        assert_eq!(names(&row.undecided), ["endless"]);
        assert!(row.missed.is_empty());
    }

    #[test]
    fn a_hand_in_without_right_programs_is_rightly_not_graded() {
        let none = HandIn { right: Vec::new(), ..hand_in() };
        assert_eq!(judge(&none, &Seen::NotGradable(String::new()), 1).found, Found::RightlyNone);
        assert_eq!(judge(&none, &seen(&[("server", "c", "./server")], &[]), 1).found, Found::Wrong);
    }

    #[test]
    fn the_table_says_what_came() {
        let verdicts = [("twenty-kb", Level::Must, Status::Fail), ("queues", Level::Must, Status::Fail)];
        let right = seen(&[("server", "c", "./server"), ("client", "c", "./client")], &verdicts);
        let rows = [
            judge(&hand_in(), &right, 3),
            judge(&hand_in(), &seen(&[("server", "", "./stale")], &[]), 2),
            judge(&hand_in(), &Seen::Asked("which?\n  a, b".to_owned()), 1),
        ];
        insta::assert_snapshot!(render(&rows));
    }
}
