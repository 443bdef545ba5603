//! Every requirement that did not fail, folded up: what it asks for, why, and which runs spoke for it.

use maud::{Markup, html};

use super::evidence::files;
use super::words::{Line, kit, kit_blocks, shortened};
use super::{anchor, badge};
use crate::report::model::{Report, RequirementReport, RunReport, Status};
use crate::report::summary;

/// Runs of a requirement that are listed.
const RUNS: usize = 60;
/// Longest remark on a run.
const REMARK: usize = 400;

/// The section of them; nothing if everything failed.
pub fn all(report: &Report) -> Markup {
    let rest = |found: &&RequirementReport| found.status != Status::Fail;
    html! {
        @if report.tasks.iter().flat_map(|task| &task.requirements).any(|found| rest(&found)) {
            section.rest {
                h2 { "The other requirements" }
                @for task in &report.tasks {
                    @if task.requirements.iter().any(|found| rest(&found)) {
                        h3 { (Line(&task.id)) }
                        @for found in task.requirements.iter().filter(rest) { (entry(found)) }
                    }
                }
            }
        }
    }
}

fn entry(found: &RequirementReport) -> Markup {
    html! {
        details id=(anchor("about", &found.id)) {
            summary { (badge(found.status)) " " (kit(&found.title)) }
            p.weight {
                code { (Line(&found.id)) } " · " (summary::level(found.level)) " · "
                (summary::points_of(found.score, found.max_score))
            }
            (kit_blocks(&found.teach))
            @if !found.handout.trim().is_empty() { p.quiet { code { (Line(&found.handout)) } } }
            @if !found.runs.is_empty() {
                div.wide tabindex="0" role="region" aria-label="runs" {
                    table {
                        thead { tr { th scope="col" { "verdict" } th scope="col" { "run" } th scope="col" { "files" } } }
                        tbody { @for run in found.runs.iter().take(RUNS) { (row(run)) } }
                    }
                }
                @if found.runs.len() > RUNS { p.quiet { (found.runs.len() - RUNS) " more runs are in report.json." } }
            }
        }
    }
}

fn row(run: &RunReport) -> Markup {
    let remark = match (run.status, &run.skip_reason) {
        (Status::Pass, _) => String::new(),
        (Status::Skip, Some(why)) => why.clone(),
        _ => run.why(),
    };
    html! {
        tr {
            td { (badge(run.status)) }
            th scope="row" {
                code { (Line(&run.id)) }
                @if !remark.is_empty() { p { (shortened(&remark, REMARK)) } }
            }
            td { (files(run)) }
        }
    }
}
