//! What failed: for each requirement what was expected, what came, what happened, why it matters and where to look.

use std::collections::BTreeSet;

use harness_judging::shown::counted;
use maud::{Markup, html};

use super::evidence::{self, files};
use super::stop;
use super::words::{Line, kit, kit_blocks, shortened};
use super::{Runs, Seen, anchor, badge, compare};
use crate::crash::words;
use crate::report::model::{Report, RequirementReport, RunReport};
use crate::report::{causes, prose, summary};
use crate::run::event;
use harness_language::scenario::duration::human;

/// Other failed runs that are listed.
const OTHERS: usize = 40;
/// Beyond so many characters of drawings, transcripts and calls the rest is left to the files.
const BUDGET: usize = 2_000_000;
/// Longest reason of another run.
const REASON: usize = 400;

/// The section of all failures; nothing if there are none.
pub fn all(report: &Report, runs: &Runs<'_>) -> Markup {
    let failed = causes::failures(report);
    let mut teller = Teller { runs, told: BTreeSet::new(), spent: 0 };
    html! {
        @if !failed.is_empty() {
            section {
                h2 #failures { "What failed" }
                @for found in failed { (teller.article(found)) }
            }
        }
    }
}

struct Teller<'t> {
    runs: &'t Runs<'t>,
    /// Runs that have been shown at length, and where.
    told: BTreeSet<String>,
    spent: usize,
}

impl Teller<'_> {
    fn article(&mut self, found: &RequirementReport) -> Markup {
        let run = summary::telling_run(found);
        let seen = run.and_then(|run| self.runs.get(run.id.as_str()).copied());
        let difference =
            seen.and_then(|seen| event::difference(seen.events, &found.id)).filter(|it| it.came.length > 0);
        html! {
            article id=(anchor("failed", &found.id)) {
                h3 { (kit(&found.title)) }
                p.weight {
                    (badge(found.status)) " " code { (Line(&found.id)) } " · " (summary::level(found.level)) " · "
                    (summary::points_of(found.score, found.max_score))
                }
                @if let Some(run) = run {
                    (reason(run))
                    @if let Some(deed) = run.deed() { (stop::deed(deed)) }
                    (look_at(found, run))
                    @match difference {
                        Some(difference) => {
                            h4 { "Expected, and what came" }
                            (compare::bytes(&difference))
                        }
                        None => { (compare::in_words(run)) }
                    }
                    (self.happened(run, seen))
                }
                (guidance(found))
                @if let Some(run) = run { (again(run)) }
                (others(found, run))
            }
        }
    }

    /// The run: its terms, its drawing, its transcript, its calls.
    fn happened(&mut self, run: &RunReport, seen: Option<Seen<'_>>) -> Markup {
        let first = self.told.insert(run.id.clone());
        let number = self.told.len();
        let evidence = if first { evidence::of(run, seen, number) } else { Markup::default() };
        let fits = self.spent + evidence.0.len() <= BUDGET;
        if fits {
            self.spent += evidence.0.len();
        }
        html! {
            h4 id=[first.then(|| anchor("run", &run.id))] { "What happened" }
            (terms(run))
            @if !first {
                p { "The same run decided more than this: " a href={ "#" (anchor("run", &run.id)) } { "it is shown above" } "." }
            } @else if fits {
                (evidence)
            } @else {
                p.quiet { "This page is long enough: the drawing, the transcript and the calls of this run are in its files." }
            }
            (files(run))
        }
    }
}

/// What happened, large, and what came of it.
fn reason(run: &RunReport) -> Markup {
    let (headline, so) = run.headline();
    html! {
        p.reason { (Line(&headline)) }
        @if let Some(so) = so { p { (Line(&so)) } }
        @if let Some(wait) = run.wait() { p { (Line(&words::waits(wait))) } }
    }
}

/// Under what conditions a run was made.
fn terms(run: &RunReport) -> Markup {
    let partner = match run.pairing.as_str() {
        "harness-client" => "the harness's client",
        "harness-server" => "the harness's server",
        "own" => "its own other half",
        _ => "",
    };
    let time = std::time::Duration::from_millis(run.virtual_ms);
    html! {
        @if !run.title.is_empty() { p { (kit(&run.title)) } }
        dl.terms {
            div { dt { "run" } dd { code { (Line(&run.id)) } } }
            @if !partner.is_empty() { div { dt { "judged" } dd { "the " (Line(&run.role)) ", with " (partner) } } }
            @if !run.schedule.is_empty() { div { dt { "pieces" } dd { (Line(&run.schedule)) } } }
            @if run.virtual_ms > 0 { div { dt { "virtual time" } dd { (human(time)) } } }
        }
    }
}

/// The question to one's own code.
fn look_at(found: &RequirementReport, run: &RunReport) -> Markup {
    let look_at = prose::one_line(&found.look_at);
    let hint = !run.hint.trim().is_empty() && prose::one_line(&run.hint) != look_at;
    html! {
        @if !look_at.is_empty() { p.look { span aria-hidden="true" { "→ " } (kit(&found.look_at)) } }
        @if hint { p.look { (Line(&run.hint)) } }
    }
}

/// Why it matters, and what the handout says of it.
fn guidance(found: &RequirementReport) -> Markup {
    html! {
        @if !found.teach.trim().is_empty() {
            details {
                summary { "Why it matters" }
                (kit_blocks(&found.teach))
            }
        }
        @if !found.section.trim().is_empty() {
            details {
                summary { "What the handout says" }
                (kit_blocks(&found.section))
            }
        }
        p.quiet {
            @if !found.handout.trim().is_empty() { code { (Line(&found.handout)) } " · " }
            code { "harness explain " (Line(&found.id)) }
        }
    }
}

fn again(run: &RunReport) -> Markup {
    html! {
        @if !run.replay.is_empty() {
            h4 { "See it again" }
            pre tabindex="0" aria-label="command" { (Line(&run.replay)) }
        }
    }
}

/// Other runs with the same verdict.
fn others(found: &RequirementReport, shown: Option<&RunReport>) -> Markup {
    let others: Vec<&RunReport> = found
        .runs
        .iter()
        .filter(|run| run.status == found.status && shown.is_none_or(|shown| shown.id != run.id))
        .collect();
    html! {
        @if !others.is_empty() {
            details {
                summary { "It failed in " (counted(others.len(), "more run")) }
                div.wide tabindex="0" role="region" aria-label="more runs" {
                    table {
                        thead { tr { th scope="col" { "run" } th scope="col" { "reason" } th scope="col" { "files" } } }
                        tbody {
                            @for run in others.iter().take(OTHERS) {
                                tr {
                                    th scope="row" { code { (Line(&run.id)) } }
                                    td { (shortened(&run.why(), REASON)) }
                                    td { (files(run)) }
                                }
                            }
                        }
                    }
                }
                @if others.len() > OTHERS { p.quiet { (others.len() - OTHERS) " more are in report.json." } }
            }
        }
    }
}
