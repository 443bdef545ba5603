//! Why points are missing: failures that have one cause are one cause, and the one to mend first comes first.
//!
//! | order | what |
//! |---|---|
//! | 1 | a program that does not run at all |
//! | 2 | a program that crashes, and a must does not hold |
//! | 3 | musts that do not hold |
//! | 4 | a program that crashes, and a should does not hold |
//! | 5 | shoulds that do not hold |
//!
//! A traceback at a wrong argument is no reason to look past a message that does not arrive. Among equals the cause that
//! most other requirements wait for is the first, then the catalogue's order. What may be and is not there is no cause: it
//! costs nothing.

use super::model::{Report, RequirementReport, RunReport, Status};
use super::summary;
use harness_language::catalogue::model::Level;

/// What kind of thing went wrong; the order is the order of mending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A program did not build or start.
    DoesNotRun,
    /// A program crashed, and a must-requirement does not hold.
    Crash,
    /// A must-requirement does not hold.
    Must,
    /// A program crashed, and a should-requirement does not hold.
    LesserCrash,
    /// A should-requirement does not hold.
    Should,
}

/// One cause.
#[derive(Debug, Clone)]
pub struct Cause<'r> {
    /// Its kind.
    pub kind: Kind,
    /// What it makes fail; the first tells of it.
    pub failed: Vec<&'r RequirementReport>,
    /// What is not decided as long as one of these fails.
    pub waiting: Vec<&'r RequirementReport>,
}

impl<'r> Cause<'r> {
    /// The run that tells what happened.
    pub fn run(&self) -> Option<&'r RunReport> {
        self.failed.first().and_then(|first| summary::telling_run(first))
    }

    /// Points that it costs, those of what waits for it included.
    pub fn points(&self) -> f64 {
        self.all().map(|found| found.max_score - found.score).sum()
    }

    /// What it makes fail, and what waits for that.
    pub fn all(&self) -> impl Iterator<Item = &'r RequirementReport> {
        self.failed.iter().chain(&self.waiting).copied()
    }

    /// Whether a failure has this cause: the same run ended it, or the same happened to the same role.
    fn explains(&self, found: &RequirementReport, run: Option<&RunReport>) -> bool {
        let (Some(own), Some(run)) = (self.run(), run) else { return false };
        let same_kind = (found.status == Status::NotGradable) == (self.kind == Kind::DoesNotRun);
        // What the programs were at is not always told, and tells causes apart all the same.
        let alike = own.state == run.state && own.why() == run.why();
        same_kind && own.role == run.role && (alike || is_same_crash(own, run))
    }
}

/// The causes of a report, the first to mend first.
pub fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    for found in summary::requirements(report) {
        let Some(kind) = kind(found) else { continue };
        let run = summary::telling_run(found);
        match causes.iter_mut().find(|cause| cause.explains(found, run)) {
            Some(cause) => {
                cause.kind = cause.kind.min(kind);
                cause.failed.push(found);
            }
            None => causes.push(Cause { kind, failed: vec![found], waiting: Vec::new() }),
        }
    }
    for found in summary::requirements(report).filter(|found| found.is_lost()) {
        let root = root(report, found);
        let cause = causes.iter_mut().find(|cause| cause.failed.iter().any(|failed| Some(&*failed.id) == root));
        if let Some(cause) = cause {
            cause.waiting.push(found);
        }
    }
    for cause in &mut causes {
        // The one that others need tells of it, else the first of the highest level.
        let needed =
            |found: &RequirementReport| cause.waiting.iter().any(|waits| root(report, waits) == Some(&*found.id));
        cause.failed.sort_by_key(|found| (found.level, !needed(found)));
    }
    causes.sort_by_key(|cause| (cause.kind, std::cmp::Reverse(cause.waiting.len())));
    causes
}

/// Whether two runs crashed in the same line by the same.
fn is_same_crash(one: &RunReport, other: &RunReport) -> bool {
    one.crash.as_ref().zip(other.crash.as_ref()).is_some_and(|(one, other)| one.is_same(other))
}

/// What failed, in the order of its causes, and last what only may be.
pub fn failures(report: &Report) -> Vec<&RequirementReport> {
    let causes = causes(report);
    let failed = causes.iter().flat_map(|cause| cause.failed.iter().copied());
    failed.filter(|found| found.status == Status::Fail).chain(options(report)).collect()
}

/// What may be and is not there.
pub fn options(report: &Report) -> impl Iterator<Item = &RequirementReport> {
    summary::with_status(report, Status::Fail).filter(|found| kind(found).is_none())
}

/// What kind of cause a requirement's verdict has, if it has one.
fn kind(found: &RequirementReport) -> Option<Kind> {
    let crashed = || summary::telling_run(found).is_some_and(|run| run.crash.is_some());
    match (found.status, found.level) {
        (Status::NotGradable, _) => Some(Kind::DoesNotRun),
        (Status::Fail, Level::Must) if crashed() => Some(Kind::Crash),
        (Status::Fail, Level::Must) => Some(Kind::Must),
        (Status::Fail, Level::Should) if crashed() => Some(Kind::LesserCrash),
        (Status::Fail, Level::Should) => Some(Kind::Should),
        // A rubric may give points for it, and then it is worth a block.
        (Status::Fail, Level::May) if found.max_score > 0.0 => Some(Kind::Should),
        _ => None,
    }
}

