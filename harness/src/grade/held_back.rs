//! What a rubric holds back: requirements and seeds that are judged, and not shown to students.
//!
//! A report from which they were taken out reads as if they had never been judged: no verdict, no reason, no run, no
//! point, no sum tells whether they were met. It says that there is something held back, and nothing more.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Graded;
use crate::report::model::{HeldBack as HeldPoints, Report, Status, TaskReport};
use crate::run::event::{Event, What};
use crate::run::transcript;
use harness_language::scenario::model::BackendName;

/// The rubric's `[held-back]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HeldBack {
    /// Requirements by full id (`message.twenty-kb`), or `TASK.*` for all of a task.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// Everything is judged with these seeds, too: a requirement is met if it is met with each of them.
    #[serde(default)]
    pub seeds: Vec<u64>,
}

/// What a shown report says of it.
const REMARK: &str = "something is held back: it is judged, and neither shown nor counted here";

impl HeldBack {
    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.seeds.is_empty()
    }

    /// Whether a requirement is held back.
    pub fn holds(&self, id: &str) -> bool {
        let of_task = |held: &str| held.strip_suffix('*').is_some_and(|task| id.starts_with(task));
        self.requirements.iter().any(|held| held == id || of_task(held))
    }

    /// Takes everything that is held back out of a report.
    pub fn hide(&self, report: &mut Report) {
        if self.is_empty() {
            return;
        }
        let (score, max_score) = (report.score, report.max_score);
        for task in &mut report.tasks {
            task.requirements.retain(|found| !self.holds(&found.id));
            for found in &mut task.requirements {
                found.runs.retain(|run| run.seed == report.seed);
                for run in &mut found.runs {
                    // That a failure is explained by something held back would tell that this failed.
                    if run.needs().is_some_and(|id| self.holds(id)) {
                        (run.status, run.skip_reason, run.undecided) = (Status::Fail, None, None);
                    }
                }
                found.settle();
            }
            task.settle();
        }
        report.tasks.retain(|task| !task.requirements.is_empty());
        report.settle();
        let runs = || report.tasks.iter().flat_map(|task| &task.requirements).flat_map(|found| &found.runs);
        let shown: BTreeSet<&String> = runs().map(|run| &run.id).collect();
        report.on_real_sockets.retain(|id| shown.contains(id));
        report.notes.push(REMARK.to_owned());
        let (score, max_score) = (score - report.score, max_score - report.max_score);
        report.held_back = Some(HeldPoints { score: score.max(0.0), max_score: max_score.max(0.0) });
    }

    /// Takes it out of a report and of what its runs left.
    pub fn hide_from(&self, graded: &mut Graded) {
        if self.is_empty() {
            return;
        }
        self.hide(&mut graded.report);
        for played in graded.played.values_mut() {
            played.record.events = self.events(&played.record.events);
        }
        for run in graded.report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|it| &mut it.runs) {
            if let Some(played) = graded.played.get(&run.id) {
                let timed = played.backend != BackendName::Wire;
                run.transcript = transcript::lines(&played.record.events, timed);
            }
        }
    }

    /// Takes what was judged of it out of the events of a run that is shown.
    pub fn events(&self, events: &[Event]) -> Vec<Event> {
        let mut shown: Vec<Event> = Vec::new();
        for event in events {
            let mut event = event.clone();
            if let What::Judged(judgement) = &mut event.what
                && !judgement.decides.is_empty()
            {
                judgement.decides.retain(|id| !self.holds(id));
                if judgement.decides.is_empty() {
                    // Where the bytes part is noted before the verdict on them.
                    if shown.last().is_some_and(|last| matches!(last.what, What::Differed(_))) {
                        shown.pop();
                    }
                    continue;
                }
            }
            shown.push(event);
        }
        shown
    }
}

/// Whether the harness could not finish something of a report that is to be hidden from it.
pub fn is_unfinished(report: &Report) -> bool {
    report.tasks.iter().flat_map(|task| &task.requirements).any(|found| found.status == Status::HarnessError)
}

/// The id of a run with another seed than the report's.
pub fn with_seed(run: &str, seed: u64) -> String {
    format!("{run}@{seed}")
}

