//! What the tests share: compiling the programs, starting them, driving them.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod link;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use harness_sim::{Config, Exit, Handle, Launch, ProgramId, SimError, Simulation, Stdio, Stream};

/// The source of a test program.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

/// Compiles `NAME.c` with these further flags, once per test binary.
pub fn compiled(name: &str, flags: &[&str]) -> PathBuf {
    static LOCK: OnceLock<Mutex<Vec<PathBuf>>> = OnceLock::new();
    let mut done = LOCK.get_or_init(Mutex::default).lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    std::fs::create_dir_all(&folder).unwrap();
    let target = folder.join(format!("{name}{}", flags.concat()));
    if !done.contains(&target) {
        let mut command = Command::new("cc");
        command.args(["-O1", "-pthread", "-o"]).arg(&target).arg(source(&format!("{name}.c"))).args(flags);
        let made = finished(&command);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        done.push(target.clone());
    }
    target
}

/// Runs a tool to its end, beside the simulations of other threads.
pub fn finished(command: &Command) -> std::process::Output {
    harness_os::spawn::output(command).unwrap()
}

/// The interpreter itself: a wrapper of a version manager would be part of every run.
pub fn python() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let answer = finished(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]));
        PathBuf::from(String::from_utf8(answer.stdout).unwrap().trim())
    };
    FOUND.get_or_init(find).clone()
}

/// A program with all three standard descriptors held by the simulation.
pub fn launch(program: &Path, arguments: &[&str]) -> Launch {
    let mut launch = Launch::new(program, arguments);
    (launch.stdin, launch.stdout, launch.stderr) = (Stdio::Pipe, Stdio::Pipe, Stdio::Pipe);
    launch
}

/// Everything that a program writes until its end, and how it ended.
pub async fn collect(handle: Handle, program: ProgramId) -> (Exit, Vec<u8>) {
    let mut all = Vec::new();
    loop {
        let some = handle.read_output(program, Stream::Output).await;
        if some.is_empty() {
            break;
        }
        all.extend(some);
    }
    (handle.exited(program).await, all)
}

/// What is left of a run of a server and its clients.
pub struct Outcome {
    pub clients: Vec<(Exit, Vec<u8>)>,
    pub sim: Simulation,
}

/// Runs a server and, once it listens, clients that are given `input`.
pub fn pair(config: Config, server: Launch, clients: Vec<Launch>, input: &[u8]) -> Result<Outcome, SimError> {
    let mut sim = Simulation::new(config)?;
    let place = sim.add_host("server")?;
    let places = (0..clients.len()).map(|n| sim.add_host(&format!("client{n}"))).collect::<Result<Vec<_>, _>>()?;
    let handle = sim.handle();
    let clients = sim.run(async {
        let server = handle.spawn(place, server)?;
        handle.listening(server).await;
        let mut programs = Vec::new();
        for (host, client) in places.into_iter().zip(clients) {
            let program = handle.spawn(host, client)?;
            handle.write_input(program, input);
            handle.close_input(program);
            programs.push(program);
        }
        let mut ends = Vec::new();
        for program in programs {
            ends.push(collect(handle, program).await);
        }
        Ok::<_, SimError>(ends)
    })??;
    Ok(Outcome { clients, sim })
}

/// Bytes without a pattern that a copy could hide.
pub fn noise(length: usize) -> Vec<u8> {
    let mut word = 0x2545_f491_4f6c_dd1d_u64;
    (0..length)
        .map(|_| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            (word >> 32) as u8
        })
        .collect()
}
