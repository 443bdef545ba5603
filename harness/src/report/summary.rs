//! What every format says in the same words: the verdict in one line, points, and the
//! reasons behind what was not decided. Escaped, but without layout.

use harness_judging::shown::counted;
use harness_verdict::{Bound, Undecided};

use super::escape;
use super::model::{Report, RequirementReport, RunReport, Status, TaskReport, Verdict};
use super::style::cut;
use crate::crash::Place;
use harness_language::catalogue::model::Level;

/// Longest reason inside the first line, in columns.
const SHORT_REASON: usize = 60;

/// The first line of the reports that people read, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The tasks.
    pub subject: String,
    /// "21 of 26 points".
    pub points: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What qualifies the verdict; the undecided must-requirements are always named.
    pub remarks: Vec<String>,
}

/// Ids that share a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The reason, escaped, one line of text per entry.
    pub reason: Vec<String>,
    /// The ids, escaped, in the report's order.
    pub ids: Vec<String>,
}

/// Verdict, points and reservations.
pub fn headline(report: &Report) -> Headline {
    let subject = match report.tasks.as_slice() {
        [] => escape::line(&report.target),
        tasks @ ([_] | [_, _] | [_, _, _]) => {
            tasks.iter().map(|task| escape::line(&task.id)).collect::<Vec<_>>().join(", ")
        }
        tasks => format!("{} tasks", tasks.len()),
    };
    let mut remarks = Vec::new();
    if !report.undecided.is_empty() {
        let reasons = grouped(report.undecided.iter().map(|id| {
            let reason = requirements(report).find(|found| found.id == *id).map(undecided_reason);
            (reason.unwrap_or_default(), id.clone())
        }));
        let named: Vec<String> = reasons
            .iter()
            .map(|group| {
                let reason = cut(&group.reason.join(" "), SHORT_REASON);
                let ids = group.ids.join(", ");
                if reason.is_empty() { ids } else { format!("{ids} ({reason})") }
            })
            .collect();
        remarks.push(format!("undecided: {}", named.join(", ")));
    }
    if !report.absent.is_empty() {
        let worth: f64 = report.absent.iter().map(|it| it.max_score).sum();
        remarks.push(format!(
            "no program handed in for {} ({})",
            counted(report.absent.len(), "requirement"),
            counted_points(worth)
        ));
    }
    if !report.findings.missing.is_empty() {
        remarks.push(format!("half a submission: no {}", report.findings.missing.join(", no ")));
    }
    let by_name: Vec<&str> = report.findings.cast.iter().filter(|it| it.by_name).map(|it| it.file.as_str()).collect();
    if !by_name.is_empty() {
        remarks.push(format!("not seen to do what its task asks: {}", escape::line(&by_name.join(", "))));
    }
    remarks.extend(report.late.iter().map(|late| escape::line(&late.reason)));
    let errors = with_status(report, Status::HarnessError).count();
    if errors > 0 {
        remarks.push(format!("harness errors: {errors}"));
    }
    Headline { subject, points: points_of(report.score, report.max_score), verdict: report.verdict, remarks }
}

impl Headline {
    /// The line without colour.
    pub fn text(&self) -> String {
        let Self { subject, points, verdict, .. } = self;
        let mut text = format!("{subject}: {points}, {}", verdict.as_str());
        for remark in &self.remarks {
            text.push_str(" · ");
            text.push_str(remark);
        }
        text
    }
}

/// Every requirement of every task, in order.
pub fn requirements(report: &Report) -> impl Iterator<Item = &RequirementReport> {
    report.tasks.iter().flat_map(|task| &task.requirements)
}

/// The requirements with one verdict, in order.
pub fn with_status(report: &Report, status: Status) -> impl Iterator<Item = &RequirementReport> {
    requirements(report).filter(move |found| found.status == status)
}

