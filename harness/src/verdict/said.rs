//! What one run says of one requirement.

use crate::report::model::Status;
use crate::run::event::{About, Judgement, What};
use crate::run::skip::Skip;
use crate::run::{End, Failure, Record};

/// What a run says of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It holds.
    Held,
    /// It does not.
    Failed(Failure),
    /// A program could not be started.
    NotGradable(String),
    /// Nothing.
    Nothing(Skip),
    /// The harness or the machine failed.
    Broken(String),
}

impl Said {
    /// The verdict that it is.
    pub fn status(&self) -> Status {
        match self {
            Self::Held => Status::Pass,
            Self::Failed(_) => Status::Fail,
            Self::NotGradable(_) => Status::NotGradable,
            Self::Nothing(_) => Status::Skip,
            Self::Broken(_) => Status::HarnessError,
        }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// What a run says of a requirement: the first row that applies.
///
/// | in the run | it |
/// |---|---|
/// | a step decided it, and did not hold, wherever it stands | failed |
/// | a step decided it, and held | held, however the run ended |
/// | no step decided it, and all steps were played | held |
/// | no step decided it, and the run ended early | is as the run's end says |
///
/// A failure that ends the run speaks for all that the scenario decides, so it does not undo what a step has decided
/// before; if the scenario decides this requirement alone, it does.
pub fn says(record: &Record, id: &str) -> Said {
    let mut judgements = judgements(record, id);
    let deciding = judgements.clone().find(|judgement| !judgement.held).or_else(|| judgements.next());
    match (deciding, &record.end) {
        (Some(judgement), _) if judgement.held => Said::Held,
        (Some(judgement), _) => Said::Failed(failure_of(judgement)),
        (None, End::Played) => Said::Held,
        (None, End::Failed(failure)) => Said::Failed(failure.clone()),
        (None, End::NotGradable(why)) => Said::NotGradable(why.clone()),
        (None, End::Skipped(skip)) => Said::Nothing(skip.clone()),
        (None, End::Harness(why)) => Said::Broken(why.clone()),
    }
}

fn failure_of(judgement: &Judgement) -> Failure {
    let Judgement { expected, actual, reason, .. } = judgement.clone();
    Failure { expected, actual, reason }
}

/// What steps say of a requirement, without the failure that ended the run where it speaks for others as well.
fn judgements<'r>(record: &'r Record, id: &'r str) -> impl Iterator<Item = &'r Judgement> + Clone {
    let mut all = all_judgements(record);
    let of_the_end = |last: &&Judgement| matches!(record.end, End::Failed(_)) && last.decides.len() > 1;
    let last = all.next_back().filter(|last| !of_the_end(last));
    all.chain(last).filter(move |judgement| speaks_for(judgement, id))
}

fn all_judgements(record: &Record) -> impl DoubleEndedIterator<Item = &Judgement> + Clone {
    record.events.iter().filter_map(|event| match &event.what {
        What::Judged(judgement) => Some(judgement),
        _ => None,
    })
}

fn speaks_for(judgement: &Judgement, id: &str) -> bool {
    judgement.decides.iter().any(|decided| decided == id)
}

/// Whether something failed in what the run says of this requirement, or of anything without one, that a program has printed.
pub fn fails_output(record: &Record, id: Option<&str>) -> bool {
    let wrong = |it: &&Judgement| !it.held && it.about == About::Output && id.is_none_or(|id| speaks_for(it, id));
    all_judgements(record).any(|it| wrong(&it))
}

/// Whether the run failed this requirement by name, the failure that ended it included.
pub fn fails_by_name(record: &Record, id: &str) -> bool {
    says(record, id).failure().is_some() && all_judgements(record).any(|judgement| speaks_for(judgement, id))
}

/// Whether anything failed in a run.
pub fn fails(record: &Record) -> bool {
    matches!(record.end, End::Failed(_)) || all_judgements(record).any(|judgement| !judgement.held)
}

/// Whether everything held.
pub fn succeeds(record: &Record) -> bool {
    record.end == End::Played && !fails(record)
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
            about: About::Conduct,
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
    #[case::skipped("", End::Skipped(Skip::situation("")), Status::Skip)]
    #[case::held_and_skipped("+a", End::Skipped(Skip::situation("")), Status::Pass)]
    #[case::not_gradable("", End::NotGradable(String::new()), Status::NotGradable)]
    #[case::broken("", End::Harness(String::new()), Status::HarnessError)]
    fn a_run_says(#[case] steps: &str, #[case] end: End, #[case] status: Status) {
        let events = steps.split_whitespace().map(|step| Event {
            at: Duration::ZERO,
            who: "harness".to_owned(),
            what: What::Judged(judgement(step)),
        });
        let record = Record { events: events.collect(), ..Record::empty(end) };
        let found = says(&record, "a");
        assert_eq!(found.status(), status);
        assert_eq!(found.failure().map(|it| it.reason.as_str()), (status == Status::Fail).then_some(FAILED));
    }
}
