//! The `turmoil` arm: the reference's async programs and the peers in one process, under
//! turmoil's simulated network and clock. Runs on every operating system.

mod program;
mod sockets;
mod stage;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::run::event::Log;
use crate::run::stage::Stage;
use crate::run::{Director, End, Record};
use crate::submission::Cast;
use harness_language::scenario::Scenario;
use program::InProcess;
use stage::{Request, TurmoilStage};

/// The port that everybody is given.
const PORT: u16 = 23_456;

/// Steps of a millisecond after which a run counts as hanging.
const STEPS: u64 = 2_000_000;

/// Plays a scenario in this process.
pub fn play(scenario: &Scenario, cast: &Cast, seed: u64) -> Record {
    let latency = scenario.network.latency.map_or(Duration::from_millis(1), |limit| limit.0);
    let jitter = scenario.network.jitter.map_or(Duration::ZERO, |limit| limit.0);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(Duration::from_secs(STEPS / 1_000))
        .min_message_latency(latency)
        .max_message_latency(latency + jitter)
        .tcp_capacity(4_096)
        .udp_capacity(4_096)
        .build();
    let stage = Rc::new(TurmoilStage::new(scenario, PORT));
    // Every program has a host from the beginning, so that an address leads somewhere before
    // its program runs; a host without a program listens to nothing.
    for (name, home, slot) in stage.hosts() {
        let (slot, _name) = (Rc::clone(&slot), name);
        sim.host(home, move || {
            let body: Option<InProcess> = slot.borrow_mut().take();
            async move {
                match body {
                    Some(body) => body.run().await,
                    None => std::future::pending::<()>().await,
                }
                Ok(())
            }
        });
    }
    let record: Rc<RefCell<Option<Record>>> = Rc::default();
    let director = Director::new(Rc::clone(&stage) as Rc<dyn Stage>, scenario, cast, seed, Log::default());
    let result = Rc::clone(&record);
    let began = Rc::clone(&stage);
    sim.client(stage.peers_home(), async move {
        began.begin();
        *result.borrow_mut() = Some(director.play().await);
        Ok(())
    });
    let failed = |why: String| Record::empty(End::Harness(why));
    for _ in 0..STEPS {
        for request in stage.requests() {
            match request {
                Request::Start(home) => sim.bounce(home),
                Request::Crash(home) => sim.crash(home),
            }
        }
        match sim.step() {
            Ok(true) => return record.take().unwrap_or_else(|| failed("the run ended without a result".to_owned())),
            Ok(false) => {}
            Err(error) => return failed(format!("the simulated network failed: {error}")),
        }
    }
    failed("the run did not come to an end in virtual time".to_owned())
}
