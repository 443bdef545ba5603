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

use crate::catalogue::model::Level;
use crate::report::model::{Report, RequirementReport, RunReport, Status, TaskReport, Verdict};
use crate::run::skip::Undecided;

/// The worst decided verdict of several; `skip` if nothing decided.
fn worst(statuses: impl Iterator<Item = Status> + Clone) -> Status {
    let order = [Status::Fail, Status::HarnessError, Status::NotGradable, Status::Pass];
    order.into_iter().find(|status| statuses.clone().any(|found| found == *status)).unwrap_or(Status::Skip)
}

/// Verdict and points of a requirement, from its runs and its worth.
pub fn requirement(found: &mut RequirementReport) {
    (found.status, found.lost_with) = runs(&found.runs);
    found.max_score = match found.status {
        Status::Skip if !found.is_lost() => 0.0,
        Status::HarnessError => 0.0,
        _ => found.worth,
    };
    found.score = if found.status == Status::Pass { found.max_score } else { 0.0 };
}

/// What runs come to, and with which requirement it is lost.
fn runs(runs: &[RunReport]) -> (Status, Option<String>) {
    let any = |status| runs.iter().any(|run| run.status == status);
    let mut groups: BTreeMap<(&str, &str), Vec<&RunReport>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.undecided != Some(Undecided::NotApplicable)) {
        groups.entry((&run.role, &run.pairing)).or_default().push(run);
    }
    let passes = |group: &[&RunReport]| group.iter().all(|run| run.status == Status::Pass);
    let has_passed = |role: &str| groups.iter().any(|((of, _), group)| *of == role && passes(group));
    let not_gradable = |run: &RunReport| run.status == Status::NotGradable && !has_passed(&run.role);
    let bounded = |run: &RunReport| matches!(run.undecided, Some(Undecided::Bound(_))) && !has_passed(&run.role);
    let status = [Status::Fail, Status::HarnessError].into_iter().find(|status| any(*status));
    match (status, runs.iter().find_map(RunReport::needs)) {
        (Some(status), _) => (status, None),
        _ if runs.iter().any(not_gradable) => (Status::NotGradable, None),
        (None, Some(need)) => (Status::Skip, Some(need.to_owned())),
        _ if runs.iter().any(bounded) => (Status::Skip, None),
        (None, None) if groups.values().any(|group| passes(group)) => (Status::Pass, None),
        (None, None) => (Status::Skip, None),
    }
}

/// Verdict and points of a task, from its requirements.
pub fn task(task: &mut TaskReport) {
    // A task stands or falls with its musts, as a report does; without one, with its shoulds.
    task.status = match verdict(std::slice::from_ref(task)) {
        Verdict::Passed => Status::Pass,
        Verdict::Failed => Status::Fail,
        Verdict::HarnessError => Status::HarnessError,
        Verdict::NotGradable => Status::NotGradable,
        Verdict::NotProven if task.requirements.iter().any(|it| it.level == Level::Must) => Status::Skip,
        Verdict::NotProven => {
            worst(task.requirements.iter().filter(|it| it.level == Level::Should).map(|it| it.status))
        }
    };
    task.score = task.requirements.iter().map(|it| it.score).sum();
    task.max_score = task.requirements.iter().map(|it| it.max_score).sum();
}

/// Verdict and points of a report, from its tasks.
pub fn report(report: &mut Report) {
    report.score = report.tasks.iter().map(|task| task.score).sum();
    report.max_score = report.tasks.iter().map(|task| task.max_score).sum();
    report.verdict = verdict(&report.tasks);
    report.passed = report.verdict == Verdict::Passed;
    report.undecided = musts(&report.tasks).filter(|it| it.status == Status::Skip).map(|it| it.id.clone()).collect();
}

fn musts(tasks: &[TaskReport]) -> impl Iterator<Item = &RequirementReport> {
    tasks.iter().flat_map(|task| &task.requirements).filter(|found| found.level == Level::Must)
}

