//! Who plays what in a whole class, in one file: proposed from what was seen, edited by the instructor, graded by.
//!
//! Submissions that are cast alike stand in one `[[cast]]`, so that one answer serves all of them. A question that one
//! submission leaves open may be answered by the others: where the same file name plays the role in enough of them, by
//! what it did there, it is proposed. Grading without the file never looks at others, so that a verdict depends on
//! nobody else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use harness_judging::shown::counted;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::report::escape::line;
use crate::submission::findings::Unused;
use crate::submission::manifest::{self, Manifest};
use crate::submission::open::Proposal;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::problem::{Problem, Problems, Source, nearest};

/// In so many others a file name plays a role before it is proposed where the question is open.
const ENOUGH: usize = 3;

/// The key of the tables, and of the names in each.
const CAST: &str = "cast";
const SUBMISSIONS: &str = "submissions";

/// What an instructor says of a class's submissions.
#[derive(Debug, Clone)]
pub struct Casts {
    source: Arc<Source>,
    /// By the submission's name: where that stands in the file, and who plays what.
    of: BTreeMap<String, (std::ops::Range<usize>, Arc<Manifest>)>,
}

impl Casts {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(source: &Arc<Source>, catalogue: &Catalogue) -> Result<Self, Problems> {
        let tree = DeTable::parse(&source.text).map_err(|error| Problem::from_toml(source, &error))?;
        let mut problems = Vec::new();
        let mut casts = Self { source: Arc::clone(source), of: BTreeMap::new() };
        for (key, value) in tree.get_ref() {
            match value.get_ref() {
                DeValue::Array(tables) if key.get_ref() == CAST => casts.add(tables, catalogue, &mut problems),
                _ => {
                    let title = format!("`{}` is not known here", key.get_ref());
                    let help = format!("write\n[[{CAST}]]\n{SUBMISSIONS} = [\"…\"]\n[{CAST}.TASK]\nserver = \"…\"");
                    problems.push(Problem::new(source, key.span(), title).help(Some(help)));
                }
            }
        }
        if problems.is_empty() { Ok(casts) } else { Err(Problems(problems)) }
    }

    fn add(&mut self, tables: &DeArray<'_>, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
        let source = Arc::clone(&self.source);
        for value in tables {
            let DeValue::Table(table) = value.get_ref() else {
                problems.push(Problem::new(&source, value.span(), format!("write [[{CAST}]]")));
                continue;
            };
            let is_names = |key: &Spanned<Cow<'_, str>>| key.get_ref() == SUBMISSIONS;
            let rest = table.iter().filter(|(key, _)| !is_names(key));
            let manifest = Arc::new(Manifest::of(&source, rest, catalogue, problems));
            let names = table.iter().find(|(key, _)| is_names(key)).map(|(_, names)| names);
            let listed = names.and_then(|names| names.get_ref().as_array());
            let Some(listed) = listed else {
                let span = names.map_or_else(|| value.span(), Spanned::span);
                let help = format!("add {SUBMISSIONS} = [\"…\"] with the names of those that are cast like this");
                let title = format!("`{SUBMISSIONS}` is a list of names");
                problems.push(Problem::new(&source, span, title).help(Some(help)));
                continue;
            };
            for name in listed {
                let Some(text) = name.get_ref().as_str() else {
                    problems.push(Problem::new(&source, name.span(), "the name of a submission is a text"));
                    continue;
                };
                if self.of.insert(text.to_owned(), (name.span(), Arc::clone(&manifest))).is_some() {
                    let help = "leave it in one of them".to_owned();
                    let title = format!("`{text}` stands in two casts");
                    problems.push(Problem::new(&source, name.span(), title).help(Some(help)));
                }
            }
        }
    }

    /// Who plays what in a submission. A question that nobody answered says nothing.
    pub fn of(&self, name: &str) -> Option<&Arc<Manifest>> {
        self.of.get(name).map(|(_, manifest)| manifest).filter(|manifest| !manifest.tasks.is_empty())
    }

