//! The page on a terminal, short: what to mend first, on one screen. Every check is told by `--all`.
//!
//! The first line is the verdict, the last ones say where one stands and what to do next. Between them stand the
//! causes ([`super::causes`]), as many as fit. As on the long page no line can be forged: what programs say is
//! escaped and stays right of the margin.

use harness_judging::shown;
use harness_judging::shown::counted;

use super::causes::{self, Cause, Kind};
use super::human;
use super::model::{Report, RequirementReport, RunReport, Status};
use super::style::{Paint, Style, columns, cut, hang, wrap};
use super::{escape, prose, summary};
use crate::crash::words;
use crate::run::event::{Difference, Excerpt};

/// Lines of the whole page, roughly: a cause that would begin below is named only.
const PAGE: usize = 34;
/// Lines of what happened.
const REASON: usize = 4;
/// Lines of a question or a title.
const PROSE: usize = 2;
/// Columns of a label with the gap behind it.
const LABEL: usize = 10;
/// Columns before a label. Text from programs never starts left of them.
const INDENT: usize = 4;
/// Columns at the right of a cause's first line, at most: its points and its requirements; and what it needs beside them.
const TAG: usize = 40;
const HEAD: usize = 40;
/// Columns of what else stands in the line of commands: `next: `, two ` · ` and `--all`.
const NEXT: usize = 17;
/// Ids in a list before the rest is counted.
const IDS: usize = 3;
/// Bytes shown of what a program was sent.
const GOT: usize = 72;
/// Bytes shown before and from the first difference on.
const AROUND: (usize, usize) = (16, 40);

/// What the page may name beside the report.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The page that `--out` has written.
    pub page: Option<String>,
}

/// Renders the page; it ends in a line end.
pub fn render(report: &Report, style: Style, around: &Surroundings) -> String {
    let causes = causes::causes(report);
    let mut page = vec![human::first_line(report, style)];
    page.extend(broken(report, style));
    let mut shown = 0;
    for cause in &causes {
        let block = block(report, cause, style);
        if shown > 0 && page.len() + 1 + block.len() > PAGE {
            break;
        }
        page.push(String::new());
        page.extend(block);
        shown += 1;
    }
    page.push(String::new());
    page.extend(absent(report, style));
    page.extend(more(report, &causes[shown..], style));
    page.extend(unproven(report, style));
    page.push(style.paint(Paint::Strong, &stand(report, &causes, style)));
    page.extend(next(report, causes.first(), style, around));
    page.join("\n") + "\n"
}

/// A cause: what happened, what was wanted, where to look.
fn block(report: &Report, cause: &Cause<'_>, style: Style) -> Vec<String> {
    let (Some(first), Some(run)) = (cause.failed.first(), cause.run()) else { return Vec::new() };
    let mut lines = headline(report, cause, run, style);
    let mut field = |label: &str, text: &str, most: usize| {
        if text.is_empty() {
            return;
        }
        let room = style.columns() - INDENT - LABEL;
        for (index, line) in at_most(wrap(text, room), most, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let blanks = LABEL - label.len();
            lines.push(format!("{:INDENT$}{}{:blanks$}{line}", "", style.paint(Paint::Quiet, label), ""));
        }
    };
    if let Some(crash) = &run.crash {
        field("at", &escape::line(&words::crashed_at(crash).unwrap_or_default()), PROSE);
        field("error", &escape::line(words::what(&crash.kind).lines().next().unwrap_or_default()), PROSE);
    }
    field("wanted", &prose::one_line(&first.title), PROSE);
    let tried = prose::one_line(&run.title);
    if !tried.is_empty() && tried != prose::one_line(&first.title) {
        field("tried", &tried, 1);
    }
    if cause.kind != Kind::DoesNotRun {
        // Where both sides part says more than that they do.
        let so = run.headline().1.filter(|_| run.difference.is_none() || run.crash.is_some());
        field("so", &prose::one_line(&so.unwrap_or_default()), PROSE);
        let got: Vec<String> = run.got.iter().map(|got| shown::quote(shown::beginning(&got.shown, GOT))).collect();
        field("got", &got.join(" "), 1);
        // What came of a crash is told already.
        if let Some((expected, came)) = values(run).filter(|_| run.crash.is_none()) {
            field("expected", &expected, 1);
            field("came", &came, PROSE);
        }
        if let Some(wait) = run.wait() {
            let label = if wait.call.is_some() { "waits at" } else { "runs at" };
            field(label, &escape::line(&words::waits_at(wait)), PROSE);
        }
        if let Some(deed) = run.deed() {
            field(words::did(deed.did), &escape::line(&words::waits_at(&deed.at)), PROSE);
        }
        // A requirement's question leads astray from the line in which a program stopped.
        let advice = run.stop().and_then(words::advice);
        let question = if first.look_at.is_empty() { &run.hint } else { &first.look_at };
        let question = advice.as_ref().unwrap_or(question);
        let question = hang("  → ", &prose::one_line(question), style.columns());
        lines.extend(at_most(question, PROSE, style.columns()).iter().map(|line| style.paint(Paint::Strong, line)));
    }
    lines
}

