//! A class in figures: what gradebook and class page are drawn from.

use std::collections::BTreeMap;

use harness_judging::shown;

use super::folders::Folders;
use super::result::{Graded, Outcome, Verdicts};
use super::roster::{Roster, Seen, Submission};
use super::settings::{Settings, Showing};
use crate::grade::late;
use crate::report::causes::{self, Cause};
use crate::report::html::Runs;
use crate::report::model::{Absent, Report, RequirementReport, Status};
use crate::report::summary;
use crate::submission::findings::Findings;
use harness_language::catalogue::model::Level;

/// A class.
#[derive(Debug, Clone)]
pub struct Overview {
    /// How it was graded.
    pub settings: Settings,
    /// A row per submission, by name.
    pub rows: Vec<Row>,
    /// Files that are no submission.
    pub passed_over: Vec<String>,
}

/// A submission.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name in the class.
    pub name: String,
    /// The folder of its report, below `students`.
    pub folder: String,
    /// What the roster says.
    pub submission: Submission,
    /// How it came out.
    pub state: State,
}

/// How a submission came out.
#[derive(Debug, Clone)]
pub enum State {
    /// It was graded.
    Graded(Box<Digest>),
    /// Nothing of it could be graded, and why.
    NotGradable(String),
    /// The harness failed, and how.
    HarnessError(String),
    /// It was not taken in, and why.
    Refused(String),
    /// There is no result.
    Missing,
}

/// A report in figures.
#[derive(Debug, Clone)]
pub struct Digest {
    /// Points earned.
    pub points: f64,
    /// Points that could be earned: what was decided, and what no program was handed in for although its task was
    /// asked for.
    pub out_of: f64,
    /// The verdict in words.
    pub verdict: &'static str,
    /// The verdict in one line, with what qualifies it.
    pub headline: String,
    /// The same, as a student may read it.
    pub feedback: String,
    /// What was taken off for lateness, in words, or that it is not known whether anything is to be.
    pub late: Option<String>,
    /// Requirements in the report's order.
    pub requirements: Vec<Verdict>,
    /// Requirements that others of the class were judged by, and this one was not: no program was handed in for them.
    pub absent: Vec<String>,
    /// Why points are missing, the first to mend first.
    pub causes: Vec<Told>,
    /// Points by task.
    pub tasks: BTreeMap<String, (f64, f64)>,
    /// Virtual milliseconds of each run.
    pub runs: BTreeMap<String, u64>,
    /// Runs that did not come out the same each time: how often they failed and were played.
    pub unsteady: BTreeMap<String, (u32, u32)>,
    /// Must-requirements that nothing decided.
    pub undecided: Vec<String>,
    /// Roles that nobody plays though another of the task's is played.
    pub missing: Vec<String>,
    /// What is not certain about who plays what, in words.
    pub unsure: Vec<String>,
}

/// Why points are missing.
#[derive(Debug, Clone)]
pub struct Told {
    /// The requirement that tells of it, as `task.requirement`.
    pub id: String,
    /// What happened.
    pub reason: String,
}

impl Told {
    fn of(cause: &Cause<'_>) -> Option<Self> {
        let (found, run) = (cause.failed.first()?, cause.run()?);
        let reason = match &run.crash {
            // Whom it spoke with is of this run.
            Some(crash) => format!("the {} crashed: {}", shown::doer(&crash.role), crash.kind.name()),
            None => run.headline().0,
        };
        Some(Self { id: found.id.clone(), reason })
    }

    /// What is the same for all to whom it happened: of the numbers everybody has his own.
    pub fn alike(&self) -> (&str, String) {
        (&self.id, self.reason.split(|c: char| c.is_ascii_digit()).collect())
    }
}

/// What had to be handed in, as far as others of the class show what that is judged by.
#[derive(Debug, Default)]
struct Demanded(BTreeMap<String, (Level, f64)>);

impl Demanded {
    /// Where tasks were asked for, a program that was not handed in costs what it is worth. Unasked, nobody says which
    /// tasks a student had to hand in.
    fn of(tasks: &[String], judged: impl Iterator<Item = Verdict>) -> Self {
        let mut demanded = BTreeMap::new();
        for it in judged.filter(|it| tasks.iter().any(|task| it.id.split('.').next() == Some(task))) {
            let (_, worth) = demanded.entry(it.id).or_insert((it.level, 0.0));
            *worth = it.max_score.max(*worth);
        }
        Self(demanded)
    }

