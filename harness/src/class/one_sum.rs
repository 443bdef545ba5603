//! Twelve odd submissions: whatever speaks of a submission's points names the same ones.

use std::collections::BTreeMap;
use std::convert::Infallible;

use harness_verdict::Undecided;

use super::overview::{Overview, Row};
use super::result::{Graded, Outcome, Verdicts};
use super::roster::{FORMAT, Roster, Seen, Submission};
use super::{gradebook, settings};
use crate::grade::held_back::HeldBack;
use crate::report::format::{Format, render};
use crate::report::html::{self, Runs};
use crate::report::model::{Report, RequirementReport, Status, Verdict};
use crate::report::settle;
use crate::report::style::Style;
use crate::report::{sample, short, summary};
use harness_language::catalogue::model::Level;

fn requirement(id: &str, level: Level, status: Status, (score, max_score): (f64, f64)) -> RequirementReport {
    let mut found = sample::passed().tasks.remove(0).requirements.remove(0);
    (found.id, found.level, found.status) = (format!("message.{id}"), level, status);
    (found.score, found.max_score, found.worth) = (score, max_score, max_score);
    found.runs[0].status = status;
    if status == Status::Skip && max_score > 0.0 {
        found.runs[0].undecided = Some(Undecided::Needs("message.client".to_owned()));
        found.lost_with = Some("message.client".to_owned());
    }
    found
}

fn report(requirements: Vec<RequirementReport>) -> Report {
    let mut report = sample::passed();
    report.score = requirements.iter().map(|it| it.score).sum();
    report.max_score = requirements.iter().map(|it| it.max_score).sum();
    (report.tasks[0].score, report.tasks[0].max_score) = (report.score, report.max_score);
    report.tasks[0].requirements = requirements;
    report.verdict = settle::verdict(&report.tasks);
    report.passed = report.verdict == Verdict::Passed;
    report
}

/// The submissions by name: what came of each, and when it was handed in.
fn class() -> Vec<(&'static str, Option<Report>, &'static str)> {
    use Level::{May, Must, Should};
    use Status::{Fail, HarnessError, NotGradable, Pass, Skip};
    let (in_time, late) = ("2026-11-20T12:00:00+01:00", "2026-11-21T12:00:00+01:00");
    let server = || requirement("server", Must, Pass, (3.0, 3.0));
    let client = || requirement("client", Must, Pass, (3.0, 3.0));
    let with = |other: RequirementReport| Some(report(vec![server(), client(), other]));
    vec![
        ("full", with(requirement("form", Should, Pass, (1.0, 1.0))), in_time),
        ("half", Some(report(vec![server()])), in_time),
        ("late", with(requirement("form", Should, Pass, (1.0, 1.0))), late),
        ("half-and-late", Some(report(vec![server()])), late),
        (
            "failed",
            Some(report(vec![
                server(),
                requirement("client", Must, Fail, (0.0, 3.0)),
                requirement("form", Should, Pass, (1.0, 1.0)),
            ])),
            in_time,
        ),
        (
            "lost",
            Some(report(vec![
                server(),
                requirement("client", Must, Fail, (0.0, 3.0)),
                requirement("form", Should, Skip, (0.0, 1.0)),
            ])),
            in_time,
        ),
        ("does-not-start", with(requirement("form", Should, NotGradable, (0.0, 1.0))), in_time),
        ("undecided", with(requirement("form", Should, Skip, (0.0, 0.0))), in_time),
        ("fraction", with(requirement("form", Should, Fail, (0.25, 1.0))), in_time),
        (
            "option",
            Some(report(vec![
                server(),
                client(),
                requirement("form", Should, Pass, (1.0, 1.0)),
                requirement("extra", May, Fail, (0.0, 0.0)),
            ])),
            in_time,
        ),
        ("not-finished", with(requirement("form", Should, HarnessError, (0.0, 0.0))), in_time),
        ("nothing", None, in_time),
    ]
}

