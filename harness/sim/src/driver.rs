//! One step of a run: serve one call, or deliver what has arrived, or say when the next thing is due.

use std::time::Duration;

use crate::calls::{Op, Reply};
use crate::error::SimError;
use crate::process::ThreadKey;
use crate::time::VirtualTime;
use crate::world::World;

/// Calls in a row that may have moved something, or nothing, beyond which each costs virtual time.
const UNCLEAR: u32 = 5_000;

/// Virtual time for which the call at which a run stops is left unanswered.
const LEFT: Duration = Duration::from_secs(3600);

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something happened.
    Progress,
    /// Every thread waits and nothing is due before this moment.
    Idle(Option<VirtualTime>),
}

impl World {
    pub fn step(&mut self) -> Result<Step, SimError> {
        if let Some(program) = self.stopped.take() {
            return Err(SimError::Stopped { program });
        }
        self.settle()?;
        if let Some(key) = self.fresh.pop_first() {
            self.begin(key);
            return Ok(Step::Progress);
        }
        self.find_due();
        while let Some(key) = self.retry.pop_first() {
            if self.attempt(key) {
                return Ok(Step::Progress);
            }
        }
        if self.fire_timers() || self.net.deliver_due() {
            return Ok(Step::Progress);
        }
        let native: Vec<ThreadKey> = self.native.iter().copied().collect();
        for key in native {
            if self.attempt(key) {
                return Ok(Step::Progress);
            }
        }
        // What was written is taken in once for each moment of virtual time, and not after every write.
        let expected = std::mem::take(&mut self.output_expected) || !self.running.is_empty();
        let wanted = self.programs.iter().any(|program| program.input.is_due() || program.is_ending());
        if (expected || wanted) && self.exchange_output() || !self.net.changed.is_empty() {
            return Ok(Step::Progress);
        }
        if self.flush_terminals() {
            return Ok(Step::Progress);
        }
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let next = [deadline, self.net.next_event(), self.next_timer()].into_iter().flatten().min();
        Ok(Step::Idle(next))
    }

    fn find_due(&mut self) {
        while let Some(socket) = self.net.changed.pop_first() {
            if let Some(watchers) = self.watchers.get(&socket) {
                self.retry.extend(watchers.iter().copied());
            }
            self.wake_epolls(socket);
        }
        let now = self.net.now;
        self.retry.extend(self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key));
    }

    /// Looks at a new call for the first time.
    fn begin(&mut self, key: ThreadKey) {
        let Some(mut held) = self.release(key) else { return };
        match self.start(key, &mut held) {
            Some(reply) => self.finish(key, held, reply),
            None => {
                self.hold(key, held);
                self.retry.insert(key);
            }
        }
    }

    /// Looks again at a call that waits; true when it was answered.
    fn attempt(&mut self, key: ThreadKey) -> bool {
        let Some(mut held) = self.release(key) else { return false };
        match self.resume(key, &mut held) {
            Some(reply) => {
                self.finish(key, held, reply);
                true
            }
            None => {
                self.hold(key, held);
                false
            }
        }
    }

    /// Answers, at a price in virtual time when the program goes round without getting anywhere: without it a
    /// loop over a non-blocking call would never end.
    fn finish(&mut self, key: ThreadKey, mut held: crate::process::Held, reply: Reply) {
        let mut price = self.price(key, &held, &reply);
        if price.is_none() && self.stops_at(&held, &reply) {
            self.net.config.stop_at = None;
            self.stopped = Some(held.record.program);
            price = Some(LEFT);
        }
        if let Some(price) = price {
            held.deadline = Some(self.net.now + price);
            held.watching.clear();
            held.native = false;
            held.op = Op::Late(Some(reply));
            self.hold(key, held);
        } else {
            self.answer(key, held, reply);
        }
    }

    fn price(&mut self, key: ThreadKey, held: &crate::process::Held, reply: &Reply) -> Option<Duration> {
        if matches!(held.op, Op::Late(_)) {
            return None;
        }
        let process = self.threads.get(&key)?.process;
        let process = self.processes.get_mut(&process)?;
        match crate::calls::progress(held, reply) {
            crate::calls::Progress::Some => (process.stalls, process.unclear) = (0, 0),
            crate::calls::Progress::Unclear => process.unclear += 1,
            crate::calls::Progress::None => process.stalls += 1,
            crate::calls::Progress::Elsewhere => {}
        }
        // A program that gets on, and on, and on in one moment is in an endless loop as well.
        if process.moment != self.net.now {
            process.moment = self.net.now;
            process.busy = process.calls > process.allowance();
            process.calls = 0;
        }
        process.calls += 1;
        if process.calls > process.allowance() {
            return Some(Duration::from_micros(10));
        }
        // So is one that is told again and again that something is ready, and does nothing about it.
        if process.unclear > UNCLEAR {
            return Some(Duration::from_micros(if process.unclear > 10 * UNCLEAR { 20_000 } else { 100 }));
        }
        if process.stalls == 0 || !matches!(crate::calls::progress(held, reply), crate::calls::Progress::None) {
            return None;
        }
        match process.stalls {
            0..=50 => None,
            51..=2000 => Some(Duration::from_micros(10)),
            2001..=8000 => Some(Duration::from_millis(1)),
            _ => Some(Duration::from_millis(20)),
        }
    }
}
