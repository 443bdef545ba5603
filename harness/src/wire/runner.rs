//! One run on one thread: the thread enters a namespace of its own, plays, and cleans up.

use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;

use harness_judging::shown::counted;
use harness_os::namespace;
use harness_verdict::Skip;

use super::stage::WireStage;
use crate::machine::{self, Scratch};
use crate::resolver;
use crate::run::event::Log;
use crate::run::stage::Attention;
use crate::run::{Director, End, Record, bounded};
use crate::sandbox::guard::{self, Bounds, Guard, Limits};
use crate::submission::Cast;
use harness_language::scenario::Scenario;

/// Port that programs are given in a namespace of their own: nobody else is there.
const PRIVATE_PORT: u16 = 23_456;

/// What runs on real sockets may use.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whether threads may have network namespaces of their own.
    pub private_network: bool,
    /// Whether threads may have mounts of their own, so that names lead to the run's peers.
    pub private_files: bool,
    /// Whether packets are kept for a capture.
    pub sniff: bool,
}

/// Plays a scenario on real sockets.
pub fn play(
    setup: &Setup,
    scenario: &Scenario,
    cast: &Cast,
    seed: u64,
    attention: Attention,
    limits: &Limits,
) -> (Record, Vec<harness_os::sniff::Frame>) {
    let mut frames = Vec::new();
    let outcome = with_stage(setup, &cast.root, limits, |stage| {
        let frames = &mut frames;
        Box::pin(async move {
            stage.attend(attention);
            stage.play();
            if let Err(error) = machine::write_files(scenario, cast, stage.scratch()) {
                return failed(format!("cannot write the scenario's files: {error}"));
            }
            if let Err(why) = make_interfaces(scenario, setup) {
                return Record::empty(why);
            }
            let director = Director::new(
                Rc::clone(&stage) as Rc<dyn crate::run::stage::Stage>,
                scenario,
                cast,
                seed,
                Log::default(),
            );
            let mut record = bounded(limits.run, director.play()).await;
            if let Some(excess) = stage.excess() {
                excess.blame(&mut record);
            }
            frames.clone_from(&stage.frames());
            record
        })
    });
    match outcome {
        Ok(record) => (record, frames),
        Err(why) => (failed(why), frames),
    }
}

/// Makes the interfaces that a scenario asks for, in the run's own namespace.
fn make_interfaces(scenario: &Scenario, setup: &Setup) -> Result<(), End> {
    if scenario.interfaces.is_empty() {
        return Ok(());
    }
    if !setup.private_network {
        let why = "interfaces can only be made in a network namespace, which this machine does not allow";
        return Err(End::Skipped(Skip::situation(why)));
    }
    // Programs that look there would list another machine's.
    harness_os::interfaces::show_in_sys().map_err(|error| {
        End::Skipped(Skip::situation(format!("this machine cannot show made interfaces to programs: {error}")))
    })?;
    for (name, interface) in &scenario.interfaces {
        let addresses = interface.parsed().map_err(|text| End::Harness(format!("`{text}` is no address")))?;
        harness_os::interfaces::make(name, &addresses, interface.up)
            .map_err(|error| End::Skipped(Skip::situation(format!("this machine makes no interfaces: {error}"))))?;
    }
    Ok(())
}

fn failed(why: String) -> Record {
    Record::empty(End::Harness(why))
}

/// Gives `play` a stage in a fresh world: a namespace and a working directory of its own, in
/// which nothing survives.
///
/// # Errors
/// If the world cannot be made, or something in it could not be stopped.
pub fn with_stage<'p, T: Send>(
    setup: &Setup,
    root: &Path,
    limits: &Limits,
    play: impl FnOnce(Rc<WireStage>) -> Pin<Box<dyn Future<Output = T> + 'p>> + Send,
) -> Result<T, String> {
    let scratch = Scratch::of(root)?;
    let folder = scratch.folder().to_owned();
    let marker = guard::marker();
    let run = || -> Result<T, String> {
        let guard = Guard::new(&marker, scratch.whole(), Bounds::of_run(limits));
        let namespace = match setup.private_network {
            true => Some(namespace::enter_private_network().map_err(|error| error.to_string())?),
            false => None,
        };
        let port = match namespace {
            Some(_) => PRIVATE_PORT,
            None => free_port().map_err(|error| format!("cannot find a free port: {error}"))?,
        };
        let private_names = namespace.is_some() && setup.private_files;
        if private_names {
            resolver::lead_here(&scratch).map_err(|error| format!("cannot lead names to peers: {error}"))?;
        }
        guard.add_ipc();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start a runtime: {error}"))?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let sniff = setup.sniff && namespace.is_some();
            let stage = WireStage::new(port, namespace, guard, folder, sniff).with_private_names(private_names);
            let stage = Rc::new(stage);
            let outcome = play(Rc::clone(&stage)).await;
            match stage.strike().await {
                Ok(()) => Ok(outcome),
                Err(pids) => Err(format!("{} of the program could not be stopped", counted(pids.len(), "process"))),
            }
        })
    };
    // Namespaces belong to a thread and die with it.
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err("the run's thread came to a sudden end".to_owned()))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
