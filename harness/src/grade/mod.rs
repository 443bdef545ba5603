//! Grading: which runs there are, playing them side by side, folding them into a report.

mod blame;
pub mod bounds;
pub mod cuts;
mod dates;
mod fold;
pub mod held_back;
mod insight;
pub mod late;
mod output;
mod plan;
mod rubric;
mod shrink;

pub use plan::{Filter, Light, Run, plan};
pub use rubric::{Rubric, RubricError, schema as rubric_schema};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness_verdict::Skip;

use crate::capture::Link;
use crate::crash::Deed;
use crate::report::model::{Report, SCHEMA, TaskReport, Unsteady, Verdict};
use crate::run::skip;
use crate::run::stage::Attention;
use crate::run::{End, Record};
use crate::sandbox::guard::Limits;
use crate::submission::Cast;
use crate::submission::findings::Findings;
use crate::submission::open::Opened;
use crate::{sandbox, simulated, wire};
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::model::BackendName;

/// How runs are played.
#[derive(Debug, Clone)]
pub struct Options {
    /// The backend.
    pub backend: BackendName,
    /// What that backend cannot play is played on real sockets.
    pub real_sockets_too: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// Runs played at the same time.
    pub jobs: usize,
    /// How often each run is played.
    pub repeat: u32,
    /// What runs on real sockets may use.
    pub setup: wire::Setup,
    /// Whether failed runs are played again (`sim`): a random schedule is shrunk to the smallest
    /// that still fails, and the record of calls is searched for the reason.
    pub look_into_failures: bool,
    /// Takes the place of what scenarios draw at random.
    pub cuts: Option<cuts::Cuts>,
    /// What the grading may take of the machine.
    pub limits: Limits,
}

/// What is graded.
pub struct Subject<'s> {
    /// As given on the command line.
    pub target: String,
    /// SHA-256 of its files.
    pub sha256: String,
    /// Casts by task.
    pub casts: &'s BTreeMap<String, Cast>,
    /// Programs that could not be met, by task and role.
    pub unmet: &'s BTreeMap<(String, String), End>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
    /// Who plays what and why, where no manifest says it.
    pub findings: Findings,
}

impl<'s> Subject<'s> {
    /// An opened submission, under a name.
    pub fn of(opened: &'s Opened, target: String) -> Self {
        Self {
            target,
            sha256: opened.sha256.clone(),
            casts: &opened.casts,
            unmet: &opened.unmet,
            notes: opened.notes.clone(),
            findings: opened.findings.clone(),
        }
    }
}

/// A played run with everything that it left.
pub struct Played {
    /// What happened.
    pub record: Record,
    /// The backend that played it.
    pub backend: BackendName,
    /// Packets, where they were kept.
    pub frames: Vec<harness_os::sniff::Frame>,
    /// What the packets begin with.
    pub link: Link,
    /// Calls of the programs, one a line, where they were kept.
    pub calls: String,
    /// Wall-clock time.
    pub duration: Duration,
    /// Findings from beyond the record: a second try on a pipe, another backend.
    pub remarks: Vec<String>,
    /// How often it failed, if it came out differently when it was played again.
    pub unsteady: Option<Unsteady>,
    /// What the smallest failing schedule shows, if one was looked for.
    pub smallest: Option<(cuts::Cuts, String)>,
    /// What the program's calls show, if it failed.
    pub diagnosis: Option<insight::Diagnosis>,
    /// The call that shows it, of the failure of these requirements.
    pub deed: Option<(Deed, Vec<String>)>,
}

impl Played {
    /// A run of which nothing is left yet but its end.
    fn of(end: End, backend: BackendName) -> Self {
        Self {
            record: Record::empty(end),
            backend,
            frames: Vec::new(),
            link: Link::Ethernet,
            calls: String::new(),
            duration: Duration::ZERO,
            remarks: Vec::new(),
            unsteady: None,
            smallest: None,
            diagnosis: None,
            deed: None,
        }
    }
}

