//! One run on a thread of its own: the simulation is made, played in, and taken down.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown::counted;
use harness_os::sniff::Frame;
use harness_os::trap::{borrow_descriptor, pidfd_open};
use harness_sim::{Config, DatagramFaults, SimError, Simulation};
use harness_verdict::{Skip, Undecided};

use super::stage::{SimulatedStage, apart};
use crate::machine::{self, Scratch};
use crate::resolver;
use crate::run::event::{Log, What};
use crate::run::remains::Remains;
use crate::run::stage::{Attention, Ended, Stage};
use crate::run::{Director, End, Failure, Record};
use crate::sandbox::guard::{self, Bounds, Excess, Guard, Limits, PROCESSOR};
use crate::submission::Cast;
use harness_language::scenario::Scenario;
use harness_language::scenario::bytes::SegmentSize;
use harness_language::scenario::model::{BackendName, Schedule};

/// Virtual time that a run may take beyond ten times its own limit, which the director watches.
const SPARE: Duration = Duration::from_secs(600);

/// Largest packet of a machine to itself: the most that IPv4's length field can say (Linux: 65 536).
const LOOPBACK_MTU: u32 = 65_535;

/// What a run leaves.
pub struct Outcome {
    /// What happened.
    pub record: Record,
    /// All packets, as raw IP, if they were asked for.
    pub frames: Vec<Frame>,
    /// All calls, one a line, if they were asked for.
    pub calls: String,
    /// A program asked again and again instead of waiting, for which virtual time does not pass: it ran into its bound,
    /// and what it did is no evidence.
    pub polled: bool,
    /// It was stopped at the call that was asked for ([`Attention::Call`]).
    pub stopped: bool,
}

impl Outcome {
    fn of(end: End) -> Self {
        Self { record: Record::empty(end), frames: Vec::new(), calls: String::new(), polled: false, stopped: false }
    }
}

/// Plays a scenario on the simulated network. `keep` asks for packets and calls.
pub fn play(scenario: &Scenario, cast: &Cast, seed: u64, keep: bool, attention: Attention, limits: &Limits) -> Outcome {
    if !scenario.interfaces.is_empty() {
        let why = "the simulated network has no interfaces to list: this needs wire";
        let by = Undecided::Backends(vec![BackendName::Wire]);
        return Outcome::of(End::Skipped(Skip { by, why: why.to_owned() }));
    }
    // Made and removed outside of the run's thread: in there its folders are mounts, which cannot be removed.
    let scratch = match Scratch::of(&cast.root) {
        Ok(scratch) => scratch,
        Err(why) => return Outcome::of(End::Harness(why)),
    };
    let bounds = Bounds { processor: limits.processor.min(PROCESSOR), ..Bounds::of_run(limits) };
    let run = || {
        machine::write_files(scenario, cast, scratch.folder())
            .map_err(|error| format!("cannot write the scenario's files: {error}"))?;
        // Where the machine does not let a run have files of its own, its programs ask as the machine is set up.
        let guard = Rc::new(Guard::new(&guard::marker(), scratch.whole(), bounds));
        let _ = resolver::lead_here(&scratch);
        guard.add_ipc();
        let played = simulate(scenario, cast, seed, (keep, attention), scratch.folder(), &guard);
        let survivors = guard::sweep(guard.marker());
        let mut outcome = match (played, guard.excess()) {
            (Ok(outcome), _) => outcome,
            (Err(_), Some(_)) => Outcome::of(End::Played),
            (Err(error), None) => return Err(format!("the simulation failed: {error}")),
        };
        if let Some(excess) = guard.excess() {
            excess.blame(&mut outcome.record);
            outcome.record.trace_sha256 = None;
            outcome.polled = matches!(excess, Excess::Processor(_));
        }
        let out_of_time = |program: &Remains| program.ended == Some(Ended::Signal(nix::libc::SIGXCPU));
        outcome.polled |= outcome.record.programs.iter().any(out_of_time);
        match survivors.len() {
            0 => Ok(outcome),
            count => Err(format!("{} of the program could not be stopped", counted(count, "process"))),
        }
    };
    // A thread holds one simulation, and is kept to one processor by it.
    let outcome = std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err("the run's thread came to a sudden end".to_owned()));
    outcome.unwrap_or_else(|why| Outcome::of(End::Harness(why)))
}

