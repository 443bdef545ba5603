//! A timer that ends a wait of the supervisor.
//!
//! Each wait has its bound, and next to none of them reaches it: the program asks again within microseconds. A bound
//! that is given to `epoll_wait` sets the processor's timer and clears it again every time, which under a
//! hypervisor costs more than the rest of the wait. The bell is set once and stays set over many waits.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::TrapError;

/// A timer for an epoll set, in which it is to be watched by edge: it is never read.
#[derive(Debug)]
pub struct Bell {
    timer: TimerFd,
    /// When it rings, in real time.
    due: Option<Instant>,
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

impl Bell {
    /// A bell that is not set.
    ///
    /// # Errors
    /// When the supervisor is out of descriptors.
    pub fn new() -> Result<Self, TrapError> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)
            .map_err(|errno| TrapError::Kernel { what: "making a timer", source: io::Error::from(errno) })?;
        Ok(Self { timer, due: None })
    }

    /// Has it ring within `patience` of real time; a bell that rings sooner is left as it is.
    ///
    /// # Errors
    /// When the kernel cannot set the timer.
    pub fn ring_within(&mut self, patience: Duration) -> Result<(), TrapError> {
        let due = Instant::now() + patience;
        if self.due.is_some_and(|set| set <= due) {
            return Ok(());
        }
        self.timer
            .set(Expiration::OneShot(TimeSpec::from_duration(patience)), TimerSetTimeFlags::empty())
            .map_err(|errno| TrapError::Kernel { what: "setting a timer", source: io::Error::from(errno) })?;
        self.due = Some(due);
        Ok(())
    }

    /// To be told when the set has shown it.
    pub fn has_rung(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Poller, Ready};
    use super::*;

    #[test]
    fn rings_once_for_each_time_it_is_set_and_at_the_earlier_of_two() {
        let (poller, mut bell) = (Poller::new().expect("a set"), Bell::new().expect("a bell"));
        poller.add_bell(&bell, 5).expect("watched");
        let rung = [Ready { token: 5, readable: true, hung_up: false }];
        for _ in 0..2 {
            bell.ring_within(Duration::from_secs(3600)).expect("set");
            bell.ring_within(Duration::from_micros(1)).expect("set");
            let mut out = Vec::new();
            poller.wait(None, &mut out);
            assert_eq!(out, rung);
            out.clear();
            poller.wait(Some(Duration::ZERO), &mut out);
            assert_eq!(out, []);
            bell.has_rung();
        }
    }
}
