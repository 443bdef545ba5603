//! What runs come to for a requirement, requirements for a task, and tasks for a report.
//!
//! The runs of a role, in one pairing, that decide a requirement are a *group*: what a program shows against the harness, or
//! what it shows with its other half. Of a requirement, the first row that applies:
//!
//! | of its runs | the requirement |
//! |---|---|
//! | one failed | `fail` |
//! | one could not be finished by the harness | `harness-error`, and costs nothing |
//! | one was not gradable, and its role has not passed in another group | `not-gradable` |
//! | one failed because a prerequisite did | `skip`, and is lost with the prerequisite: so are its points |
//! | one reached a bound of the grading, and its role has not passed in another group | `skip` |
//! | all of a group passed, what does not apply to the program left out | `pass` |
//! | none of these | `skip`: undecided, and costs nothing |
//!
//! Of a report, the first row that applies:
//!
//! | of its `must`s | the report |
//! |---|---|
//! | one failed or is lost | `failed` |
//! | one could not be finished by the harness | `harness-error` |
//! | one is not gradable | `not-gradable` |
//! | one is undecided, or there is none | `not-proven` |
//! | all passed | `passed` |

use std::collections::BTreeMap;

use crate::{Level, Status, Undecided, Verdict};

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// The role that was judged.
    pub role: &'r str,
    /// Against whom it played.
    pub pairing: &'r str,
    /// The run's verdict on the requirement.
    pub status: Status,
    /// What keeps it from deciding anything.
    pub undecided: Option<&'r Undecided>,
}

/// What a requirement comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Its verdict.
    pub status: Status,
    /// The requirement with which its points are lost.
    pub lost_with: Option<String>,
    /// Points earned.
    pub score: f64,
    /// Points that could be earned.
    pub max_score: f64,
}

/// A requirement as a task and a report see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// How much it weighs.
    pub level: Level,
    /// Its verdict.
    pub status: Status,
    /// Whether its points are lost with those of one that it needs.
    pub is_lost: bool,
}

impl Standing {
    /// Whether no report can pass that holds it: a must-requirement that failed, was lost, or could not be judged.
    pub fn forbids_pass(self) -> bool {
        self.level == Level::Must && (self.is_lost || !matches!(self.status, Status::Pass | Status::Skip))
    }
}

