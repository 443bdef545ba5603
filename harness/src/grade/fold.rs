//! From records of runs to verdicts and points.

use std::collections::BTreeMap;

use super::{Filter, Options, Played, Rubric, Run, settle};
use crate::catalogue::model::{Level, Requirement};
use crate::catalogue::{Task, handout};
use crate::diagnose::counted;
use crate::report::model::{Evidence, RequirementReport, RunReport, Status, TaskReport};
use crate::run::event::{self, Judgement, What};
use crate::run::{End, Failure, Record, transcript};
use crate::scenario::Scenario;
use crate::scenario::bytes::SegmentSize;
use crate::scenario::model::{BackendName, Schedule, Step};
use crate::submission::Cast;

/// What a run says about one requirement.
struct Verdict {
    status: Status,
    failure: Option<Failure>,
    why: String,
}

/// Whether anything failed in a run.
pub fn fails(record: &Record) -> bool {
    matches!(record.end, End::Failed(_))
        || record.events.iter().any(|event| matches!(&event.what, What::Judged(judgement) if !judgement.held))
}

/// Whether everything held.
pub fn succeeds(record: &Record) -> bool {
    record.end == End::Played && !fails(record)
}

/// Whether a run failed a requirement by what a program printed, or by its form.
pub fn fails_output(run: &Run<'_>, record: &Record) -> bool {
    run.decides.iter().any(|id| {
        let verdict = verdict(record, id);
        let by_output = || verdict.failure.as_ref().is_some_and(Failure::is_about_output);
        verdict.status == Status::Fail && (id.ends_with(".form") || by_output())
    })
}

/// The requirements that a run failed, of those that are wanted of it.
pub fn failed<'r>(run: &'r Run<'_>, record: &Record) -> Vec<&'r String> {
    run.decides.iter().filter(|id| verdict(record, id).status == Status::Fail).collect()
}

fn verdict(record: &Record, id: &str) -> Verdict {
    let plain = |status, why: &str| Verdict { status, failure: None, why: why.to_owned() };
    // What fails decides, wherever it stands; then what held; then how the run ended.
    let mut judgements = judgements(record, id);
    let deciding = judgements.clone().find(|judgement| !judgement.held).or_else(|| judgements.next());
    if let Some(judgement) = deciding {
        if judgement.held {
            return plain(Status::Pass, "");
        }
        let failure = Failure {
            expected: judgement.expected.clone(),
            actual: judgement.actual.clone(),
            reason: judgement.reason.clone(),
        };
        return Verdict { status: Status::Fail, why: failure.reason.clone(), failure: Some(failure) };
    }
    match &record.end {
        End::Played => plain(Status::Pass, ""),
        End::Failed(failure) => {
            Verdict { status: Status::Fail, why: failure.reason.clone(), failure: Some(failure.clone()) }
        }
        End::NotGradable(why) => plain(Status::NotGradable, why),
        End::Skipped(why) => plain(Status::Skip, why),
        End::Harness(why) => plain(Status::HarnessError, why),
    }
}

