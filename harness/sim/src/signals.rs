//! Signals: the kernel keeps and delivers them; the simulation waits until it has.
//!
//! A signal that was sent is only pending. Its thread has to run to take it, and virtual time must not go on before
//! that, however busy the machine is: the run would depend on it.

use std::fs;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use harness_os::trap::{becomes_ready, tasks_of};

use crate::world::World;

/// Bound, in real time, for a thread that is ready to take a signal to be given a processor. Beyond it the machine
/// has stopped, and waiting on would only hide that.
const BOUND: Duration = Duration::from_secs(20);
/// Longest time between two looks.
const LONGEST: Duration = Duration::from_millis(1);

impl World {
    /// Waits until the kernel has delivered what is pending for a process, or the process is dead. True when a call
    /// that was held has been broken off by it.
    pub fn await_signals(&mut self, process: i32) -> bool {
        let Some(entry) = self.processes.get(&process) else { return false };
        let began = Instant::now();
        let mut patience = Duration::ZERO;
        while is_about_to_act(process) && !becomes_ready(entry.pidfd.as_fd(), patience) && began.elapsed() < BOUND {
            // A handler is called at once; who is killed has its memory to give back first, and needs the processor.
            patience = (patience * 2).clamp(Duration::from_micros(20), LONGEST);
        }
        // The kernel withdraws a broken-off call before it takes the signal out of the pending ones.
        self.revalidate(process)
    }
}

/// What `/proc/PID/status` says of a process's or a thread's signals: one bit each.
struct Signals {
    status: String,
}

impl Signals {
    fn of_process(process: i32) -> Self {
        Self { status: fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default() }
    }

    fn of_thread(process: i32, thread: i32) -> Self {
        Self { status: fs::read_to_string(format!("/proc/{process}/task/{thread}/status")).unwrap_or_default() }
    }

    fn word(&self, field: &str) -> Option<&str> {
        Some(self.status.lines().find_map(|line| line.strip_prefix(field))?.trim())
    }

    fn set(&self, field: &str) -> u64 {
        self.word(field).and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or(0)
    }
}

/// Whether a signal is pending that some thread of the process would take if it ran, or every thread has ended and
/// the end of the process is about to be told. Ignored signals are never pending, blocked ones may be for ever.
fn is_about_to_act(process: i32) -> bool {
    let mut ended = true;
    for thread in tasks_of(process) {
        let signals = Signals::of_thread(process, thread);
        let state = signals.word("State:").unwrap_or("X");
        // Stopped, or waiting for a child that has its memory: it takes nothing for now.
        let able = state.starts_with(['R', 'S', 'I', 't']);
        if able && (signals.set("SigPnd:") | signals.set("ShdPnd:")) & !signals.set("SigBlk:") != 0 {
            return true;
        }
        ended &= state.starts_with(['Z', 'X']);
    }
    ended
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Whether a signal ends the process: it neither ignores nor catches it.
pub(crate) fn is_deadly(process: i32, signal: i32) -> bool {
    let signals = Signals::of_process(process);
    (signals.set("SigIgn:") | signals.set("SigCgt:")) & bit(signal) == 0
}

/// Signals that are pending for a thread or its process.
pub(crate) fn pending(process: i32, thread: i32) -> u64 {
    let signals = Signals::of_thread(process, thread);
    signals.set("SigPnd:") | signals.set("ShdPnd:")
}
