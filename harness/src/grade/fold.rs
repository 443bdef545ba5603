//! From records of runs to verdicts and points.

use std::collections::BTreeMap;

use harness_judging::shown::counted;
use harness_verdict::excuse::{Ran, excuse};
use harness_verdict::{Said, Skip, Undecided};

use super::{Filter, Options, Played, Rubric, Run, blame};
use crate::report::model::{Evidence, RequirementReport, RunReport, Status, TaskReport};
use crate::run::event;
use crate::run::{Failure, Record, transcript};
use crate::submission::Cast;
use harness_language::catalogue::model::{Level, Requirement};
use harness_language::catalogue::{Task, handout};
use harness_language::scenario::Scenario;
use harness_language::scenario::bytes::SegmentSize;
use harness_language::scenario::model::{BackendName, Schedule, Step};

/// Whether a run failed a requirement by what a program printed, or one that is judged again on a pipe.
pub fn fails_output(run: &Run<'_>, record: &Record) -> bool {
    run.decides.iter().any(|id| {
        let facts = record.facts();
        let fails = facts.says(id).failure().is_some();
        fails && (run.again_on_a_pipe.contains(id) || facts.fails_output(Some(id)))
    })
}

/// The requirements that a run failed, of those that are wanted of it.
pub fn failed<'r>(run: &'r Run<'_>, record: &Record) -> Vec<&'r String> {
    run.decides.iter().filter(|id| record.facts().says(id).failure().is_some()).collect()
}

/// Folds a task's runs into its report; nothing if no requirement is wanted.
pub fn task(
    task: &Task,
    cast: &Cast,
    runs: &[&Run<'_>],
    played: &BTreeMap<String, Played>,
    filter: &Filter,
    rubric: &Rubric,
    options: &Options,
) -> Option<TaskReport> {
    let played_runs: Vec<(&Run<'_>, &Played)> =
        runs.iter().filter_map(|run| Some((*run, played.get(&run.scenario.run_id())?))).collect();
    let ran: Vec<Ran<'_>> = played_runs.iter().map(|(run, played)| as_ran(run, played)).collect();
    let mut requirements = Vec::new();
    for requirement in &task.file.requirements {
        let id = task.full_id(requirement);
        let has_role = requirement.roles.iter().any(|role| cast.parts.contains_key(role));
        if !has_role || rubric.disables(&id) || !filter.wants_requirement(&id) {
            continue;
        }
        let mut speaking: Vec<usize> = (0..ran.len()).filter(|place| ran[*place].decides.contains(&id)).collect();
        speaking.sort_by_key(|place| oddity(&played_runs[*place].0.scenario, &requirement.id));
        // With a filter on scenarios only what they decide is reported.
        if speaking.is_empty() && !filter.scenarios.is_empty() {
            continue;
        }
        let reports = speaking.into_iter().map(|place| {
            let (run, played) = played_runs[place];
            let mut report = run_report(run, played, &id, requirement, cast, options);
            if report.status == Status::Fail
                && let Some(need) = excuse(&ran, place, &id, &|need| rubric.held_back().holds(need))
            {
                explain(&mut report, &need);
            }
            report
        });
        requirements.push(requirement_report(task, requirement, &id, reports.collect(), rubric));
    }
    if requirements.is_empty() {
        return None;
    }
    let mut report = TaskReport {
        id: task.id().to_owned(),
        status: Status::Skip,
        score: 0.0,
        max_score: 0.0,
        requirements,
        title: task.file.title.clone(),
        met: met(cast),
    };
    report.settle();
    Some(report)
}

/// How far a run is from the plain case of a requirement: the first that failed is shown, and the plainest is understood
/// best.
fn oddity(scenario: &Scenario, requirement: &str) -> (bool, bool, bool) {
    fn disturbs(steps: &[Step]) -> bool {
        steps.iter().any(|step| match step {
            Step::Partition(_) | Step::Hold(_) | Step::Crash(_) => true,
            Step::Repeat(repeat) => disturbs(&repeat.steps),
            _ => false,
        })
    }
    let disturbed = scenario.network.has_faults() || disturbs(&scenario.steps);
    (disturbed, scenario.row.is_some(), scenario.id != requirement)
}

/// A run as the rules of judgement see it.
fn as_ran<'r>(run: &'r Run<'_>, played: &'r Played) -> Ran<'r> {
    let scenario = &run.scenario;
    Ran {
        role: &scenario.role,
        pairing: scenario.pairing,
        plays: scenario.roles().into_iter().collect(),
        row: scenario.row.as_deref(),
        decides: &run.decides,
        needs: &scenario.needs,
        facts: played.record.facts(),
    }
}

