//! What was found out about one submission, in the form in which it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::grade::Played;
use crate::grade::held_back::HeldBack;
use crate::report::aside::Aside;
use crate::report::html::{Runs, Seen};
use crate::report::model::{Report, Status};
use crate::report::{json, summary};
use crate::run::event::Event;
use crate::run::transcript;
use harness_language::scenario::model::BackendName;

/// Events of a run that are kept, at its beginning and its end: more are never drawn.
const EVENTS: (usize, usize) = (400, 1200);

/// Bytes of a record of calls that are kept; a longer one is left out.
const CALLS: usize = 256 << 10;

/// A result. It names no student: who hands in the same files has the same result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// Version of this format.
    pub format: u32,
    /// The key, which is also the file's name.
    pub key: String,
    /// SHA-256 of the submission's files.
    pub submission_sha256: String,
    /// How it was graded.
    pub settings: Settings,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was graded.
    Graded(Box<Graded>),
    /// Nothing of it could be graded: no program, a build that fails.
    NotGradable(String),
    /// The harness or the machine failed.
    HarnessError(String),
}

/// A report without durations and without a name, and what stands beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graded {
    report: Report,
    aside: Aside,
    kept: BTreeMap<String, Kept>,
}

/// What a run left that is shown at length.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    events: Vec<Event>,
    calls: String,
}

impl Kept {
    fn of(played: &Played) -> Self {
        let (first, last) = EVENTS;
        let all = &played.record.events;
        let events = match all.len() <= first + last {
            true => all.clone(),
            false => [&all[..first], &all[all.len() - last..]].concat(),
        };
        let calls = played.record.secrets.text(&played.calls);
        Self { events, calls: if calls.len() <= CALLS { calls } else { String::new() } }
    }
}

impl Graded {
    /// Of a report as grading makes it, and the runs behind it.
    pub fn new(mut report: Report, played: &BTreeMap<String, Played>) -> Self {
        let aside = Aside::of(&report);
        let failed = summary::with_status(&report, Status::Fail);
        let shown = failed.filter_map(|found| summary::telling_run(found).map(|run| run.id.clone()));
        let kept = shown.filter_map(|id| played.get(&id).map(|played| (id, Kept::of(played)))).collect();
        report.duration_ms = 0;
        report.target = String::new();
        for run in report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|it| &mut it.runs) {
            run.duration_ms = 0;
        }
        Self { report, aside, kept }
    }

    /// The report of a student.
    pub fn report(&self, target: &str) -> Report {
        let mut report = self.report.clone();
        self.aside.put_back(&mut report);
        report.target = target.to_owned();
        for run in report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|it| &mut it.runs) {
            if let Some(kept) = self.kept.get(&run.id) {
                run.transcript = transcript::lines(&kept.events, run.backend != BackendName::Wire.as_str());
            }
        }
        report
    }

    /// The same, without what students are not shown.
    pub fn report_for_student(&self, target: &str, held: &HeldBack) -> Report {
        let mut report = self.report(target);
        held.hide(&mut report);
        for run in report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|it| &mut it.runs) {
            let kept = self.kept.get(&run.id).map(|kept| held.events(&kept.events)).unwrap_or_default();
            run.transcript = transcript::lines(&kept, run.backend != BackendName::Wire.as_str());
        }
        report
    }

    /// What is kept of its runs, without what students are not shown.
    pub fn hiding(mut self, held: &HeldBack) -> Self {
        self.kept.values_mut().for_each(|kept| kept.events = held.events(&kept.events));
        self
    }

    /// What is shown of its runs.
    pub fn runs(&self) -> Runs<'_> {
        self.kept
            .iter()
            .map(|(id, kept)| (id.as_str(), Seen { events: &kept.events, calls: &kept.calls, model: &[] }))
            .collect()
    }
}

impl Verdicts {
    /// Whether it stands: what the harness could not finish is tried again the next time.
    pub fn is_final(&self) -> bool {
        match &self.outcome {
            Outcome::HarnessError(_) => false,
            Outcome::NotGradable(_) => true,
            Outcome::Graded(graded) => {
                let mut all = graded.report.tasks.iter().flat_map(|task| &task.requirements);
                !all.any(|requirement| requirement.status == Status::HarnessError)
            }
        }
    }

    /// As it is kept.
    pub fn render(&self) -> String {
        json::visible(self)
    }

    /// What a file holds, if it is a result of this key.
    pub fn read(text: &str, key: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|read: &Self| read.key == key && read.format == super::roster::FORMAT)
    }

    /// The one of two results of one key that stands: a final one before one that is not, else the smaller in a fixed
    /// order. It does not matter which comes first.
    pub fn better<'t>(key: &str, one: &'t str, other: &'t str) -> &'t str {
        let rank = |text: &'t str| (!Self::read(text, key).is_some_and(|read| read.is_final()), text);
        rank(one).min(rank(other)).1
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::FORMAT;
    use super::super::settings;
    use super::*;
    use crate::report::sample;

    fn verdicts(outcome: Outcome) -> String {
        let settings = settings::sample();
        Verdicts { format: FORMAT, key: "k".to_owned(), submission_sha256: "s".to_owned(), settings, outcome }.render()
    }

    #[test]
    fn a_result_is_read_back_without_durations() {
        let mut report = sample::passed();
        report.duration_ms = 99;
        let text = verdicts(Outcome::Graded(Box::new(Graded::new(report.clone(), &BTreeMap::new()))));
        let again = Verdicts::read(&text, "k").unwrap();
        let Outcome::Graded(graded) = &again.outcome else { panic!("{text}") };
        report.duration_ms = 0;
        let mut durations = graded.report(&report.target);
        durations.tasks.clone_from(&report.tasks);
        assert_eq!(json::render(&durations), json::render(&report));
        assert_eq!(again.render(), text);
        assert!(Verdicts::read(&text, "other").is_none());
        assert!(Verdicts::read(&text[..text.len() / 2], "k").is_none());
    }

    #[test]
    fn what_the_harness_could_not_finish_gives_way() {
        let (broken, sound) =
            (verdicts(Outcome::HarnessError("a".to_owned())), verdicts(Outcome::NotGradable("b".to_owned())));
        assert_eq!(Verdicts::better("k", &broken, &sound), sound);
        assert_eq!(Verdicts::better("k", &sound, &broken), sound);
        assert_eq!(Verdicts::better("k", "cut off", &broken), Verdicts::better("k", &broken, "cut off"));
    }
}
