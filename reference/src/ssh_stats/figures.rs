//! What the files of a Linux kernel say about processors and memory.
//!
//! Owns the formats of `/proc/stat` and `/proc/meminfo` (proc_stat(5), proc_meminfo(5)); knows nothing of how the text
//! got here.

use std::fmt;

/// What the remote machine is asked to run: two looks at the counters, a second apart, and the memory.
pub const COMMAND: &str = "cat /proc/stat && sleep 1 && cat /proc/stat /proc/meminfo";

/// What is displayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// How many processors there are.
    pub processors: usize,
    /// Share of their time that was in use between the looks, 0 to 1.
    pub busy: f64,
    /// Memory in KiB.
    pub total: u64,
    /// Memory in KiB that programs could have.
    pub available: u64,
}

impl Figures {
    /// Reads what [`COMMAND`] printed. Nothing if it is not what a Linux kernel writes.
    pub fn read(text: &str) -> Option<Self> {
        let mut looks = text.lines().filter_map(|line| line.strip_prefix("cpu ")).map(Look::read);
        let (before, after) = (looks.next()??, looks.next()??);
        let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let idle = after.idle.saturating_sub(before.idle);
        // The lines `cpu0`, `cpu1` … are there twice, too.
        let is_one =
            |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let amount = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            processors: text.lines().filter(is_one).count() / 2,
            busy: 1.0 - (idle as f64 / all as f64).min(1.0),
            total: amount("MemTotal")?,
            available: amount("MemAvailable")?,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |kib: u64| kib as f64 / f64::from(1 << 20);
        writeln!(f, "cpu      {:.1} % in use, {} processors", self.busy * 100.0, self.processors)?;
        let used = self.total.saturating_sub(self.available);
        writeln!(f, "memory   {:.1} GiB in use of {:.1} GiB", gib(used), gib(self.total))
    }
}

/// The first line of `/proc/stat`: time since the start of the machine, in ticks.
struct Look {
    all: u64,
    idle: u64,
}

impl Look {
    fn read(line: &str) -> Option<Self> {
        let times: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let times = times?;
        // user nice system idle iowait irq softirq steal; guests' time behind them is in `user` already.
        let first = times.get(..8.min(times.len()))?;
        let waiting = first.get(4).copied().unwrap_or(0);
        Some(Self { all: first.iter().sum(), idle: first.get(3)? + waiting })
    }
}