/// What happened, with the points and the requirements at the right of its first line.
fn headline(report: &Report, cause: &Cause<'_>, run: &RunReport, style: Style) -> Vec<String> {
    let points = cause.points();
    let ids = ids(report, cause.all());
    let tag = match points > 0.0 {
        true => format!("−{}  {ids}", summary::points(points)),
        false => ids,
    };
    let mark = style.paint(Paint::Bad, "✗");
    let (reason, _) = run.headline();
    let reason = reason.trim();
    let mut texts = escape::lines(if reason.is_empty() { "no reason was given" } else { reason });
    let first = capital(&texts.remove(0));
    let room = style.columns().saturating_sub(columns(&tag) + 4);
    // What would be cut there has the whole width.
    let side_by_side = columns(&tag) <= TAG && room >= HEAD && wrap(&first, room).len() <= REASON;
    let room = if side_by_side { room } else { style.columns() - 2 };
    let mut told = at_most(wrap(&first, room), REASON, room).into_iter();
    let head = told.next().unwrap_or_default();
    let mut lines = Vec::new();
    if side_by_side {
        let blanks = " ".repeat((room + 2).saturating_sub(columns(&head)));
        lines.push(format!("{mark} {}{blanks}{}", style.paint(Paint::Bad, &head), style.paint(Paint::Quiet, &tag)));
    } else {
        lines.push(format!("{mark} {}", style.paint(Paint::Bad, &head)));
    }
    lines.extend(told.map(|line| format!("  {}", style.paint(Paint::Bad, &line))));
    if !side_by_side {
        lines.extend(hang("    ", &tag, style.columns()).iter().map(|line| style.paint(Paint::Quiet, line)));
    }
    // A program that did not start says why in lines of its own, and the last ones say it best.
    let hidden = texts.len().saturating_sub(REASON);
    let room = style.columns() - INDENT - 2;
    lines.extend(texts[hidden..].iter().map(|text| format!("{:INDENT$}│ {}", "", cut(text, room))));
    lines
}

/// What was expected and what came; from the first difference on, where one is known.
fn values(run: &RunReport) -> Option<(String, String)> {
    if let Some(difference) = &run.difference {
        return Some(parted(difference));
    }
    let shown = |text: &str| if text.is_empty() { "(nothing)".to_owned() } else { prose::one_line(text) };
    (!run.expected.is_empty() || !run.actual.is_empty()).then(|| (shown(&run.expected), shown(&run.actual)))
}

/// Both sides from the place on where they part, with some of what stands before it.
fn parted(difference: &Difference) -> (String, String) {
    let at = difference.at;
    let side = |side: &Excerpt| {
        let before = at.saturating_sub(difference.from);
        let begin = before.saturating_sub(AROUND.0);
        let end = side.shown.len().min(before + AROUND.1);
        let shown = side.shown.get(begin..end).unwrap_or_default();
        let dots = |more: bool| if more { "…" } else { "" };
        let earlier = difference.from + begin > 0;
        let later = difference.from + end < side.length;
        format!("{}{}{}", dots(earlier), shown::quote(shown), dots(later))
    };
    let (wanted, came) = (&difference.expected, &difference.came);
    let place = if at == 0 { String::new() } else { format!("from byte {} on: ", at + 1) };
    let expected = match wanted.length {
        length if length == at => format!("{}: {}, and no more", counted(length, "byte"), side(wanted)),
        length => format!("{}, {place}{}", counted(length, "byte"), side(wanted)),
    };
    let came = match came.length {
        0 => "nothing".to_owned(),
        length if length == at => format!("the first {} only", counted(length, "byte")),
        length if wanted.length == at => format!("all of it, and then {} more: {}", length - at, side(came)),
        length => format!("{}, {place}{}", counted(length, "byte"), side(came)),
    };
    (expected, came)
}

