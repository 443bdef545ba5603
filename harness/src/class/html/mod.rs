//! `class.html`: the class page for a browser, one file without script and without a network, in the style of the
//! students' own reports, which it links to.
//!
//! It shows the figures of the page in Markdown, and like that one no wall-clock time. Bars are drawings beside their
//! numbers: nothing is told by colour or length alone.

#[cfg(test)]
mod tests;

use harness_judging::shown::counted;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{self, Missed, Slow, Tally};
use super::overview::{Digest, Overview, Row, State};
use super::page::{REASON, SLOWEST, last_of, percent, seconds};
use crate::report::html::words::{Line, kit};
use crate::report::html::{anchor, policy};
use crate::report::model::Status;
use crate::report::style::cut;
use crate::report::summary;

/// Names that are listed for a requirement.
const NAMED: usize = 200;
/// Causes that are listed, and examples of each.
const CAUSES: usize = 12;
const EXAMPLES: usize = 5;

/// Renders the page; it ends in a line end.
pub fn render(overview: &Overview) -> String {
    let subject = counted(overview.rows.len(), "submission");
    let mut page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (subject) }
                style { (PreEscaped(policy::STYLE)) }
            }
            body {
                (head(overview, &subject))
                main {
                    (scores(overview))
                    (missed(overview))
                    (causes(overview))
                    (map(overview))
                    (by_hand(overview))
                    (late(overview))
                    (alike(overview))
                    (slowest(overview))
                    (flakiest(overview))
                    (submissions(overview))
                    @if !overview.passed_over.is_empty() {
                        section {
                            h2 { "Files that are no submission" }
                            ul { @for name in &overview.passed_over { li { code { (Line(name)) } } } }
                        }
                    }
                }
                footer {
                    p {
                        "Made by harness " (Line(&overview.settings.harness)) ". The points are in "
                        a href="gradebook.csv" { "gradebook.csv" } ", wall-clock times in "
                        a href="durations.csv" { "durations.csv" } ", this page as text in " a href="class.md" { "class.md" } "."
                    }
                }
            }
        }
    }
    .into_string();
    page.push('\n');
    page
}

fn head(overview: &Overview, subject: &str) -> Markup {
    let settings = &overview.settings;
    let outcomes = figures::outcomes(overview);
    html! {
        header.verdict.plain {
            h1 { (subject) }
            p.points {
                @for (index, (status, count)) in outcomes.iter().enumerate() {
                    @if index > 0 { " · " }
                    strong { (count) } " " (status)
                }
            }
            dl.terms {
                div {
                    dt { "tasks" }
                    dd {
                        @if settings.tasks.is_empty() { "every task that programs were found for" }
                        @for (index, task) in settings.tasks.iter().enumerate() {
                            @if index > 0 { ", " }
                            code { (Line(task)) }
                        }
                    }
                }
                div { dt { "network" } dd { code { (Line(&settings.backend)) } } }
                div { dt { "seed" } dd { (settings.seed) } }
                div { dt { "rubric" } dd { (Line(&settings.rubric)) } }
            }
        }
    }
}

/// A bar of so many parts of a hundred, each in its colour.
fn bar(parts: &[(&str, f64)]) -> Markup {
    let mut from = 0.0;
    let placed: Vec<(&str, f64, f64)> = parts
        .iter()
        .map(|(class, width)| {
            let at = from;
            from += width;
            (*class, at, *width)
        })
        .collect();
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.ground x="0" y="0" width="100" height="8" {}
            @for (class, at, width) in placed.iter().filter(|(_, _, width)| *width > 0.0) {
                rect class=(class) x=(summary::points(*at)) y="0" width=(summary::points(*width)) height="8" {}
            }
        }
    }
}

