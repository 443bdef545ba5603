//! The truth table: every requirement against every good and bad program. It shows that each
//! check can fail, that it fails for the right reason only, and that nothing right is failed.

mod difference;
pub mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::grade::{Filter, Light, Options, Rubric, Subject, grade};
use crate::report::model::{Report, RequirementReport, Status};
use crate::report::style::Style;
use crate::report::{causes, short};
use crate::run::heavy;
use crate::submission::open::{self, OpenError, Request};
use crate::submission::toolchain;
use harness_judging::shown::counted;
use harness_language::catalogue::model::Level;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{BackendName, Step};
pub use programs::{Entry, Expected, Programs};

/// How a program came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A tool that it needs is not here.
    Skipped(String),
    /// It could not be built or started.
    NotGradable(String),
    /// It was graded.
    Graded {
        /// Must- and should-requirements that it failed, with the reason.
        failed: BTreeMap<String, String>,
        /// What came of those that were not decided, where something did.
        undecided: BTreeMap<String, String>,
        /// Findings.
        findings: BTreeSet<String>,
        /// What its author is told first.
        told: Told,
    },
    /// The harness failed.
    Harness(String),
}

/// The short report, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What the first cause makes fail.
    pub first: BTreeSet<String>,
    /// Lines of the whole report.
    pub lines: usize,
}

impl Told {
    fn of(report: &Report) -> Self {
        let first = causes::causes(report).into_iter().next();
        Self {
            first: first.iter().flat_map(|cause| &cause.failed).map(|found| found.id.clone()).collect(),
            lines: short::render(report, Style::default(), &short::Surroundings::default()).lines().count(),
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The program.
    pub entry: Entry,
    /// How it came out.
    pub outcome: Outcome,
    /// What it had to fail here.
    pub declared: BTreeSet<String>,
    /// Wall-clock milliseconds.
    pub duration_ms: u128,
    /// What was not as declared in earlier attempts, where another attempt was asked for: a verdict that
    /// changes is never kept quiet.
    pub before: Vec<String>,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Table {
    /// One row per program.
    pub rows: Vec<Row>,
    /// Wall-clock milliseconds.
    pub duration_ms: u128,
}

impl Row {
    /// Differences between what was declared and what came.
    pub fn mistakes(&self) -> Vec<String> {
        let expected = &self.entry.expected;
        match &self.outcome {
            Outcome::Skipped(_) => Vec::new(),
            Outcome::Harness(why) => vec![format!("the harness failed: {why}")],
            Outcome::NotGradable(_) if expected.not_gradable => Vec::new(),
            Outcome::NotGradable(why) => vec![format!("is not gradable: {why}")],
            Outcome::Graded { .. } if expected.not_gradable => {
                vec!["was expected to be not gradable, and was graded".to_owned()]
            }
            Outcome::Graded { .. }
                if self.entry.is_bad() && expected.fails.is_empty() && expected.fails_sim.is_empty() =>
            {
                vec!["is a bad program that declares no failure".to_owned()]
            }
            Outcome::Graded { failed, undecided, findings, .. } => {
                let free = |id: &&String| !expected.undecided.contains(id);
                let survived = self.declared.iter().filter(|id| !failed.contains_key(*id)).filter(free);
                let unexpected =
                    failed.iter().filter(|(id, _)| !self.declared.contains(*id)).filter(|(id, _)| free(id));
                let silent = expected
                    .findings
                    .iter()
                    .filter(|word| !findings.iter().any(|finding| finding.contains(word.as_str())));
                let survives = |id: &String| match undecided.get(id) {
                    Some(why) => format!("survives {id}, undecided: {why}"),
                    None => format!("survives {id}"),
                };
                survived
                    .map(survives)
                    .chain(unexpected.map(|(id, why)| format!("fails {id}, undeclared: {why}")))
                    .chain(silent.map(|word| format!("no finding says `{word}`")))
                    .collect()
            }
        }
    }
}

impl Table {
    /// Number of differences in all rows.
    pub fn mistakes(&self) -> usize {
        self.rows.iter().map(|row| row.mistakes().len()).sum()
    }
}

/// How thoroughly the table is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effort {
    /// How often a program that does not come out as declared is played once more.
    pub again: u32,
    /// Bad programs play what decides the failures that they declare, and one scenario for each must. Plain good
    /// programs play everything; other good ones, and all on real sockets, only one row of each table, and a heavy
    /// scenario only where no other decides the same.
    pub light: bool,
    /// Which round of several this is, from 0. After the first, a light table has each program play heavy scenarios
    /// in one round of [`TURNS`] only, and another row of each table in each.
    pub round: u32,
}

/// Rounds after which every program of a light table has had its turn at the heavy scenarios.
const TURNS: usize = 10;

/// Plays the table, several programs side by side. `row` is called for each in their order, as
/// soon as it and all before it are there.
pub fn play(
    catalogue: &Catalogue,
    programs: &Programs,
    wanted: &dyn Fn(&str, &str) -> bool,
    options: &Options,
    effort: Effort,
    row: &(dyn Fn(&Row) + Sync),
) -> Table {
    let began = std::time::Instant::now();
    let entries: Vec<&Entry> = programs.entries.iter().filter(|entry| wanted(&entry.task, &entry.name)).collect();
    let next = AtomicUsize::new(0);
    let shown = Mutex::new(0);
    let rows: Vec<Mutex<Option<Row>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    let alone = Options { jobs: 2, ..options.clone() };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.div_ceil(2).max(1) {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = play_entry(catalogue, entry, &alone, effort);
                    let index = entries.iter().position(|other| other.name == entry.name).unwrap_or(0);
                    if let Ok(mut slot) = rows[index].lock() {
                        *slot = Some(played);
                    }
                    show_finished(&rows, &shown, row);
                }
            });
        }
    });
    let rows = rows.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect();
    Table { rows, duration_ms: began.elapsed().as_millis() }
}