/// A report and the runs behind it, in the same order as in the report's requirements.
pub struct Graded {
    /// The report.
    pub report: Report,
    /// Runs by their id.
    pub played: BTreeMap<String, Played>,
}

/// Grades a subject.
pub fn grade(
    catalogue: &Catalogue,
    subject: &Subject<'_>,
    filter: &Filter,
    rubric: &Rubric,
    options: &Options,
    progress: &(dyn Fn(usize, usize, &str) + Sync),
) -> Graded {
    let began = Instant::now();
    let mut runs = plan(catalogue, subject.casts, filter, rubric, options.backend, options.real_sockets_too);
    if let Some(cuts) = &options.cuts {
        runs.iter_mut().for_each(|run| cuts.apply(run.scenario.to_mut()));
    }
    let fold = |options: &Options, by_id: &BTreeMap<String, Played>| -> Vec<TaskReport> {
        let cast = |task: &'_ Task| subject.casts.get(task.id());
        let of_task = |task: &Task| runs.iter().filter(|run| run.scenario.task == task.id()).collect::<Vec<_>>();
        let fold = |task| fold::task(task, cast(task)?, &of_task(task), by_id, filter, rubric, options);
        catalogue.tasks.iter().filter_map(fold).collect()
    };
    let seeds: BTreeSet<u64> = rubric.held_back().seeds.iter().copied().filter(|seed| *seed != options.seed).collect();
    let all = runs.len() * (1 + seeds.len());
    let until = began.checked_add(options.limits.submission);
    let mut by_id = play_seed(&runs, subject, options, until, &|done, run| progress(done, all, run));
    let mut tasks = fold(options, &by_id);
    let elsewhere =
        |played: &Played| played.backend != options.backend && !matches!(played.record.end, End::Skipped(_));
    let real: Vec<String> = by_id.iter().filter(|(_, it)| elsewhere(it)).map(|(id, _)| id.clone()).collect();
    for (seed, earlier) in seeds.into_iter().zip(1..) {
        let options = Options { seed, ..options.clone() };
        let played =
            play_seed(&runs, subject, &options, until, &|done, run| progress(done + earlier * runs.len(), all, run));
        held_back::join(&mut tasks, fold(&options, &played), seed);
        by_id.extend(played.into_iter().map(|(id, played)| (held_back::with_seed(&id, seed), played)));
    }
    let main = by_id.values().map(|played| played.backend).find(|it| *it == options.backend);
    let backend = main.or(by_id.values().map(|played| played.backend).next()).unwrap_or(options.backend);
    let mut notes = subject.notes.clone();
    let masked: BTreeSet<&str> = by_id.values().flat_map(|played| &played.record.masked).map(String::as_str).collect();
    notes.extend(sandbox::remark(&options.setup, backend));
    if !masked.is_empty() {
        let names: Vec<String> = masked.iter().map(|name| format!("[masked: {name}]")).collect();
        notes.push(format!(
            "what is secret is not shown: {} stands in its place, and asterisks in captures",
            names.join(", ")
        ));
    }
    let mut report = Report {
        schema: SCHEMA,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        rubric: rubric.name().to_owned(),
        target: subject.target.clone(),
        submission_sha256: subject.sha256.clone(),
        seed: options.seed,
        backend: backend.as_str().to_owned(),
        score: 0.0,
        max_score: 0.0,
        verdict: Verdict::NotProven,
        passed: false,
        undecided: Vec::new(),
        absent: Vec::new(),
        late: None,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        tasks,
        findings: subject.findings.clone(),
        notes,
        on_real_sockets: if backend == options.backend { real } else { Vec::new() },
        held_back: None,
    };
    report.settle();
    Graded { report, played: by_id }
}