/// Adds what was found with another seed.
pub fn join(tasks: &mut [TaskReport], more: Vec<TaskReport>, seed: u64) {
    for (task, more) in tasks.iter_mut().zip(more) {
        for (found, more) in task.requirements.iter_mut().zip(more.requirements) {
            found.runs.extend(more.runs.into_iter().map(|mut run| {
                run.id = with_seed(&run.id, seed);
                run.replay = format!("harness replay report.json '{}'", run.id);
                run
            }));
            found.settle();
        }
        task.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::fold;
    use crate::report::format::{Format, render};
    use crate::report::sample;
    use crate::report::style::Style;
    use crate::run::event::{About, Judgement};
    use harness_language::catalogue::model::Level;

    fn held(requirements: &[&str], seeds: &[u64]) -> HeldBack {
        HeldBack { requirements: requirements.iter().map(|id| (*id).to_owned()).collect(), seeds: seeds.to_vec() }
    }

    #[test]
    fn a_task_or_one_requirement() {
        let held = held(&["message.twenty-kb", "password.*"], &[]);
        assert!(held.holds("message.twenty-kb") && held.holds("password.grants"));
        assert!(!held.holds("message.twenty-kb-more") && !held.holds("password-x.grants"));
    }

    /// Whatever came of it, no format tells.
    #[test]
    fn no_format_tells_what_became_of_it() {
        let shown = |status: Status, points: f64| {
            let mut report = sample::simple();
            let id = {
                let found = &mut report.tasks[0].requirements[0];
                (found.status, found.score, found.max_score, found.worth) = (status, points, 3.0, 3.0);
                found.level = Level::Must;
                found.runs.iter_mut().for_each(|run| run.status = status);
                found.id.clone()
            };
            report.tasks[0].settle();
            report.settle();
            held(&[&id], &[]).hide(&mut report);
            let platforms = |format: &&Format| !matches!(format, Format::Gradescope | Format::Classroom50);
            let texts: Vec<String> = Format::ALL
                .iter()
                .filter(platforms)
                .map(|format| render(&report, *format, Style::default()))
                .inspect(|text| assert!(!text.contains(&id), "{text}"))
                .collect();
            texts
        };
        assert_eq!(shown(Status::Pass, 3.0), shown(Status::Fail, 0.0));
    }

    #[test]
    fn other_seeds_count_and_are_not_shown() {
        let mut report = sample::passed();
        let found = &mut report.tasks[0].requirements[0];
        found.worth = 3.0;
        let mut more = report.tasks.clone();
        for run in &mut more[0].requirements[0].runs {
            (run.seed, run.status) = (7, Status::Fail);
        }
        join(&mut report.tasks, more, 7);
        report.settle();
        assert_eq!((report.passed, report.score), (false, 0.0));
        assert!(report.tasks[0].requirements[0].runs.iter().any(|run| run.id.ends_with("@7")));
        held(&[], &[7]).hide(&mut report);
        assert_eq!((report.passed, report.score), (true, 3.0));
        assert!(report.tasks[0].requirements[0].runs.iter().all(|run| !run.id.contains('@')));
    }

    #[test]
    fn what_explains_a_failure_is_not_told() {
        let mut report = sample::passed();
        let found = &mut report.tasks[0].requirements[0];
        found.worth = 3.0;
        fold::explain(&mut found.runs[0], "message.secret");
        found.settle();
        assert_eq!((found.status, found.max_score), (Status::Skip, 3.0));
        held(&["message.secret"], &[]).hide(&mut report);
        let found = &report.tasks[0].requirements[0];
        assert_eq!((found.status, found.score, found.max_score), (Status::Fail, 0.0, 3.0));
    }

    #[test]
    fn events_say_nothing_of_it() {
        let judged = |ids: &[&str]| Event {
            at: std::time::Duration::ZERO,
            who: "harness".to_owned(),
            what: What::Judged(Judgement {
                decides: ids.iter().map(|id| (*id).to_owned()).collect(),
                held: false,
                about: About::Conduct,
                expected: String::new(),
                actual: String::new(),
                reason: String::new(),
                state: String::new(),
            }),
        };
        let events = [judged(&["a.x"]), judged(&["a.y"]), judged(&["a.x", "a.y"])];
        assert_eq!(held(&["a.x"], &[]).events(&events), [judged(&["a.y"]), judged(&["a.y"])]);
    }
}