fn show_finished(rows: &[Mutex<Option<Row>>], shown: &Mutex<usize>, show: &(dyn Fn(&Row) + Sync)) {
    let Ok(mut next) = shown.lock() else { return };
    while let Some(slot) = rows.get(*next) {
        match slot.lock().as_deref() {
            Ok(Some(row)) => show(row),
            _ => return,
        }
        *next += 1;
    }
}

fn play_entry(catalogue: &Catalogue, entry: &Entry, options: &Options, effort: Effort) -> Row {
    let mut before = Vec::new();
    for _ in 0..effort.again {
        let row = play_once(catalogue, entry, options, effort);
        let mistakes = row.mistakes();
        if mistakes.is_empty() {
            return Row { before, ..row };
        }
        before.extend(mistakes);
    }
    Row { before, ..play_once(catalogue, entry, options, effort) }
}

fn play_once(catalogue: &Catalogue, entry: &Entry, options: &Options, effort: Effort) -> Row {
    let began = std::time::Instant::now();
    let mut declared: BTreeSet<String> = entry.expected.fails.iter().cloned().collect();
    if options.backend == BackendName::Sim {
        declared.extend(entry.expected.fails_sim.iter().cloned());
    }
    if effort.light && !is_heavy_turn(entry, effort) {
        declared.retain(|id| is_decided_lightly(catalogue, &entry.task, id, options.backend));
    }
    let light = light(catalogue, entry, &declared, options.backend, effort);
    let filter = Filter { light, ..Filter::default() };
    let outcome = outcome(catalogue, entry, options, &filter);
    Row { entry: entry.clone(), outcome, declared, duration_ms: began.elapsed().as_millis(), before: Vec::new() }
}

/// Which rows of tables a program plays: neighbours are given different ones.
fn row_of(entry: &Entry, effort: Effort) -> usize {
    entry.name.bytes().map(usize::from).sum::<usize>() + effort.round as usize
}

/// Whether a program has its turn at the heavy scenarios.
fn is_heavy_turn(entry: &Entry, effort: Effort) -> bool {
    effort.round == 0 || row_of(entry, effort).is_multiple_of(TURNS)
}

/// What a program is spared. On real sockets nothing is decided that the simulated network does not decide of the good
/// ones in full. A right program that is not the plain one still meets each of its requirements, by fewer scenarios.
fn light(
    catalogue: &Catalogue,
    entry: &Entry,
    declared: &BTreeSet<String>,
    backend: BackendName,
    effort: Effort,
) -> Option<Light> {
    let is_variation = !entry.is_bad() && !entry.plain;
    let has_turn = is_heavy_turn(entry, effort);
    let spared = effort.light && (entry.is_bad() || is_variation || backend == BackendName::Wire || !has_turn);
    let mut but_for = declared.clone();
    if is_variation && has_turn {
        let scenarios = catalogue.task(&entry.task).map_or(&[][..], Task::scenarios);
        let all = scenarios.iter().flat_map(|scenario| &scenario.decides);
        but_for.extend(all.filter(|id| !is_decided_lightly(catalogue, &entry.task, id, backend)).cloned());
    }
    spared.then(|| Light { but_for, row: row_of(entry, effort), musts_only: entry.is_bad() })
}

