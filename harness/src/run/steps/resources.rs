//! Expectations about what programs use: memory, descriptors, threads, processor time.

use std::time::Duration;

use super::super::event::What;
use super::super::patience::Patience;
use super::super::stage::{Stillness, Vitals};
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{ExpectGrowth, ExpectIdle, ExpectLinear, Measure};

/// For how long a waiting program is watched.
const WATCHED: Duration = Duration::from_millis(600);

/// A program that asks for more than this share of a processor while it waits is busy.
const BUSY: f64 = 0.4;

/// Processor time below this is noise of starting and scheduling.
const NOISE: Duration = Duration::from_millis(40);

/// A linear program may need this many times its proportional share.
const SLACK: f64 = 4.0;

impl Director {
    pub(super) async fn measure(&mut self, step: &Measure) -> Done {
        // Threads and children of the last client may still be ending.
        self.quiet_down(Duration::from_millis(500)).await;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let Some(vitals) = actor.program.vitals() else {
                let who = actor.noun(&name);
                return Err(match actor.program.ended() {
                    Some(ended) => Failure {
                        expected: format!("{who} is still running"),
                        actual: format!("it has ended ({ended})"),
                        reason: format!("{who} has ended ({ended}){}", super::expect::last_words(&actor)),
                        ..Failure::default()
                    }
                    .into(),
                    None => {
                        Halt::skipped(format!("{} cannot measure what a program holds", self.stage.backend().as_str()))
                    }
                });
            };
            self.note(&name, What::Measured(step.name.clone()));
            self.actors.measured.insert(step.name.clone(), vitals);
        }
        Ok(())
    }

    fn measured(&self, name: &str) -> Result<Vitals, Halt> {
        self.actors
            .measured
            .get(name)
            .copied()
            .ok_or_else(|| Halt::Harness(format!("nothing was measured as `{name}`")))
    }

    pub(super) fn expect_growth(&mut self, step: &ExpectGrowth) -> Done {
        let (from, to) = (self.measured(&step.from)?, self.measured(&step.to)?);
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        if let Some(bound) = step.memory_below
            && to.peak_memory.saturating_sub(from.peak_memory) >= bound
        {
            return Err(Halt::of_holdings(Failure {
                expected: format!("peak memory differs by less than {} MiB", mib(bound)),
                actual: format!("it differs by {} MiB or more", mib(bound)),
                reason: "the memory that the program needs grows with the data that passes through it".to_owned(),
                ..Failure::default()
            }));
        }
        let counts = [
            ("open descriptors", step.descriptors, from.descriptors, to.descriptors),
            ("threads", step.threads, from.threads, to.threads),
            ("zombie children", step.zombies, from.zombies, to.zombies),
        ];
        for (what, bound, from, to) in counts {
            if let Some(bound) = bound
                && to.saturating_sub(from) > bound
            {
                return Err(Halt::of_holdings(Failure {
                    expected: format!("{what} grow by {bound} at most"),
                    actual: format!("they grow from {from} to {to}"),
                    reason: format!("{what} grow with every client: {from} at `{}`, {to} at `{}`", step.from, step.to),
                    ..Failure::default()
                }));
            }
        }
        Ok(())
    }

    pub(super) fn expect_linear(&mut self, step: &ExpectLinear) -> Done {
        let (before, small, large) =
            (self.measured(&step.before)?, self.measured(&step.small)?, self.measured(&step.large)?);
        let small_cost = small.cpu.saturating_sub(before.cpu).max(NOISE);
        let large_cost = large.cpu.saturating_sub(small.cpu);
        let allowed = small_cost.mul_f64(step.factor * SLACK);
        if large_cost > allowed {
            return Err(Halt::of_holdings(Failure {
                expected: format!("{} times the data needs about {0} times the processor time", step.factor),
                actual: "it needs many times more".to_owned(),
                reason: "processor time grows much faster than the data: as when everything received so far is copied again for every piece".to_owned(), ..Failure::default() }));
        }
        Ok(())
    }

    pub(super) async fn expect_idle(&mut self, step: &ExpectIdle) -> Done {
        self.quiet_down(Duration::from_millis(300)).await;
        if matches!(self.stage.stillness(), Stillness::Forever(_)) {
            return Ok(());
        }
        for (name, actor) in self.actors.programs_named(&step.program) {
            let before = actor.program.appetite_now();
            let patience = Patience::to_the_end(&*self.stage, WATCHED);
            let _ = self.until(patience, || actor.program.ended()).await;
            match actor.program.appetite(&before) {
                None => {
                    return Err(Halt::skipped(format!(
                        "{} cannot measure processor time",
                        self.stage.backend().as_str()
                    )));
                }
                Some(share) if share > BUSY => {
                    let who = actor.noun(&name);
                    return Err(Halt::of_holdings(Failure {
                        expected: format!("{who} uses no processor time while it waits"),
                        actual: "it is busy all the time".to_owned(),
                        reason: format!(
                            "{who} keeps the processor busy although there is nothing to do: it asks again and again instead of blocking"
                        ),
                        ..Failure::default()
                    }));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