/// A part of a whole, in hundredths.
fn hundredths(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn scores(overview: &Overview) -> Markup {
    let Some(scores) = figures::scores(overview) else { return Markup::default() };
    let most = scores.tenths.iter().copied().max().unwrap_or(0);
    html! {
        section {
            h2 { "Scores" }
            p {
                (counted(scores.count, "submission")) " with points · median " (percent(scores.median)) " %, mean "
                (percent(scores.mean)) " %, from " (percent(scores.least)) " % to " (percent(scores.most)) " %"
            }
            table.bars {
                caption.hidden { "Submissions by their points" }
                thead { tr { th scope="col" { "points" } th.number scope="col" { "submissions" } th scope="col" { span.hidden { "bar" } } } }
                tbody {
                    @for (tenth, count) in scores.tenths.iter().enumerate() {
                        tr {
                            th scope="row" { (tenth * 10) " – " (last_of(tenth)) " %" }
                            td.number { (count) }
                            td.drawn { (bar(&[("count", hundredths(*count, most))])) }
                        }
                    }
                }
            }
        }
    }
}

fn missed(overview: &Overview) -> Markup {
    let Missed { judged, missed, never } = figures::missed(overview);
    if !judged {
        return Markup::default();
    }
    let row = |it: &Tally<'_>| {
        let all = it.passed + it.failed + it.undecided + it.absent;
        let parts = [("bad", it.failed), ("caution", it.absent), ("good", it.passed)];
        let who = with_verdict(overview, it.id, Status::Fail);
        html! {
            tr {
                th scope="row" {
                    (kit(it.title)) code.id { (Line(it.id)) }
                    (bar(&parts.map(|(class, count)| (class, hundredths(count, all)))))
                    @if !who.is_empty() {
                        details {
                            summary { "Failed by " (counted(who.len(), "submission")) }
                            p {
                                @for (index, row) in who.iter().take(NAMED).enumerate() {
                                    @if index > 0 { ", " }
                                    (link_to(row, it.id))
                                }
                                @if who.len() > NAMED { " and " (who.len() - NAMED) " more" }
                            }
                        }
                    }
                }
                td { (summary::level(it.level)) }
                td.number { (it.failed) }
                td.number { (it.absent) }
                td.number { (it.passed) }
                td.number { (it.undecided) }
            }
        }
    };
    html! {
        section {
            h2 { "What the class missed" }
            @if missed.is_empty() {
                p { "Nothing: every requirement that was decided was met by everyone." }
            } @else {
                p.legend {
                    @for (class, what) in [("bad", "failed"), ("caution", "no program handed in"), ("good", "passed"), ("ground", "not decided")] {
                        span { svg.swatch viewBox="0 0 8 8" aria-hidden="true" { rect class=(class) x="0" y="0" width="8" height="8" {} } " " (what) }
                    }
                }
                div.wide tabindex="0" role="region" aria-label="what the class missed" {
                    table.tally {
                        caption.hidden { "Requirements, the most missed first" }
                        thead {
                            tr {
                                th scope="col" { "requirement" }
                                th scope="col" { "level" }
                                th.number scope="col" { "failed" }
                                th.number scope="col" { "no program" }
                                th.number scope="col" { "passed" }
                                th.number scope="col" { "undecided" }
                            }
                        }
                        tbody { @for it in &missed { (row(it)) } }
                    }
                }
            }
            @if !never.is_empty() {
                p {
                    "Decided for nobody: "
                    @for (index, id) in never.iter().enumerate() { @if index > 0 { ", " } code { (Line(id)) } }
                }
            }
        }
    }
}

/// The submissions with a verdict on a requirement.
fn with_verdict<'o>(overview: &'o Overview, id: &str, status: Status) -> Vec<&'o Row> {
    let has = |digest: &Digest| digest.requirements.iter().any(|it| it.id == id && it.status == status);
    overview.digests().filter(|(_, digest)| has(digest)).map(|(row, _)| row).collect()
}