/// Skips a run that failed only because this prerequisite did.
pub fn explain(run: &mut RunReport, need: &str) {
    run.status = Status::Skip;
    run.skip_reason = Some(format!("it needs {need}, which failed"));
    run.undecided = Some(Undecided::Needs(need.to_owned()));
}

fn requirement_report(
    task: &Task,
    requirement: &Requirement,
    id: &str,
    runs: Vec<RunReport>,
    rubric: &Rubric,
) -> RequirementReport {
    let level = rubric.level(id).unwrap_or(requirement.level);
    // The catalogue gives no points for what may be; a rubric can, in so many words.
    let worth = match level {
        Level::May => rubric.own_points(id).or(rubric.level_points(level)).unwrap_or(0.0),
        _ => rubric
            .points(id)
            .or(rubric.level_points(level))
            .or(requirement.points)
            .unwrap_or_else(|| level.default_points()),
    };
    let handout = format!("harness handout {} '{}'", task.id(), requirement.handout);
    let mut report = RequirementReport {
        id: id.to_owned(),
        level,
        status: Status::Skip,
        score: 0.0,
        max_score: 0.0,
        lost_with: None,
        runs,
        worth,
        title: requirement.title.clone(),
        teach: requirement.teach.clone(),
        look_at: requirement.look_at.clone(),
        handout,
        section: String::new(),
    };
    report.settle();
    if report.status == Status::Fail {
        report.section = handout::find(&task.handout, &requirement.handout).map(without_heading).unwrap_or_default();
    }
    report
}

/// A section without its first line.
fn without_heading(section: &str) -> String {
    section.split_once('\n').map_or(String::new(), |(_, text)| text.trim().to_owned())
}

fn run_report(
    run: &Run<'_>,
    played: &Played,
    id: &str,
    requirement: &Requirement,
    cast: &Cast,
    options: &Options,
) -> RunReport {
    let said = played.record.facts().says(id);
    let mut findings = event::findings(&played.record.events);
    findings.extend(played.remarks.iter().cloned());
    findings.extend(played.unsteady.map(|it| format!("failed {} of {}", it.failed, counted(it.times, "time"))));
    let virtual_time = played.backend != BackendName::Wire;
    let difference = (said.status() == Status::Fail).then(|| event::difference(&played.record.events, id)).flatten();
    let failed = said.status() == Status::Fail;
    let got = if failed { blame::got(&played.record.events, id) } else { Vec::new() };
    let run_id = run.scenario.run_id();
    let status = said.status();
    let (mut failure, mut skip) = (Failure::default(), None);
    let mut cause = None;
    match said {
        Said::Held => {}
        Said::Failed(found) => {
            failure = found;
            let mut add = |words: &str| failure.reason.push_str(&format!("; {words}"));
            match &played.diagnosis {
                Some(shown) if shown.is_cause => cause = Some(shown.words.clone()),
                Some(shown) => add(&shown.words),
                None => {}
            }
            played.smallest.iter().for_each(|(_, words)| add(words));
        }
        Said::NotGradable(why) | Said::Broken(why) => failure.reason = why,
        Said::Nothing(found) => skip = Some(found),
    }
    let (undecided, skip_reason) = skip.map(|Skip { by, why }| (by, why)).unzip();
    let speaks = !matches!(status, Status::Pass | Status::Skip);
    let crash = blame::crash(run, &played.record, id).filter(|_| speaks).cloned();
    let waits = if status == Status::Fail { blame::waits(run, &played.record, id) } else { Vec::new() };
    let deed = played.deed.as_ref().filter(|(_, decides)| decides.iter().any(|it| it == id));
    let deed = deed.filter(|_| status == Status::Fail).map(|(deed, _)| deed.clone());
    // Nothing is told before a crash: what was left unread may be so because of it.
    let cause = cause.filter(|_| crash.is_none());
    RunReport {
        role: run.scenario.role.clone(),
        pairing: run.pairing(cast).to_owned(),
        row: run.scenario.row.clone(),
        status,
        skip_reason,
        undecided,
        backend: played.backend.as_str().to_owned(),
        seed: options.seed,
        schedule: match &played.smallest {
            Some((cuts, _)) => cuts.to_string(),
            None => schedule(&run.scenario),
        },
        deterministic: match played.backend {
            BackendName::Wire => false,
            BackendName::Turmoil => true,
            // A run in which a program used the processor for too long has no trace to compare.
            BackendName::Sim => played.record.trace_sha256.is_some(),
        },
        duration_ms: u64::try_from(played.duration.as_millis()).unwrap_or(u64::MAX),
        virtual_ms: if virtual_time { u64::try_from(played.record.elapsed.as_millis()).unwrap_or(u64::MAX) } else { 0 },
        expected: failure.expected,
        actual: failure.actual,
        findings,
        unsteady: played.unsteady,
        reason: failure.reason,
        state: failure.state,
        cause,
        hint: if status == Status::Fail { requirement.look_at.clone() } else { String::new() },
        replay: format!("harness replay report.json '{run_id}'"),
        trace_sha256: played.record.trace_sha256.clone().unwrap_or_default(),
        evidence: Evidence::default(),
        got,
        difference,
        crash,
        waits,
        deed,
        programs: if speaks { blame::programs(&played.record) } else { Vec::new() },
        title: run.scenario.title.clone(),
        transcript: transcript::lines(&played.record.events, virtual_time),
        id: run_id,
    }
}

