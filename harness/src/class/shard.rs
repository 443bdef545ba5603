//! Shares of a class, for several machines.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Share `index` of `count`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

/// A text that is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a share is written I/N, with I from 1 to N: 2/4")]
pub struct NotAShard;

impl Shard {
    /// Which share a submission is in, from 1. It depends on the name alone: a submission that comes later moves no
    /// other one to another share.
    pub fn of(name: &str, count: u64) -> u64 {
        let hash = Sha256::digest(name);
        let number = hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        number % count.max(1) + 1
    }

    /// Whether a submission is in this share.
    pub fn holds(self, name: &str) -> bool {
        Self::of(name, self.count) == self.index
    }

    /// The name of its roster's file.
    pub fn file(self) -> String {
        format!("{}-of-{}.json", self.index, self.count)
    }

    /// How many shares there are, from the name of a roster's file.
    pub fn count_in(file: &str) -> Option<u64> {
        file.strip_suffix(".json")?.split_once("-of-")?.1.parse().ok()
    }
}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, NotAShard> {
        let (index, count) = text.split_once('/').ok_or(NotAShard)?;
        let number = |text: &str| text.parse().map_err(|_| NotAShard);
        let shard = Self { index: number(index)?, count: number(count)? };
        if (1..=shard.count).contains(&shard.index) { Ok(shard) } else { Err(NotAShard) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("0/4")]
    #[case("5/4")]
    #[case("1")]
    #[case("1/0")]
    #[case("a/b")]
    fn no_shares(#[case] text: &str) {
        assert_eq!(text.parse::<Shard>(), Err(NotAShard));
    }

    proptest! {
        #[test]
        fn a_submission_is_in_exactly_one_share(name in ".{0,20}", count in 1u64..40) {
            let shards: Vec<Shard> = (1..=count).map(|index| format!("{index}/{count}").parse().unwrap()).collect();
            prop_assert_eq!(shards.iter().filter(|shard| shard.holds(&name)).count(), 1);
            prop_assert_eq!(Shard::count_in(&shards[0].file()), Some(count));
        }
    }
}
