//! What a class comes to, counted: the class page in Markdown and the one in HTML show the same figures.

use std::collections::BTreeMap;

use super::overview::{Digest, Doubt, Overview, Row, Told};
use super::roster::Seen;
use crate::report::model::Status;
use harness_language::catalogue::model::Level;

/// A run is slow if it takes so many virtual milliseconds more than with the middle of the class.
const SLOW_MS: u64 = 1000;

/// How the scores are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Submissions with points.
    pub count: usize,
    /// The middle one, as a part of what could be earned; likewise the others.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// The lowest.
    pub least: f64,
    /// The highest.
    pub most: f64,
    /// Submissions in each tenth; full points belong to the last one.
    pub tenths: [usize; 10],
}

/// How the scores are spread; nothing if there are none.
pub fn scores(overview: &Overview) -> Option<Scores> {
    let mut shares: Vec<f64> = overview.rows.iter().filter_map(|row| row.grade().map(Digest::share)).collect();
    shares.sort_by(f64::total_cmp);
    let (least, most) = (*shares.first()?, *shares.last()?);
    let mut tenths = [0_usize; 10];
    for share in &shares {
        let tenth = (share * 10.0) as usize;
        tenths[tenth.min(9)] += 1;
    }
    Some(Scores {
        count: shares.len(),
        median: (shares[(shares.len() - 1) / 2] + shares[shares.len() / 2]) / 2.0,
        mean: shares.iter().sum::<f64>() / shares.len() as f64,
        least,
        most,
        tenths,
    })
}

/// What one requirement came to in the class.
#[derive(Debug, Clone)]
pub struct Tally<'o> {
    /// `task.requirement`.
    pub id: &'o str,
    /// Its level.
    pub level: Level,
    /// What is required.
    pub title: &'o str,
    /// Submissions that meet it.
    pub passed: usize,
    /// Submissions that do not.
    pub failed: usize,
    /// Submissions of which nothing decided it.
    pub undecided: usize,
    /// Submissions without a program for it, although its task was asked for.
    pub absent: usize,
}

impl Tally<'_> {
    /// Submissions that earn nothing for it.
    pub fn missed(&self) -> usize {
        self.failed + self.absent
    }
}

/// What the class missed.
#[derive(Debug, Clone)]
pub struct Missed<'o> {
    /// Whether anything was judged.
    pub judged: bool,
    /// Requirements that somebody missed: the most missed first, what is missed alike by its level and id.
    pub missed: Vec<Tally<'o>>,
    /// Requirements that were decided for nobody.
    pub never: Vec<&'o str>,
}

