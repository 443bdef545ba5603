//! `report.html`: one file that a browser shows without script and without a network.
//!
//! First the verdicts, then each failure with what shows it, then everything else. Text of a program can stand
//! anywhere and is markup nowhere: templates escape it, [`words`] makes visible what would act or hide, and the
//! page's policy lets nothing in from elsewhere. The same report and runs give the same bytes, except for durations.

mod compare;
mod drawing;
mod evidence;
mod failure;
mod listing;
pub(crate) mod policy;
pub mod present;
#[cfg(test)]
mod sample;
mod sequence;
mod stop;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::model::Verdict;
use super::model::{Report, RequirementReport, Status, TaskReport};
use super::summary::{self, Group, Headline};
use crate::run::event::Event;
use words::{Line, kit};

/// What a run left, beside what the report has of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'r> {
    /// Everything that happened, in order.
    pub events: &'r [Event],
    /// The record of calls; empty where there is none.
    pub calls: &'r str,
    /// What happened when a model answer took the program's place; empty where that was not tried.
    pub model: &'r [Event],
}

/// Runs by their id.
pub type Runs<'r> = BTreeMap<&'r str, Seen<'r>>;

/// Groups of reasons, or ids in a group, that are shown.
const MOST: usize = 60;

/// Renders the page; it ends in a line end.
pub fn render(report: &Report, runs: &Runs<'_>) -> String {
    let headline = summary::headline(report);
    let mut page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (Line(&headline.subject)) ": " (headline.points) ", " (headline.verdict.as_str()) }
                style { (PreEscaped(policy::STYLE)) }
            }
            body {
                (head(report, &headline))
                main {
                    (stop::all(report))
                    (groups(&summary::undecided(report, Status::NotGradable), "Not gradable",
                        "A program did not build or start, or cannot take part for the reason below, so nothing was \
                         learned about what it does on the network. Run its command by hand; that must work before \
                         anything can be graded."))
                    (failure::all(report, runs))
                    (groups(&summary::lost(report), summary::LOST.0, summary::LOST.1))
                    @for task in &report.tasks { (table(task)) }
                    (groups(&summary::undecided(report, Status::HarnessError), "Harness errors",
                        "The harness or this machine could not finish these runs. That says nothing about the program \
                         and costs it no points. Show this page to whoever runs the harness."))
                    (groups(&summary::skipped(report), "Not decided",
                        "Nothing here speaks for or against the program, and no points were lost."))
                    (groups(&summary::partly_skipped(report), "Runs that were left out",
                        "Other runs decided these requirements."))
                    (groups(&summary::findings(report), "Findings", "Noticed in passing; they cost no points."))
                    (about(report))
                    (listing::all(report))
                }
                footer {
                    p {
                        "Made by harness " (Line(&report.harness)) ". The same is in "
                        a href="report.json" { "report.json" } ", for programs."
                        @if report.duration_ms > 0 { " Grading took " (report.duration_ms) " ms." }
                    }
                }
            }
        }
    }
    .into_string();
    page.push('\n');
    page
}

fn head(report: &Report, headline: &Headline) -> Markup {
    let class = match headline.verdict {
        Verdict::Passed => "verdict good",
        Verdict::Failed => "verdict bad",
        Verdict::HarnessError | Verdict::NotGradable | Verdict::NotProven => "verdict caution",
    };
    let failed = summary::with_status(report, Status::Fail).count();
    let lost = summary::requirements(report).filter(|found| found.is_lost()).count();
    html! {
        header class=(class) {
            h1 { (Line(&headline.subject)) }
            p.points {
                strong { (headline.verdict.as_str()) } " · " (headline.points)
                " · " (summary::with_status(report, Status::Pass).count()) " passed"
                @if failed > 0 { " · " a href="#failures" { (failed) " failed" } }
                @if lost > 0 { " · " (lost) " not tested yet" }
            }
            @for remark in &headline.remarks { p { (Line(remark)) } }
        }
    }
}