/// Whether anything but a heavy scenario decides a requirement on this backend.
fn is_decided_lightly(catalogue: &Catalogue, task: &str, id: &str, backend: BackendName) -> bool {
    let scenarios = catalogue.task(task).map_or(&[][..], Task::scenarios);
    let deciding = scenarios.iter().filter(|scenario| scenario.decides.iter().any(|decided| decided == id));
    let (here, elsewhere): (Vec<_>, Vec<_>) = deciding.partition(|scenario| scenario.backends.contains(&backend));
    let played = if here.is_empty() { elsewhere } else { here };
    played.iter().any(|scenario| !scenario.heavy)
}

/// The peer of a task that this build has left out.
fn lacks(task: &Task) -> Option<&'static str> {
    let lacking = |step: &Step| match step {
        Step::ServeRemote(_) if !heavy::HAS_SSH => Some("SSH"),
        Step::ServeDatabase(_) if !heavy::HAS_DATABASE => Some("database server"),
        _ => None,
    };
    task.scenarios().iter().flat_map(Scenario::all_steps).find_map(lacking)
}

fn outcome(catalogue: &Catalogue, entry: &Entry, options: &Options, filter: &Filter) -> Outcome {
    if let Some(peer) = catalogue.task(&entry.task).and_then(lacks) {
        return Outcome::Skipped(format!("this build has no {peer}: add --features remote"));
    }
    let missing: Vec<&str> =
        entry.expected.needs.iter().map(String::as_str).filter(|need| !toolchain::has(need)).collect();
    if !missing.is_empty() {
        return Outcome::Skipped(format!("{} not installed", missing.join(", ")));
    }
    let folder = match entry.unpack() {
        Ok(folder) => folder,
        Err(error) => return Outcome::Harness(error.to_string()),
    };
    let request =
        Request { target: Some(folder.path().to_owned()), tasks: vec![entry.task.clone()], ..Request::default() };
    let opened = match open::open(&request, catalogue, &options.setup) {
        Ok(opened) => opened,
        Err(OpenError::NotGradable(why) | OpenError::Asked(why)) => return Outcome::NotGradable(why),
        Err(OpenError::Machine(why)) => return Outcome::Harness(why),
        Err(other) => return Outcome::Harness(other.to_string()),
    };
    let subject = Subject {
        target: entry.name.clone(),
        sha256: opened.sha256.clone(),
        casts: &opened.casts,
        unmet: &opened.unmet,
        notes: Vec::new(),
        findings: opened.findings.clone(),
    };
    let graded = grade(catalogue, &subject, filter, &Rubric::default(), options, &|_, _, _| {});
    let requirements: Vec<_> = graded.report.tasks.iter().flat_map(|task| &task.requirements).collect();
    if let Some(broken) = requirements.iter().find(|requirement| requirement.status == Status::HarnessError) {
        let why = broken
            .runs
            .iter()
            .find(|run| run.status == Status::HarnessError)
            .map(|run| format!("{}: {}", run.id, run.why()));
        return Outcome::Harness(why.unwrap_or_else(|| broken.id.clone()));
    }
    // A `may` counts where the program is declared to fail it.
    let counts = |it: &RequirementReport| it.level != Level::May || entry.expected.fails.contains(&it.id);
    let is_decided = |it: &RequirementReport| matches!(it.status, Status::Pass | Status::Fail);
    if !requirements.iter().any(|it| counts(it) && is_decided(it)) {
        let why = requirements.iter().flat_map(|it| &it.runs).find(|run| run.status == Status::NotGradable);
        return Outcome::NotGradable(why.map(|run| run.reason.clone()).unwrap_or_default());
    }
    let reason = |it: &RequirementReport| {
        let run = it.runs.iter().find(|run| run.status == it.status);
        run.map(|run| format!("{}: {}", run.id, run.why())).unwrap_or_default()
    };
    let reasons_of = |wanted: &dyn Fn(&RequirementReport) -> bool| -> BTreeMap<String, String> {
        let all = requirements.iter().filter(|it| counts(it) && wanted(it));
        all.map(|it| (it.id.clone(), reason(it))).collect()
    };
    let failed = reasons_of(&|it| it.status == Status::Fail);
    let undecided = reasons_of(&|it| !is_decided(it));
    let findings = requirements.iter().flat_map(|it| &it.runs).flat_map(|run| run.findings.iter().cloned()).collect();
    Outcome::Graded { failed, undecided, findings, told: Told::of(&graded.report) }
}