/// Which requirements the class missed.
pub fn missed(overview: &Overview) -> Missed<'_> {
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    for it in overview.digests().flat_map(|(_, digest)| &digest.requirements) {
        let tally = tallies.entry(&it.id).or_insert(Tally {
            id: &it.id,
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
    let never = tallies.values().filter(|it| it.passed + it.failed == 0).map(|it| it.id).collect();
    let judged = !tallies.is_empty();
    let mut missed: Vec<Tally<'_>> = tallies.into_values().filter(|it| it.missed() > 0).collect();
    // What was judged and failed says more than what was not handed in.
    missed.sort_by_key(|it| (std::cmp::Reverse((it.failed, it.absent)), it.level, it.id));
    Missed { judged, missed, never }
}

/// What an instructor should look at: of each kind of doubt the submissions, with why.
pub fn triage(overview: &Overview) -> Vec<(Doubt, Vec<(&Row, String)>)> {
    let of = |doubt: Doubt| {
        let rows = overview.rows.iter().flat_map(|row| row.doubts().into_iter().map(move |(of, why)| (row, of, why)));
        rows.filter(|(_, of, _)| *of == doubt).map(|(row, _, why)| (row, why)).collect::<Vec<_>>()
    };
    Doubt::ALL.into_iter().map(|doubt| (doubt, of(doubt))).filter(|(_, rows)| !rows.is_empty()).collect()
}

/// What happened to more than one submission, and to which; the most frequent first.
pub fn causes(overview: &Overview) -> Vec<(&Told, Vec<&Row>)> {
    let mut causes: BTreeMap<_, (&Told, Vec<&Row>)> = BTreeMap::new();
    for (row, digest) in overview.digests() {
        for told in &digest.causes {
            causes.entry(told.alike()).or_insert((told, Vec::new())).1.push(row);
        }
    }
    let mut causes: Vec<(&Told, Vec<&Row>)> = causes.into_values().filter(|(_, rows)| rows.len() > 1).collect();
    causes.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    causes
}

/// Every requirement that anybody was judged by, with its title: in the order of the report that has the most, then
/// what only others have.
pub fn columns(overview: &Overview) -> Vec<(&str, &str)> {
    let mut reports: Vec<&Digest> = overview.digests().map(|(_, digest)| digest).collect();
    reports.sort_by_key(|digest| std::cmp::Reverse(digest.requirements.len()));
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for it in reports.iter().flat_map(|digest| &digest.requirements) {
        if !columns.iter().any(|(id, _)| *id == it.id) {
            columns.push((&it.id, &it.title));
        }
    }
    columns
}

/// Submissions whose files are the same, byte by byte: groups of names.
pub fn alike(overview: &Overview) -> Vec<Vec<&str>> {
    let mut same: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &overview.rows {
        if let Some(Seen::Key { sha256, .. }) = &row.submission.seen {
            same.entry(sha256).or_default().push(&row.name);
        }
    }
    let mut groups: Vec<Vec<&str>> = same.into_values().filter(|names| names.len() > 1).collect();
    groups.sort();
    groups
}

/// A run that took long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRun<'o> {
    /// The submission.
    pub name: &'o str,
    /// The run.
    pub run: &'o str,
    /// Virtual milliseconds.
    pub milliseconds: u64,
    /// Virtual milliseconds of the middle of the class.
    pub middle: u64,
}

/// What is known of slow runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slow<'o> {
    /// Nothing was played.
    Unknown,
    /// Everything was played on real sockets, in real time.
    RealTime,
    /// These took a second or more longer than the middle of the class, the slowest first.
    Runs(Vec<SlowRun<'o>>),
}

/// Which runs took long, in virtual time.
pub fn slow(overview: &Overview) -> Slow<'_> {
    let mut times: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (id, time) in overview.digests().flat_map(|(_, digest)| &digest.runs) {
        times.entry(id).or_default().push(*time);
    }
    if times.is_empty() {
        return Slow::Unknown;
    }
    if times.values().flatten().all(|time| *time == 0) {
        return Slow::RealTime;
    }
    times.values_mut().for_each(|times| times.sort_unstable());
    let middle = |id: &str| times.get(id).map_or(0, |times| times[(times.len() - 1) / 2]);
    let mut slow = Vec::new();
    for (row, digest) in overview.digests() {
        for (id, time) in &digest.runs {
            let middle = middle(id);
            if time.saturating_sub(middle) >= SLOW_MS {
                slow.push(SlowRun { name: &row.name, run: id, milliseconds: *time, middle });
            }
        }
    }
    slow.sort_by_key(|it| (std::cmp::Reverse(it.milliseconds - it.middle), it.name, it.run));
    Slow::Runs(slow)
}

/// A run that came out differently when it was played again, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaky<'o> {
    /// The run.
    pub run: &'o str,
    /// Submissions, and how often the run failed and was played.
    pub with: Vec<(&'o str, u32, u32)>,
}

/// Runs that came out differently when they were played again: those of most submissions first.
pub fn flaky(overview: &Overview) -> Vec<Flaky<'_>> {
    let mut runs: BTreeMap<&str, Vec<(&str, u32, u32)>> = BTreeMap::new();
    for (row, digest) in overview.digests() {
        for (id, (failed, times)) in &digest.unsteady {
            runs.entry(id).or_default().push((&row.name, *failed, *times));
        }
    }
    let mut flaky: Vec<Flaky<'_>> = runs.into_iter().map(|(run, with)| Flaky { run, with }).collect();
    flaky.sort_by_key(|it| (std::cmp::Reverse(it.with.len()), it.run));
    flaky
}

/// What was taken off for lateness, and of whom it is not known.
pub fn late(overview: &Overview) -> Vec<(&str, &str)> {
    overview.digests().filter_map(|(row, digest)| Some((row.name.as_str(), digest.late.as_deref()?))).collect()
}

/// Submissions by how they came out.
pub fn outcomes(overview: &Overview) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    overview.rows.iter().for_each(|row| *counts.entry(row.status()).or_default() += 1);
    counts
}