    /// What somebody has not handed in.
    fn lacking(&self, has: impl Fn(&str) -> bool) -> Vec<Absent> {
        let lacking = self.0.iter().filter(|(id, _)| !has(id));
        lacking
            .map(|(id, (level, max_score))| Absent { id: id.clone(), level: *level, max_score: *max_score })
            .collect()
    }
}

/// A requirement's verdict.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// `task.requirement`.
    pub id: String,
    /// Its level.
    pub level: Level,
    /// What is required.
    pub title: String,
    /// The verdict.
    pub status: Status,
    /// What it is worth.
    pub max_score: f64,
}

impl Verdict {
    fn of(found: &RequirementReport) -> Self {
        Self {
            id: found.id.clone(),
            level: found.level,
            title: found.title.clone(),
            status: found.status,
            max_score: found.max_score,
        }
    }
}

impl Digest {
    /// The figures of a result, and the report that its student is shown, with what is kept of the runs.
    fn shown(
        name: &str,
        submission: &Submission,
        graded: Graded,
        showing: &Showing,
        demanded: &Demanded,
    ) -> (Self, (Report, Graded)) {
        let submitted = submission.submitted.as_deref().and_then(|time| time.parse().ok());
        let whole = graded.report(name);
        let absent = demanded.lacking(|id| summary::requirements(&whole).any(|found| found.id == id));
        let settle = |mut report: Report, absent: Vec<Absent>| {
            report.lack(absent);
            showing.late.iter().for_each(|policy| late::apply(&mut report, policy, submitted));
            report
        };
        let whole = settle(whole, absent.clone());
        let mut digest = Self::of(&whole);
        digest.late = match (&whole.late, &showing.late, submitted) {
            (Some(late), ..) => Some(late.reason.clone()),
            (None, Some(_), None) => Some("it is not known when it was handed in".to_owned()),
            _ => None,
        };
        let Some(held) = &showing.hide else { return (digest, (whole, graded)) };
        let visible = absent.into_iter().filter(|it| !held.holds(&it.id)).collect();
        let shown = settle(graded.report_for_student(name, held), visible);
        let points = summary::headline(&whole).points;
        digest.feedback = summary::Headline { points, ..summary::headline(&shown) }.text();
        (digest, (shown, graded.hiding(held)))
    }

    fn of(report: &Report) -> Self {
        let mut runs = BTreeMap::new();
        let mut unsteady = BTreeMap::new();
        for run in summary::requirements(report).flat_map(|it| &it.runs) {
            runs.insert(run.id.clone(), run.virtual_ms);
            if let Some(found) = run.unsteady {
                unsteady.insert(run.id.clone(), (found.failed, found.times));
            }
        }
        let requirements = summary::requirements(report).map(Verdict::of);
        Self {
            points: report.score,
            out_of: report.max_score,
            verdict: report.verdict.as_str(),
            headline: summary::headline(report).text(),
            feedback: summary::headline(report).text(),
            late: None,
            requirements: requirements.collect(),
            absent: report.absent.iter().map(|it| it.id.clone()).collect(),
            causes: causes::causes(report).iter().filter_map(Told::of).collect(),
            tasks: report.tasks.iter().map(|task| (task.id.clone(), (task.score, task.max_score))).collect(),
            runs,
            unsteady,
            undecided: report.undecided.clone(),
            missing: report.findings.missing.clone(),
            unsure: unsure(&report.findings),
        }
    }

    /// Points as a part of what could be earned.
    pub fn share(&self) -> f64 {
        if self.out_of > 0.0 { self.points / self.out_of } else { 0.0 }
    }

    /// Whether anything was decided: what did not start at all is looked at by hand.
    fn is_decided(&self) -> bool {
        self.requirements.iter().any(|it| matches!(it.status, Status::Pass | Status::Fail))
    }

    /// Whether the harness finished all of it.
    pub fn is_whole(&self) -> bool {
        self.requirements.iter().all(|it| it.status != Status::HarnessError)
    }
}

/// What is not certain about who plays what.
fn unsure(findings: &Findings) -> Vec<String> {
    let open =
        findings.questions.iter().map(|it| format!("it is open which program is the {} of {}", it.role, it.task));
    let by_name = findings.cast.iter().filter(|it| it.by_name);
    let taken = by_name.map(|it| format!("{} was not seen to do what the {} of {} does", it.file, it.role, it.task));
    open.chain(taken).collect()
}

