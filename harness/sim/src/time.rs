//! Virtual time: nanoseconds since the start of a run, and how programs see it.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// What programs read as seconds since 1970 at the start of a run (2026-01-01T00:00:00Z).
pub const EPOCH_SECONDS: u64 = 1_767_225_600;

/// What programs read as seconds since boot at the start of a run.
pub const UPTIME_SECONDS: u64 = 1_000;

/// A moment of a run, counted in nanoseconds from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VirtualTime(u64);

impl VirtualTime {
    /// The start of the run.
    pub const START: Self = Self(0);

    /// A moment so many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since the start.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time since an earlier moment; zero when that moment is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The last whole millisecond before or at this moment.
    pub(crate) const fn floor_to_millisecond(self) -> Self {
        Self(self.0 - self.0 % 1_000_000)
    }
}

impl Add<Duration> for VirtualTime {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for VirtualTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:06} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}