/// A row as text: a line, and its mistakes below it.
pub fn render_row(row: &Row, verbose: bool) -> String {
    let mut text = String::new();
    let mistakes = row.mistakes();
    let verdict = match &row.outcome {
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::NotGradable(_) => "not gradable".to_owned(),
        Outcome::Harness(_) => "harness error".to_owned(),
        Outcome::Graded { failed, .. } if failed.is_empty() => "passes all".to_owned(),
        Outcome::Graded { failed, .. } => {
            let short = |id: &String| id.split_once('.').map_or(id.clone(), |(_, short)| short.to_owned());
            format!("fails {}", failed.keys().map(short).collect::<Vec<_>>().join(", "))
        }
    };
    let mark = match (mistakes.is_empty(), row.before.is_empty()) {
        (true, true) => "  ",
        (true, false) => "~ ",
        (false, _) => "! ",
    };
    let _ = writeln!(text, "{mark}{:<52} {verdict}", row.entry.name);
    if verbose {
        let _ = writeln!(text, "      {} ({} ms)", row.entry.expected.title, row.duration_ms);
    }
    for mistake in mistakes {
        let _ = writeln!(text, "      {mistake}");
    }
    for mistake in &row.before {
        let _ = writeln!(text, "      in an earlier attempt: {mistake}");
    }
    text
}

/// The programs, a line for each, and how many there are.
pub fn list(programs: &Programs, wanted: &dyn Fn(&str, &str) -> bool) -> String {
    let entries: Vec<&Entry> = programs.entries.iter().filter(|entry| wanted(&entry.task, &entry.name)).collect();
    let mut text = String::new();
    for entry in &entries {
        let _ = writeln!(text, "{:<52} {}", entry.name, entry.expected.title);
    }
    let tasks: BTreeSet<&str> = entries.iter().map(|entry| entry.task.as_str()).collect();
    let bad = entries.iter().filter(|entry| entry.is_bad()).count();
    let _ = writeln!(text, "\n{} good and {bad} bad programs of {}", entries.len() - bad, counted(tasks.len(), "task"));
    text
}

/// What authors of bad programs are told first: how often it is what is wrong, and the lines that they read.
pub fn first_told(table: &Table) -> String {
    let bad = table.rows.iter().filter(|row| row.entry.is_bad() && !row.declared.is_empty());
    let told: Vec<(&Row, &Told)> = bad
        .filter_map(|row| match &row.outcome {
            Outcome::Graded { told, .. } => Some((row, told)),
            _ => None,
        })
        .collect();
    let is_told = |(row, told): &&(&Row, &Told)| !told.first.is_disjoint(&row.declared);
    let one = told.iter().filter(|(row, _)| row.declared.len() == 1);
    let mut lines: Vec<usize> = told.iter().map(|(_, told)| told.lines).collect();
    lines.sort_unstable();
    let mut text = String::new();
    for (row, told) in told.iter().filter(|it| !is_told(it)) {
        let first: Vec<&str> = told.first.iter().map(String::as_str).collect();
        let _ = writeln!(text, "{}: is told first of {}", row.entry.name, first.join(", "));
    }
    let _ = writeln!(
        text,
        "told first what was declared: {} of {}, of those that declare one failure {} of {}; lines of the short report: \
         median {}, most {}",
        told.iter().filter(is_told).count(),
        told.len(),
        one.clone().filter(is_told).count(),
        one.count(),
        lines.get(lines.len() / 2).copied().unwrap_or_default(),
        lines.last().copied().unwrap_or_default(),
    );
    text
}

/// What the table comes to, in a line.
pub fn summary(table: &Table) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &table.rows {
        let kind = match (&row.outcome, row.mistakes().is_empty()) {
            (Outcome::Skipped(_), _) => "skipped",
            (_, true) if !row.before.is_empty() => "UNSTEADY: as declared in another attempt only",
            (_, true) => "as declared",
            _ => "NOT AS DECLARED",
        };
        *counts.entry(kind).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!(
        "{}: {} ({:.1} s)\n",
        counted(table.rows.len(), "program"),
        parts.join(", "),
        table.duration_ms as f64 / 1000.0
    )
}

