//! What was found out about a folder without a manifest, for the reader: who plays what and why, what was left out,
//! and what is open.

use harness_judging::shown::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build::Built;
use super::discover::Found;
use super::evidence::Evidence;
use super::folder::{Looked, Program};
use super::manifest;
use harness_language::catalogue::{Catalogue, Task};

/// A program that was given a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// The file.
    pub file: String,
    /// How it is started.
    pub command: String,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// It did nothing by which the role's programs can be told from others: its name or its place speaks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}

/// A program that was given none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unused {
    /// The file.
    pub file: String,
    /// Why not, with its last words.
    pub why: String,
}

/// A role for which several programs stand alike, or one that does nothing that the role does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// The programs, and what each did.
    pub candidates: Vec<Unused>,
    /// Lines for `submission.toml`, made from what was seen.
    pub paste: String,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// Programs with a role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cast: Vec<Chosen>,
    /// Programs without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<Unused>,
    /// What is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Asked>,
    /// Roles that nobody plays though another of the task's is played: `client of message`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Files that could not be built, and the first error of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Unused>,
    /// Programs that Python 2 runs.
    #[serde(skip)]
    pub python_2: Vec<String>,
}

/// Files that are named before the rest is counted.
const NAMED: usize = 12;

impl Findings {
    /// What there is to say, worded from what was seen and decided.
    pub fn of(looked: &Looked, catalogue: &Catalogue, found: &Found, built: &Built) -> Self {
        let name = |program: usize| looked.programs[program].found.file.display().to_string();
        let mut findings = Self::default();
        let decision = &looked.decision;
        let command = |program: usize, task: &str, role: &str| {
            let role = catalogue.task(task).and_then(|task| task.role(role));
            role.map(|role| looked.command(program, role)).unwrap_or_default()
        };
        for ((task, role), program) in &decision.cast {
            let evidence = looked.claim(*program, task, role).map(|claim| &claim.evidence[..]).unwrap_or_default();
            // What it did says more than what it is called.
            let behaves = evidence.iter().any(Evidence::is_behaviour);
            let by_name = !behaves && !evidence.contains(&Evidence::NothingAsked);
            let shown = evidence.iter().filter(|it| !behaves || it.is_behaviour());
            findings.cast.push(Chosen {
                task: task.clone(),
                role: role.clone(),
                file: name(*program),
                command: command(*program, task, role).words.join(" "),
                evidence: shown.map(ToString::to_string).collect(),
                by_name,
            });
        }
        for question in &decision.questions {
            let candidates = question
                .candidates
                .iter()
                .map(|program| Unused { file: name(*program), why: looked.programs[*program].observed.seen.clone() });
            let mut lines: Vec<String> = manifest::build_line(&built.commands).into_iter().collect();
            lines.push(format!("[{}]", question.task));
            let others = decision.cast.iter().filter(|((task, _), _)| *task == question.task);
            lines.extend(others.map(|((task, role), program)| {
                format!("{role} = {}", manifest::entry(&command(*program, task, role)))
            }));
            for (index, program) in question.candidates.iter().enumerate() {
                let command = command(*program, &question.task, &question.role);
                let or = if index == 0 { "" } else { "# or: " };
                lines.push(format!("{or}{} = {}", question.role, manifest::entry(&command)));
            }
            findings.questions.push(Asked {
                task: question.task.clone(),
                role: question.role.clone(),
                candidates: candidates.collect(),
                paste: lines.join("\n"),
            });
        }
        let used: Vec<usize> = decision.cast.values().copied().collect();
        // A candidate is told with its question.
        let asked: Vec<usize> = decision.questions.iter().flat_map(|question| question.candidates.clone()).collect();
        let is_left = |program: &usize| !used.contains(program) && !asked.contains(program);
        for program in (0..looked.programs.len()).filter(is_left) {
            let Program { found, observed, .. } = &looked.programs[program];
            let is_2 = found.words.first().is_some_and(|word| word == "python2");
            match observed.not_startable.as_ref().filter(|_| is_2) {
                Some(why) => findings.broken.push(Unused { file: name(program), why: format!("is Python 2: {why}") }),
                None => findings.unused.push(Unused { file: name(program), why: looked.why_unused(program) }),
            }
        }
        for (file, why) in &built.failed {
            findings.broken.push(Unused { file: file.display().to_string(), why: why.in_short() });
        }
        for file in &found.stale {
            let why = "it was made elsewhere and lies beside sources, which were built instead".to_owned();
            findings.unused.push(Unused { file: file.display().to_string(), why });
        }
        let is_2 =
            |program: &&usize| looked.programs[**program].found.words.first().is_some_and(|word| word == "python2");
        findings.python_2 = used.iter().filter(is_2).map(|program| name(*program)).collect();
        for task in &catalogue.tasks {
            let has = |role: &str| decision.cast.contains_key(&(task.id().to_owned(), role.to_owned()));
            findings.missing.extend(lacking(task, has));
        }
        findings
    }

    /// The same in sentences, what is to be done first.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for question in &self.questions {
            notes.extend(question.lines());
        }
        let asked: Vec<String> =
            self.questions.iter().map(|question| format!("{} of {}", question.role, question.task)).collect();
        let missing: Vec<&String> = self.missing.iter().filter(|missing| !asked.contains(missing)).collect();
        if !missing.is_empty() {
            let all: Vec<&str> = missing.iter().map(|missing| missing.as_str()).collect();
            notes.push(format!("half a submission: no {} was found", all.join(", no ")));
        }
        notes.extend(self.broken.iter().map(|broken| format!("{} {}", broken.file, broken.why)));
        notes.extend(self.python_2.iter().map(|file| format!("{file} is Python 2, and was run by python2")));
        for chosen in &self.cast {
            let why =
                if chosen.evidence.is_empty() { "no other could be".to_owned() } else { chosen.evidence.join(" and ") };
            let doubt = if chosen.by_name { ", but nothing that it did" } else { "" };
            notes.push(format!("{} is taken for the {} of {}: {why}{doubt}", chosen.file, chosen.role, chosen.task));
        }
        for unused in self.unused.iter().take(NAMED) {
            notes.push(format!("{} is not used: {}", unused.file, unused.why));
        }
        if let more @ 1.. = self.unused.len().saturating_sub(NAMED) {
            notes.push(format!("{} not used either", counted(more, "further program")));
        }
        notes
    }
}

/// Roles of a task that nobody plays though another is played: `client of message`.
pub fn lacking(task: &Task, has: impl Fn(&str) -> bool) -> Vec<String> {
    let (played, lacking): (Vec<&str>, Vec<&str>) = task.role_names().partition(|role| has(role));
    if played.is_empty() { Vec::new() } else { lacking.iter().map(|role| format!("{role} of {}", task.id())).collect() }
}

impl Asked {
    /// The question in lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "which program is the {} of {}? What they did does not tell, so nothing is graded for it:",
            self.role, self.task
        )];
        lines.extend(self.candidates.iter().map(|candidate| format!("  {}: {}", candidate.file, candidate.why)));
        lines.push(format!("say so in {}:", manifest::FILE));
        lines.extend(self.paste.lines().map(|line| format!("  {line}")));
        lines
    }
}
