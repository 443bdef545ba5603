//! The class page: what the class as a whole missed, and what needs a look. Markdown, which also reads as plain text.

use std::collections::BTreeMap;

use super::overview::{Digest, Overview, State};
use super::roster::Seen;
use crate::catalogue::model::Level;
use crate::diagnose::counted;
use crate::report::markdown::{code, in_table, kit};
use crate::report::model::Status;
use crate::report::style::cut;
use crate::report::summary;

/// Columns of a reason; all of it stands in the student's own report.
const REASON: usize = 160;

/// Rows of the lists of what is slowest.
const SLOWEST: usize = 10;

/// A run is slow if it takes so many virtual milliseconds more than with the middle of the class.
const SLOW_MS: u64 = 1000;

/// Renders the page. It depends on the results alone; there are no wall-clock times in it.
pub fn render(overview: &Overview) -> String {
    let mut text = String::new();
    head(&mut text, overview);
    scores(&mut text, overview);
    missed(&mut text, overview);
    by_hand(&mut text, overview);
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
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    overview.rows.iter().for_each(|row| *counts.entry(row.status()).or_default() += 1);
    for (status, count) in counts {
        text.push_str(&format!("- {status}: {count}\n"));
    }
}

/// How the scores are spread, in tenths.
fn scores(text: &mut String, overview: &Overview) {
    let mut shares: Vec<f64> = overview.rows.iter().filter_map(|row| row.grade().map(Digest::share)).collect();
    if shares.is_empty() {
        return;
    }
    shares.sort_by(f64::total_cmp);
    let mut tenths = [0_usize; 10];
    for share in &shares {
        // Full points belong to the last tenth.
        let tenth = (share * 10.0) as usize;
        tenths[tenth.min(9)] += 1;
    }
    let percent = |share: f64| summary::points((share * 1000.0).round() / 10.0);
    let middle = (shares[(shares.len() - 1) / 2] + shares[shares.len() / 2]) / 2.0;
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    text.push_str(&format!(
        "\n## Scores\n\n{} with points · median {} %, mean {} %, from {} % to {} %\n\n```text\n",
        counted(shares.len(), "submission"),
        percent(middle),
        percent(mean),
        percent(shares[0]),
        percent(shares[shares.len() - 1]),
    ));
    let most = tenths.iter().copied().max().unwrap_or(0).max(1);
    for (tenth, count) in tenths.iter().enumerate() {
        let end = if tenth == 9 { 100 } else { tenth * 10 + 9 };
        let bar = "█".repeat((count * 40).div_ceil(most));
        let line = format!("{:>3}-{end:<3} % {count:>4}  {bar}", tenth * 10);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("```\n");
}

/// What one requirement came to in the class.
struct Tally<'o> {
    level: Level,
    title: &'o str,
    passed: usize,
    failed: usize,
    undecided: usize,
    absent: usize,
}

fn missed(text: &mut String, overview: &Overview) {
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    for it in overview.digests().flat_map(|(_, digest)| &digest.requirements) {
        let tally = tallies.entry(&it.id).or_insert(Tally {
            level: it.level,
            title: &it.title,
            passed: 0,
            failed: 0,
            undecided: 0,
            absent: 0,
        });
        match it.status {
            Status::Pass => tally.passed += 1,
            Status::Fail => tally.failed += 1,
            Status::Skip | Status::NotGradable | Status::HarnessError => tally.undecided += 1,
        }
    }
    for id in overview.digests().flat_map(|(_, digest)| &digest.absent) {
        if let Some(tally) = tallies.get_mut(id.as_str()) {
            tally.absent += 1;
        }
    }
    if tallies.is_empty() {
        return;
    }
    let mut order: Vec<(&&str, &Tally<'_>)> = tallies.iter().filter(|(_, it)| it.failed + it.absent > 0).collect();
    // Most missed first; what is missed alike by its level and id.
    order.sort_by_key(|(id, it)| (std::cmp::Reverse(it.failed + it.absent), it.level, **id));
    text.push_str("\n## What the class missed\n\n");
    if order.is_empty() {
        text.push_str("Nothing: every requirement that was decided was met by everyone.\n");
    } else {
        text.push_str("| failed | passed | undecided | no program | requirement | level | what |\n");
        text.push_str("|---:|---:|---:|---:|---|---|---|\n");
    }
    for (id, it) in &order {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            it.failed,
            it.passed,
            it.undecided,
            it.absent,
            in_table(&code(id)),
            summary::level(it.level),
            in_table(&kit(it.title)),
        ));
    }
    let never: Vec<String> =
        tallies.iter().filter(|(_, it)| it.passed + it.failed == 0).map(|(id, _)| code(id)).collect();
    if !never.is_empty() {
        text.push_str(&format!("\nDecided for nobody: {}\n", never.join(", ")));
    }
}