/// What went wrong for several, by what happened: what to speak of in the lecture.
fn causes(overview: &Overview) -> Markup {
    let all = figures::causes(overview);
    html! {
        @if !all.is_empty() {
            section {
                h2 { "What happened to several" }
                ul {
                    @for (told, rows) in all.iter().take(CAUSES) {
                        li {
                            strong { (rows.len()) } " × " code { (Line(&told.id)) } ": " (Line(&cut(&told.reason, REASON)))
                            " ("
                            @for (index, row) in rows.iter().take(EXAMPLES).enumerate() {
                                @if index > 0 { ", " }
                                (link_to(row, &told.id))
                            }
                            @if rows.len() > EXAMPLES { ", …" }
                            ")"
                        }
                    }
                }
            }
        }
    }
}

/// Students by requirements: a sign for each verdict, so that it is read in grey, too.
fn map(overview: &Overview) -> Markup {
    let columns = figures::columns(overview);
    let rows: Vec<(&Row, &Digest)> = overview.digests().collect();
    if rows.len() < 2 || columns.is_empty() {
        return Markup::default();
    }
    let cell = |digest: &Digest, id: &str| {
        let found = digest.requirements.iter().find(|it| it.id == id).map(|it| it.status);
        let absent = digest.absent.iter().any(|absent| absent == id);
        match found {
            Some(Status::Pass) => ("m-good", "·", "passed"),
            Some(Status::Fail) => ("m-bad", "✗", "failed"),
            Some(Status::Skip) => ("m-quiet", "–", "not decided"),
            Some(Status::NotGradable | Status::HarnessError) => ("m-caution", "!", "not judged"),
            None if absent => ("m-caution", "○", "no program"),
            None => ("", "", ""),
        }
    };
    html! {
        section {
            h2 { "Everyone and everything" }
            p.quiet { "✗ failed · ○ no program handed in · – not decided · ! not judged · a dot: passed. The numbers are told below." }
            div.wide tabindex="0" role="region" aria-label="submissions by requirements" {
                table.map {
                    caption.hidden { "Submissions by requirements" }
                    thead {
                        tr {
                            th scope="col" { "submission" }
                            @for (number, (id, _)) in columns.iter().enumerate() {
                                th.number scope="col" title=(Line(id)) { (number + 1) }
                            }
                        }
                    }
                    tbody {
                        @for (row, digest) in rows {
                            tr {
                                th scope="row" { (link(row)) }
                                @for (id, _) in &columns {
                                    @let (class, sign, word) = cell(digest, id);
                                    td class=(class) { span aria-hidden="true" { (sign) } span.hidden { (word) } }
                                }
                            }
                        }
                    }
                }
            }
            ol.columns { @for (id, title) in &columns { li { code { (Line(id)) } " " (kit(title)) } } }
        }
    }
}

/// Where a student's report is.
fn link(row: &Row) -> Markup {
    // Folders are made of letters, digits and a few signs: they cannot leave the place of a path.
    html! { a href={ "students/" (row.folder) "/report.html" } { (Line(&row.name)) } }
}

/// Where a student's report tells of a requirement that failed.
fn link_to(row: &Row, id: &str) -> Markup {
    html! { a href={ "students/" (row.folder) "/report.html#" (anchor("failed", id)) } { (Line(&row.name)) } }
}

/// The link of a name.
fn linked(overview: &Overview, name: &str) -> Markup {
    match overview.rows.binary_search_by(|row| row.name.as_str().cmp(name)) {
        Ok(at) => link(&overview.rows[at]),
        Err(_) => html! { (Line(name)) },
    }
}