/// How a scenario cuts what programs move and what it sends, in words.
fn schedule(scenario: &Scenario) -> String {
    fn collect(steps: &[Step], words: &mut Vec<String>) {
        for step in steps {
            match step {
                Step::Send(send) => {
                    let cut = match (&send.segments, send.every, &send.random) {
                        (Some(sizes), _, _) => Some(in_words(&Schedule::List(sizes.clone()))),
                        (_, Some(size), _) => Some(in_words(&Schedule::Every(size))),
                        (_, _, Some(random)) => Some(in_words(&Schedule::Random(random.clone()))),
                        _ => None,
                    };
                    words.extend(cut.map(|cut| format!("sent: {cut}")));
                }
                Step::Repeat(repeat) => collect(&repeat.steps, words),
                _ => {}
            }
        }
    }
    let forced = [("send", &scenario.forced.writes), ("recv", &scenario.forced.reads)];
    let forced = forced.into_iter().filter_map(|(call, schedule)| Some((call, schedule.as_ref()?)));
    let mut words: Vec<String> = forced.map(|(call, schedule)| format!("{call}: {}", in_words(schedule))).collect();
    collect(&scenario.steps, &mut words);
    words.dedup();
    words.join("; ")
}

fn in_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::List(sizes) => {
            let sizes: Vec<String> = sizes
                .iter()
                .map(|size| match size {
                    SegmentSize::Bytes(bytes) => bytes.to_string(),
                    SegmentSize::Rest => "rest".to_owned(),
                })
                .collect();
            sizes.join(", ")
        }
        Schedule::Every(size) => format!("{} at a time", counted(*size, "byte")),
        Schedule::Random(random) => format!("1 to {} at a time, drawn from the seed", counted(random.max, "byte")),
    }
}

/// How the programs were met, a sentence each.
fn met(cast: &Cast) -> Vec<String> {
    let mut sentences = Vec::new();
    for (role, part) in &cast.parts {
        let how = match part.attached {
            Some(address) => format!("{role}: runs already, at {address}"),
            None => format!("{role}: {}", command_text(part)),
        };
        sentences.push(how);
        sentences.extend(part.meeting.strays.iter().cloned());
    }
    sentences
}

fn command_text(part: &crate::submission::Part) -> String {
    part.command.words.join(" ")
}
