//! What a made machine is like.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use harness_language::scenario::model::MachineSize;

/// Ticks of a processor's time in a second (`USER_HZ`; proc_stat(5)).
const TICKS: u64 = 100;

/// The processors and the memory of a machine. All of the processors' time that is not idle is spent by users and by the
/// kernel, so that every usual formula for their use gives the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The model of its processors.
    pub model: String,
    /// The part of the model's name that no other machine has.
    pub series: String,
    /// How many processors it has.
    pub cores: u64,
    /// Their clock in kHz.
    pub khz: u64,
    /// Share of the processors' time that users' programs take, in tenths of a percent.
    pub user: u64,
    /// Share that the kernel takes, in tenths of a percent.
    pub system: u64,
    /// Load averages in hundredths.
    pub loads: [u64; 3],
    /// For how long it is up when the run begins.
    pub up: Duration,
    /// Its memory.
    pub memory: Memory,
}

/// Amounts in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// In use by nobody, not even as a cache.
    pub free: u64,
    /// What programs can have without swapping.
    pub available: u64,
    /// Buffers of block devices.
    pub buffers: u64,
    /// Cached files.
    pub cached: u64,
    /// Caches of the kernel that can be given back.
    pub reclaimable: u64,
    /// Shared memory.
    pub shared: u64,
    /// Swap space.
    pub swap: u64,
    /// Swap space that is not used.
    pub swap_free: u64,
}

impl Memory {
    /// What `free` calls used (procps 4.0.1 and later).
    pub fn used(&self) -> u64 {
        self.total - self.available
    }

    /// What `free` called used before that.
    pub fn used_formerly(&self) -> u64 {
        self.total - self.free - self.caches()
    }

    /// What `free` shows as buff/cache.
    pub fn caches(&self) -> u64 {
        self.buffers + self.cached + self.reclaimable
    }
}

/// Processor time that has passed, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    /// For users' programs.
    pub user: u64,
    /// For the kernel.
    pub system: u64,
    /// For nobody.
    pub idle: u64,
}

impl Figures {
    /// The machine of this size in the run with this seed.
    pub fn made(seed: u64, size: MachineSize) -> Self {
        let (salt, gib, busy, cores) = match size {
            MachineSize::Small => (11, 19..30, 310..440, [11, 13, 14]),
            MachineSize::Large => (29, 41..58, 580..710, [22, 26, 28]),
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(salt));
        let mut draw = |range: std::ops::Range<u64>| range.start + random.next_u64() % (range.end - range.start);
        let makers = ["Quillon", "Tarvex", "Ombrio", "Zennar"];
        let series = format!("QX-{}", draw(1_200..9_800));
        let khz = draw(2_105_000..3_795_000);
        let model =
            format!("{} {series} @ {}.{:02}GHz", makers[draw(0..4) as usize], khz / 1_000_000, khz / 10_000 % 100);
        let busy = draw(busy);
        let system = draw(70..120);
        let total = draw(gib) * (1 << 20) + draw(131_072..917_504);
        let mut share = |from: u64, to: u64| total / 1_000 * draw(from..to) + draw(100..900);
        let free = share(120, 240);
        let (buffers, cached, reclaimable, shared) = (share(8, 20), share(200, 300), share(9, 25), share(4, 9));
        let available = free + buffers + cached + reclaimable - share(31, 60);
        let memory = Memory {
            total,
            free,
            available,
            buffers,
            cached,
            reclaimable,
            shared,
            swap: 4_194_300,
            swap_free: 4_194_300 - draw(20_000..900_000),
        };
        let cores = cores[draw(0..3) as usize];
        // As many processes want to run as the processors are busy with, give or take some.
        let load = cores * busy / 10;
        let loads = [load + draw(3..17), load - draw(3..17), load - draw(21..39)];
        let up = Duration::from_secs(draw(3..60) * 86_400 + draw(3_700..82_000));
        Self { model, series, cores, khz, user: busy - system, system, loads, up, memory }
    }

    /// Tenths of a percent of the processors' time that is in use.
    pub fn busy(&self) -> u64 {
        self.user + self.system
    }

    /// Tenths of a percent that is not.
    pub fn idle(&self) -> u64 {
        1_000 - self.busy()
    }

    /// Time that so many processors have spent when the machine has been up for so long.
    pub fn ticks(&self, processors: u64, up: Duration) -> Ticks {
        let all = up.as_millis() as u64 * TICKS * processors / 1_000;
        let user = all * self.user / 1_000;
        let system = all * self.system / 1_000;
        Ticks { user, system, idle: all - user - system }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_way_to_the_figures_leads_to_the_same(seed: u64, large: bool, pause in 100..5_000_u64) {
            let size = if large { MachineSize::Large } else { MachineSize::Small };
            let figures = Figures::made(seed, size);
            prop_assert_eq!(&figures, &Figures::made(seed, size));
            let memory = figures.memory;
            prop_assert!(memory.free < memory.available && memory.available < memory.total);
            prop_assert!(memory.used_formerly() > 0 && memory.used() > 0);
            let before = figures.ticks(figures.cores, figures.up);
            let after = figures.ticks(figures.cores, figures.up + Duration::from_millis(pause));
            let busy = (after.user + after.system - before.user - before.system) as f64;
            let all = busy + (after.idle - before.idle) as f64;
            let share = busy / all * 100.0;
            // A look may come up to a tick early or late for each kind of time.
            let off = 300.0 / all + 0.1;
            prop_assert!((share - figures.busy() as f64 / 10.0).abs() < off, "{} {}", share, figures.busy());
        }

        #[test]
        fn two_machines_have_no_figure_in_common(seed: u64) {
            let (small, large) = (Figures::made(seed, MachineSize::Small), Figures::made(seed, MachineSize::Large));
            prop_assert!(small.cores < large.cores && small.memory.total < large.memory.total);
            prop_assert!(small.busy() + 100 < large.busy());
        }
    }
}
