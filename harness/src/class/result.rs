//! What was found out about one submission, in the form in which it is kept.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::report::aside::Aside;
use crate::report::json;
use crate::report::model::{Report, Status};

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
}

impl Graded {
    /// Of a report as grading makes it.
    pub fn new(mut report: Report) -> Self {
        let aside = Aside::of(&report);
        report.duration_ms = 0;
        report.target = String::new();
        for run in report.tasks.iter_mut().flat_map(|task| &mut task.requirements).flat_map(|it| &mut it.runs) {
            run.duration_ms = 0;
        }
        Self { report, aside }
    }

    /// The report of a student.
    pub fn report(&self, target: &str) -> Report {
        let mut report = self.report.clone();
        self.aside.put_back(&mut report);
        report.target = target.to_owned();
        report
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
    use super::super::settings;
    use super::*;
    use crate::report::sample;

    fn verdicts(outcome: Outcome) -> String {
        let settings = settings::sample();
        Verdicts { format: 1, key: "k".to_owned(), submission_sha256: "s".to_owned(), settings, outcome }.render()
    }

    #[test]
    fn a_result_is_read_back_without_durations() {
        let mut report = sample::passed();
        report.duration_ms = 99;
        let text = verdicts(Outcome::Graded(Box::new(Graded::new(report.clone()))));
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