/// The run that stands for a requirement's verdict: the first that has it.
pub fn telling_run(requirement: &RequirementReport) -> Option<&RunReport> {
    requirement.runs.iter().find(|run| run.status == requirement.status)
}

/// The line of the student's own code in which a program stopped or did what was wrong, where that is why a requirement
/// does not hold.
pub fn place(requirement: &RequirementReport) -> Option<&Place> {
    let run = telling_run(requirement)?;
    match run.stop() {
        Some(stop) => stop.place(),
        None => run.deed().map(|deed| &deed.at.place),
    }
}

/// Why a requirement was not decided (not escaped).
pub fn undecided_reason(requirement: &RequirementReport) -> String {
    // What a failed prerequisite explains is told before what happens to be missing on this machine.
    let explained = requirement.runs.iter().find(|run| run.needs().is_some());
    explained
        .filter(|_| requirement.is_lost())
        .or(telling_run(requirement))
        .or(requirement.runs.first())
        .map_or_else(|| "no scenario was run for it".to_owned(), run_reason)
}

/// Why a run was not decided (not escaped).
fn run_reason(run: &RunReport) -> String {
    match &run.skip_reason {
        Some(reason) if run.status == Status::Skip => reason.clone(),
        _ => run.told(),
    }
}

/// What would decide a requirement that nothing decided (not escaped).
pub fn remedy(requirement: &RequirementReport) -> Option<String> {
    match requirement.runs.iter().find(|run| run.status == Status::Skip) {
        None => Some("decided when it is graded without a filter on scenarios".to_owned()),
        Some(run) => run.undecided.as_ref().and_then(would_decide),
    }
}

/// What would decide a run, as one sentence without its full stop; nothing where its reason says it.
fn would_decide(undecided: &Undecided) -> Option<String> {
    match undecided {
        Undecided::Needs(id) => Some(format!("decided when {id} holds")),
        Undecided::Backends(able) => {
            let able: Vec<String> = able.iter().map(|it| format!("--backend {}", it.as_str())).collect();
            Some(format!("decided with {}, where `harness doctor` says that it works", able.join(" or ")))
        }
        Undecided::OtherHalf => Some("decided together with its other half: hand in both programs".to_owned()),
        Undecided::Bound(bound) => {
            let flag = match bound {
                Bound::RunTime => "--run-time",
                Bound::SubmissionTime => "--submission-time",
                Bound::Memory => "--memory",
            };
            Some(format!("perhaps decided with a larger {flag}"))
        }
        Undecided::NotApplicable | Undecided::OwnProtocol | Undecided::Situation => None,
    }
}

/// Undecided requirements of one kind, by reason.
pub fn undecided(report: &Report, status: Status) -> Vec<Group> {
    grouped(with_status(report, status).map(|found| (undecided_reason(found), found.id.clone())))
}

/// Requirements that nothing decided, and that cost nothing, by reason.
pub fn skipped(report: &Report) -> Vec<Group> {
    let found = with_status(report, Status::Skip).filter(|found| !found.is_lost());
    grouped(found.map(|found| {
        let remedy = remedy(found).map(|remedy| format!("; {remedy}")).unwrap_or_default();
        (undecided_reason(found) + &remedy, found.id.clone())
    }))
}

/// Requirements that were not decided because one that they need failed: their points are not given. By reason.
pub fn lost(report: &Report) -> Vec<Group> {
    let found = with_status(report, Status::Skip).filter(|found| found.is_lost());
    grouped(found.map(|found| (undecided_reason(found), found.id.clone())))
}

/// What is said of [`lost`] requirements.
pub const LOST: (&str, &str) = (
    "Not tested yet",
    "Each of these needs a requirement that failed. They are tested, and give points, once that one holds.",
);