/// Why somebody should look at a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Nothing of it could be graded, so that it has no points.
    Ungradable,
    /// A program of its task is missing.
    Half,
    /// It is not certain that the right programs were graded.
    Unsure,
}

impl Doubt {
    /// All of them, the first to look at first.
    pub const ALL: [Self; 3] = [Self::Ungradable, Self::Half, Self::Unsure];

    /// What is said of those that it is about.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ungradable => "These have no points: none earned and none lost.",
            Self::Half => "Of these one program was found and graded, and the other was not found.",
            Self::Unsure => "Of these it is not certain that the right programs were graded.",
        }
    }
}

impl Row {
    /// What somebody has to look at here, and why.
    pub fn doubts(&self) -> Vec<(Doubt, String)> {
        let mut doubts: Vec<(Doubt, String)> = self.trouble().map(|why| (Doubt::Ungradable, why)).into_iter().collect();
        if let State::Graded(digest) = &self.state {
            let lacks = |missing: &[String]| (Doubt::Half, format!("no {}", missing.join(", no ")));
            doubts.extend((!digest.missing.is_empty()).then(|| lacks(&digest.missing)));
            doubts.extend((!digest.unsure.is_empty()).then(|| (Doubt::Unsure, digest.unsure.join("; "))));
        }
        doubts
    }

    /// The verdict in words.
    pub fn status(&self) -> &'static str {
        match &self.state {
            State::Graded(digest) => digest.verdict,
            State::NotGradable(_) => "not gradable",
            State::HarnessError(_) => "harness error",
            State::Refused(_) => "refused",
            State::Missing => "not graded yet",
        }
    }

    /// The figures that may go into a gradebook: not those that lack something through the harness's fault.
    pub fn grade(&self) -> Option<&Digest> {
        match &self.state {
            State::Graded(digest) if digest.is_whole() && digest.is_decided() && digest.out_of > 0.0 => Some(digest),
            _ => None,
        }
    }

    /// Why somebody has to look at it, if it has no grade.
    pub fn trouble(&self) -> Option<String> {
        match &self.state {
            State::Graded(_) if self.grade().is_some() => None,
            State::Graded(digest) => Some(digest.headline.clone()),
            State::NotGradable(why) | State::HarnessError(why) | State::Refused(why) => Some(why.clone()),
            State::Missing => Some("there is no result of it".to_owned()),
        }
    }
}

