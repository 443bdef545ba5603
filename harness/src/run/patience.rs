//! Bounded waiting: how long a run waits for a program, and why it stops waiting.
//!
//! A wait ends early when nothing can happen any more: every thread of every program is
//! blocked for ever and nothing is in flight. It ends late when the machine was too busy to
//! let the program run. Both only shorten or stretch the wait; neither is a verdict.

use std::time::Duration;

use super::stage::{Stage, Stillness};
use harness_language::scenario::duration::human;

/// Readings that must agree before the programs count as still.
const AGREEING: u32 = 3;

/// A bound stretches by the time lost to others, but not beyond this many times its length.
const STRETCH: u32 = 10;

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GaveUp {
    /// Nothing could happen any more.
    Still,
    /// The bound passed.
    Bound(Duration),
}

impl std::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Still => f.write_str("nothing more can happen"),
            Self::Bound(limit) => write!(f, "{} have passed", human(*limit)),
        }
    }
}

/// Stillness that a judgement rests on lasts at least this long.
const GRACE: Duration = Duration::from_millis(250);

/// Stillness after which something else is tried: enough for output to arrive, and no judgement rests on it.
const BRIEF: Duration = Duration::from_millis(50);

/// Waits shorter than this need no insight into the programs.
const LONG: Duration = Duration::from_millis(8);

/// One wait.
pub struct Patience {
    limit: Duration,
    began: Duration,
    /// Time lost to others when the wait became a long one; short ones need not know.
    starved_before: Option<Duration>,
    checked: Duration,
    reading: Option<u64>,
    agreed: u32,
    /// Whether stillness may end the wait.
    early: bool,
    /// For how long the programs must have been still: what they printed may be on its way
    /// through the kernel's terminal, which a busy machine delays.
    grace: Duration,
    /// Since when they have been still.
    still_since: Option<Duration>,
    /// Whether the programs had ended one moment ago.
    ended_before: bool,
    /// Why the wait is over: said one moment later, because what came during the last one counts.
    over: Option<GaveUp>,
}

impl Patience {
    /// A wait of at most `limit`.
    pub fn new(stage: &dyn Stage, limit: Duration) -> Self {
        Self {
            limit,
            began: stage.now(),
            starved_before: None,
            checked: stage.now(),
            reading: None,
            agreed: 0,
            early: true,
            grace: GRACE,
            still_since: None,
            ended_before: false,
            over: None,
        }
    }

    /// A wait for stillness itself: a pause and no judgement.
    pub fn for_stillness(stage: &dyn Stage, limit: Duration) -> Self {
        Self { grace: Duration::ZERO, ..Self::new(stage, limit) }
    }

    /// A wait that may be wrong: for trying what a program is, one thing after another.
    pub fn for_a_trial(stage: &dyn Stage, limit: Duration) -> Self {
        Self { grace: BRIEF, ..Self::new(stage, limit) }
    }

    /// A wait that stillness does not end: for what a program's own clock may bring.
    pub fn to_the_end(stage: &dyn Stage, limit: Duration) -> Self {
        Self { early: false, ..Self::new(stage, limit) }
    }

    /// Waits for a moment, or says that the wait is over.
    ///
    /// # Errors
    /// When there is no point in waiting longer.
    pub async fn moment(&mut self, stage: &dyn Stage) -> Result<(), GaveUp> {
        stage.tick().await;
        if let Some(why) = self.over.take() {
            return Err(why);
        }
        self.over = self.verdict(stage);
        Ok(())
    }

    /// Whether nothing more can come of programs that have ended. To be asked once in each moment: what one did just before
    /// its end is known one moment after it.
    pub fn nothing_more(&mut self, stage: &dyn Stage, ended: bool) -> bool {
        let ended_before = std::mem::replace(&mut self.ended_before, ended);
        ended && ended_before && stage.has_arrived()
    }

    fn verdict(&mut self, stage: &dyn Stage) -> Option<GaveUp> {
        let now = stage.now();
        let waited = now.saturating_sub(self.began);
        if self.starved_before.is_none() && waited >= LONG {
            self.starved_before = Some(stage.starved());
        }
        if waited >= self.limit {
            let before = self.starved_before.unwrap_or_default();
            let lost = stage.starved().saturating_sub(before).min(self.limit * STRETCH);
            if waited >= self.limit + lost {
                return Some(GaveUp::Bound(self.limit));
            }
        }
        // Insight into the programs costs more than a tick: first let them work.
        if self.early && now.saturating_sub(self.checked) >= LONG {
            self.checked = now;
            match stage.stillness() {
                Stillness::Forever(reading) if self.reading == Some(reading) => self.agreed += 1,
                Stillness::Forever(reading) => {
                    self.reading = Some(reading);
                    self.agreed = 1;
                }
                Stillness::Busy | Stillness::Timed => {
                    self.reading = None;
                    self.agreed = 0;
                }
            }
            if self.agreed < AGREEING {
                self.still_since = None;
            } else if now.saturating_sub(*self.still_since.get_or_insert(now)) >= self.grace {
                return Some(GaveUp::Still);
            }
        }
        None
    }

    /// From now on stillness ends the wait at once: nothing more is needed.
    pub fn hurry(&mut self) {
        self.grace = Duration::ZERO;
    }

    /// Starts the wait anew, because something came.
    pub fn renew(&mut self, stage: &dyn Stage) {
        self.reading = None;
        self.agreed = 0;
        self.over = None;
        self.still_since = None;
        self.checked = stage.now();
    }
}