/// Every row of the class with the report that its student is shown.
fn drawn(hide: Option<HeldBack>) -> (Overview, Vec<(Row, Option<Report>)>) {
    let mut roster = Roster::new(settings::sample());
    let policy = "due = 2026-11-20T23:59:00+01:00\noff = \"10%\"";
    roster.showing.late = Some(toml::from_str(policy).expect("a policy"));
    roster.showing.hide = hide;
    let mut results = BTreeMap::new();
    for (name, report, submitted) in class() {
        let seen = Seen::Key { key: name.to_owned(), sha256: name.to_owned() };
        roster.submissions.insert(
            name.to_owned(),
            Submission {
                person: name.to_owned(),
                ids: Vec::new(),
                sources: Vec::new(),
                submitted: Some(submitted.to_owned()),
                seen: Some(seen),
            },
        );
        let outcome = match report {
            Some(report) => Outcome::Graded(Box::new(Graded::new(report, &BTreeMap::new()))),
            None => Outcome::NotGradable("there is no program".to_owned()),
        };
        results.insert(name.to_owned(), outcome);
    }
    let result = |key: &str| {
        let settings = settings::sample();
        let (key, submission_sha256) = (key.to_owned(), key.to_owned());
        Some(Verdicts { format: FORMAT, submission_sha256, settings, outcome: results.get(&key)?.clone(), key })
    };
    let mut shown = Vec::new();
    let overview = Overview::draw(&roster, result, |row, graded| {
        shown.push((row.clone(), graded.map(|(report, _)| report.clone())));
        Ok::<(), Infallible>(())
    });
    match overview {
        Ok(overview) => (overview, shown),
        Err(never) => match never {},
    }
}

#[test]
fn every_page_and_table_names_the_same_points() {
    let (overview, shown) = drawn(None);
    let table = gradebook::render(&overview);
    let mut sums = Vec::new();
    for (row, report) in &shown {
        let line = table.lines().find(|line| line.split(',').next() == Some(&*row.name)).expect("a line");
        let cells: Vec<&str> = line.split(',').collect();
        let Some(digest) = row.grade() else {
            assert_eq!((cells[4], cells[5]), ("", ""), "{line}");
            sums.push(format!("{}: no grade", row.name));
            continue;
        };
        let report = report.as_ref().expect("a report");
        let sum = summary::points_of(digest.points, digest.out_of);
        sums.push(format!("{}: {sum}, {}", row.name, digest.verdict));
        assert_eq!(
            (cells[4], cells[5]),
            (&*summary::points(digest.points), &*summary::points(digest.out_of)),
            "{line}"
        );
        let style = Style::default();
        let pages = [
            render(report, Format::Human, style),
            short::render(report, style, &short::Surroundings::default()),
            render(report, Format::Markdown, style),
            html::render(report, &Runs::new()),
            render(report, Format::Github, style),
            render(report, Format::Gradescope, style),
            digest.feedback.clone(),
            digest.headline.clone(),
        ];
        for page in pages {
            assert!(page.contains(&sum), "{}: {sum} is not in\n{page}", row.name);
        }
        let json: serde_json::Value = serde_json::from_str(&render(report, Format::Json, style)).expect("JSON");
        assert_eq!((json["score"].as_f64(), json["max_score"].as_f64()), (Some(digest.points), Some(digest.out_of)));
        assert_eq!(json["passed"].as_bool(), Some(digest.verdict == "passed"), "{}", row.name);
        let scope: serde_json::Value = serde_json::from_str(&render(report, Format::Gradescope, style)).expect("JSON");
        assert_eq!(scope["score"].as_f64(), Some(digest.points), "{}", row.name);
    }
    insta::assert_snapshot!(sums.join("\n"));
}

/// What is held back is in the gradebook and in what the platform counts, and not on the student's page, which says so.
#[test]
fn what_is_held_back_is_counted_and_not_shown() {
    let held = HeldBack { requirements: vec!["message.form".to_owned()], seeds: Vec::new() };
    let (_, shown) = drawn(Some(held));
    let (row, report) = shown.iter().find(|(row, _)| row.name == "full").expect("a row");
    let (digest, report) = (row.grade().expect("a grade"), report.as_ref().expect("a report"));
    assert_eq!((digest.points, digest.out_of, report.score, report.max_score), (7.0, 7.0, 6.0, 6.0));
    assert!(digest.feedback.contains("7 of 7 points"), "{}", digest.feedback);
    let scope: serde_json::Value =
        serde_json::from_str(&render(report, Format::Gradescope, Style::default())).expect("JSON");
    assert_eq!(scope["score"].as_f64(), Some(7.0));
    assert!(report.notes.iter().any(|note| note.contains("held back")), "{:?}", report.notes);
    // Nor does a page say of whom it lacks what is held back.
    let (_, half) = shown.iter().find(|(row, _)| row.name == "half").expect("a row");
    assert!(half.as_ref().is_some_and(|half| half.absent.iter().all(|it| it.id != "message.form")));
}