impl Overview {
    /// A class's figures. `result` reads one result; `each` is shown every result once.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn draw<E>(
        roster: &Roster,
        result: impl Fn(&str) -> Option<Verdicts>,
        mut each: impl FnMut(&Row, Option<(&Report, &Runs<'_>)>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let keys = roster.submissions.values().filter_map(|submission| match &submission.seen {
            Some(Seen::Key { key, .. }) => Some(key),
            _ => None,
        });
        let judged = keys.filter_map(|key| match result(key)?.outcome {
            Outcome::Graded(graded) => Some(graded.report("")),
            Outcome::NotGradable(_) | Outcome::HarnessError(_) => None,
        });
        let judged = judged.flat_map(|report| summary::requirements(&report).map(Verdict::of).collect::<Vec<_>>());
        let demanded = Demanded::of(&roster.settings.tasks, judged);
        let mut rows = Vec::new();
        let mut folders = Folders::default();
        for (name, submission) in &roster.submissions {
            let mut whole = None;
            let state = match &submission.seen {
                None => State::Missing,
                Some(Seen::Refused(why)) => State::Refused(why.clone()),
                Some(Seen::Key { key, .. }) => match result(key).map(|it| it.outcome) {
                    None => State::Missing,
                    Some(Outcome::NotGradable(why)) => State::NotGradable(why),
                    Some(Outcome::HarnessError(why)) => State::HarnessError(why),
                    Some(Outcome::Graded(graded)) => {
                        let (digest, shown) = Digest::shown(name, submission, *graded, &roster.showing, &demanded);
                        whole = Some(shown);
                        State::Graded(Box::new(digest))
                    }
                },
            };
            let row = Row { name: name.clone(), folder: folders.of(name), submission: submission.clone(), state };
            each(&row, whole.as_ref().map(|(report, graded)| (report, graded.runs())).as_ref().map(|(a, b)| (*a, b)))?;
            rows.push(row);
        }
        let passed_over = roster.passed_over.iter().cloned().collect();
        Ok(Self { settings: roster.settings.clone(), rows, passed_over })
    }

    /// Every report.
    pub fn digests(&self) -> impl Iterator<Item = (&Row, &Digest)> {
        self.rows.iter().filter_map(|row| match &row.state {
            State::Graded(digest) => Some((row, &**digest)),
            _ => None,
        })
    }

    /// The tasks that were graded for anybody.
    pub fn tasks(&self) -> Vec<String> {
        let tasks: std::collections::BTreeSet<&String> =
            self.digests().flat_map(|(_, digest)| digest.tasks.keys()).collect();
        tasks.into_iter().cloned().collect()
    }

    /// Names without a result.
    pub fn missing(&self) -> Vec<&str> {
        let missing = self.rows.iter().filter(|row| matches!(row.state, State::Missing));
        missing.map(|row| row.name.as_str()).collect()
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::super::settings;
    use super::*;

    /// A submission with these requirements: id, verdict, points that it is worth.
    pub fn row(name: &str, requirements: &[(&str, Status, f64)]) -> Row {
        let verdicts = requirements.iter().map(|(id, status, max_score)| Verdict {
            id: (*id).to_owned(),
            level: Level::Must,
            title: format!("what {id} asks for"),
            status: *status,
            max_score: *max_score,
        });
        let sum = |passed: bool| {
            let counted = requirements.iter().filter(|(_, status, _)| !passed || *status == Status::Pass);
            counted.map(|(_, _, points)| points).sum::<f64>()
        };
        let digest = Digest {
            points: sum(true),
            out_of: sum(false),
            verdict: "failed",
            headline: format!("{name}: failed"),
            feedback: String::new(),
            late: None,
            requirements: verdicts.collect(),
            absent: Vec::new(),
            causes: Vec::new(),
            tasks: BTreeMap::new(),
            runs: BTreeMap::new(),
            unsteady: BTreeMap::new(),
            undecided: Vec::new(),
            missing: Vec::new(),
            unsure: Vec::new(),
        };
        let submission =
            Submission { person: name.to_owned(), ids: Vec::new(), sources: Vec::new(), submitted: None, seen: None };
        Row { name: name.to_owned(), folder: name.to_owned(), submission, state: State::Graded(Box::new(digest)) }
    }

    /// A class with these rows.
    pub fn class(rows: Vec<Row>) -> Overview {
        let mut class = Overview { settings: settings::sample(), rows, passed_over: Vec::new() };
        let judged: Vec<Verdict> = class.digests().flat_map(|(_, it)| it.requirements.clone()).collect();
        let demanded = Demanded::of(&class.settings.tasks, judged.into_iter());
        for row in class.rows.iter_mut().filter(|row| matches!(row.state, State::Graded(_))) {
            let digest = digest(row);
            let absent = demanded.lacking(|id| digest.requirements.iter().any(|it| it.id == id));
            digest.out_of += absent.iter().map(|it| it.max_score).sum::<f64>();
            digest.absent = absent.into_iter().map(|it| it.id).collect();
        }
        class
    }

    /// The digest of a row that has one.
    pub fn digest(row: &mut Row) -> &mut Digest {
        match &mut row.state {
            State::Graded(digest) => digest,
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_not_handed_in_costs_what_it_is_worth_where_its_task_was_asked_for() {
        let (pass, fail) = (Status::Pass, Status::Fail);
        let class = sample::class(vec![
            sample::row("both", &[("message.client", pass, 3.0), ("message.server", fail, 2.0)]),
            sample::row("server", &[("message.server", pass, 2.0)]),
            // Found by probing, asked for by nobody.
            sample::row(
                "other",
                &[("message.client", pass, 3.0), ("message.server", pass, 2.0), ("web.get", pass, 9.0)],
            ),
        ]);
        let found: Vec<(f64, f64, Vec<String>)> =
            class.digests().map(|(_, it)| (it.points, it.out_of, it.absent.clone())).collect();
        let expected = [(3.0, 5.0, vec![]), (2.0, 5.0, vec!["message.client".to_owned()]), (14.0, 14.0, vec![])];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_harness_did_not_finish_is_no_grade() {
        let row = sample::row("ada", &[("message.a", Status::HarnessError, 0.0), ("message.b", Status::Pass, 3.0)]);
        assert!(row.grade().is_none());
        assert!(sample::row("bob", &[("message.a", Status::NotGradable, 3.0)]).grade().is_none());
        assert_eq!(row.trouble().as_deref(), Some("ada: failed"));
    }
}