/// How it was graded.
fn about(report: &Report) -> Markup {
    html! {
        section {
            h2 { "About this grading" }
            dl.terms {
                div { dt { "submission" } dd { code { (Line(&report.target)) } } }
                div { dt { "network" } dd { (network(&report.backend)) } }
                div { dt { "seed" } dd { (report.seed) } }
                div { dt { "rubric" } dd { (Line(&report.rubric)) } }
                @if !report.submission_sha256.is_empty() {
                    div { dt { "files" } dd { "sha256 " code { (Line(report.submission_sha256.get(..12).unwrap_or(&report.submission_sha256))) } } }
                }
            }
            @if report.remarks().next().is_some() {
                ul.notes { @for note in report.remarks().take(MOST) { li { (Line(&note)) } } }
            }
        }
    }
}

/// A backend as a reader knows it.
fn network(backend: &str) -> Markup {
    html! {
        @match backend {
            "sim" => { "simulated (" code { "sim" } "), in virtual time" }
            "wire" => { "real sockets (" code { "wire" } ")" }
            other => { (Line(other)) }
        }
    }
}

/// The word of a verdict, in its colour and with its sign.
fn badge(status: Status) -> Markup {
    let (class, sign) = match status {
        Status::Pass => ("badge good", "✓"),
        Status::Fail => ("badge bad", "✗"),
        Status::Skip => ("badge quiet", "–"),
        Status::NotGradable | Status::HarnessError => ("badge caution", "!"),
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) } " " (status.as_str()) } }
}

/// The id of a requirement as the end of a link in the page: nothing that a rubric or a task can write is more than
/// a letter there.
pub(crate) fn anchor(kind: &str, id: &str) -> String {
    let id: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("{kind}-{id}")
}

/// Where the page treats a requirement.
fn place(found: &RequirementReport) -> String {
    anchor(if found.status == Status::Fail { "failed" } else { "about" }, &found.id)
}

fn table(task: &TaskReport) -> Markup {
    html! {
        section {
            h2 { (Line(&summary::task_name(task))) }
            p { (badge(task.status)) " " (summary::points_of(task.score, task.max_score)) }
            @if !task.met.is_empty() {
                ul.notes { @for met in task.met.iter().take(MOST) { li { "met as " code { (Line(met)) } } } }
            }
            table.verdicts {
                caption.hidden { "Verdicts of " (Line(&task.id)) }
                thead {
                    tr {
                        th scope="col" { "verdict" }
                        th scope="col" { "requirement" }
                        th scope="col" { "level" }
                        th.number scope="col" { "points" }
                    }
                }
                tbody {
                    @for found in &task.requirements {
                        tr {
                            td { (badge(found.status)) }
                            th scope="row" {
                                a href={ "#" (place(found)) } { (kit(&found.title)) }
                                code.id { (Line(&found.id)) }
                            }
                            td { (summary::level(found.level)) }
                            td.number { (summary::points_short(found.score, found.max_score)) }
                        }
                    }
                }
            }
        }
    }
}

/// A section of reasons, each with the ids it holds for. Nothing if there are none.
fn groups(groups: &[Group], heading: &str, meaning: &str) -> Markup {
    html! {
        @if !groups.is_empty() {
            section {
                h2 { (heading) }
                p { (meaning) }
                ul {
                    @for group in groups.iter().take(MOST) {
                        li {
                            @match group.reason.as_slice() {
                                [] => { "no reason was given" }
                                [one] => { (Line(one)) }
                                many => {
                                    div.said { @for line in many.iter().take(MOST) { code { (Line(line)) } } }
                                }
                            }
                            p.ids {
                                @for (index, id) in group.ids.iter().take(MOST).enumerate() {
                                    @if index > 0 { ", " }
                                    code { (Line(id)) }
                                }
                                @if group.ids.len() > MOST { " and " (group.ids.len() - MOST) " more" }
                            }
                        }
                    }
                }
                @if groups.len() > MOST { p.quiet { "(" (groups.len() - MOST) " more are in report.json)" } }
            }
        }
    }
}
