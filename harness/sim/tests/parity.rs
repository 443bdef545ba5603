//! The same program natively and simulated, and what it saw compared line by line.
//!
//! A native run may be late on a busy machine, and its times, which are rounded to 50 ms, then tell of that: it gets
//! several attempts. The simulated one has to be the same each time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Command;

use common::{collect, compiled, finished, launch};
use harness_sim::{Config, Outcome, Simulation};

/// Native runs, of which one has to be in time.
const ATTEMPTS: usize = 10;

/// Lines that are not the same.
fn deviations(one: &str, other: &str) -> String {
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut text = String::new();
    loop {
        match (one.next(), other.next()) {
            (None, None) => return text,
            (left, right) if left == right => {}
            (left, right) => text += &format!("  {}\n  {}\n\n", left.unwrap_or("-"), right.unwrap_or("-")),
        }
    }
}

fn looks_as_it_does_natively(name: &str) {
    let program = compiled(name, &[]);
    let simulated = || {
        let mut sim = Simulation::new(Config::default()).unwrap();
        let host = sim.add_host("alone").unwrap();
        let handle = sim.handle();
        let program = sim.spawn(host, launch(&program, &[])).unwrap();
        let (_, seen) = sim.run(collect(handle, program)).unwrap();
        assert!(sim.calls().iter().all(|call| call.outcome != Outcome::Unknown), "{}", sim.trace());
        String::from_utf8(seen).unwrap()
    };
    let seen = simulated();
    assert!(seen.lines().count() > 10, "{seen}");
    for _ in 0..3 {
        assert_eq!(deviations(&simulated(), &seen), "", "between two simulated runs");
    }
    let native = || String::from_utf8(finished(&mut Command::new(&program)).stdout).unwrap();
    let mut deviation = String::new();
    for _ in 0..ATTEMPTS {
        deviation = deviations(&seen, &native());
        if deviation.is_empty() {
            return;
        }
    }
    panic!("simulated, and what it is natively:\n{deviation}");
}

#[test]
fn masks_of_a_wait_are_in_force_during_it() {
    looks_as_it_does_natively("masks");
}

#[test]
fn writes_into_a_broken_connection() {
    looks_as_it_does_natively("broken");
}

#[test]
fn timers_and_times_that_are_left() {
    looks_as_it_does_natively("timers");
}

#[test]
fn epoll_level_edge_and_once() {
    looks_as_it_does_natively("epoll");
}

#[test]
fn splices_between_pipes_and_sockets() {
    looks_as_it_does_natively("splices");
}

#[test]
fn several_messages_vectors_and_files() {
    looks_as_it_does_natively("messages");
}

#[test]
fn ports_that_are_shared_and_left() {
    looks_as_it_does_natively("reuse");
}