    /// Every name has to be a submission's: what is misspelt would be graded by something else.
    ///
    /// # Errors
    /// The names that are none.
    pub fn check(&self, names: &BTreeSet<&str>) -> Result<(), Problems> {
        let strangers = self.of.iter().filter(|(name, _)| !names.contains(name.as_str()));
        let problems: Vec<Problem> = strangers
            .map(|(name, (span, _))| {
                let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                Problem::new(&self.source, span.clone(), format!("there is no submission `{name}`")).help(near)
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

/// What was found of a submission: what would be graded, or why nothing.
pub type Found = Result<Proposal, String>;

/// A proposal as it is written, and its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The file.
    pub text: String,
    /// Submissions of which every role is cast.
    pub cast: usize,
    /// Submissions with an open question, and different questions.
    pub open: (usize, usize),
    /// Submissions with their own `submission.toml`.
    pub own: usize,
    /// Submissions of which nothing was found.
    pub nothing: usize,
}

/// A role of a task for which several programs stand alike.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    task: String,
    role: String,
    /// How each would be started, as the file has it.
    entries: Vec<String>,
}

/// Submissions that are cast alike.
struct Group<'f> {
    names: Vec<&'f str>,
    /// What one of them shows.
    first: &'f Proposal,
    /// What the others of the class answered.
    learned: Vec<String>,
    /// Programs without a role, and whose.
    unused: BTreeMap<&'f Unused, Vec<&'f str>>,
}

/// What makes two submissions alike.
type Alike = (Vec<Open>, Vec<String>, String);

/// Writes down what was found in a class; `grade` is the command that grades by it.
pub fn propose(found: &BTreeMap<String, Found>, grade: &str) -> Proposed {
    let known = known(found);
    let mut groups: BTreeMap<Alike, Group<'_>> = BTreeMap::new();
    let (mut own, mut nothing) = (Vec::new(), Vec::new());
    for (name, found) in found {
        match found {
            Err(why) => nothing.push((name, why.clone())),
            Ok(it) if !it.own && it.manifest.tasks.is_empty() && it.findings.questions.is_empty() => {
                let did =
                    it.findings.broken.iter().chain(&it.findings.unused).map(|it| format!("{} {}", it.file, it.why));
                nothing.push((name, did.collect::<Vec<_>>().join("; ")));
            }
            Ok(proposal) if proposal.own => own.push(name),
            Ok(proposal) => {
                let (manifest, open, learned) = answered(proposal, &known);
                let alike = (open, learned.clone(), manifest.text("cast."));
                let empty = Group { names: Vec::new(), first: proposal, learned, unused: BTreeMap::new() };
                let group = groups.entry(alike).or_insert(empty);
                group.names.push(name);
                for it in proposal.findings.broken.iter().chain(&proposal.findings.unused) {
                    group.unused.entry(it).or_default().push(name);
                }
            }
        }
    }
    let mut groups: Vec<(Alike, Group<'_>)> = groups.into_iter().collect();
    // What is to be done first; then what stands for many.
    groups.sort_by_key(|((open, ..), group)| {
        (open.is_empty(), group.learned.is_empty(), std::cmp::Reverse(group.names.len()), group.names[0])
    });
    let mut text = format!(
        "# What was found in each submission, and why. Mend what is wrong, and answer what is OPEN: take away the `#` of\n\
         # the line that is meant. Then grade by it:\n#   {}\n\
         # A submission that stands in no [[{CAST}]] is looked at when it is graded.\n",
        line(grade)
    );
    let count = |is_open: bool| {
        let of_kind = groups.iter().filter(|((open, ..), _)| open.is_empty() != is_open);
        (of_kind.clone().map(|(_, group)| group.names.len()).sum::<usize>(), of_kind.count())
    };
    let (cast, open) = (count(false).0, count(true));
    for (alike, group) in &groups {
        write(&mut text, alike, group);
    }
    if !own.is_empty() {
        text.push_str(&format!("\n# These say it themselves, in {}:\n", manifest::FILE));
    }
    own.iter().for_each(|name| text.push_str(&format!("#   {}\n", line(name))));
    if !nothing.is_empty() {
        text.push_str(
            "\n# Nothing that could be graded was found in these. If there is something, write a cast for them.\n",
        );
    }
    for (name, why) in &nothing {
        text.push_str(&format!("#   {}: {}\n", line(name), line(why.lines().next().unwrap_or_default())));
    }
    Proposed { text, cast, open, own: own.len(), nothing: nothing.len() }
}

/// In how many submissions a file of this name plays a role, by what it did.
type Known = BTreeMap<(String, String, String), usize>;

fn name_of(file: &str) -> String {
    Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn known(found: &BTreeMap<String, Found>) -> Known {
    let mut known = Known::new();
    let chosen = found.values().flatten().flat_map(|proposal| &proposal.findings.cast);
    for it in chosen.filter(|it| !it.by_name) {
        *known.entry((it.task.clone(), it.role.clone(), name_of(&it.file))).or_default() += 1;
    }
    known
}

/// What a submission's manifest says when the others of the class have answered what they can; what is still open, and
/// what they answered.
fn answered(proposal: &Proposal, known: &Known) -> (Manifest, Vec<Open>, Vec<String>) {
    let mut manifest = proposal.manifest.clone();
    let (mut open, mut learned) = (Vec::new(), Vec::new());
    for (question, commands) in proposal.findings.questions.iter().zip(&proposal.choices) {
        let times = |file: &str| {
            let key = (question.task.clone(), question.role.clone(), name_of(file));
            known.get(&key).copied().unwrap_or(0)
        };
        let likely: Vec<(usize, usize)> = question
            .candidates
            .iter()
            .enumerate()
            .map(|(at, it)| (at, times(&it.file)))
            .filter(|it| it.1 > 0)
            .collect();
        match likely[..] {
            [(at, times)] if times >= ENOUGH => {
                let roles = manifest.tasks.entry(question.task.clone()).or_default();
                roles.insert(question.role.clone(), commands[at].clone());
                learned.push(format!(
                    "{} of {}: {}, as in {}; what it did here does not tell",
                    question.role,
                    question.task,
                    question.candidates[at].file,
                    counted(times, "other submission")
                ));
            }
            _ => open.push(Open {
                task: question.task.clone(),
                role: question.role.clone(),
                entries: commands.iter().map(manifest::entry).collect(),
            }),
        }
    }
    (manifest, open, learned)
}

fn write(text: &mut String, (open, _, manifest): &Alike, group: &Group<'_>) {
    text.push_str(&format!("\n# {}", counted(group.names.len(), "submission")));
    text.push_str(if open.is_empty() { "\n" } else { ", OPEN\n" });
    for question in &group.first.findings.questions {
        if !open.iter().any(|it| it.task == question.task && it.role == question.role) {
            continue;
        }
        text.push_str(&format!("# Which program is the {} of {}?\n", question.role, question.task));
        for candidate in &question.candidates {
            text.push_str(&format!("#   {}: {}\n", line(&candidate.file), line(&candidate.why)));
        }
    }
    group.learned.iter().for_each(|learned| text.push_str(&format!("# {}\n", line(learned))));
    for chosen in &group.first.findings.cast {
        let why = match chosen.evidence.is_empty() {
            true => "no other could be".to_owned(),
            false => chosen.evidence.join(" and "),
        };
        let unsure = if chosen.by_name { "UNSURE, nothing that it did says so: " } else { "" };
        let (role, task, file) = (&chosen.role, &chosen.task, &chosen.file);
        text.push_str(&format!("# {role} of {task}: {}, {unsure}{}\n", line(file), line(&why)));
    }
    for (it, names) in &group.unused {
        let whose = if names.len() == group.names.len() { String::new() } else { format!(" of {}", names.join(", ")) };
        text.push_str(&format!("# not used: {}{}: {}\n", line(&it.file), line(&whose), line(&it.why)));
    }
    text.push_str(&format!("[[{CAST}]]\n{SUBMISSIONS} = {}\n", toml::Value::from(group.names.clone())));
    let mut open: Vec<&Open> = open.iter().collect();
    for line in manifest.lines() {
        text.push_str(&format!("{line}\n"));
        open.retain(|it| {
            let is_here = line == format!("[{CAST}.{}]", it.task);
            if is_here {
                choices(text, it);
            }
            !is_here
        });
    }
    for it in &open {
        text.push_str(&format!("[{CAST}.{}]\n", it.task));
        choices(text, it);
    }
}

fn choices(text: &mut String, open: &Open) {
    open.entries.iter().for_each(|entry| text.push_str(&format!("# {} = {entry}\n", open.role)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::Command;
    use crate::submission::findings::{Asked, Chosen, Findings};
    use rstest::rstest;

    fn read(text: &str) -> Result<Casts, Problems> {
        let catalogue = Catalogue::built_in().expect("the built-in catalogue");
        Casts::read(&Source::new("casts.toml", text), &catalogue)
    }

    fn command(words: &str) -> Command {
        Command { words: manifest::words(words).expect("words"), ..Command::default() }
    }

    /// A submission whose server is this file, and whose client is open between the others.
    fn proposal(server: &str, clients: &[&str]) -> Found {
        let chosen = |role: &str, file: &str| Chosen {
            task: "echo-select".to_owned(),
            role: role.to_owned(),
            file: file.to_owned(),
            command: file.to_owned(),
            evidence: vec!["it answered `abc` with `abc`".to_owned()],
            by_name: false,
        };
        let mut roles = BTreeMap::from([("server".to_owned(), command(&format!("python3 {server} {{port}}")))]);
        let mut findings = Findings { cast: vec![chosen("server", server)], ..Findings::default() };
        let commands: Vec<Command> = clients.iter().map(|file| command(&format!("python3 {file}"))).collect();
        let mut choices = Vec::new();
        match clients {
            [] => {}
            [client] => {
                findings.cast.push(chosen("client", client));
                roles.insert("client".to_owned(), commands[0].clone());
            }
            several => {
                let did = |file: &&str| Unused { file: (*file).to_owned(), why: "goes to port 5000".to_owned() };
                findings.questions.push(Asked {
                    task: "echo-select".to_owned(),
                    role: "client".to_owned(),
                    candidates: several.iter().map(did).collect(),
                    paste: String::new(),
                });
                choices.push(commands);
            }
        }
        let manifest = Manifest { tasks: BTreeMap::from([("echo-select".to_owned(), roles)]), ..Manifest::default() };
        Ok(Proposal { manifest, findings, choices, own: false })
    }

    fn class(of: Vec<(&str, Found)>) -> BTreeMap<String, Found> {
        of.into_iter().map(|(name, found)| (name.to_owned(), found)).collect()
    }

    #[test]
    fn one_question_is_asked_once() {
        let found = class(vec![
            ("ada", proposal("s.py", &["c.py", "d.py"])),
            ("bob", proposal("s.py", &["c.py", "d.py"])),
            ("carl", proposal("s.py", &["e.py"])),
            ("dora", Err("no program was found\nIf there is one".to_owned())),
        ]);
        let proposed = propose(&found, "harness class labs --out OUT --cast casts.toml");
        assert_eq!((proposed.cast, proposed.open, proposed.nothing), (1, (2, 1), 1));
        insta::assert_snapshot!(proposed.text);
        let casts = read(&proposed.text).expect("what is written is read");
        assert_eq!(casts.of("carl").map(|it| it.tasks["echo-select"].len()), Some(2));
        assert_eq!(casts.of("ada").map(|it| it.tasks["echo-select"].len()), Some(1));
        assert!(casts.of("dora").is_none());
    }

    #[rstest]
    #[case::enough(3, 2, 0)]
    #[case::too_few(2, 0, 2)]
    fn others_answer_a_question(#[case] others: usize, #[case] roles: usize, #[case] open: usize) {
        let mut found = class(vec![("ada", proposal("s.py", &["c.py", "d.py"]))]);
        for other in 0..others {
            found.insert(format!("other {other}"), proposal("s.py", &["Q2/d.py"]));
        }
        let proposed = propose(&found, "grade");
        let casts = read(&proposed.text).expect("what is written is read");
        let client = casts.of("ada").and_then(|it| it.tasks["echo-select"].get("client").cloned());
        assert_eq!(client.is_some_and(|client| client == command("python3 d.py")), roles == 2, "{}", proposed.text);
        assert_eq!(proposed.open.0, usize::from(open > 0));
    }

    #[rstest]
    #[case::no_such_key("[cast]\nmessage = 1\n", "`cast` is not known here")]
    #[case::no_names("[[cast]]\n[cast.message]\nserver = \"./s\"\n", "`submissions` is a list of names")]
    #[case::not_a_name("[[cast]]\nsubmissions = [1]\n", "the name of a submission is a text")]
    #[case::twice("[[cast]]\nsubmissions = [\"a\"]\n[[cast]]\nsubmissions = [\"a\"]\n", "`a` stands in two casts")]
    #[case::no_task("[[cast]]\nsubmissions = [\"a\"]\n[cast.mesage]\nserver = \"./s\"\n", "there is no task `mesage`")]
    #[case::elsewhere(
        "[[cast]]\nsubmissions = [\"a\"]\n[cast.message]\nserver = \"../b/s\"\n",
        "`../b/s` lies outside of the submission"
    )]
    fn what_is_wrong_is_told(#[case] text: &str, #[case] title: &str) {
        let titles: Vec<String> = read(text).expect_err("it is wrong").0.into_iter().map(|it| it.title).collect();
        assert_eq!(titles, [title]);
    }

    #[test]
    fn a_name_that_nobody_has_is_told() {
        let casts = read("[[cast]]\nsubmissions = [\"adda\", \"bob\"]\n").expect("a file");
        let problems = casts.check(&BTreeSet::from(["ada", "bob"])).expect_err("it is misspelt");
        assert_eq!(problems.0[0].one_line(), "casts.toml:2:16: there is no submission `adda`");
        assert_eq!(problems.0[0].help.as_deref(), Some("did you mean `ada`?"));
    }
}
