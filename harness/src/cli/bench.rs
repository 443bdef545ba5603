//! `harness bench`: a submission's transfer times as ratios to the reference, in the same run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use harness_judging::shown::counted;
use harness_os::namespace::Containment;

use super::arguments::Bench;
use super::{Exit, grading, term};
use crate::run::patience::Patience;
use crate::run::stage::{Launch, Program, Stage};
use crate::sandbox::guard::Limits;
use crate::submission::open::{self, Request};
use crate::submission::{Cast, reference_casts};
use crate::wire::{Setup, WireStage, with_stage};
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::bytes::{Alphabet, Payload, RandomBytes};
use harness_language::scenario::model::OutputKind;

/// The task that is timed: the one that moves files.
const TASK: &str = "message";

/// Sizes of the transfers, in bytes.
const SIZES: [(&str, usize); 2] = [("20 KB", 20_480), ("1 MiB", 1 << 20)];

/// Times the transfers.
pub fn run(arguments: &Bench, containment: &Containment) -> Exit {
    match try_run(arguments, containment) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_run(arguments: &Bench, containment: &Containment) -> Result<Exit, Exit> {
    let catalogue = term::catalogue(None)?;
    let setup = grading::setup(containment, false);
    let request = Request {
        target: Some(arguments.target.clone()),
        commands: grading::commands(&arguments.cmd)?,
        tasks: vec![TASK.to_owned()],
        ..Request::default()
    };
    let opened = open::open(&request, &catalogue, &setup).map_err(|error| grading::open_error(&error))?;
    let empty = tempfile::tempdir().map_err(|error| {
        term::say(&format!("harness: cannot make a folder: {error}"));
        Exit::Harness
    })?;
    let program = std::env::current_exe().unwrap_or_default();
    let reference = reference_casts(&catalogue, &[TASK.to_owned()], &program, empty.path());
    let Some(ours) = reference.get(TASK) else {
        term::say(&format!("harness: {}", crate::answers::NONE));
        return Err(Exit::Usage);
    };
    let theirs = &opened.casts[TASK];
    let text = table(&catalogue, &setup, theirs, ours, arguments.runs.max(3), empty.path()).map_err(|why| {
        term::say(&format!("harness: {why}"));
        Exit::NotGradable
    })?;
    term::print(&text);
    Ok(Exit::Passed)
}

fn table(
    catalogue: &Catalogue,
    setup: &Setup,
    theirs: &Cast,
    ours: &Cast,
    runs: u32,
    _: &Path,
) -> Result<String, String> {
    let task = catalogue.task(TASK).ok_or("the catalogue has no task `message`")?;
    let mut text =
        format!("{TASK} over this machine's loopback: medians of {runs} transfers, start of the client included\n\n");
    let _ = writeln!(
        text,
        "{:8} {:8} {:>12} {:>12} {:>8} {:>12} {:>12}",
        "role", "size", "submission", "reference", "ratio", "memory", "reference"
    );
    for role in ["server", "client"] {
        if !theirs.parts.contains_key(role) {
            continue;
        }
        // One half at a time: the other half is the reference's, so that a ratio speaks of one program.
        let mut mixed = ours.clone();
        mixed.root.clone_from(&theirs.root);
        mixed.parts.insert(role.to_owned(), theirs.parts[role].clone());
        for (name, bytes) in SIZES {
            // In turn, so that a drift of the machine's speed meets both.
            let mut pairs = Vec::new();
            for _ in 0..runs {
                let a = transfer(setup, &mixed, task, role, bytes)?;
                let b = transfer(setup, ours, task, role, bytes)?;
                pairs.push((a, b));
            }
            let median = |pick: &dyn Fn(&(Figures, Figures)) -> f64| {
                let mut values: Vec<f64> = pairs.iter().map(pick).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let (a, b) = (median(&|pair| pair.0.seconds), median(&|pair| pair.1.seconds));
            let ratio = median(&|pair| pair.0.seconds / pair.1.seconds);
            let (memory, base) = (median(&|pair| pair.0.memory), median(&|pair| pair.1.memory));
            let _ = writeln!(
                text,
                "{role:8} {name:8} {:>9.2} ms {:>9.2} ms {ratio:>7.2}x {:>8.1} MiB {:>8.1} MiB",
                a * 1e3,
                b * 1e3,
                memory,
                base
            );
        }
    }
    Ok(text)
}

/// What one transfer took.
struct Figures {
    seconds: f64,
    /// Peak resident memory of the judged program in MiB; of a client that has ended, 0.
    memory: f64,
}

fn transfer(setup: &Setup, cast: &Cast, task: &Task, judged: &str, bytes: usize) -> Result<Figures, String> {
    let content = Payload::Random(RandomBytes { bytes, of: Alphabet::Prose, seed: 7 })
        .bytes(0)
        .map_err(|error| error.to_string())?;
    let played = with_stage(setup, &cast.root, &Limits::PATIENT, |stage| {
        let (content, cast) = (&content, cast);
        Box::pin(async move { one_transfer(&stage, cast, task, judged, content).await })
    });
    played.unwrap_or_else(Err)
}

async fn one_transfer(
    stage: &Rc<WireStage>,
    cast: &Cast,
    task: &Task,
    judged: &str,
    content: &[u8],
) -> Result<Figures, String> {
    let start = async |role: &str, port: u16, input: Option<Vec<u8>>| -> Result<Rc<dyn Program>, String> {
        let values =
            BTreeMap::from([("host".to_owned(), "127.0.0.1".to_owned()), ("port".to_owned(), port.to_string())]);
        let invocation = cast.invocation(role, &values, false).map_err(|error| error.to_string())?;
        let launch = Launch {
            name: role.to_owned(),
            role: role.to_owned(),
            invocation,
            stdout: OutputKind::Pipe,
            input_file: input,
            open_files: 0,
            attached: None,
        };
        stage.launch(launch).await.map_err(|error| error.to_string())
    };
    let transport =
        task.role("server").map_or(harness_language::scenario::model::TransportName::Tcp, |role| role.transport);
    let server = start("server", stage.port(), None).await?;
    let mut patience = Patience::new(&**stage, Duration::from_secs(10));
    let port = loop {
        if let Some(address) = server.listening(transport).first() {
            break address.port();
        }
        patience.moment(&**stage).await.map_err(|why| format!("the server does not listen: {why}"))?;
    };
    let began = Instant::now();
    let client = start("client", port, Some(content.to_vec())).await?;
    let mut patience = Patience::new(&**stage, Duration::from_secs(60));
    let mut memory = 0.0_f64;
    loop {
        let arrived = server.stdout().borrow().total;
        let of_judged = if judged == "server" { server.vitals() } else { client.vitals() };
        if let Some(vitals) = of_judged {
            memory = memory.max(vitals.peak_memory as f64 / f64::from(1 << 20));
        }
        if arrived >= content.len() as u64 {
            break;
        }
        patience
            .moment(&**stage)
            .await
            .map_err(|why| format!("{arrived} of {} arrived: {why}", counted(content.len(), "byte")))?;
    }
    Ok(Figures { seconds: began.elapsed().as_secs_f64(), memory })
}
