//! What runs come to for a requirement, requirements for a task, and tasks for a report.

use crate::catalogue::model::Level;
use crate::report::model::{Report, RequirementReport, RunReport, Status, TaskReport};

/// What a run says that failed only because this prerequisite did.
pub fn needs(id: &str) -> String {
    format!("it needs {id}, which failed")
}

/// The prerequisite that explains a run's failure, if one does.
pub fn needed(run: &RunReport) -> Option<&str> {
    run.skip_reason.as_deref()?.strip_prefix("it needs ")?.strip_suffix(", which failed")
}

/// The worst decided verdict of several; `skip` if nothing decided.
fn worst(statuses: impl Iterator<Item = Status> + Clone) -> Status {
    let order = [Status::Fail, Status::HarnessError, Status::NotGradable, Status::Pass];
    order.into_iter().find(|status| statuses.clone().any(|found| found == *status)).unwrap_or(Status::Skip)
}

/// Verdict and points of a requirement, from its runs and its worth.
pub fn requirement(found: &mut RequirementReport) {
    found.status = worst(found.runs.iter().map(|run| run.status));
    // What nothing could decide costs nothing, unless a failed prerequisite is the reason.
    let explained = found.runs.iter().any(|run| needed(run).is_some());
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

/// Whether every decided must-requirement passed, and at least one was decided.
fn passed(tasks: &[TaskReport]) -> bool {
    let musts = || tasks.iter().flat_map(|task| &task.requirements).filter(|found| found.level == Level::Must);
    musts().any(|found| found.status == Status::Pass)
        && musts().all(|found| matches!(found.status, Status::Pass | Status::Skip))
}

/// Must-requirements that nothing decided.
fn undecided(tasks: &[TaskReport]) -> Vec<String> {
    let all = tasks.iter().flat_map(|task| &task.requirements);
    let undecided = all.filter(|found| found.level == Level::Must && found.status == Status::Skip);
    undecided.map(|found| found.id.clone()).collect()
}