/// Plays all runs with one seed.
fn play_seed(
    runs: &[Run<'_>],
    subject: &Subject<'_>,
    options: &Options,
    until: Option<Instant>,
    progress: &(dyn Fn(usize, &str) + Sync),
) -> BTreeMap<String, Played> {
    let mut played = play_all(runs, subject, options, until, progress);
    for (index, remark) in output::unflushed(runs, &played, &|run| play_once(run, subject, options)) {
        played[index].remarks.push(remark);
    }
    runs.iter().map(|run| run.scenario.run_id()).zip(played).collect()
}

/// Plays all runs, `jobs` at a time; the order of the results is that of the runs. None is begun when time is up.
fn play_all(
    runs: &[Run<'_>],
    subject: &Subject<'_>,
    options: &Options,
    until: Option<Instant>,
    progress: &(dyn Fn(usize, &str) + Sync),
) -> Vec<Played> {
    let finished = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Played>>> = runs.iter().map(|_| Mutex::new(None)).collect();
    // Long runs first: the last one to end decides how long the whole takes.
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(runs[*index].weight()));
    // Runs that pause in real time keep no processor busy: they have a queue and workers of their own.
    let (pausing, working): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|index| runs[*index].pauses());
    let work = |queue: &[usize], next: &AtomicUsize| {
        while let Some(index) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = &runs[*index];
            let played = match until.is_some_and(|until| Instant::now() > until) {
                true => {
                    Played::of(End::Skipped(skip::submission_out_of_time(options.limits.submission)), options.backend)
                }
                false => play(run, subject, options),
            };
            if let Ok(mut slot) = results[*index].lock() {
                *slot = Some(played);
            }
            let done = finished.fetch_add(1, Ordering::Relaxed) + 1;
            progress(done, &run.scenario.run_id());
        }
    };
    let next = [AtomicUsize::new(0), AtomicUsize::new(0)];
    std::thread::scope(|scope| {
        for (queue, next) in [&pausing, &working].into_iter().zip(&next) {
            for _ in 0..options.jobs.min(queue.len()) {
                scope.spawn(|| work(queue, next));
            }
        }
    });
    let lost = || Played::of(End::Harness("the run's worker came to a sudden end".to_owned()), options.backend);
    results.into_iter().map(|slot| slot.into_inner().ok().flatten().unwrap_or_else(lost)).collect()
}

fn play(run: &Run<'_>, subject: &Subject<'_>, options: &Options) -> Played {
    let began = Instant::now();
    let mut played = play_once(run, subject, options);
    // What looks wrong on a terminal may be right on a pipe: what is printed is judged on both.
    if fold::fails_output(run, &played.record)
        && let Some(piped) = output::on_a_pipe(run)
    {
        let second = play_once(&piped, subject, options);
        if second.record.facts().succeeds() {
            played = second;
            played.remarks.push("what is printed is right on a pipe and not on a terminal".to_owned());
        }
    }
    let mut failed = u32::from(played.record.facts().fails());
    for _ in 1..options.repeat {
        let again = play_once(run, subject, options);
        if again.record.facts().fails() {
            failed += 1;
            if failed == 1 {
                played = again;
            }
        }
    }
    if failed > 0 && failed < options.repeat {
        played.unsteady = Some(Unsteady { failed, times: options.repeat });
    }
    if options.look_into_failures && failed == options.repeat {
        match played.backend {
            BackendName::Sim => look_into(run, &mut played, subject, options),
            BackendName::Wire if played.record.fell_unseen() => look_again(run, &mut played, subject, options),
            _ => {}
        }
    }
    played.duration = began.elapsed();
    played
}

/// Plays a run on real sockets again in which a signal ended a program, to see where.
fn look_again(run: &Run<'_>, played: &mut Played, subject: &Subject<'_>, options: &Options) {
    let again = play_keeping(run, subject, options, false, Attention::Deaths);
    if fold::failed(run, &again.record) == fold::failed(run, &played.record) {
        played.record.programs = again.record.programs;
    }
}