/// The requirement that failed and for which, over others or at once, this one waits.
fn root<'r>(report: &'r Report, found: &'r RequirementReport) -> Option<&'r str> {
    let mut id = need(found)?;
    // As many steps as there are requirements: a circle ends, too.
    for _ in summary::requirements(report) {
        match summary::requirements(report).find(|other| other.id == id).filter(|other| other.is_lost()).and_then(need)
        {
            Some(next) => id = next,
            None => break,
        }
    }
    Some(id)
}

fn need(found: &RequirementReport) -> Option<&str> {
    found.runs.iter().find_map(|run| run.needs())
}

#[cfg(test)]
mod tests {
    use harness_verdict::Undecided;

    use super::super::sample;
    use super::*;
    use rstest::rstest;

    fn failed(id: &str, level: Level, reason: &str) -> RequirementReport {
        let mut found = sample::passed().tasks.remove(0).requirements.remove(0);
        (found.id, found.level, found.status) = (id.to_owned(), level, Status::Fail);
        (found.score, found.max_score) = (0.0, 3.0);
        (found.runs[0].id, found.runs[0].status) = (format!("{id}#server"), Status::Fail);
        found.runs[0].reason = reason.to_owned();
        found
    }

    fn waiting(id: &str, need: &str) -> RequirementReport {
        let mut found = failed(id, Level::Should, "");
        found.status = Status::Skip;
        (found.runs[0].status, found.runs[0].undecided) = (Status::Skip, Some(Undecided::Needs(need.to_owned())));
        found.lost_with = Some(need.to_owned());
        found
    }

    fn of(requirements: Vec<RequirementReport>) -> Vec<(Kind, Vec<String>, Vec<String>)> {
        let mut report = sample::passed();
        report.tasks[0].requirements = requirements;
        let ids = |all: &[&RequirementReport]| all.iter().map(|found| found.id.clone()).collect::<Vec<_>>();
        causes(&report).iter().map(|cause| (cause.kind, ids(&cause.failed), ids(&cause.waiting))).collect()
    }

    #[test]
    fn what_costs_most_comes_first_and_options_are_no_cause() {
        let mut option = failed("t.option", Level::May, "no");
        option.max_score = 0.0;
        let mut dead = failed("t.dead", Level::Should, "python2: not found");
        (dead.status, dead.runs[0].status) = (Status::NotGradable, Status::NotGradable);
        let found = of(vec![
            option,
            failed("t.should", Level::Should, "a"),
            failed("t.must", Level::Must, "b"),
            failed("t.needed", Level::Must, "c"),
            waiting("t.waits", "t.needed"),
            waiting("t.waits-for-it", "t.waits"),
            dead,
        ]);
        let order: Vec<&str> = found.iter().map(|(_, failed, _)| failed[0].as_str()).collect();
        assert_eq!(order, ["t.dead", "t.needed", "t.must", "t.should"]);
        assert_eq!(found[1].2, ["t.waits", "t.waits-for-it"]);
    }

    #[test]
    fn one_cause_is_one_block() {
        let found = of(vec![
            failed("t.form", Level::Should, "alice received nothing"),
            failed("t.letters", Level::Must, "alice received nothing"),
            failed("t.other", Level::Should, "it is busy"),
        ]);
        assert_eq!(found[0], (Kind::Must, vec!["t.letters".to_owned(), "t.form".to_owned()], Vec::new()));
        assert_eq!(found[1].0, Kind::Should);
    }

    #[rstest]
    #[case::other_data(9, "KeyError", 1)]
    #[case::other_line(10, "KeyError", 2)]
    #[case::other_exception(9, "OSError", 2)]
    fn one_line_is_one_cause(#[case] line: u32, #[case] name: &str, #[case] count: usize) {
        let mut report = sample::stopped();
        let requirements = &mut report.tasks[0].requirements;
        requirements.truncate(2);
        let crash = requirements[1].runs[0].crash.as_mut().unwrap();
        crash.kind = crate::crash::Kind::Exception { name: name.to_owned(), message: "b'other'".to_owned() };
        crash.place = Some(sample::place("server.py", line, "serve", "connection.sendall(names[data])"));
        assert_eq!(causes(&report).len(), count);
    }

    #[rstest]
    #[case::of_a_must(Level::Must, ["t.crashed", "t.must"])]
    #[case::of_a_should(Level::Should, ["t.must", "t.crashed"])]
    fn a_crash_comes_before_what_is_worth_as_much(#[case] level: Level, #[case] order: [&str; 2]) {
        let mut crashed = failed("t.crashed", level, "an exception");
        crashed.runs[0].crash = sample::stopped().tasks[0].requirements[1].runs[0].crash.clone();
        assert!(crashed.runs[0].crash.is_some());
        let found = of(vec![failed("t.must", Level::Must, "b"), crashed]);
        assert_eq!(found.iter().map(|(_, failed, _)| failed[0].as_str()).collect::<Vec<_>>(), order);
    }

    #[test]
    fn a_circle_of_needs_ends() {
        assert!(of(vec![waiting("t.a", "t.b"), waiting("t.b", "t.a")]).is_empty());
    }
}