fn simulate(
    scenario: &Scenario,
    cast: &Cast,
    seed: u64,
    (keep, attention): (bool, Attention),
    scratch: &Path,
    guard: &Rc<Guard>,
) -> Result<Outcome, SimError> {
    // The folder of a run has a name of its own, and a scenario may ask for a file by its whole path.
    let whole = scratch.parent().and_then(Path::file_name).unwrap_or_default();
    let unnamed = whole.to_string_lossy().into_owned();
    let stop_at = if let Attention::Call(number) = attention { Some(number) } else { None };
    let config = Config { keep_packets: keep, unnamed, stop_at, ..config(scenario, seed) };
    let mtu = config.mtu;
    let mut sim = Simulation::new(config)?;
    let stage = Rc::new(SimulatedStage::new(&mut sim, scenario, scratch.to_owned(), Rc::clone(guard), attention)?);
    let log = Log::default();
    let director = Director::new(Rc::clone(&stage) as Rc<dyn Stage>, scenario, cast, seed, log.clone());
    let result = sim.run(director.play());
    let mut stopped = false;
    let mut record = match result {
        Ok(record) => record,
        Err(error) => {
            let end = match error {
                SimError::CpuBudget { .. } => End::Failed(busy()),
                SimError::Stopped { .. } => End::Played,
                other => End::Harness(format!("the simulation failed: {other}")),
            };
            stopped = end == End::Played;
            if !matches!(end, End::Harness(_)) {
                stage.is_over();
                log.is_over();
                // What it says to that is not judged, and nothing of the run is left to be disturbed.
                let _ = sim.run(async {
                    stage.drain_again();
                    log.look(&*stage).await;
                });
            }
            log.record(end, sim.now().since_start())
        }
    };
    if record.end == End::Played && stage.lacks_interrupt() {
        record.end = End::Skipped(Skip::situation("the program made no waiting call that a signal could break off"));
    }
    record.trace_sha256 = Some(sim.trace_sha256());
    let has_tls = record.events.iter().any(|event| matches!(event.what, What::Tls(_)));
    if sim.slips() > 0 || has_tls && stage.draws_elsewhere() {
        record.trace_sha256 = None;
    }
    let (mut frames, mut calls) = (Vec::new(), String::new());
    if keep {
        for (number, packet) in sim.packets().into_iter().enumerate() {
            let at = packet.at.since_start();
            let parts = packet.packet.to_frames(mtu, number as u16);
            frames.extend(parts.into_iter().map(|bytes| Frame { at, bytes }));
        }
        for call in sim.calls() {
            calls.push_str(&format!("{call}\n"));
        }
    }
    Ok(Outcome { record, frames, calls, polled: false, stopped })
}

fn busy() -> Failure {
    Failure {
        expected: "the program waits when there is nothing to do".to_owned(),
        actual: "it uses the processor without end".to_owned(),
        reason: "a program uses the processor without end and makes no call meanwhile: as in an endless loop"
            .to_owned(),
        ..Failure::default()
    }
}

fn config(scenario: &Scenario, seed: u64) -> Config {
    let network = &scenario.network;
    let numbers = |numbers: &[u32]| numbers.iter().copied().map(u64::from).collect();
    let usual = Config::default();
    Config {
        seed,
        latency: network.latency.map_or(usual.latency, |limit| limit.0),
        jitter: network.jitter.map_or(usual.jitter, |limit| limit.0),
        datagrams: DatagramFaults {
            lose: numbers(&network.lose),
            twice: numbers(&network.duplicate),
            overtaken: numbers(&network.reorder),
            ..DatagramFaults::default()
        },
        reads: schedule(scenario.forced.reads.as_ref()),
        writes: schedule(scenario.forced.writes.as_ref()),
        ipv6: !network.no_ipv6,
        limit: scenario.limit * 10 + SPARE,
        // As on Linux: a loopback carries whole buffers, a network Ethernet's frames.
        mtu: if apart(scenario) { usual.mtu } else { LOOPBACK_MTU },
        ..usual
    }
}

fn schedule(wish: Option<&Schedule>) -> harness_sim::Schedule {
    match wish {
        None => harness_sim::Schedule::Whole,
        Some(Schedule::Every(size)) => harness_sim::Schedule::Fixed(*size),
        Some(Schedule::Random(random)) => harness_sim::Schedule::Random { chance: 1.0, max: Some(random.max) },
        Some(Schedule::List(sizes)) => harness_sim::Schedule::PerCall(
            sizes
                .iter()
                .map_while(|size| match size {
                    SegmentSize::Bytes(bytes) => Some(*bytes),
                    SegmentSize::Rest => None,
                })
                .collect(),
        ),
    }
}

/// Whether a program's descriptors can be copied here (`pidfd_getfd`). Without it the simulation is whole but for one
/// thing: it cannot tell in `poll` and `select` when a local socket, an `eventfd` or another thing without a name is ready.
///
/// # Errors
/// What the kernel says.
pub fn copies_descriptors() -> Result<(), String> {
    let own = i32::try_from(std::process::id()).map_err(|error| error.to_string())?;
    let pidfd = pidfd_open(own).map_err(|error| error.to_string())?;
    let refused = |errno| std::io::Error::from_raw_os_error(errno).to_string();
    borrow_descriptor(pidfd.as_fd(), pidfd.as_fd().as_raw_fd()).map(drop).map_err(refused)
}

/// Whether this machine lets a program's calls be answered by another.
///
/// # Errors
/// Why it does not.
pub fn possible() -> Result<(), String> {
    let attempt = || -> Result<(), SimError> {
        let mut sim = Simulation::new(Config::default())?;
        let host = sim.add_host("probe")?;
        let handle = sim.handle();
        let program = sim.spawn(host, harness_sim::Launch::new("/bin/true", &[]))?;
        sim.run(handle.exited(program)).map(|_| ())
    };
    let tried = std::thread::scope(|scope| scope.spawn(|| attempt().map_err(|error| error.to_string())).join());
    tried.unwrap_or_else(|_| Err("the attempt came to a sudden end".to_owned()))
}
