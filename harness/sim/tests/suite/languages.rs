//! Unmodified programs in every language: the same seed is the same run, whatever else the machine does.
//!
//! Twenty runs of one seed and twenty seeds for each language, beside two busy loops; the environment variable
//! `HARNESS_SIM_RUNS` asks for another number. A language that is not installed is skipped, and the test says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::common::{compiled, finished, launch, noise, pair, python, source};
use harness_sim::{Config, Exit, Launch, Schedule};

const PORT: &str = "5000";

/// What `harness` gives to every program: runtimes that fit on a small machine.
const RUNTIMES: [(&str, &str); 3] = [
    ("JAVA_TOOL_OPTIONS", "-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -XX:-UsePerfData"),
    ("NODE_OPTIONS", "--max-old-space-size=256"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
];

fn runs() -> u64 {
    std::env::var("HARNESS_SIM_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// The path of a tool; says that the test is skipped where there is none.
fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

/// A copy of a right program of the fixtures in a folder of its own.
fn fixture(language: &str) -> tempfile::TempDir {
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/submissions/uppercase-tcp/good").join(language);
    let folder = tempfile::tempdir().unwrap();
    build(Command::new("cp").arg("-r").arg(from.join(".")).arg(folder.path()));
    folder
}

fn build(command: &mut Command) {
    let made = finished(command);
    assert!(made.status.success(), "{command:?}: {}", String::from_utf8_lossy(&made.stderr));
}

fn with_runtimes(mut launch: Launch) -> Launch {
    launch.environment.extend(RUNTIMES.map(|(name, value)| (name.into(), value.into())));
    launch
}

/// Plays a pair again and again: one seed gives one trace, and every seed another.
fn one_seed_is_one_run(name: &str, input: &[u8], answer: &[u8], programs: impl Fn() -> (Launch, Launch)) {
    // One language at a time, so that the load is what it says.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let stop = AtomicBool::new(false);
    let run = |seed| {
        let cut = Schedule::Random { chance: 0.4, max: None };
        let jitter = Duration::from_millis(20);
        let config = Config { seed, jitter, reads: cut.clone(), writes: cut, ..Config::default() };
        let (server, client) = programs();
        let run = pair(config, with_runtimes(server), vec![with_runtimes(client)], input).unwrap();
        assert_eq!(run.clients, [(Exit::Status(0), answer.to_vec())], "{name}, seed {seed}");
        assert_eq!(run.sim.slips(), 0, "{name}, seed {seed}: time went on without a thread");
        (run.sim.trace_sha256(), run.sim.trace())
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let began = Instant::now();
            let same: BTreeMap<String, String> = (0..runs()).map(|_| run(1)).collect();
            let others: BTreeSet<String> = (1..=runs()).map(|seed| run(seed).0).collect();
            let each = began.elapsed() / (2 * runs()).max(1) as u32;
            println!(
                "{name}: {} runs of one seed, {} traces; {} seeds, {} traces; {each:?} for a run",
                runs(),
                same.len(),
                runs(),
                others.len()
            );
            if let [one, other, ..] = same.values().collect::<Vec<_>>()[..] {
                panic!("{name}: runs of one seed differ\n{}", first_difference(one, other));
            }
            assert_eq!(others.len() as u64, runs(), "{name}: seeds do not make a difference");
            assert!(same.keys().all(|sha256| others.contains(sha256)));
        }));
        stop.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Where two records part, with what came before.
fn first_difference(one: &str, other: &str) -> String {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let parted = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str]| lines[parted.saturating_sub(5)..lines.len().min(parted + 10)].join("\n");
    format!("{}\nand in the other:\n{}", part(&one), part(&other))
}

const SENTENCE: &[u8] = b"the quick brown fox jumps over the lazy dog, again and again and again\n";

fn uppercase(name: &str, programs: impl Fn() -> (Launch, Launch)) {
    one_seed_is_one_run(name, SENTENCE, &SENTENCE.to_ascii_uppercase(), programs);
}

fn c(flags: &'static [&'static str]) {
    let bytes = noise(20_480);
    let (server, client) = (compiled("upper_server", flags), compiled("upper_client", flags));
    one_seed_is_one_run(&format!("C {}", flags.concat()), &bytes, &bytes.to_ascii_uppercase(), || {
        (launch(&server, &[PORT]), launch(&client, &["127.0.0.1", PORT]))
    });
}

#[test]
fn c_dynamic() {
    c(&[]);
}

#[test]
fn c_static() {
    c(&["-static"]);
}

fn python_server(model: &str) {
    let script = source("upper.py");
    let script = script.to_str().unwrap();
    one_seed_is_one_run(&format!("Python {model}"), b"", b"[True, True, True]\n", || {
        (launch(&python(), &[script, model, PORT]), launch(&python(), &[script, "clients", PORT]))
    });
}

#[test]
fn python_threads() {
    python_server("threads");
}

#[test]
fn python_select() {
    python_server("select");
}

#[test]
fn python_asyncio() {
    python_server("asyncio");
}

#[test]
fn java() {
    let (Some(compiler), Some(java)) = (tool("javac"), tool("java")) else { return };
    let folder = fixture("java");
    let classes = folder.path().join("out");
    build(Command::new(compiler).current_dir(folder.path()).args(["-d", "out", "TCPServer.java", "TCPClient.java"]));
    let classes = classes.to_str().unwrap();
    uppercase("Java", || {
        let server = launch(&java, &["-cp", classes, "TCPServer", PORT]);
        (server, launch(&java, &["-cp", classes, "TCPClient", "127.0.0.1", PORT]))
    });
}

fn go(linked: &str, cgo: &str) {
    let Some(go) = tool("go") else { return };
    let folder = fixture("go");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache");
    build(
        Command::new(go)
            .current_dir(folder.path())
            .env("CGO_ENABLED", cgo)
            .env("GOCACHE", cache)
            .args(["build", "-o", "bin/", "./server", "./client"]),
    );
    let program = |name: &str| folder.path().join("bin").join(name);
    uppercase(&format!("Go {linked}"), || {
        (launch(&program("server"), &[PORT]), launch(&program("client"), &["127.0.0.1", PORT]))
    });
}

#[test]
fn go_dynamic() {
    go("dynamic", "1");
}

#[test]
fn go_static() {
    go("static", "0");
}

#[test]
fn rust() {
    let Some(compiler) = tool("rustc") else { return };
    let folder = fixture("rust");
    for name in ["server.rs", "client.rs"] {
        build(Command::new(&compiler).current_dir(folder.path()).args(["--edition=2021", "-O", name]));
    }
    uppercase("Rust", || {
        let server = launch(&folder.path().join("server"), &[PORT]);
        (server, launch(&folder.path().join("client"), &["127.0.0.1", PORT]))
    });
}

#[test]
fn node() {
    let Some(node) = tool("node") else { return };
    let folder = fixture("node");
    let script = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    uppercase("Node", || {
        let server = launch(&node, &[&script("server.js"), PORT]);
        (server, launch(&node, &[&script("client.js"), "127.0.0.1", PORT]))
    });
}