fn by_hand(overview: &Overview) -> Markup {
    let triage = figures::triage(overview);
    html! {
        @if !triage.is_empty() {
            section {
                h2 { "To look at by hand" }
                @for (doubt, rows) in &triage {
                    p { (doubt.words()) }
                    ul {
                        @for (row, why) in rows {
                            li {
                                (link(row)) " (" (row.status()) "): "
                                (Line(&cut(why.lines().next().unwrap_or_default(), REASON)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn late(overview: &Overview) -> Markup {
    let late = figures::late(overview);
    html! {
        @if !late.is_empty() {
            section {
                h2 { "Late" }
                ul { @for (name, why) in &late { li { (linked(overview, name)) ": " (Line(why)) } } }
            }
        }
    }
}

fn alike(overview: &Overview) -> Markup {
    let groups = figures::alike(overview);
    html! {
        @if !groups.is_empty() {
            section {
                h2 { "The same files" }
                p { "These submissions are equal byte for byte." }
                ul {
                    @for names in &groups {
                        li { @for (index, name) in names.iter().enumerate() { @if index > 0 { ", " } (linked(overview, name)) } }
                    }
                }
            }
        }
    }
}

fn slowest(overview: &Overview) -> Markup {
    let slow = match figures::slow(overview) {
        Slow::Unknown => return Markup::default(),
        Slow::RealTime => {
            return html! {
                section {
                    h2 { "Slowest" }
                    p {
                        "Real sockets take real time, which differs from day to day: it stands in "
                        a href="durations.csv" { "durations.csv" } "."
                    }
                }
            };
        }
        Slow::Runs(runs) => runs,
    };
    html! {
        section {
            h2 { "Slowest" }
            @if slow.is_empty() {
                p { "No program took a second of virtual time longer than the middle of the class, in any run." }
            } @else {
                p { "Virtual time of a run, beside that of the middle of the class." }
                div.wide tabindex="0" role="region" aria-label="slowest runs" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "submission" }
                                th scope="col" { "run" }
                                th.number scope="col" { "seconds" }
                                th.number scope="col" { "middle" }
                            }
                        }
                        tbody {
                            @for it in slow.iter().take(SLOWEST) {
                                tr {
                                    th scope="row" { (linked(overview, it.name)) }
                                    td { code { (Line(it.run)) } }
                                    td.number { (seconds(it.milliseconds)) }
                                    td.number { (seconds(it.middle)) }
                                }
                            }
                        }
                    }
                }
                @if slow.len() > SLOWEST { p.quiet { "And " (counted(slow.len() - SLOWEST, "more run")) "." } }
            }
        }
    }
}

fn flakiest(overview: &Overview) -> Markup {
    if overview.digests().next().is_none() {
        return Markup::default();
    }
    let flaky = figures::flaky(overview);
    html! {
        section {
            h2 { "Flakiest" }
            @match (flaky.is_empty(), overview.settings.repeat) {
                (true, 1) => p { "Every run was played once; " code { "--repeat 5" } " shows verdicts that change." },
                (true, times) => p { "No verdict changed in " (times) " plays of every run." },
                (false, _) => {
                    ul {
                        @for it in &flaky {
                            li {
                                code { (Line(it.run)) } ": "
                                @for (index, (name, failed, times)) in it.with.iter().enumerate() {
                                    @if index > 0 { ", " }
                                    (linked(overview, name)) " (failed " (failed) " of " (times) ")"
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The verdict on a submission, in its colour.
fn badge(row: &Row) -> Markup {
    let class = match (&row.state, row.status()) {
        (State::Graded(_), "passed") => "badge good",
        (State::Graded(_), "failed") => "badge bad",
        (State::Missing, _) => "badge quiet",
        _ => "badge caution",
    };
    html! { span class=(class) { (row.status()) } }
}

fn submissions(overview: &Overview) -> Markup {
    let points = |digest: &Digest| {
        html! {
            td.number { (summary::points(digest.points)) " of " (summary::points(digest.out_of)) }
            td.drawn { (bar(&[("count", 100.0 * digest.share())])) }
        }
    };
    html! {
        section {
            h2 { "Submissions" }
            table.verdicts.bars {
                caption.hidden { "Every submission" }
                thead {
                    tr {
                        th scope="col" { "submission" }
                        th scope="col" { "verdict" }
                        th.number scope="col" { "points" }
                        th scope="col" { span.hidden { "bar" } }
                    }
                }
                tbody {
                    @for row in &overview.rows {
                        tr {
                            th scope="row" { (link(row)) }
                            td { (badge(row)) }
                            @match row.grade() {
                                Some(digest) => (points(digest)),
                                None => { td.number { "-" } td {} }
                            }
                        }
                    }
                }
            }
        }
    }
}