/// Must- and should-requirements that no bad program fails, and requirements that nothing decides.
pub fn gaps(catalogue: &Catalogue, table: &Table, backend: BackendName, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut failed = BTreeSet::new();
    let mut declared_on_sim = BTreeSet::new();
    for row in &table.rows {
        declared_on_sim.extend(row.entry.expected.fails_sim.iter().cloned());
        if let Outcome::Graded { failed: ids, .. } = &row.outcome {
            failed.extend(ids.keys().cloned());
        }
    }
    let mut gaps = Vec::new();
    for task in catalogue.tasks.iter().filter(|task| wanted(task.id()) && lacks(task).is_none()) {
        for requirement in task.file.requirements.iter().filter(|it| it.level != Level::May) {
            let id = task.full_id(requirement);
            if requirement.sim_only && backend != BackendName::Sim {
                if !declared_on_sim.contains(&id) {
                    gaps.push(format!("gap: no bad program is declared to fail {id}"));
                }
            } else if !failed.contains(&id) {
                gaps.push(format!("gap: no bad program fails {id}"));
            }
        }
        for scenario in task.scenarios().iter().filter(|scenario| scenario.decides.is_empty()) {
            gaps.push(format!("gap: {} decides nothing", scenario.run_id()));
        }
    }
    gaps
}

/// Verdicts that differ between two rounds, with the reasons of the second.
pub fn changes(first: &Table, second: &Table) -> Vec<String> {
    first.rows.iter().zip(&second.rows).flat_map(|(before, now)| changes_of(before, now)).collect()
}