/// What tasks come to.
pub fn verdict(tasks: &[TaskReport]) -> Verdict {
    let any = |status| musts(tasks).any(|found| found.status == status);
    if any(Status::Fail) || musts(tasks).any(RequirementReport::is_lost) {
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
    use crate::report::sample;
    use crate::run::skip::Bound;

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

    fn settled(level: Level, runs: &[(usize, Ran)]) -> RequirementReport {
        let mut found = sample::passed().tasks.remove(0).requirements.remove(0);
        let plain = found.runs[0].clone();
        let made = |(group, ran): &(usize, Ran)| {
            let (role, pairing) = GROUPS[*group];
            let (status, undecided) = match ran {
                Passed => (Status::Pass, None),
                Failed => (Status::Fail, None),
                Explained => (Status::Skip, Some(Undecided::Needs("message.endless".to_owned()))),
                Skipped => (Status::Skip, Some(Undecided::Situation)),
                NotApplicable => (Status::Skip, Some(Undecided::NotApplicable)),
                NotGradable => (Status::NotGradable, None),
                Bounded => (Status::Skip, Some(Undecided::Bound(Bound::RunTime))),
                Broken => (Status::HarnessError, None),
            };
            RunReport { role: role.to_owned(), pairing: pairing.to_owned(), status, undecided, ..plain.clone() }
        };
        found.runs = runs.iter().map(made).collect();
        (found.level, found.worth) = (level, 3.0);
        requirement(&mut found);
        found
    }

    fn of(requirements: Vec<RequirementReport>) -> Report {
        let mut whole = sample::passed();
        whole.tasks[0].requirements = requirements;
        task(&mut whole.tasks[0]);
        report(&mut whole);
        whole
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
        let found = settled(Level::Must, runs);
        let score = if status == Status::Pass { max_score } else { 0.0 };
        assert_eq!((found.status, found.score, found.max_score), (status, score, max_score));
        assert_eq!(found.is_lost(), status == Status::Skip && max_score > 0.0);
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
        let found = of(musts.iter().map(|ran| settled(Level::Must, &[(0, *ran)])).collect());
        assert_eq!((found.verdict, found.passed), (verdict, verdict == Verdict::Passed));
    }

    #[test]
    fn a_task_without_a_must_stands_by_its_shoulds() {
        let found = of(vec![settled(Level::Should, &[(0, Passed)]), settled(Level::May, &[(0, Failed)])]);
        assert_eq!((found.tasks[0].status, found.verdict), (Status::Pass, Verdict::NotProven));
    }

    fn any_run() -> impl Strategy<Value = (usize, Ran)> {
        let ran =
            prop::sample::select(vec![Passed, Failed, Explained, Skipped, NotApplicable, NotGradable, Bounded, Broken]);
        (0..GROUPS.len(), ran)
    }

    fn musts_of(musts: &[Vec<(usize, Ran)>]) -> Report {
        of(musts.iter().map(|runs| settled(Level::Must, runs)).collect())
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
            let before = musts_of(&musts);
            let which = which.index(musts.len());
            let run = run.index(musts[which].len());
            let ran = &mut musts[which][run].1;
            prop_assume!(*ran == Passed || *ran == Failed);
            *ran = if *ran == Failed { Explained } else { worse };
            let after = musts_of(&musts);
            prop_assert!(after.score <= before.score);
            prop_assert!(before.passed || !after.passed);
            // Not even the word, where nothing of it hides behind what the harness could not finish.
            let broken = musts[which].iter().any(|(_, ran)| matches!(ran, Broken | NotGradable));
            prop_assert!(broken || rank(after.verdict) <= rank(before.verdict));
        }

        #[test]
        fn what_passes_was_played_whole_in_some_group_and_failed_nowhere(runs in prop::collection::vec(any_run(), 0..8)) {
            let of_group = |group: usize| runs.iter().filter(move |(of, ran)| *of == group && *ran != NotApplicable);
            let whole = |group: usize| of_group(group).count() > 0 && of_group(group).all(|(_, ran)| *ran == Passed);
            let passes = settled(Level::Must, &runs).status == Status::Pass;
            prop_assert!(!passes || (0..GROUPS.len()).any(whole));
            prop_assert!(!passes || !runs.iter().any(|(_, ran)| matches!(ran, Failed | Explained | Broken)));
        }

        #[test]
        fn passed_means_that_nothing_is_undecided(
            musts in prop::collection::vec(prop::collection::vec(any_run(), 0..4), 0..4),
        ) {
            let found = musts_of(&musts);
            let all_pass = found.tasks[0].requirements.iter().all(|it| it.status == Status::Pass);
            prop_assert_eq!(found.passed, all_pass && !musts.is_empty());
            prop_assert!(!found.passed || found.undecided.is_empty());
        }
    }
}
