//! What one run says of one requirement.

use crate::{About, End, Failure, Judgement, Skip, Status};

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

/// What a run left for the verdict.
#[derive(Debug, Clone)]
pub struct Facts<'r> {
    /// What its steps judged, in order; a failure that ended it is the last.
    pub judgements: Vec<&'r Judgement>,
    /// How it ended.
    pub end: &'r End,
}

impl Facts<'_> {
    /// What the run says of a requirement: the first row that applies.
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
    pub fn says(&self, id: &str) -> Said {
        let steps = match self.judgements.split_last() {
            Some((last, steps)) if matches!(self.end, End::Failed(_)) && last.decides.len() > 1 => steps,
            _ => &self.judgements,
        };
        let mut deciding = steps.iter().filter(|judgement| judgement.speaks_for(id));
        match (deciding.clone().find(|judgement| !judgement.held).or_else(|| deciding.next()), self.end) {
            (Some(judgement), _) if judgement.held => Said::Held,
            (Some(judgement), _) => Said::Failed(judgement.failure()),
            (None, End::Played) => Said::Held,
            (None, End::Failed(failure)) => Said::Failed(failure.clone()),
            (None, End::NotGradable(why)) => Said::NotGradable(why.clone()),
            (None, End::Skipped(skip)) => Said::Nothing(skip.clone()),
            (None, End::Harness(why)) => Said::Broken(why.clone()),
        }
    }

    /// Whether the run failed this requirement by name, the failure that ended it included.
    pub fn fails_by_name(&self, id: &str) -> bool {
        self.says(id).failure().is_some() && self.judgements.iter().any(|judgement| judgement.speaks_for(id))
    }

    /// Whether something failed in what the run says of this requirement, or of anything without one, that a program has
    /// printed.
    pub fn fails_output(&self, id: Option<&str>) -> bool {
        let wrong = |it: &&Judgement| !it.held && it.about == About::Output && id.is_none_or(|id| it.speaks_for(id));
        self.judgements.iter().any(wrong)
    }

    /// Whether anything failed in the run.
    pub fn fails(&self) -> bool {
        matches!(self.end, End::Failed(_)) || self.judgements.iter().any(|judgement| !judgement.held)
    }

    /// Whether everything held.
    pub fn succeeds(&self) -> bool {
        *self.end == End::Played && !self.fails()
    }
}

impl Judgement {
    fn speaks_for(&self, id: &str) -> bool {
        self.decides.iter().any(|decided| decided == id)
    }

    /// What did not hold.
    pub fn failure(&self) -> Failure {
        let Self { expected, actual, reason, state, .. } = self.clone();
        Failure { expected, actual, reason, state }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const FAILED: &str = "the last byte is missing";

    fn judgement(step: &str) -> Judgement {
        let held = step.starts_with('+');
        let text = |text: &str| if held { String::new() } else { text.to_owned() };
        Judgement {
            decides: step.chars().skip(1).map(String::from).collect(),
            held,
            about: if step.starts_with('~') { About::Output } else { About::Conduct },
            expected: text("all of it"),
            actual: text("a part"),
            reason: text(FAILED),
            state: String::new(),
        }
    }

    fn failure() -> End {
        let text = str::to_owned;
        End::Failed(Failure {
            expected: text("all of it"),
            actual: text("a part"),
            reason: text(FAILED),
            ..Failure::default()
        })
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
        let judged: Vec<Judgement> = steps.split_whitespace().map(judgement).collect();
        let found = Facts { judgements: judged.iter().collect(), end: &end }.says("a");
        assert_eq!(found.status(), status);
        assert_eq!(found.failure().map(|it| it.reason.as_str()), (status == Status::Fail).then_some(FAILED));
    }

    // Steps as above, `~ab` is about what was printed; how the run ended; and what is asked of all of it.
    #[rstest]
    #[case::nothing_failed("+a", End::Played, "succeeds")]
    #[case::a_step_failed("-a", End::Played, "fails a-by-name")]
    #[case::what_was_printed("~a +b", End::Played, "fails a-by-name output a-output")]
    #[case::of_another("~b", End::Played, "fails output")]
    #[case::held_as_printed("-a ~b", End::Played, "fails a-by-name output")]
    #[case::the_end_alone("", failure(), "fails")]
    #[case::the_end_for_all("+a -ab", failure(), "fails")]
    #[case::skipped("", End::Skipped(Skip::situation("")), "")]
    #[case::broken("+a", End::Harness(String::new()), "")]
    fn of_all_of_a_run(#[case] steps: &str, #[case] end: End, #[case] expected: &str) {
        let judged: Vec<Judgement> = steps.split_whitespace().map(judgement).collect();
        let facts = Facts { judgements: judged.iter().collect(), end: &end };
        let found = [
            (facts.succeeds(), "succeeds"),
            (facts.fails(), "fails"),
            (facts.fails_by_name("a"), "a-by-name"),
            (facts.fails_output(None), "output"),
            (facts.fails_output(Some("a")), "a-output"),
        ];
        let found: Vec<&str> = found.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        assert_eq!(found.join(" "), expected);
    }
}
