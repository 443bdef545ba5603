//! Randomness that depends on what it is for and not on the order of asking.
//!
//! One shared stream would let any difference in the order of events change every later draw; here each draw is
//! a hash of the seed, the purpose and the counters that name the event.

/// What a draw is for. Part of the hash, so that two purposes never share a draw.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Jitter = 1,
    Loss,
    Duplicate,
    Reorder,
    Read,
    Write,
    StartBytes,
    Getrandom,
    FirstPort,
    SharedPort,
}

/// A sequence of draws for one event.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64, purpose: Purpose, keys: &[u64]) -> Self {
        let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(purpose as u64));
        for key in keys {
            state = mix(state ^ key.wrapping_mul(0xd6e8_feb8_6659_fd93));
        }
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64 / (1u64 << 53) as f64) < probability
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_seed_purpose_and_keys_only() {
        let draw = |seed, purpose, keys: &[u64]| Draw::new(seed, purpose, keys).next();
        assert_eq!(draw(1, Purpose::Loss, &[4, 2]), draw(1, Purpose::Loss, &[4, 2]));
        assert_ne!(draw(1, Purpose::Loss, &[4, 2]), draw(2, Purpose::Loss, &[4, 2]));
        assert_ne!(draw(1, Purpose::Loss, &[4, 2]), draw(1, Purpose::Jitter, &[4, 2]));
        assert_ne!(draw(1, Purpose::Loss, &[4, 2]), draw(1, Purpose::Loss, &[2, 4]));
    }

    #[test]
    fn below_stays_below() {
        let mut draw = Draw::new(3, Purpose::Read, &[]);
        assert!((0..1000).all(|_| draw.below(7) < 7));
        assert_eq!(draw.below(0), 0);
    }
}
