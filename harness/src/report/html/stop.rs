//! Where a program stopped, before everything else: what happened, in which line, and what to do first.

use maud::{Markup, html};

use super::place;
use super::words::{Line, shortened};
use crate::crash::{Deed, Place, Stop, words};
use crate::report::causes;
use crate::report::model::{Report, RequirementReport};

/// Blocks before what else failed.
const MOST: usize = 3;
/// Requirements that a block names.
const IDS: usize = 6;
/// Characters of a message.
const MESSAGE: usize = 400;

/// A block for each line in which a program stopped, the first to mend first.
pub fn all(report: &Report) -> Markup {
    let mut stops: Vec<(Stop<'_>, Vec<&RequirementReport>)> = Vec::new();
    for cause in causes::causes(report) {
        let Some(stop) = cause.run().and_then(|run| run.stop()) else { continue };
        let same = |known: &Stop<'_>| match (known, stop) {
            (Stop::Wait(known), Stop::Wait(wait)) => known.place == wait.place,
            // Crashes in one line are one cause already.
            _ => *known == stop,
        };
        match stops.iter_mut().find(|(known, _)| same(known)) {
            Some((_, failed)) => failed.extend(cause.failed),
            None => stops.push((stop, cause.failed)),
        }
    }
    html! { @for (stop, failed) in stops.iter().take(MOST) { (block(*stop, failed)) } }
}

fn block(stop: Stop<'_>, failed: &[&RequirementReport]) -> Markup {
    html! {
        section.stop {
            h2 { (Line(&words::title(stop))) }
            @if let Stop::Crash(crash) = stop { p.reason { (shortened(&words::what(&crash.kind), MESSAGE)) } }
            @if !stop.frames().is_empty() {
                div.said {
                    @for (index, at) in stop.frames().iter().enumerate() { (line(at, index > 0)) }
                }
            }
            @if let Some(advice) = words::advice(stop) { p.look { span aria-hidden="true" { "→ " } (Line(&advice)) } }
            p.ids {
                "These fail because of it: "
                @for (index, found) in failed.iter().take(IDS).enumerate() {
                    @if index > 0 { ", " }
                    a href={ "#" (place(found)) } { (Line(&found.id)) }
                }
                @if failed.len() > IDS { " and " (failed.len() - IDS) " more" }
                "."
            }
        }
    }
}

/// The call that shows what a program did wrong, with the lines that led to it.
pub fn deed(deed: &Deed) -> Markup {
    html! {
        p { (words::did(deed.did)) }
        div.said { @for (index, at) in deed.at.frames.iter().enumerate() { (line(at, index > 0)) } }
    }
}

/// A line of the student's own code; the outer ones are where it was called from.
fn line(at: &Place, outer: bool) -> Markup {
    html! { code { @if outer { "called at " } (Line(&words::place(at))) } }
}