/// Runs that were skipped although other runs decided their requirement, by reason.
pub fn partly_skipped(report: &Report) -> Vec<Group> {
    let decided = requirements(report).filter(|found| found.status != Status::Skip);
    grouped(decided.flat_map(|found| {
        let skipped = found.runs.iter().filter(|run| run.status == Status::Skip);
        skipped.map(|run| (run_reason(run), run.id.clone()))
    }))
}

/// Findings of all runs, each once, with the task and role they are about.
pub fn findings(report: &Report) -> Vec<Group> {
    grouped(report.tasks.iter().flat_map(|task| {
        let runs = task.requirements.iter().flat_map(|found| &found.runs);
        runs.flat_map(move |run| {
            let about = format!("{} {}", task.id, run.role);
            run.findings.iter().map(move |finding| (finding.clone(), about.clone()))
        })
    }))
}

/// Collects ids by reason; both keep the order in which they first came.
pub(super) fn grouped(pairs: impl Iterator<Item = (String, String)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (reason, id) in pairs {
        let reason = if reason.is_empty() { Vec::new() } else { escape::lines(&reason) };
        let id = escape::line(&id);
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) if group.ids.contains(&id) => {}
            Some(group) => group.ids.push(id),
            None => groups.push(Group { reason, ids: vec![id] }),
        }
    }
    groups
}

/// "21 of 26 points".
pub fn points_of(score: f64, max_score: f64) -> String {
    if max_score == 0.0 {
        "no points".to_owned()
    } else {
        let plural = if max_score == 1.0 { "" } else { "s" };
        format!("{} of {} point{plural}", points(score), points(max_score))
    }
}

/// "1 point", "2.5 points".
fn counted_points(value: f64) -> String {
    format!("{} point{}", points(value), if value == 1.0 { "" } else { "s" })
}

/// "0/3"; `-` where there was nothing to earn.
pub fn points_short(score: f64, max_score: f64) -> String {
    if max_score == 0.0 { "-".to_owned() } else { format!("{}/{}", points(score), points(max_score)) }
}

/// Points with at most two decimals, and none where there are none.
pub fn points(value: f64) -> String {
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// The word for a level.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "must",
        Level::Should => "should",
        Level::May => "may",
    }
}

/// "uppercase-tcp · Capital letters over TCP", or the id alone for a task without a title.
pub fn task_name(task: &TaskReport) -> String {
    let id = escape::line(&task.id);
    if task.title.is_empty() { id } else { format!("{id} · {}", escape::line(&task.title)) }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(21.0, "21")]
    #[case(2.5, "2.5")]
    #[case(1.0 / 3.0, "0.33")]
    #[case(100.0, "100")]
    #[case(-0.001, "0")]
    fn point_notation(#[case] value: f64, #[case] text: &str) {
        assert_eq!(points(value), text);
    }

    #[test]
    fn first_line_names_the_undecided() {
        assert_eq!(
            headline(&sample::simple()).text(),
            "message: 6 of 9 points, failed · \
             undecided: message.short-writes (needs the simulated network)"
        );
    }

    #[test]
    fn first_line_of_a_pass() {
        assert_eq!(headline(&sample::passed()).text(), "message: 3 of 3 points, passed");
    }

    #[test]
    fn a_report_without_tasks_is_about_its_target() {
        let mut report = sample::passed();
        report.tasks.clear();
        (report.verdict, report.passed) = (Verdict::NotProven, false);
        (report.score, report.max_score) = (0.0, 0.0);
        report.target = "./stu\u{1b}dent".to_owned();
        assert_eq!(headline(&report).text(), "./stu\\x1bdent: no points, not proven");
    }

    #[test]
    fn findings_are_said_once() {
        let groups = findings(&sample::full());
        let mut seen = groups.iter().map(|group| &group.reason).collect::<Vec<_>>();
        seen.dedup();
        assert_eq!(seen.len(), groups.len());
        assert_eq!(groups[0].reason, ["expects a newline"]);
        assert_eq!(groups[0].ids, ["message server", "uppercase-tcp server"]);
    }
}