/// Finds out more about a failed run by playing it again: on the simulated network it is the same.
fn look_into(run: &Run<'_>, played: &mut Played, subject: &Subject<'_>, options: &Options) {
    let wanted = fold::failed(run, &played.record);
    if wanted.is_empty() || !insight::is_small(&run.scenario) {
        return;
    }
    // Who is traced cannot be looked at by somebody else.
    let attention = if played.record.fell_unseen() { Attention::Deaths } else { Attention::Waits };
    let play = |run: &Run<'_>| play_keeping(run, subject, options, true, attention);
    let same = |played: &Played| fold::failed(run, &played.record) == wanted;
    let mut run = run.clone();
    let remarks = std::mem::take(&mut played.remarks);
    match shrink::smallest(&run, options.seed, &play, &same) {
        Some(found) => {
            found.cuts.apply(run.scenario.to_mut());
            *played = Played { smallest: Some((found.cuts, found.words)), ..found.played };
        }
        // One that used the processor to the end has been looked at.
        None if played.record.spins() => {}
        None if played.calls.is_empty() || played.record.fell_unseen() => {
            let again = play(&run);
            if same(&again) {
                played.calls = again.calls;
                played.record.programs = again.record.programs;
            } else {
                played.calls.clear();
            }
        }
        None => {}
    }
    played.remarks = remarks;
    let (words, telling) = insight::look(&run, played);
    played.diagnosis = words;
    // Of a crash the line is known.
    let crashed = played.record.programs.iter().any(|program| program.crash.is_some());
    let cast = &subject.casts[&run.scenario.task];
    let stopping = |attention| simulated::play(&run.scenario, cast, options.seed, true, attention, &options.limits);
    played.deed = telling.filter(|_| !crashed).and_then(|telling| telling.deed(&played.calls, &stopping));
}

/// Said of a program that asks again and again instead of waiting.
const POLLS: &str =
    "a program asks again and again without waiting, and for that no time passes on the simulated network";

fn play_once(run: &Run<'_>, subject: &Subject<'_>, options: &Options) -> Played {
    let keep = options.setup.sniff;
    // What is not kept is played again if it fails, and looked at then; on real sockets it would not be the same.
    let attention = if keep || run.backend == BackendName::Wire { Attention::Waits } else { Attention::None };
    play_keeping(run, subject, options, keep, attention)
}

fn play_keeping(run: &Run<'_>, subject: &Subject<'_>, options: &Options, keep: bool, attention: Attention) -> Played {
    let began = Instant::now();
    let mut played = Played::of(End::Played, run.backend);
    if let Some(end) = run.obstacle(subject) {
        played.record.end = end;
        played.record.programs = run.fallen(subject);
        return played;
    }
    let cast = &subject.casts[&run.scenario.task];
    match run.backend {
        BackendName::Turmoil => played.record = crate::answers::play(&run.scenario, cast, options.seed),
        BackendName::Wire => {
            (played.record, played.frames) =
                wire::play(&options.setup, &run.scenario, cast, options.seed, attention, &options.limits);
        }
        BackendName::Sim => {
            let outcome = simulated::play(&run.scenario, cast, options.seed, keep, attention, &options.limits);
            (played.record, played.frames, played.calls) = (outcome.record, outcome.frames, outcome.calls);
            played.link = Link::RawIp;
            // A defect of the simulation is not the submission's, and need not leave it undecided.
            let why = match &played.record.end {
                _ if outcome.polled => Some(POLLS.to_owned()),
                End::Harness(why) if options.real_sockets_too => Some(why.clone()),
                _ => None,
            };
            let elsewhere = options.real_sockets_too && run.scenario.backends.contains(&BackendName::Wire);
            match why {
                Some(why) if elsewhere => {
                    (played.record, played.frames) =
                        wire::play(&options.setup, &run.scenario, cast, options.seed, attention, &options.limits);
                    (played.backend, played.link) = (BackendName::Wire, Link::Ethernet);
                    played.remarks.push(format!("{why}; it was played on real sockets"));
                }
                Some(why) if outcome.polled => played.record.end = End::Skipped(Skip::situation(why)),
                _ => {}
            }
        }
    }
    played.duration = began.elapsed();
    played
}