/// What has no points, and why: nobody loses any before somebody has looked.
fn by_hand(text: &mut String, overview: &Overview) {
    let troubles: Vec<(&str, &str, String)> = overview
        .rows
        .iter()
        .filter_map(|row| row.trouble().map(|why| (row.name.as_str(), row.status(), why)))
        .collect();
    if troubles.is_empty() {
        return;
    }
    text.push_str("\n## To look at by hand\n\nThese have no points: none earned and none lost.\n\n");
    for (name, status, why) in troubles {
        let why = cut(why.lines().next().unwrap_or_default(), REASON);
        text.push_str(&format!("- {} ({status}): {}\n", code(name), code(&why)));
    }
}

/// Submissions whose files are the same, byte by byte.
fn alike(text: &mut String, overview: &Overview) {
    let mut same: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &overview.rows {
        if let Some(Seen::Key { sha256, .. }) = &row.submission.seen {
            same.entry(sha256).or_default().push(&row.name);
        }
    }
    let mut groups: Vec<Vec<&str>> = same.into_values().filter(|names| names.len() > 1).collect();
    if groups.is_empty() {
        return;
    }
    groups.sort();
    text.push_str("\n## The same files\n\nThese submissions are equal byte for byte.\n\n");
    for names in groups {
        let names: Vec<String> = names.into_iter().map(code).collect();
        text.push_str(&format!("- {}\n", names.join(", ")));
    }
}

fn slowest(text: &mut String, overview: &Overview) {
    let mut times: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (id, time) in overview.digests().flat_map(|(_, digest)| &digest.runs) {
        times.entry(id).or_default().push(*time);
    }
    if times.is_empty() {
        return;
    }
    text.push_str("\n## Slowest\n\n");
    if times.values().flatten().all(|time| *time == 0) {
        text.push_str("Real sockets take real time, which differs from day to day: it stands in `durations.csv`.\n");
        return;
    }
    times.values_mut().for_each(|times| times.sort_unstable());
    let middle = |id: &str| times.get(id).map_or(0, |times| times[(times.len() - 1) / 2]);
    let mut slow: Vec<(u64, &str, &str, u64)> = Vec::new();
    for (row, digest) in overview.digests() {
        for (id, time) in &digest.runs {
            let over = time.saturating_sub(middle(id));
            if over >= SLOW_MS {
                slow.push((over, &row.name, id, *time));
            }
        }
    }
    if slow.is_empty() {
        text.push_str("No program took a second of virtual time longer than the middle of the class, in any run.\n");
        return;
    }
    slow.sort_by_key(|(over, name, id, _)| (std::cmp::Reverse(*over), *name, *id));
    text.push_str("Virtual time of a run, beside that of the middle of the class. Wall-clock times stand in\n");
    text.push_str("`durations.csv`.\n\n| submission | run | seconds | middle |\n|---|---|---:|---:|\n");
    let seconds = |milliseconds: u64| format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    for (_, name, id, time) in slow.iter().take(SLOWEST) {
        let (name, run) = (in_table(&code(name)), in_table(&code(id)));
        text.push_str(&format!("| {name} | {run} | {} | {} |\n", seconds(*time), seconds(middle(id))));
    }
    if slow.len() > SLOWEST {
        text.push_str(&format!("\nAnd {} more.\n", counted(slow.len() - SLOWEST, "run")));
    }
}

fn flakiest(text: &mut String, overview: &Overview) {
    if overview.digests().next().is_none() {
        return;
    }
    text.push_str("\n## Flakiest\n\n");
    let mut runs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (row, digest) in overview.digests() {
        for (id, (failed, times)) in &digest.unsteady {
            runs.entry(id).or_default().push(format!("{} (failed {failed} of {times})", code(&row.name)));
        }
    }
    match (runs.is_empty(), overview.settings.repeat) {
        (true, 1) => text.push_str("Every run was played once; `--repeat 5` shows verdicts that change.\n"),
        (true, times) => text.push_str(&format!("No verdict changed in {times} plays of every run.\n")),
        (false, _) => {}
    }
    let mut order: Vec<(&&str, &Vec<String>)> = runs.iter().collect();
    order.sort_by_key(|(id, found)| (std::cmp::Reverse(found.len()), **id));
    for (id, found) in order {
        text.push_str(&format!("- {}: {}\n", code(id), found.join(", ")));
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
