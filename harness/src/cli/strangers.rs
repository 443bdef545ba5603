//! `harness strangers`: hand-ins of a local list against stated truths.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use harness_os::namespace::Containment;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::arguments::Strangers;
use super::{Exit, grading, term};
use crate::grade::Options;
use crate::sandbox::guard::Limits;
use crate::strangers::{Found, HandIn, List, Row, Seen, judge, look, render};

/// What a process that grades one hand-in has to clean up after it is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Grades a list, each hand-in in a process of its own, and prints the table.
pub fn run(arguments: &Strangers, containment: &Containment) -> Exit {
    match try_run(arguments, containment) {
        Ok(exit) => exit,
        Err(why) => {
            grading::complain(&format!("{}: {why}", arguments.list.display()));
            Exit::Usage
        }
    }
}

fn try_run(arguments: &Strangers, containment: &Containment) -> Result<Exit, String> {
    let text = std::fs::read_to_string(&arguments.list).map_err(|error| error.to_string())?;
    let list: List = toml::from_str(&text).map_err(|error| error.to_string())?;
    if let Some(index) = arguments.one {
        let hand_in = list.hand_ins.get(index).ok_or("there is no such hand-in")?;
        return one(arguments, hand_in, containment);
    }
    let wanted = |hand_in: &HandIn| {
        let name = format!("{} {}", hand_in.folder.display(), hand_in.task);
        arguments.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    };
    let mut rows: Vec<Row> = Vec::new();
    for (index, hand_in) in list.hand_ins.iter().enumerate().filter(|(_, hand_in)| wanted(hand_in)) {
        let began = Instant::now();
        let seen = apart(arguments, index).unwrap_or_else(Seen::Broken);
        let row = judge(hand_in, &seen, began.elapsed().as_secs());
        term::say(&format!("{} {}: {:?}", hand_in.folder.display(), hand_in.task, row.found));
        rows.push(row);
    }
    term::print(&render(&rows));
    let is_right = |row: &Row| {
        matches!(row.found, Found::Right | Found::RightlyNone | Found::Asked)
            && row.false_fails.is_empty()
            && row.false_passes.is_empty()
    };
    Ok(if rows.iter().all(is_right) { Exit::Passed } else { Exit::Failed })
}

/// Grades one hand-in in this process.
fn one(arguments: &Strangers, hand_in: &HandIn, containment: &Containment) -> Result<Exit, String> {
    let catalogue = match term::catalogue(None) {
        Ok(catalogue) => catalogue,
        Err(exit) => return Ok(exit),
    };
    let backend = grading::backend(arguments.backend, false, true)?;
    let options = Options {
        backend,
        real_sockets_too: arguments.backend == super::arguments::Backend::Auto,
        seed: 1,
        jobs: grading::jobs(arguments.jobs, backend),
        repeat: 1,
        setup: grading::setup(containment, false),
        look_into_failures: false,
        cuts: None,
        limits: Limits::default(),
    };
    let folder = arguments.list.parent().unwrap_or(std::path::Path::new(""));
    let seen = look(&catalogue, folder, hand_in, &options, arguments.programs);
    term::print(&serde_json::to_string(&seen).map_err(|error| error.to_string())?);
    Ok(Exit::Passed)
}

/// Grades one hand-in in a process of its own, within the bound.
fn apart(arguments: &Strangers, index: usize) -> Result<Seen, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("strangers").arg(&arguments.list).args(["--one", &index.to_string()]);
    command.args(["--backend", arguments.backend.as_str()]);
    if arguments.programs {
        command.arg("--programs");
    }
    if let Some(jobs) = arguments.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    let read = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let whole = from.map(|mut from| from.read_to_end(&mut bytes));
            whole.transpose().map(|_| String::from_utf8_lossy(&bytes).into_owned())
        })
    };
    let said = read(child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    let complained = read(child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    let bound = arguments.bound.map_or(Duration::from_secs(240), |limit| limit.0);
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait()));
    let gone = || "the end of its grading was lost".to_owned();
    let mut status = end.recv_timeout(bound).ok();
    let told = status.is_none();
    // It ends by itself when it is told; else what it started goes with it.
    for (signal, grace) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, Duration::MAX)] {
        if status.is_none() {
            let _ = killpg(group, signal);
            status = end.recv_timeout(grace).ok();
        }
    }
    let status = status.ok_or_else(gone)?.map_err(|error| error.to_string())?;
    if told {
        return Err(format!("not done within {} s", bound.as_secs()));
    }
    let lost = |_| "a reader of its output failed".to_owned();
    let said = said.join().map_err(lost)?.map_err(|error| error.to_string())?;
    let complained = complained.join().map_err(lost)?.map_err(|error| error.to_string())?;
    serde_json::from_str(&said).map_err(|_| format!("it ended with {status}: {complained}"))
}