fn changes_of(before: &Row, now: &Row) -> Vec<String> {
    let name = &before.entry.name;
    match (&before.outcome, &now.outcome) {
        (Outcome::Graded { failed: before_failed, .. }, Outcome::Graded { failed, undecided, .. }) => {
            let is_free = |id: &String| before.entry.expected.undecided.contains(id);
            let fails = failed.iter().filter(|(id, _)| !before_failed.contains_key(*id) && !is_free(id));
            // What was declared and is not any more has been spared.
            let is_spared = |id: &&String| before.declared.contains(*id) && !now.declared.contains(*id);
            let passes = before_failed.keys().filter(|id| !failed.contains_key(*id) && !is_free(id) && !is_spared(id));
            fails
                .map(|(id, why)| format!("{name} now fails {id}: {why}"))
                .chain(passes.map(|id| match undecided.get(id) {
                    Some(why) => format!("{name} no longer fails {id}, undecided: {why}"),
                    None => format!("{name} now passes {id}"),
                }))
                .collect()
        }
        (before, now) if std::mem::discriminant(before) == std::mem::discriminant(now) => Vec::new(),
        (_, now) => {
            let (what, why) = match now {
                Outcome::Skipped(why) => ("is skipped", why.as_str()),
                Outcome::NotGradable(why) => ("is not gradable", why.as_str()),
                Outcome::Harness(why) => ("is a harness error", why.as_str()),
                Outcome::Graded { .. } => ("is graded", "it was not in the first round"),
            };
            vec![format!("{name} {what}: {why}")]
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::grade::plan;
    use crate::submission::Cast;
    use crate::submission::cast::{Command, Part};

    /// No pair of a program and a requirement loses its proof in a light table: every failure that a wrong program
    /// declares is decided by each scenario and row that decides it, and a right one still meets all that it met.
    #[test]
    fn a_light_table_proves_what_the_whole_one_proves() {
        let catalogue = Catalogue::built_in().unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/submissions");
        let programs = Programs::open(Some(&root)).unwrap_or_else(|error| panic!("{error}"));
        let effort = Effort { light: true, ..Effort::default() };
        let (mut failures, mut passes, mut lost) = (0, 0, Vec::new());
        for entry in &programs.entries {
            let Some(task) = catalogue.task(&entry.task) else { continue };
            let parts = task.file.roles.iter().map(|role| (role.name.clone(), Part::new(role, Command::default())));
            let cast = Cast { parts: parts.collect(), ..Cast::default() };
            let casts = BTreeMap::from([(entry.task.clone(), cast)]);
            let declared: BTreeSet<String> =
                [&entry.expected.fails, &entry.expected.fails_sim].into_iter().flatten().cloned().collect();
            let decided = |light: Option<Light>| -> BTreeSet<(String, String)> {
                let filter = Filter { tasks: vec![entry.task.clone()], light, ..Filter::default() };
                let runs = plan(&catalogue, &casts, &filter, &Rubric::default(), BackendName::Sim, true);
                let runs = runs.iter().filter(|run| run.skipped.is_none());
                let pairs = runs.flat_map(|run| run.decides.iter().map(|id| (id.clone(), run.scenario.run_id())));
                // Of a right program it counts that a requirement is decided, not how often.
                match entry.is_bad() {
                    true => pairs.filter(|(id, _)| declared.contains(id)).collect(),
                    false => pairs.map(|(id, _)| (id, String::new())).collect(),
                }
            };
            let spared = light(&catalogue, entry, &declared, BackendName::Sim, effort);
            let (whole, spared) = (decided(None), decided(spared));
            *if entry.is_bad() { &mut failures } else { &mut passes } += whole.len();
            lost.extend(whole.difference(&spared).map(|(id, run)| format!("{}: {id} {run}", entry.name)));
        }
        assert_eq!(lost, Vec::<String>::new());
        let whole: BTreeSet<&str> = programs.entries.iter().filter(|it| it.plain).map(|it| it.task.as_str()).collect();
        assert_eq!(whole, programs.tasks().collect(), "tasks of which some program plays everything");
        println!("{failures} failures by a run, {passes} passes");
        assert!(failures > 1000 && passes > 1000, "{failures} {passes}");
    }

    /// What a table of all programs finds at its end is found here at once: each must and each should has a program
    /// that is declared to fail it, and each scenario decides something.
    #[test]
    fn every_requirement_has_a_program_that_is_declared_to_fail_it() {
        let catalogue = Catalogue::built_in().unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/submissions");
        let programs = Programs::open(Some(&root)).unwrap_or_else(|error| panic!("{error}"));
        let rows = programs.entries.iter().map(|entry| {
            let declared = [&entry.expected.fails, &entry.expected.fails_sim].into_iter().flatten();
            let declared = declared.map(|id| (id.as_str(), "declared")).collect::<Vec<_>>();
            Row {
                entry: entry.clone(),
                outcome: graded(&declared, &[]),
                declared: BTreeSet::new(),
                duration_ms: 0,
                before: Vec::new(),
            }
        });
        let table = Table { rows: rows.collect(), duration_ms: 0 };
        assert_eq!(gaps(&catalogue, &table, BackendName::Sim, &|_| true), Vec::<String>::new());
    }

    fn graded(failed: &[(&str, &str)], undecided: &[(&str, &str)]) -> Outcome {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(id, why)| ((*id).to_owned(), (*why).to_owned())).collect::<BTreeMap<_, _>>()
        };
        Outcome::Graded {
            failed: map(failed),
            undecided: map(undecided),
            findings: BTreeSet::new(),
            told: Told::default(),
        }
    }

    fn table(outcome: Outcome) -> Table {
        let expected = Expected { undecided: vec!["t.race".to_owned()], ..Expected::default() };
        let kept = programs::Kept::Folder("one".into());
        let entry = Entry { task: "t".to_owned(), name: "t/bad/one".to_owned(), expected, kept, plain: false };
        let row = Row { entry, outcome, declared: BTreeSet::new(), duration_ms: 0, before: Vec::new() };
        Table { rows: vec![row], duration_ms: 0 }
    }

    #[rstest]
    #[case::the_same(graded(&[("t.a", "x")], &[]), graded(&[("t.a", "for another reason")], &[]), None)]
    #[case::a_race(graded(&[], &[]), graded(&[("t.race", "x")], &[]), None)]
    #[case::fails(graded(&[], &[]), graded(&[("t.a", "t/a#server: late")], &[]), Some("t/bad/one now fails t.a: t/a#server: late"))]
    #[case::passes(graded(&[("t.a", "x")], &[]), graded(&[], &[]), Some("t/bad/one now passes t.a"))]
    #[case::undecided(
        graded(&[("t.a", "x")], &[]),
        graded(&[], &[("t.a", "skipped")]),
        Some("t/bad/one no longer fails t.a, undecided: skipped")
    )]
    #[case::broken(
        graded(&[], &[]),
        Outcome::Harness("out of memory".to_owned()),
        Some("t/bad/one is a harness error: out of memory")
    )]
    #[case::broken_twice(Outcome::Harness("a".to_owned()), Outcome::Harness("b".to_owned()), None)]
    fn a_change_is_told_with_its_reason(#[case] before: Outcome, #[case] now: Outcome, #[case] told: Option<&str>) {
        let changes = changes(&table(before), &table(now));
        assert_eq!(changes.first().map(String::as_str), told);
        assert!(changes.len() <= 1);
    }
}