/// Verdict and points of a requirement, from its worth and its runs.
pub fn requirement(worth: f64, runs: &[Shown<'_>]) -> Settled {
    let (status, lost_with) = come_to(runs);
    let max_score = match status {
        Status::Skip if lost_with.is_none() => 0.0,
        Status::HarnessError => 0.0,
        _ => worth,
    };
    let score = if status == Status::Pass { max_score } else { 0.0 };
    Settled { status, lost_with, score, max_score }
}

/// What runs come to, and with which requirement it is lost.
fn come_to(runs: &[Shown<'_>]) -> (Status, Option<String>) {
    let any = |status| runs.iter().any(|run| run.status == status);
    let mut groups: BTreeMap<(&str, &str), Vec<&Shown<'_>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.undecided != Some(&Undecided::NotApplicable)) {
        groups.entry((run.role, run.pairing)).or_default().push(run);
    }
    let passes = |group: &[&Shown<'_>]| group.iter().all(|run| run.status == Status::Pass);
    let has_passed = |role: &str| groups.iter().any(|((of, _), group)| *of == role && passes(group));
    let not_gradable = |run: &Shown<'_>| run.status == Status::NotGradable && !has_passed(run.role);
    let bounded = |run: &Shown<'_>| matches!(run.undecided, Some(Undecided::Bound(_))) && !has_passed(run.role);
    let need = runs.iter().find_map(|run| match run.undecided {
        Some(Undecided::Needs(need)) => Some(need.clone()),
        _ => None,
    });
    let status = [Status::Fail, Status::HarnessError].into_iter().find(|status| any(*status));
    match (status, need) {
        (Some(status), _) => (status, None),
        _ if runs.iter().any(not_gradable) => (Status::NotGradable, None),
        (None, Some(need)) => (Status::Skip, Some(need)),
        _ if runs.iter().any(bounded) => (Status::Skip, None),
        (None, None) if groups.values().any(|group| passes(group)) => (Status::Pass, None),
        (None, None) => (Status::Skip, None),
    }
}

/// What the requirements of one task come to: a task stands or falls with its musts, as a report does; without one, with its
/// shoulds.
pub fn task(all: &[Standing]) -> Status {
    match verdict(all) {
        Verdict::Passed => Status::Pass,
        Verdict::Failed => Status::Fail,
        Verdict::HarnessError => Status::HarnessError,
        Verdict::NotGradable => Status::NotGradable,
        Verdict::NotProven if all.iter().any(|it| it.level == Level::Must) => Status::Skip,
        Verdict::NotProven => {
            worst(&all.iter().filter(|it| it.level == Level::Should).map(|it| it.status).collect::<Vec<_>>())
        }
    }
}

/// The worst decided verdict of several; `skip` if nothing decided.
fn worst(statuses: &[Status]) -> Status {
    let order = [Status::Fail, Status::HarnessError, Status::NotGradable, Status::Pass];
    order.into_iter().find(|status| statuses.contains(status)).unwrap_or(Status::Skip)
}

/// What the requirements of a whole report come to.
pub fn verdict(all: &[Standing]) -> Verdict {
    let musts = || all.iter().filter(|it| it.level == Level::Must);
    let any = |status| musts().any(|it| it.status == status);
    if any(Status::Fail) || musts().any(|it| it.is_lost) {
        Verdict::Failed
    } else if any(Status::HarnessError) {
        Verdict::HarnessError
    } else if any(Status::NotGradable) {
        Verdict::NotGradable
    } else if any(Status::Skip) || !any(Status::Pass) {
        Verdict::NotProven
    } else {
        Verdict::Passed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::Bound;

    /// What a run may have come to.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Ran {
        Passed,
        Failed,
        Explained,
        Skipped,
        NotApplicable,
        NotGradable,
        Bounded,
        Broken,
    }
    use Ran::{Bounded, Broken, Explained, Failed, NotApplicable, NotGradable, Passed, Skipped};

    /// The groups in which runs stand, by their number: a role, and a pairing.
    const GROUPS: [(&str, &str); 3] = [("server", "harness-client"), ("server", "own"), ("client", "harness-server")];

    fn settled(runs: &[(usize, Ran)]) -> Settled {
        let needs = Undecided::Needs("message.endless".to_owned());
        let made = |(group, ran): &(usize, Ran)| {
            let (role, pairing) = GROUPS[*group];
            let (status, undecided) = match ran {
                Passed => (Status::Pass, None),
                Failed => (Status::Fail, None),
                Explained => (Status::Skip, Some(&needs)),
                Skipped => (Status::Skip, Some(&Undecided::Situation)),
                NotApplicable => (Status::Skip, Some(&Undecided::NotApplicable)),
                NotGradable => (Status::NotGradable, None),
                Bounded => (Status::Skip, Some(&Undecided::Bound(Bound::RunTime))),
                Broken => (Status::HarnessError, None),
            };
            Shown { role, pairing, status, undecided }
        };
        requirement(3.0, &runs.iter().map(made).collect::<Vec<_>>())
    }

    fn standing(level: Level, runs: &[(usize, Ran)]) -> Standing {
        let Settled { status, lost_with, .. } = settled(runs);
        Standing { level, status, is_lost: lost_with.is_some() }
    }

    // The rows of the first table, and what they cost.
    #[rstest]
    #[case::failed(&[(0, Passed), (0, Failed), (0, Explained), (0, Broken)], Status::Fail, 3.0)]
    #[case::failed_elsewhere(&[(0, Passed), (1, Failed)], Status::Fail, 3.0)]
    #[case::broken(&[(0, Passed), (0, Broken), (0, NotGradable), (0, Explained)], Status::HarnessError, 0.0)]
    #[case::not_gradable(&[(0, Passed), (0, NotGradable), (0, Explained)], Status::NotGradable, 3.0)]
    #[case::the_other_half_is_not(&[(0, Passed), (1, NotGradable)], Status::Pass, 3.0)]
    #[case::the_other_role_is_not(&[(0, Passed), (2, NotGradable)], Status::NotGradable, 3.0)]
    #[case::lost_in_part(&[(0, Passed), (0, Explained)], Status::Skip, 3.0)]
    #[case::lost_elsewhere(&[(0, Passed), (2, Explained)], Status::Skip, 3.0)]
    #[case::lost(&[(0, Explained), (0, Skipped)], Status::Skip, 3.0)]
    #[case::one_reached_a_bound(&[(0, Passed), (2, Bounded)], Status::Skip, 0.0)]
    #[case::the_other_half_reached_one(&[(0, Passed), (1, Bounded)], Status::Pass, 3.0)]
    #[case::passed(&[(0, Passed), (0, Passed)], Status::Pass, 3.0)]
    #[case::passed_in_one_group(&[(0, Skipped), (1, Passed), (2, Skipped)], Status::Pass, 3.0)]
    #[case::passed_where_it_applies(&[(0, Passed), (0, NotApplicable)], Status::Pass, 3.0)]
    #[case::passed_in_part(&[(0, Passed), (0, Skipped)], Status::Skip, 0.0)]
    #[case::does_not_apply(&[(0, NotApplicable)], Status::Skip, 0.0)]
    #[case::skipped(&[(0, Skipped)], Status::Skip, 0.0)]
    #[case::not_run(&[], Status::Skip, 0.0)]
    fn runs_come_to(#[case] runs: &[(usize, Ran)], #[case] status: Status, #[case] max_score: f64) {
        let found = settled(runs);
        let score = if status == Status::Pass { max_score } else { 0.0 };
        assert_eq!((found.status, found.score, found.max_score), (status, score, max_score));
        assert_eq!(found.lost_with.is_some(), status == Status::Skip && max_score > 0.0);
    }

    // The rows of the second table.
    #[rstest]
    #[case::passed(&[Passed, Passed], Verdict::Passed)]
    #[case::undecided(&[Passed, Skipped], Verdict::NotProven)]
    #[case::all_undecided(&[Skipped, Skipped], Verdict::NotProven)]
    #[case::lost(&[Passed, Explained], Verdict::Failed)]
    #[case::failed(&[Passed, Failed, Broken], Verdict::Failed)]
    #[case::broken(&[Passed, Broken, NotGradable], Verdict::HarnessError)]
    #[case::not_gradable(&[Passed, NotGradable, Skipped], Verdict::NotGradable)]
    #[case::none(&[], Verdict::NotProven)]
    fn musts_come_to(#[case] musts: &[Ran], #[case] verdict: Verdict) {
        let all: Vec<Standing> = musts.iter().map(|ran| standing(Level::Must, &[(0, *ran)])).collect();
        assert_eq!(super::verdict(&all), verdict);
        let status = match verdict {
            Verdict::Passed => Status::Pass,
            Verdict::Failed => Status::Fail,
            Verdict::HarnessError => Status::HarnessError,
            Verdict::NotGradable => Status::NotGradable,
            Verdict::NotProven => Status::Skip,
        };
        assert_eq!(task(&all), status);
    }

    // What its shoulds come to does not help a task with a must.
    #[test]
    fn an_undecided_must_is_not_made_up_for() {
        assert_eq!(
            task(&[standing(Level::Must, &[(0, Skipped)]), standing(Level::Should, &[(0, Passed)])]),
            Status::Skip
        );
    }

    // A task without a must; a report without one proves nothing.
    #[rstest]
    #[case::passed(&[(Level::Should, Passed), (Level::May, Failed)], Status::Pass)]
    #[case::the_worst(&[(Level::Should, Passed), (Level::Should, Broken), (Level::Should, Failed)], Status::Fail)]
    #[case::broken(&[(Level::Should, Broken), (Level::Should, NotGradable)], Status::HarnessError)]
    #[case::not_gradable(&[(Level::Should, NotGradable), (Level::Should, Passed)], Status::NotGradable)]
    #[case::undecided(&[(Level::Should, Skipped), (Level::May, Passed)], Status::Skip)]
    fn shoulds_come_to(#[case] all: &[(Level, Ran)], #[case] status: Status) {
        let all: Vec<Standing> = all.iter().map(|(level, ran)| standing(*level, &[(0, *ran)])).collect();
        assert_eq!((task(&all), verdict(&all)), (status, Verdict::NotProven));
    }

    #[rstest]
    #[case(Level::Must, Passed, false)]
    #[case(Level::Must, Failed, true)]
    #[case(Level::Must, Explained, true)]
    #[case(Level::Must, Skipped, false)]
    #[case(Level::Must, NotGradable, true)]
    #[case(Level::Must, Broken, true)]
    #[case(Level::Should, Failed, false)]
    fn what_forbids_a_pass(#[case] level: Level, #[case] ran: Ran, #[case] forbids: bool) {
        assert_eq!(standing(level, &[(0, ran)]).forbids_pass(), forbids);
    }

    fn any_run() -> impl Strategy<Value = (usize, Ran)> {
        let ran =
            prop::sample::select(vec![Passed, Failed, Explained, Skipped, NotApplicable, NotGradable, Bounded, Broken]);
        (0..GROUPS.len(), ran)
    }

    fn verdict_of(musts: &[Vec<(usize, Ran)>]) -> Verdict {
        verdict(&musts.iter().map(|runs| standing(Level::Must, runs)).collect::<Vec<_>>())
    }

    fn score_of(musts: &[Vec<(usize, Ran)>]) -> f64 {
        musts.iter().map(|runs| settled(runs).score).sum()
    }

    fn rank(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Failed => 0,
            Verdict::Passed => 2,
            Verdict::HarnessError | Verdict::NotGradable | Verdict::NotProven => 1,
        }
    }

    proptest! {
        #[test]
        fn a_worse_run_never_improves_anything(
            mut musts in prop::collection::vec(prop::collection::vec(any_run(), 1..6), 1..4),
            which: prop::sample::Index,
            run: prop::sample::Index,
            worse in prop::sample::select(vec![Failed, Explained]),
        ) {
            let (before, score) = (verdict_of(&musts), score_of(&musts));
            let which = which.index(musts.len());
            let run = run.index(musts[which].len());
            let ran = &mut musts[which][run].1;
            prop_assume!(*ran == Passed || *ran == Failed);
            *ran = if *ran == Failed { Explained } else { worse };
            let after = verdict_of(&musts);
            prop_assert!(score_of(&musts) <= score);
            prop_assert!(before == Verdict::Passed || after != Verdict::Passed);
            // Not even the word, where nothing of it hides behind what the harness could not finish.
            let broken = musts[which].iter().any(|(_, ran)| matches!(ran, Broken | NotGradable));
            prop_assert!(broken || rank(after) <= rank(before));
        }

        #[test]
        fn what_passes_was_played_whole_in_some_group_and_failed_nowhere(runs in prop::collection::vec(any_run(), 0..8)) {
            let of_group = |group: usize| runs.iter().filter(move |(of, ran)| *of == group && *ran != NotApplicable);
            let whole = |group: usize| of_group(group).count() > 0 && of_group(group).all(|(_, ran)| *ran == Passed);
            let passes = settled(&runs).status == Status::Pass;
            prop_assert!(!passes || (0..GROUPS.len()).any(whole));
            prop_assert!(!passes || !runs.iter().any(|(_, ran)| matches!(ran, Failed | Explained | Broken)));
        }

        #[test]
        fn passed_means_that_nothing_is_undecided(
            musts in prop::collection::vec(prop::collection::vec(any_run(), 0..4), 0..4),
        ) {
            let all_pass = musts.iter().all(|runs| settled(runs).status == Status::Pass);
            prop_assert_eq!(verdict_of(&musts) == Verdict::Passed, all_pass && !musts.is_empty());
        }
    }
}
