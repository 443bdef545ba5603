//! The class page: what the class as a whole missed, and what needs a look. Markdown, which also reads as plain text.

use harness_judging::shown::counted;

use super::figures::{self, Flaky, Missed, Slow};
use super::overview::{Overview, State};
use crate::report::markdown::{code, in_table, kit};
use crate::report::style::cut;
use crate::report::summary;

/// Columns of a reason; all of it stands in the student's own report.
pub(super) const REASON: usize = 160;

/// Rows of the lists of what is slowest.
pub(super) const SLOWEST: usize = 10;

/// Renders the page. It depends on the results alone; there are no wall-clock times in it.
pub fn render(overview: &Overview) -> String {
    let mut text = String::new();
    head(&mut text, overview);
    scores(&mut text, overview);
    missed(&mut text, overview);
    by_hand(&mut text, overview);
    late(&mut text, overview);
    alike(&mut text, overview);
    slowest(&mut text, overview);
    flakiest(&mut text, overview);
    submissions(&mut text, overview);
    if !overview.passed_over.is_empty() {
        text.push_str("\n## Files that are no submission\n\n");
        overview.passed_over.iter().for_each(|name| text.push_str(&format!("- {}\n", code(name))));
    }
    text
}

fn head(text: &mut String, overview: &Overview) {
    let settings = &overview.settings;
    text.push_str(&format!("# {}\n\n", counted(overview.rows.len(), "submission")));
    let tasks = match settings.tasks.as_slice() {
        [] => "every task that programs were found for".to_owned(),
        tasks => tasks.iter().map(|task| code(task)).collect::<Vec<_>>().join(", "),
    };
    text.push_str(&format!(
        "{tasks} · backend {}, seed {} · rubric {} · harness {}\n\n",
        code(&settings.backend),
        settings.seed,
        code(&settings.rubric),
        code(&settings.harness)
    ));
    for (status, count) in figures::outcomes(overview) {
        text.push_str(&format!("- {status}: {count}\n"));
    }
}

/// How the scores are spread, in tenths.
fn scores(text: &mut String, overview: &Overview) {
    let Some(scores) = figures::scores(overview) else { return };
    text.push_str(&format!(
        "\n## Scores\n\n{} with points · median {} %, mean {} %, from {} % to {} %\n\n```text\n",
        counted(scores.count, "submission"),
        percent(scores.median),
        percent(scores.mean),
        percent(scores.least),
        percent(scores.most),
    ));
    let most = scores.tenths.iter().copied().max().unwrap_or(0).max(1);
    for (tenth, count) in scores.tenths.iter().enumerate() {
        let bar = "█".repeat((count * 40).div_ceil(most));
        let line = format!("{:>3}-{:<3} % {count:>4}  {bar}", tenth * 10, last_of(tenth));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("```\n");
}

/// A part of one in per cent, with one decimal at most.
pub(super) fn percent(share: f64) -> String {
    summary::points((share * 1000.0).round() / 10.0)
}

/// The last whole per cent of a tenth.
pub(super) fn last_of(tenth: usize) -> usize {
    if tenth == 9 { 100 } else { tenth * 10 + 9 }
}

fn missed(text: &mut String, overview: &Overview) {
    let Missed { judged, missed, never } = figures::missed(overview);
    if !judged {
        return;
    }
    text.push_str("\n## What the class missed\n\n");
    if missed.is_empty() {
        text.push_str("Nothing: every requirement that was decided was met by everyone.\n");
    } else {
        text.push_str("| failed | passed | undecided | no program | requirement | level | what |\n");
        text.push_str("|---:|---:|---:|---:|---|---|---|\n");
    }
    for it in &missed {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            it.failed,
            it.passed,
            it.undecided,
            it.absent,
            in_table(&code(it.id)),
            summary::level(it.level),
            in_table(&kit(it.title)),
        ));
    }
    if !never.is_empty() {
        let never: Vec<String> = never.into_iter().map(code).collect();
        text.push_str(&format!("\nDecided for nobody: {}\n", never.join(", ")));
    }
}

/// What somebody has to look at, and why: nobody loses points before that.
fn by_hand(text: &mut String, overview: &Overview) {
    let triage = figures::triage(overview);
    if !triage.is_empty() {
        text.push_str("\n## To look at by hand\n");
    }
    for (doubt, rows) in triage {
        text.push_str(&format!("\n{}\n\n", doubt.words()));
        for (row, why) in rows {
            let why = cut(why.lines().next().unwrap_or_default(), REASON);
            text.push_str(&format!("- {} ({}): {}\n", code(&row.name), row.status(), code(&why)));
        }
    }
}

