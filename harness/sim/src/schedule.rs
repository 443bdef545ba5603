//! Forced short reads and writes: how much of what a call could move it is allowed to move.

use std::collections::BTreeMap;

use crate::random::{Draw, Purpose};
use crate::record::SocketLabel;

/// A rule that cuts calls short. A call that could move no byte is never touched, and no call is cut to zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Schedule {
    /// Every call moves all that it can.
    #[default]
    Whole,
    /// Every call moves at most this many bytes.
    Fixed(usize),
    /// The n-th call on each socket moves at most the n-th number; calls after the list move all they can.
    PerCall(Vec<usize>),
    /// Each call is cut with this probability, to a length drawn between 1 and one less than it could move,
    /// and at most `max` when that is given.
    Random {
        /// Probability between 0 and 1.
        chance: f64,
        /// Greatest length of a cut call, in bytes.
        max: Option<usize>,
    },
    /// Exactly these calls are cut: socket and number of the call on it, counted from 0. This is what a random
    /// schedule is turned into when the smallest failing one is looked for.
    Exactly(BTreeMap<(SocketLabel, u64), usize>),
}

impl Schedule {
    /// How many of `possible` bytes the call may move.
    pub(crate) fn allow(&self, seed: u64, purpose: Purpose, socket: SocketLabel, nth: u64, possible: usize) -> usize {
        if possible <= 1 {
            return possible;
        }
        let limit = match self {
            Self::Whole => return possible,
            Self::Fixed(limit) => *limit,
            Self::PerCall(sizes) => match usize::try_from(nth).ok().and_then(|n| sizes.get(n)) {
                Some(limit) => *limit,
                None => return possible,
            },
            Self::Random { chance, max } => {
                let mut draw = Draw::new(seed, purpose, &[socket.key(), nth]);
                if !draw.chance(*chance) {
                    return possible;
                }
                let below = max.map_or(possible, |max| possible.min(max.saturating_add(1)));
                1 + draw.below(below as u64 - 1) as usize
            }
            Self::Exactly(cuts) => match cuts.get(&(socket, nth)) {
                Some(limit) => *limit,
                None => return possible,
            },
        };
        limit.clamp(1, possible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(schedule: &Schedule, nth: u64, possible: usize) -> usize {
        schedule.allow(7, Purpose::Read, SocketLabel { host: 0, number: 1 }, nth, possible)
    }

    #[test]
    fn never_cuts_to_zero_nor_beyond_what_is_possible() {
        for schedule in [
            Schedule::Whole,
            Schedule::Fixed(0),
            Schedule::Fixed(3),
            Schedule::PerCall(vec![0, 2]),
            Schedule::Random { chance: 1.0, max: Some(4) },
            Schedule::Random { chance: 1.0, max: None },
        ] {
            for nth in 0..50 {
                let got = allow(&schedule, nth, 10);
                assert!((1..=10).contains(&got), "{schedule:?} {nth} {got}");
                assert_eq!(allow(&schedule, nth, 1), 1);
                assert_eq!(allow(&schedule, nth, 0), 0);
            }
        }
    }

    #[test]
    fn a_certain_random_cut_is_always_short() {
        let schedule = Schedule::Random { chance: 1.0, max: None };
        assert!((0..200).all(|nth| allow(&schedule, nth, 10) < 10));
    }

    #[test]
    fn a_list_ends_whole() {
        let schedule = Schedule::PerCall(vec![1, 2]);
        assert_eq!([allow(&schedule, 0, 9), allow(&schedule, 1, 9), allow(&schedule, 2, 9)], [1, 2, 9]);
    }
}
