//! What runs come to for a requirement, requirements for a task, and tasks for a report.
//!
//! | of a requirement's runs | the requirement |
//! |---|---|
//! | one failed | `fail` |
//! | none failed, one could not be finished by the harness | `harness-error` |
//! | none of these, one was not gradable | `not-gradable` |
//! | none of these, one failed because a prerequisite did | `skip`, and its points are lost with the prerequisite |
//! | none of these, one passed | `pass` |
//! | none was decided | `skip`, and costs nothing |
//!
//! A report passes if a `must` passed, and every other passed or could not be decided through no fault of the program's.

use crate::catalogue::model::Level;
use crate::report::model::{Report, RequirementReport, Status, TaskReport};

/// The worst decided verdict of several; `skip` if nothing decided.
fn worst(statuses: impl Iterator<Item = Status> + Clone) -> Status {
    let order = [Status::Fail, Status::HarnessError, Status::NotGradable, Status::Pass];
    order.into_iter().find(|status| statuses.clone().any(|found| found == *status)).unwrap_or(Status::Skip)
}

/// Verdict and points of a requirement, from its runs and its worth.
pub fn requirement(found: &mut RequirementReport) {
    // A run that failed for want of a prerequisite has shown nothing, and the others do not speak for it.
    let explained = found.runs.iter().any(|run| run.needs.is_some());
    found.status = match worst(found.runs.iter().map(|run| run.status)) {
        Status::Pass if explained => Status::Skip,
        status => status,
    };
    found.max_score = match found.status {
        Status::Skip if !explained => 0.0,
        Status::HarnessError => 0.0,
        _ => found.worth,
    };
    found.score = if found.status == Status::Pass { found.max_score } else { 0.0 };
}

/// Verdict and points of a task, from its requirements.
pub fn task(task: &mut TaskReport) {
    // A task stands or falls with its musts; without one, with its shoulds.
    let of_level = |level| task.requirements.iter().filter(move |it| it.level == level).map(|it| it.status);
    task.status = match worst(of_level(Level::Must)) {
        Status::Skip => worst(of_level(Level::Should)),
        status => status,
    };
    task.score = task.requirements.iter().map(|it| it.score).sum();
    task.max_score = task.requirements.iter().map(|it| it.max_score).sum();
}

/// Verdict and points of a report, from its tasks.
pub fn report(report: &mut Report) {
    report.score = report.tasks.iter().map(|task| task.score).sum();
    report.max_score = report.tasks.iter().map(|task| task.max_score).sum();
    report.passed = passed(&report.tasks);
    report.undecided = undecided(&report.tasks);
}

/// Whether a must-requirement passed and none forbids it.
fn passed(tasks: &[TaskReport]) -> bool {
    let all = || tasks.iter().flat_map(|task| &task.requirements);
    all().any(|found| found.level == Level::Must && found.status == Status::Pass)
        && !all().any(RequirementReport::forbids_pass)
}

/// Must-requirements that nothing decided.
fn undecided(tasks: &[TaskReport]) -> Vec<String> {
    let all = tasks.iter().flat_map(|task| &task.requirements);
    let undecided = all.filter(|found| found.level == Level::Must && found.status == Status::Skip);
    undecided.map(|found| found.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::fold::explain;
    use super::*;
    use crate::report::sample;

    /// What a run may have come to.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Ran {
        Passed,
        Failed,
        Explained,
        Skipped,
        NotGradable,
        Broken,
    }
    use Ran::{Broken, Explained, Failed, NotGradable, Passed, Skipped};

    fn settled(level: Level, runs: &[Ran]) -> RequirementReport {
        let mut found = sample::passed().tasks.remove(0).requirements.remove(0);
        let plain = found.runs[0].clone();
        found.runs = runs
            .iter()
            .map(|ran| {
                let mut run = plain.clone();
                match ran {
                    Passed => run.status = Status::Pass,
                    Failed => run.status = Status::Fail,
                    Explained => explain(&mut run, "message.endless"),
                    Skipped => run.status = Status::Skip,
                    NotGradable => run.status = Status::NotGradable,
                    Broken => run.status = Status::HarnessError,
                }
                run
            })
            .collect();
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

    // The rows of the table above, and what they cost.
    #[rstest]
    #[case(&[Passed, Failed, Explained, Broken], Status::Fail, 0.0, 3.0)]
    #[case(&[Passed, Broken, NotGradable, Explained], Status::HarnessError, 0.0, 0.0)]
    #[case(&[Passed, NotGradable, Explained], Status::NotGradable, 0.0, 3.0)]
    #[case(&[Passed, Explained], Status::Skip, 0.0, 3.0)]
    #[case(&[Explained, Skipped], Status::Skip, 0.0, 3.0)]
    #[case(&[Passed, Skipped], Status::Pass, 3.0, 3.0)]
    #[case(&[Skipped], Status::Skip, 0.0, 0.0)]
    #[case(&[], Status::Skip, 0.0, 0.0)]
    fn runs_come_to(#[case] runs: &[Ran], #[case] status: Status, #[case] score: f64, #[case] max_score: f64) {
        let found = settled(Level::Must, runs);
        assert_eq!((found.status, found.score, found.max_score), (status, score, max_score));
    }

    #[rstest]
    #[case(vec![vec![Passed], vec![Passed]], true)]
    #[case(vec![vec![Passed], vec![Skipped]], true)]
    #[case(vec![vec![Passed], vec![Explained]], false)]
    #[case(vec![vec![Passed], vec![Passed, Explained]], false)]
    #[case(vec![vec![Passed], vec![Failed]], false)]
    #[case(vec![vec![Passed], vec![NotGradable]], false)]
    #[case(vec![vec![Skipped], vec![Skipped]], false)]
    #[case(vec![], false)]
    fn musts_come_to(#[case] musts: Vec<Vec<Ran>>, #[case] passed: bool) {
        assert_eq!(of(musts.iter().map(|runs| settled(Level::Must, runs)).collect()).passed, passed);
    }

    fn any_run() -> impl Strategy<Value = Ran> {
        prop::sample::select(vec![Passed, Failed, Explained, Skipped, NotGradable, Broken])
    }

    proptest! {
        #[test]
        fn a_worse_run_never_improves_anything(
            mut musts in prop::collection::vec(prop::collection::vec(any_run(), 1..5), 1..4),
            which: prop::sample::Index,
            run: prop::sample::Index,
            worse in prop::sample::select(vec![Failed, Explained]),
        ) {
            let whole = |musts: &[Vec<Ran>]| of(musts.iter().map(|runs| settled(Level::Must, runs)).collect());
            let before = whole(&musts);
            let which = which.index(musts.len());
            let run = run.index(musts[which].len());
            prop_assume!(musts[which][run] == Passed || musts[which][run] == Failed);
            musts[which][run] = if musts[which][run] == Failed { Explained } else { worse };
            let after = whole(&musts);
            prop_assert!(after.score <= before.score);
            prop_assert!(before.passed || !after.passed);
        }

        #[test]
        fn what_passes_was_run_and_failed_nowhere(runs in prop::collection::vec(any_run(), 0..6)) {
            let passes = settled(Level::Must, &runs).status == Status::Pass;
            prop_assert_eq!(passes, runs.contains(&Passed) && runs.iter().all(|run| matches!(run, Passed | Skipped)));
        }
    }
}
