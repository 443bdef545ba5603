//! Keeping a thread, and the processes it starts, on one processor.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many threads of this process are pinned to each processor.
static PINNED: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// A thread's stay on one processor.
#[derive(Clone, Copy)]
pub struct Affinity {
    /// The processors that the thread was allowed before.
    before: libc::cpu_set_t,
    here: usize,
}

impl std::fmt::Debug for Affinity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Affinity(processor {})", self.here)
    }
}

impl Affinity {
    /// Pins the calling thread to the allowed processor that the fewest threads of this process are pinned to; among
    /// equals, to the one that it runs on. Two that share one wait for each other at every trap. `None` when the
    /// kernel refuses.
    pub fn pin_here() -> Option<Self> {
        let size = mem::size_of::<libc::cpu_set_t>();
        // SAFETY: a processor set is plain data for which all zeroes is the empty set; the call fills it.
        let before = unsafe {
            let mut before: libc::cpu_set_t = mem::zeroed();
            if libc::sched_getaffinity(0, size, &raw mut before) != 0 {
                return None;
            }
            before
        };
        // SAFETY: takes nothing and returns a number.
        let current = usize::try_from(unsafe { libc::sched_getcpu() }).ok()?;
        let mut pinned = table();
        // SAFETY: reads a set on this stack; the numbers are below its size in bits.
        let allowed = (0..8 * size).filter(|number| unsafe { libc::CPU_ISSET(*number, &before) });
        let here = allowed.min_by_key(|number| (pinned.get(number).copied().unwrap_or(0), *number != current))?;
        // SAFETY: as above; `here` is one of the numbers that were just looked up.
        let done = unsafe {
            let mut only: libc::cpu_set_t = mem::zeroed();
            libc::CPU_SET(here, &mut only);
            libc::sched_setaffinity(0, size, &raw const only) == 0
        };
        done.then(|| {
            *pinned.entry(here).or_default() += 1;
            Self { before, here }
        })
    }

    /// Allows the calling thread again what it was allowed before. To be called once.
    pub fn restore(self) {
        if let Some(count) = table().get_mut(&self.here) {
            *count = count.saturating_sub(1);
        }
        // SAFETY: reads one set that is owned here.
        unsafe {
            libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const self.before);
        }
    }
}

fn table() -> MutexGuard<'static, BTreeMap<usize, usize>> {
    // Counts are whole at every moment, also when a holder of the lock panicked.
    PINNED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_threads_do_not_share_a_processor_while_there_are_two() {
        let first = Affinity::pin_here().expect("pinned");
        // SAFETY: counts the bits of a set that is plain data.
        let several = unsafe { libc::CPU_COUNT(&first.before) } > 1;
        let second = std::thread::spawn(move || {
            // A new thread inherits its maker's processors: only the first thread's are the machine's.
            first.restore_set();
            let second = Affinity::pin_here().expect("pinned");
            let here = second.here;
            second.restore();
            here
        });
        let second = second.join().expect("ends");
        first.restore();
        assert!(!several || second != first.here);
    }

    impl Affinity {
        fn restore_set(&self) {
            // SAFETY: reads one set that is owned here.
            unsafe {
                libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const self.before);
            }
        }
    }
}
