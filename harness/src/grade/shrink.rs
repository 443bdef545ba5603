//! When a run with a random schedule fails: the smallest schedule that still fails.
//!
//! A random schedule cuts every call, and a student who reads of five hundred short counts learns
//! nothing. Nearly always one of them is enough. It is looked for by playing the same run again,
//! a bounded number of times, with fewer and gentler cuts; on the simulated network the same cuts
//! give the same run.

use std::collections::{BTreeMap, BTreeSet};

use super::cuts::{Cuts, Drawn, Sizes};
use super::{Played, Run};
use crate::calls::{self, Call};
use crate::diagnose::ordinal;
use harness_language::scenario::bytes::Cut;

/// Replays of one failed run, at most.
const REPLAYS: u32 = 32;

/// Calls of a run beyond which nothing is looked for: its replays would take too long.
const LONGEST: usize = 20_000;

/// A cut that was made: this many bytes of that many.
type Made = (usize, usize);

/// The smallest failing schedule.
pub struct Smallest {
    /// The run with it.
    pub played: Played,
    /// The schedule.
    pub cuts: Cuts,
    /// What it shows, as the end of a sentence: "it fails already when …".
    pub words: String,
}

/// Looks for the smallest schedule with which a failed run still fails. `play` plays the run with
/// a schedule and keeps its calls, `fails` says whether a run shows the same failure.
pub fn smallest(
    run: &Run<'_>,
    seed: u64,
    play: &dyn Fn(&Run<'_>) -> Played,
    fails: &dyn Fn(&Played) -> bool,
) -> Option<Smallest> {
    let drawn = Drawn::of(&run.scenario)?;
    let with = |cuts: &Cuts| {
        let mut again = run.clone();
        cuts.apply(again.scenario.to_mut());
        play(&again)
    };
    let first = play(run);
    let calls = calls::read(&first.calls);
    if calls.len() > LONGEST {
        return None;
    }
    let writes = drawn.writes.then(|| made(&calls, Call::is_send));
    let reads = drawn.reads.then(|| made(&calls, Call::is_receive));
    let sends: Vec<Vec<usize>> =
        drawn.sends.iter().map(|(bytes, random)| Cut::Random { max: random.max, seed }.lengths(bytes.len())).collect();
    let mut cuts = Cuts {
        writes: writes.as_ref().map(|made| made.iter().map(|(size, _)| *size).collect()),
        reads: reads.as_ref().map(|made| made.iter().map(|(size, _)| *size).collect()),
        sends: sends.clone(),
    };
    let mut left = REPLAYS;
    let mut still = |cuts: &Cuts| {
        if left == 0 {
            return false;
        }
        left -= 1;
        fails(&with(cuts))
    };
    if !still(&cuts) {
        return None;
    }
    let mut words = Vec::new();
    if let Some(made) = &writes {
        let found = calls_cut(made, &mut |sizes| still(&Cuts { writes: Some(sizes), ..cuts.clone() }));
        words.push(found.words("send", "takes"));
        cuts.writes = Some(found.sizes(made));
    }
    if let Some(made) = &reads {
        let found = calls_cut(made, &mut |sizes| still(&Cuts { reads: Some(sizes), ..cuts.clone() }));
        words.push(found.words("recv", "yields"));
        cuts.reads = Some(found.sizes(made));
    }
    for (index, lengths) in sends.iter().enumerate() {
        let build = |kept: &BTreeSet<usize>| segments(lengths, kept);
        let kept = fewest(lengths.len().saturating_sub(1), &mut |kept| {
            let mut cuts = cuts.clone();
            cuts.sends[index] = build(kept);
            still(&cuts)
        });
        cuts.sends[index] = build(&kept);
        words.push(segment_words(&cuts.sends[index], lengths.iter().sum()));
    }
    let played = with(&cuts);
    // The budget may end in the middle of a search, but what is reported does fail.
    fails(&played).then(|| Smallest { played, cuts, words: words.join(", and ") })
}

/// The cuts on the socket on which most calls moved bytes.
fn made(calls: &[Call], kind: fn(&Call) -> bool) -> Vec<Made> {
    let mut by_socket: BTreeMap<&str, Vec<Made>> = BTreeMap::new();
    for call in calls.iter().filter(|call| kind(call)) {
        if let (Some(socket), Ok(size)) = (&call.socket, call.result)
            && let Ok(size) = usize::try_from(size)
            && size > 0
        {
            let whole = call.cut_from.and_then(|whole| usize::try_from(whole).ok()).unwrap_or(size);
            by_socket.entry(socket).or_default().push((size, whole));
        }
    }
    by_socket.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// The fewest of `count` cuts that still fail, the first ones preferred. All of them are known to.
fn fewest(count: usize, fails: &mut dyn FnMut(&BTreeSet<usize>) -> bool) -> BTreeSet<usize> {
    if count == 0 || fails(&BTreeSet::new()) {
        return BTreeSet::new();
    }
    // As few from the beginning as fail: the last of those is needed.
    let (mut passing, mut failing) = (0, count);
    while failing - passing > 1 {
        let middle = passing + (failing - passing) / 2;
        if fails(&(0..middle).collect()) {
            failing = middle;
        } else {
            passing = middle;
        }
    }
    let needed = failing - 1;
    if needed > 0 && fails(&BTreeSet::from([needed])) {
        return BTreeSet::from([needed]);
    }
    let mut kept: BTreeSet<usize> = (0..failing).collect();
    for index in 0..needed {
        let mut fewer = kept.clone();
        fewer.remove(&index);
        if fails(&fewer) {
            kept = fewer;
        }
    }
    kept
}

/// Calls that have to be cut short for a failure.
struct CallsCut {
    /// By their number, counted from 0: bytes moved, and bytes that could have been.
    kept: BTreeMap<usize, Made>,
}

fn calls_cut(made: &[Made], fails: &mut dyn FnMut(Sizes) -> bool) -> CallsCut {
    let chosen = |kept: &BTreeSet<usize>| CallsCut { kept: kept.iter().map(|index| (*index, made[*index])).collect() };
    let kept = fewest(made.len(), &mut |kept| fails(chosen(kept).sizes(made)));
    let mut found = chosen(&kept);
    // One cut may be gentler than it happened to be.
    if let [index] = kept.iter().copied().collect::<Vec<_>>()[..] {
        let (size, whole) = made[index];
        for gentler in [whole.saturating_sub(1), whole / 2].into_iter().filter(|gentler| *gentler > size) {
            let candidate = CallsCut { kept: BTreeMap::from([(index, (gentler, whole))]) };
            if fails(candidate.sizes(made)) {
                found = candidate;
                break;
            }
        }
    }
    found
}

impl CallsCut {
    /// The sizes that make these cuts and no others.
    fn sizes(&self, made: &[Made]) -> Sizes {
        let count = self.kept.keys().next_back().map_or(0, |last| last + 1);
        (0..count).map(|index| self.kept.get(&index).map_or(made[index].1, |(size, _)| *size)).collect()
    }

    fn words(&self, call: &str, does: &str) -> String {
        let calls: Vec<String> = self
            .kept
            .iter()
            .map(|(index, (size, whole))| format!("the {} {call} {does} {size} of {whole} bytes", ordinal(index + 1)))
            .collect();
        match calls.as_slice() {
            [] => format!("it fails even when no {call} is cut short"),
            [one] => format!("it fails already when {one}"),
            [first, .., last] => {
                format!("it fails already when {} calls are cut short, from {first} to {last}", calls.len())
            }
        }
    }
}

/// The segments that are left when only these of the cuts between them are kept.
fn segments(lengths: &[usize], kept: &BTreeSet<usize>) -> Sizes {
    let mut sizes = Vec::new();
    let mut open = 0;
    for (index, length) in lengths.iter().enumerate() {
        open += length;
        if kept.contains(&index) {
            sizes.push(open);
            open = 0;
        }
    }
    sizes
}

fn segment_words(sizes: &Sizes, whole: usize) -> String {
    match sizes.as_slice() {
        [] => "it fails even when all comes in one segment".to_owned(),
        [first] => format!(
            "it fails already when {whole} bytes come in two segments, of {first} and {} bytes",
            whole.saturating_sub(*first)
        ),
        many => format!("it fails already when {whole} bytes come in {} segments", many.len() + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], 0)]
    #[case(&[0], 8)]
    #[case(&[499], 16)]
    #[case(&[2, 4], 16)]
    fn the_needed_cuts_are_found(#[case] needed: &[usize], #[case] at_most: usize) {
        let needed: BTreeSet<usize> = needed.iter().copied().collect();
        let mut played = 0;
        let found = fewest(500, &mut |kept| {
            played += 1;
            needed.is_subset(kept)
        });
        assert_eq!(found, needed);
        assert!(played <= at_most + 1, "{played} replays");
    }

    #[test]
    fn one_cut_becomes_as_gentle_as_can_be() {
        let made = [(10, 100), (20, 100), (30, 100)];
        // Whoever believes that the second call took everything fails, however little is missing.
        let found = calls_cut(&made, &mut |sizes| sizes.get(1).is_some_and(|size| *size < 100));
        assert_eq!(found.sizes(&made), [100, 99]);
        assert_eq!(found.words("send", "takes"), "it fails already when the 2nd send takes 99 of 100 bytes");
        let found = calls_cut(&made, &mut |sizes| sizes.first().is_some_and(|size| *size < 60));
        assert_eq!(found.words("recv", "yields"), "it fails already when the 1st recv yields 50 of 100 bytes");
        let found = calls_cut(&made, &mut |_| true);
        assert_eq!(found.words("send", "takes"), "it fails even when no send is cut short");
    }

    proptest! {
        #[test]
        fn what_is_found_still_fails(count in 1usize..200, needed in proptest::collection::btree_set(0usize..200, 0..4)) {
            let needed: BTreeSet<usize> = needed.into_iter().map(|index| index % count).collect();
            let found = fewest(count, &mut |kept| needed.is_subset(kept));
            prop_assert_eq!(found, needed);
        }

        #[test]
        fn segments_keep_their_sum(lengths in proptest::collection::vec(1usize..50, 1..40), kept in proptest::collection::btree_set(0usize..40, 0..10)) {
            let sizes = segments(&lengths, &kept);
            prop_assert!(sizes.iter().sum::<usize>() <= lengths.iter().sum());
            prop_assert!(sizes.iter().all(|size| *size > 0));
        }
    }
}