/// Causes that have no room, in a few words each.
fn more(report: &Report, causes: &[Cause<'_>], style: Style) -> Vec<String> {
    if causes.is_empty() {
        return Vec::new();
    }
    let points: f64 = causes.iter().map(Cause::points).sum();
    let all: Vec<&RequirementReport> = causes.iter().flat_map(Cause::all).collect();
    let ids = all.iter().map(|found| short(report, &found.id)).collect::<Vec<_>>().join(", ");
    let text = format!("and {} (−{}): {ids}", counted(causes.len(), "more cause"), summary::points(points));
    at_most(wrap(&text, style.columns()), PROSE, style.columns())
}

/// What no program was handed in for.
fn absent(report: &Report, style: Style) -> Vec<String> {
    if report.absent.is_empty() {
        return Vec::new();
    }
    let worth: f64 = report.absent.iter().map(|it| it.max_score).sum();
    let ids: Vec<String> = report.absent.iter().map(|it| short(report, &it.id)).collect();
    let text = format!("✗ no program was handed in for (−{}): {}", summary::points(worth), ids.join(", "));
    at_most(wrap(&text, style.columns()), PROSE, style.columns())
}

/// Files that could not be built, each with the compiler's first words.
fn broken(report: &Report, style: Style) -> Vec<String> {
    let told = report.findings.broken.iter().flat_map(|broken| {
        let text = escape::line(&format!("✗ {} {}", broken.file, broken.why));
        at_most(hang("", &text, style.columns()), REASON, style.columns())
    });
    told.map(|line| style.paint(Paint::Bad, &line)).collect()
}

/// What would decide each must that nothing decided.
fn unproven(report: &Report, style: Style) -> Vec<String> {
    let open = summary::requirements(report).filter(|found| report.undecided.contains(&found.id) && !found.is_lost());
    let told = open.filter_map(|found| Some((summary::remedy(found)?, found.id.clone())));
    let groups = summary::grouped(told);
    let lines = groups.iter().flat_map(|group| {
        let ids: Vec<String> = group.ids.iter().map(|id| short(report, id)).collect();
        let text = format!("? {}: {}", ids.join(", "), group.reason.join(" "));
        at_most(wrap(&text, style.columns()), PROSE, style.columns())
    });
    lines.collect()
}

/// How many checks came to what.
fn stand(report: &Report, causes: &[Cause<'_>], style: Style) -> String {
    let count = |status| summary::with_status(report, status).count();
    let failed: usize = causes.iter().map(|cause| cause.failed.len()).sum();
    let lost = summary::requirements(report).filter(|found| found.is_lost()).count();
    let undecided = count(Status::Skip) - lost;
    let mut parts = vec![format!("{} passed", count(Status::Pass))];
    match (causes.len(), failed) {
        (0, _) => {}
        (causes, failed) if causes == failed => parts.push(format!("{failed} failed")),
        (causes, failed) => {
            parts.push(format!("{failed} failed, of {}", counted(causes, "cause")));
        }
    }
    if lost > 0 {
        let these = if failed == 1 { "it" } else { "these" };
        parts.push(format!("{lost} not tested before {these}"));
    }
    if undecided > 0 {
        parts.push(format!("{undecided} not decided here"));
    }
    match count(Status::HarnessError) {
        0 => {}
        errors => parts.push(format!("{errors} the harness could not finish")),
    }
    let mut line = parts.join(" · ");
    let options: Vec<String> = causes::options(report).map(|found| short(report, &found.id)).collect();
    if !options.is_empty() {
        let named = format!(" · not asked for: {}", options.join(", "));
        let fits = columns(&line) + columns(&named) <= style.columns();
        line.push_str(&if fits { named } else { format!(" · not asked for: {}", counted(options.len(), "option")) });
    }
    line
}

/// What to do next: commands to paste. The one that plays the run again stands there if it fits: `--all` has it, too.
fn next(report: &Report, first: Option<&Cause<'_>>, style: Style, around: &Surroundings) -> Vec<String> {
    let mut parts = Vec::new();
    match first.and_then(|cause| Some((cause.failed.first()?, cause.run()?))) {
        Some((found, run)) => {
            let explain = format!("harness explain {}", escape::line(&found.id));
            let replay = escape::line(&run.replay);
            let fits = columns(&explain) + columns(&replay) + NEXT <= style.columns();
            parts.push(explain);
            if fits && !replay.is_empty() && run.status == Status::Fail {
                parts.push(replay);
            }
        }
        None if report.passed => parts.push("nothing to mend".to_owned()),
        None => {}
    }
    parts.push("--all".to_owned());
    parts.extend(around.page.as_ref().map(|page| format!("page: {}", escape::line(page))));
    let mut lines: Vec<String> = Vec::new();
    // Commands stay in one piece, so that they can be copied.
    for part in parts {
        match lines.last_mut() {
            Some(line) if columns(line) + 3 + columns(&part) <= style.columns() => {
                line.push_str(" · ");
                line.push_str(&part);
            }
            Some(_) => lines.push(format!("      {part}")),
            None => lines.push(format!("next: {part}")),
        }
    }
    lines
}

/// The first ids, and how many more there are.
fn ids<'r>(report: &Report, all: impl Iterator<Item = &'r RequirementReport>) -> String {
    let all: Vec<String> = all.map(|found| short(report, &found.id)).collect();
    let named = all.iter().take(if all.len() == IDS + 1 { IDS + 1 } else { IDS });
    let mut text = named.cloned().collect::<Vec<_>>().join(", ");
    if all.len() > IDS + 1 {
        text.push_str(&format!(", +{}", all.len() - IDS));
    }
    text
}

/// An id without its task where there is one task only.
fn short(report: &Report, id: &str) -> String {
    let own = report.tasks.len() == 1;
    escape::line(id.split_once('.').filter(|_| own).map_or(id, |(_, short)| short))
}

/// Lines, and a mark where there are more.
fn at_most(mut lines: Vec<String>, most: usize, width: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), width);
        }
    }
    lines
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::sample::{self, hostile_text};
    use super::*;

    const WIDE: Style = Style { color: false, width: 100 };

    fn page(report: &Report) -> String {
        render(report, WIDE, &Surroundings::default())
    }

    #[rstest]
    #[case::wide("wide", WIDE)]
    #[case::narrow("narrow", Style { color: false, width: 60 })]
    fn it_reads_like_this(#[case] name: &str, #[case] style: Style) {
        let around = Surroundings { page: Some("out/report.html".to_owned()) };
        insta::assert_snapshot!(name, render(&sample::full(), style, &around));
    }

    #[test]
    fn a_crash_reads_like_this() {
        insta::assert_snapshot!("stopped", page(&sample::stopped()));
    }

    #[test]
    fn a_pass_is_short() {
        assert!(page(&sample::passed()).lines().count() <= 4, "{}", page(&sample::passed()));
    }

    #[test]
    fn a_page_is_one_screen_whatever_failed() {
        let mut report = sample::full();
        let failed = report.tasks[0].requirements[0].clone();
        for number in 0..60 {
            let mut other = failed.clone();
            other.id = format!("message.other-{number}");
            other.runs[0].reason = format!("reason {number} ").repeat(80);
            report.tasks[0].requirements.push(other);
        }
        let page = page(&report);
        assert!(page.lines().count() <= 40, "{page}");
        assert!(page.contains("more causes"), "{page}");
    }

    #[rstest]
    #[case::nothing("abcdef", "", "6 bytes, \"abcdef\"", "nothing")]
    #[case::shorter("abcdef", "abc", "6 bytes, from byte 4 on: \"abcdef\"", "the first 3 bytes only")]
    #[case::longer("abc", "abcdef", "3 bytes: \"abc\", and no more", "all of it, and then 3 more: \"abcdef\"")]
    #[case::other("abcdef", "abXdef", "6 bytes, from byte 3 on: \"abcdef\"", "6 bytes, from byte 3 on: \"abXdef\"")]
    fn where_they_part(#[case] expected: &str, #[case] came: &str, #[case] first: &str, #[case] second: &str) {
        let difference = Difference::between(expected.as_bytes(), came.as_bytes()).unwrap();
        assert_eq!(parted(&difference), (first.to_owned(), second.to_owned()));
    }

    #[test]
    fn equal_beginnings_are_left_out() {
        let expected = "x".repeat(2000) + "right" + &"y".repeat(2000);
        let difference =
            Difference::between(expected.as_bytes(), expected.replace("right", "wrong").as_bytes()).unwrap();
        let (expected, came) = parted(&difference);
        assert!(expected.starts_with("4005 bytes, from byte 2001 on: …\"xxxxxxxxxxxxxxxxright"), "{expected}");
        assert!(came.contains("xwrong") && came.len() < 120, "{came}");
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text(), width in 40usize..130) {
            let report = sample::hostile(&text);
            let page = render(&report, Style { color: false, width }, &Surroundings::default());
            prop_assert!(!page.contains(|c: char| c != '\n' && escape::acts(c)), "{page}");
            prop_assert!(page.lines().count() <= 40, "{page}");
            // Nothing that a program says begins a line.
            let margin = |line: &str| [" ", "✗ ", "next: ", "message", "and "].iter().any(|it| line.starts_with(it));
            let ours = |line: &str| line.is_empty() || margin(line) || line.contains(" passed");
            prop_assert!(page.lines().all(ours), "{page}");
        }
    }
}