/// What steps say of a requirement. The failure that ends a run speaks for all that the scenario decides, so it says
/// nothing of what a step has decided before; of one requirement alone it does.
fn judgements<'r>(record: &'r Record, id: &'r str) -> impl Iterator<Item = &'r Judgement> + Clone {
    let mut all = record.events.iter().filter_map(|event| match &event.what {
        What::Judged(judgement) => Some(judgement),
        _ => None,
    });
    let of_the_end = |last: &&Judgement| matches!(record.end, End::Failed(_)) && last.decides.len() > 1;
    let last = all.next_back().filter(|last| !of_the_end(last));
    all.chain(last).filter(move |judgement| judgement.decides.iter().any(|decided| decided == id))
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
    let mut requirements = Vec::new();
    for requirement in &task.file.requirements {
        let id = task.full_id(requirement);
        let has_role = requirement.roles.iter().any(|role| cast.parts.contains_key(role));
        if !has_role || rubric.disables(&id) || !filter.wants_requirement(&id) {
            continue;
        }
        let mut speaking: Vec<&&Run<'_>> = runs.iter().filter(|run| run.decides.contains(&id)).collect();
        speaking.sort_by_key(|run| oddity(&run.scenario, &requirement.id));
        // With a filter on scenarios only what they decide is reported.
        if speaking.is_empty() && !filter.scenarios.is_empty() {
            continue;
        }
        let mut reports: Vec<RunReport> = speaking
            .iter()
            .filter_map(|run| {
                let run_id = run.scenario.run_id();
                played.get(&run_id).map(|played| run_report(run, played, &id, requirement, cast, options))
            })
            .collect();
        explain_by_needs(&mut reports, &speaking, played, rubric);
        requirements.push(requirement_report(task, requirement, &id, reports, rubric));
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
    settle::task(&mut report);
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

/// A failure that a failed prerequisite explains is no second failure.
fn explain_by_needs(reports: &mut [RunReport], runs: &[&&Run<'_>], played: &BTreeMap<String, Played>, rubric: &Rubric) {
    for (report, run) in reports.iter_mut().zip(runs) {
        if report.status != Status::Fail {
            continue;
        }
        let failed = |need: &&String| {
            played
                .values()
                .any(|played| verdict(&played.record, need).status == Status::Fail && decides(&played.record, need))
        };
        // One that is held back explains nothing to a student.
        let (shown, held): (Vec<_>, Vec<_>) =
            run.scenario.needs.iter().partition(|need| !rubric.held_back().holds(need));
        if let Some(need) = shown.into_iter().chain(held).find(failed) {
            explain(report, need);
        }
    }
}

/// Skips a run that failed only because this prerequisite did.
pub fn explain(run: &mut RunReport, need: &str) {
    run.status = Status::Skip;
    run.skip_reason = Some(format!("it needs {need}, which failed"));
    run.needs = Some(need.to_owned());
}

/// Whether anything in a run spoke for a requirement, the failure that ended it included.
fn decides(record: &Record, id: &str) -> bool {
    record
        .events
        .iter()
        .any(|event| matches!(&event.what, What::Judged(judgement) if judgement.decides.iter().any(|it| it == id)))
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
        runs,
        worth,
        title: requirement.title.clone(),
        teach: requirement.teach.clone(),
        look_at: requirement.look_at.clone(),
        handout,
        section: String::new(),
    };
    settle::requirement(&mut report);
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
    let verdict = verdict(&played.record, id);
    let mut findings = event::findings(&played.record.events);
    findings.extend(played.remarks.iter().cloned());
    let virtual_time = played.backend != BackendName::Wire;
    let difference = (verdict.status == Status::Fail).then(|| event::difference(&played.record.events, id)).flatten();
    let failure =
        verdict.failure.unwrap_or(Failure { expected: String::new(), actual: String::new(), reason: String::new() });
    let run_id = run.scenario.run_id();
    let mut why = verdict.why.clone();
    if verdict.status == Status::Fail {
        let found = played.diagnosis.iter().chain(played.smallest.iter().map(|(_, words)| words));
        found.for_each(|words| why.push_str(&format!("; {words}")));
    }
    RunReport {
        role: run.scenario.role.clone(),
        pairing: run.pairing(cast).to_owned(),
        row: run.scenario.row.clone(),
        status: verdict.status,
        skip_reason: (verdict.status == Status::Skip).then(|| verdict.why.clone()),
        needs: None,
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
        reason: if verdict.status == Status::Skip { String::new() } else { why },
        hint: if verdict.status == Status::Fail { requirement.look_at.clone() } else { String::new() },
        replay: format!("harness replay report.json '{run_id}'"),
        trace_sha256: played.record.trace_sha256.clone().unwrap_or_default(),
        evidence: Evidence::default(),
        difference,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::run::event::Event;

    const FAILED: &str = "the last byte is missing";

    fn judgement(step: &str) -> Judgement {
        let held = step.starts_with('+');
        let text = |text: &str| if held { String::new() } else { text.to_owned() };
        Judgement {
            decides: step.chars().skip(1).map(String::from).collect(),
            held,
            expected: text("all of it"),
            actual: text("a part"),
            reason: text(FAILED),
        }
    }

    fn failure() -> End {
        let text = str::to_owned;
        End::Failed(Failure { expected: text("all of it"), actual: text("a part"), reason: text(FAILED) })
    }

    // What the steps said, in order (`-ab`: what decides a and b did not hold), how the run ended, and what that says of `a`.
    #[rstest]
    #[case::held("+a", End::Played, Status::Pass)]
    #[case::failed_after_it_held("+a -a", End::Played, Status::Fail)]
    #[case::failed_before_it_held("-a +a", End::Played, Status::Fail)]
    #[case::failed_beside_another("+a -ab", End::Played, Status::Fail)]
    #[case::another_failed("+a -b", End::Played, Status::Pass)]
    #[case::held_before_the_end_of_all("+a -ab", failure(), Status::Pass)]
    #[case::held_before_its_own_end("+a -a", failure(), Status::Fail)]
    #[case::failed_before_the_end("-ab -ab", failure(), Status::Fail)]
    #[case::ended("-ab", failure(), Status::Fail)]
    #[case::nothing_said("", End::Played, Status::Pass)]
    #[case::skipped("", End::Skipped(String::new()), Status::Skip)]
    #[case::held_and_skipped("+a", End::Skipped(String::new()), Status::Pass)]
    #[case::not_gradable("", End::NotGradable(String::new()), Status::NotGradable)]
    #[case::broken("", End::Harness(String::new()), Status::HarnessError)]
    fn a_run_says(#[case] steps: &str, #[case] end: End, #[case] status: Status) {
        let events = steps.split_whitespace().map(|step| Event {
            at: Duration::ZERO,
            who: "harness".to_owned(),
            what: What::Judged(judgement(step)),
        });
        let record = Record { events: events.collect(), ..Record::empty(end) };
        let found = verdict(&record, "a");
        assert_eq!(found.status, status);
        assert_eq!(found.why == FAILED, status == Status::Fail);
    }
}