/// What was taken off for lateness.
fn late(text: &mut String, overview: &Overview) {
    let late = figures::late(overview);
    if !late.is_empty() {
        text.push_str("\n## Late\n\n");
    }
    for (name, why) in late {
        text.push_str(&format!("- {}: {why}\n", code(name)));
    }
}

/// Submissions whose files are the same, byte by byte.
fn alike(text: &mut String, overview: &Overview) {
    let groups = figures::alike(overview);
    if groups.is_empty() {
        return;
    }
    text.push_str("\n## The same files\n\nThese submissions are equal byte for byte.\n\n");
    for names in groups {
        let names: Vec<String> = names.into_iter().map(code).collect();
        text.push_str(&format!("- {}\n", names.join(", ")));
    }
}

fn slowest(text: &mut String, overview: &Overview) {
    let slow = match figures::slow(overview) {
        Slow::Unknown => return,
        Slow::RealTime => {
            text.push_str("\n## Slowest\n\n");
            text.push_str(
                "Real sockets take real time, which differs from day to day: it stands in `durations.csv`.\n",
            );
            return;
        }
        Slow::Runs(runs) => runs,
    };
    text.push_str("\n## Slowest\n\n");
    if slow.is_empty() {
        text.push_str("No program took a second of virtual time longer than the middle of the class, in any run.\n");
        return;
    }
    text.push_str("Virtual time of a run, beside that of the middle of the class. Wall-clock times stand in\n");
    text.push_str("`durations.csv`.\n\n| submission | run | seconds | middle |\n|---|---|---:|---:|\n");
    for it in slow.iter().take(SLOWEST) {
        let (name, run) = (in_table(&code(it.name)), in_table(&code(it.run)));
        text.push_str(&format!("| {name} | {run} | {} | {} |\n", seconds(it.milliseconds), seconds(it.middle)));
    }
    if slow.len() > SLOWEST {
        text.push_str(&format!("\nAnd {} more.\n", counted(slow.len() - SLOWEST, "run")));
    }
}

/// Milliseconds as seconds.
pub(super) fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn flakiest(text: &mut String, overview: &Overview) {
    if overview.digests().next().is_none() {
        return;
    }
    text.push_str("\n## Flakiest\n\n");
    let flaky = figures::flaky(overview);
    match (flaky.is_empty(), overview.settings.repeat) {
        (true, 1) => text.push_str("Every run was played once; `--repeat 5` shows verdicts that change.\n"),
        (true, times) => text.push_str(&format!("No verdict changed in {times} plays of every run.\n")),
        (false, _) => {}
    }
    for Flaky { run, with } in flaky {
        let with = with.iter().map(|(name, failed, times)| format!("{} (failed {failed} of {times})", code(name)));
        text.push_str(&format!("- {}: {}\n", code(run), with.collect::<Vec<_>>().join(", ")));
    }
}

fn submissions(text: &mut String, overview: &Overview) {
    text.push_str("\n## Submissions\n\n| submission | verdict | points |\n|---|---|---:|\n");
    for row in &overview.rows {
        let points = match (&row.state, row.grade()) {
            (State::Graded(_), Some(digest)) => {
                format!("{} of {}", summary::points(digest.points), summary::points(digest.out_of))
            }
            _ => "-".to_owned(),
        };
        text.push_str(&format!("| {} | {} | {points} |\n", in_table(&code(&row.name)), row.status()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::overview::sample;
    use super::*;
    use crate::report::model::Status;

    #[test]
    fn what_is_slow_and_what_changes_is_named() {
        let (pass, fail) = (Status::Pass, Status::Fail);
        let mut rows: Vec<_> = ["ada", "bob", "carl|`x`"]
            .iter()
            .map(|name| sample::row(name, &[("message.client", pass, 3.0), ("message.server", fail, 1.0)]))
            .collect();
        for (row, milliseconds) in rows.iter_mut().zip([20, 30, 9_030]) {
            sample::digest(row).runs.insert("message/twenty-kb#server".to_owned(), milliseconds);
        }
        sample::digest(&mut rows[1]).unsteady.insert("message/queues#server".to_owned(), (2, 5));
        insta::assert_snapshot!(render(&sample::class(rows)));
    }
}
