//! The same program natively and simulated, and what it saw compared line by line.
//!
//! A native run may be late on a busy machine, and its times, which are rounded to 50 ms, then tell of that: it gets
//! several attempts. The simulated one has to be the same each time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use crate::common::link::on_a_link;
use crate::common::{collect, compiled, finished, launch};
use harness_sim::{Config, Exit, HostId, Outcome, Simulation};
use rstest::rstest;

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

/// Compares what is seen simulated and natively; nothing is to be seen natively where the machine does not allow it.
fn compare(simulated: impl Fn() -> String, native: impl Fn() -> Option<String>) {
    let seen = simulated();
    assert!(seen.lines().count() > 10, "{seen}");
    for _ in 0..3 {
        assert_eq!(deviations(&simulated(), &seen), "", "between two simulated runs");
    }
    let mut deviation = String::new();
    for _ in 0..ATTEMPTS {
        let Some(native) = native() else { return };
        deviation = deviations(&seen, &native);
        if deviation.is_empty() {
            return;
        }
    }
    panic!("simulated, and what it is natively:\n{deviation}");
}

/// What is seen in a run of so many hosts.
fn simulated<T>(hosts: usize, run: impl FnOnce(&mut Simulation, &[HostId]) -> T) -> T {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let hosts: Vec<HostId> = (0..hosts).map(|number| sim.add_host(&format!("host{number}")).unwrap()).collect();
    let seen = run(&mut sim, &hosts);
    assert!(sim.calls().iter().all(|call| call.outcome != Outcome::Unknown), "{}", sim.trace());
    seen
}

fn looks_as_it_does_natively(name: &str) {
    looks_alike_with(name, &[]);
}

fn looks_alike_with(name: &str, arguments: &[&str]) {
    let program = compiled(name, &[]);
    let alone = || {
        simulated(1, |sim, hosts| {
            let handle = sim.handle();
            let program = sim.spawn(hosts[0], launch(&program, arguments)).unwrap();
            let (_, seen) = sim.run(collect(handle, program)).unwrap();
            String::from_utf8(seen).unwrap()
        })
    };
    compare(alone, || Some(String::from_utf8(finished(Command::new(&program).args(arguments)).stdout).unwrap()));
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

/// What stands under a number is remembered as long as nothing is copied.
#[rstest]
fn descriptors_that_are_copied(
    #[values("dup", "dup2", "dup3", "dupfd", "dupfd-cloexec", "message", "pidfd", "fork", "shared-table", "by-turns")]
    way: &str,
) {
    looks_alike_with("copies", &[way]);
}

/// Natively the network has a way to everywhere, as that of a machine has which reaches others: Linux sends to
/// 255.255.255.255 where the default route leads.
#[test]
fn datagrams_to_everybody() {
    let program = compiled("broadcast", &[]);
    let two = || {
        simulated(2, |sim, hosts| {
            let handle = sim.handle();
            let far = sim.spawn(hosts[1], launch(&program, &["far"])).unwrap();
            let near = sim.spawn(hosts[0], launch(&program, &[])).unwrap();
            let ends = async { (collect(handle, near).await, collect(handle, far).await) };
            let ((_, seen), far) = sim.run(ends).unwrap();
            assert_eq!(far, (Exit::Status(0), Vec::new()));
            String::from_utf8(seen).unwrap()
        })
    };
    let script = "ip -n far address add 10.0.0.2/16 broadcast + dev eth0 && ip route add default dev eth0 || exit 1
        far \"$0\" far & \"$0\"; wait $!";
    compare(two, || on_a_link(&program, script));
}

/// Natively without the row of attempts one second apart that newer kernels put before the doubled ones
/// (tcp_syn_linear_timeouts): what tcp(7) says is what is simulated.
#[test]
fn connections_to_where_nobody_answers() {
    let program = compiled("unreachable", &[]);
    let silent = |arguments: &[&str]| {
        simulated(2, |sim, hosts| {
            let handle = sim.handle();
            let run = async {
                handle.crash(hosts[1]);
                let program = handle.spawn(hosts[0], launch(&program, arguments)).unwrap();
                collect(handle, program).await
            };
            String::from_utf8(sim.run(run).unwrap().1).unwrap()
        })
    };
    let script = "ip address add fd00::1/64 dev eth0 nodad || exit 1
        ip neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent || exit 1
        linear=/proc/sys/net/ipv4/tcp_syn_linear_timeouts
        [ ! -e $linear ] || echo 0 > $linear || exit 1
        \"$0\"";
    compare(|| silent(&[]), || on_a_link(&program, script));
    // tcp(7), tcp_syn_retries: six by default, which takes about 127 s. Nobody waits for that natively.
    let seen = silent(&["by default"]);
    assert!(seen.contains("connect ETIMEDOUT, after 1270, "), "{seen}");
}
