//! Runs programs on the simulation from the command line, for experiments.
//!
//! `run [options] server 'PROGRAM ARG…' client 'PROGRAM ARG…'`: each program gets a host; the run ends when every
//! client has. Options: `--seed N --repeat N --vary --reads CHANCE --writes CHANCE --loss CHANCE --jitter MS
//! --latency MS --trace --output --lose N,N --capture FILE`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness_sim::{Config, Launch, Schedule, SimError, Simulation, Stdio, Stream};

struct Wish {
    config: Config,
    repeat: u64,
    vary: bool,
    trace: bool,
    output: bool,
    capture: Option<PathBuf>,
    programs: Vec<(bool, Vec<String>)>,
}

fn wish() -> Wish {
    let mut wish = Wish {
        config: Config::default(),
        repeat: 1,
        vary: false,
        trace: false,
        output: false,
        capture: None,
        programs: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    let chance = |text: String| Schedule::Random { chance: text.parse().unwrap_or(0.5), max: None };
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_default();
        match word.as_str() {
            "--seed" => wish.config.seed = next().parse().unwrap_or(1),
            "--repeat" => wish.repeat = next().parse().unwrap_or(1),
            "--vary" => wish.vary = true,
            "--trace" => wish.trace = true,
            "--output" => wish.output = true,
            "--capture" => wish.capture = Some(next().into()),
            "--reads" => wish.config.reads = chance(next()),
            "--writes" => wish.config.writes = chance(next()),
            "--loss" => wish.config.datagrams.loss = next().parse().unwrap_or(0.0),
            "--lose" => {
                wish.config.datagrams.lose = next().split(',').filter_map(|word| word.parse().ok()).collect();
            }
            "--jitter" => wish.config.jitter = Duration::from_millis(next().parse().unwrap_or(0)),
            "--latency" => wish.config.latency = Duration::from_millis(next().parse().unwrap_or(1)),
            "--limit" => wish.config.limit = Duration::from_secs(next().parse().unwrap_or(1)),
            "server" | "client" => {
                let line = next();
                let parts = line.split_whitespace().map(ToOwned::to_owned).collect();
                wish.programs.push((word == "client", parts));
            }
            other => eprintln!("unknown word {other}"),
        }
    }
    wish
}

fn find(name: &str) -> PathBuf {
    if name.contains('/') {
        return name.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or(name.into())
}

fn once(wish: &Wish, seed: u64) -> Result<(), SimError> {
    let mut config = wish.config.clone();
    config.seed = seed;
    let began = Instant::now();
    let mut sim = Simulation::new(config)?;
    let mut hosts = Vec::new();
    for index in 0..wish.programs.len() {
        hosts.push(sim.add_host(&format!("host{index}"))?);
    }
    let handle = sim.handle();
    let result = sim.run(async {
        let (mut clients, mut all) = (Vec::new(), Vec::new());
        for ((client, words), host) in wish.programs.iter().zip(hosts) {
            let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            let mut launch = Launch::new(find(&words[0]), &arguments);
            launch.environment = std::env::vars_os().collect();
            (launch.stdout, launch.stderr) = (Stdio::Pipe, Stdio::Pipe);
            let program = handle.spawn(host, launch)?;
            all.push(program);
            if *client {
                clients.push(program);
            } else {
                handle.listening(program).await;
            }
        }
        let mut exits = Vec::new();
        for client in clients {
            exits.push(handle.exited(client).await);
        }
        Ok::<_, SimError>((exits, all))
    });
    let wall = began.elapsed();
    if wish.trace {
        print!("{}", sim.trace());
    }
    if let Some(file) = &wish.capture
        && let Err(error) = std::fs::write(file, capture(&sim))
    {
        eprintln!("{}: {error}", file.display());
    }
    let exits = match result {
        Ok(done) => {
            let (exits, all) = done?;
            if wish.output {
                for program in all {
                    for stream in [Stream::Output, Stream::Error] {
                        let text = handle.take_output(program, stream);
                        if !text.is_empty() {
                            println!("--- program {} {stream:?}\n{}", program.0, String::from_utf8_lossy(&text));
                        }
                    }
                }
            }
            format!("{exits:?}")
        }
        Err(error) => format!("ERROR {error}"),
    };
    let unknown = sim.calls().iter().filter(|call| call.outcome == harness_sim::Outcome::Unknown).count();
    println!(
        "{seed} {} virtual {} wall {:.2} ms traps {} packets {} unknown {unknown} {exits}",
        &sim.trace_sha256()[..16],
        sim.now(),
        wall.as_secs_f64() * 1e3,
        sim.traps(),
        sim.packet_count(),
    );
    Ok(())
}

/// All packets as a capture: little-endian, nanoseconds, raw IP.
fn capture(sim: &Simulation) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 101] {
        out.extend(word.to_le_bytes());
    }
    for (number, record) in sim.packets().iter().enumerate() {
        for frame in record.packet.to_frames(1500, number as u16) {
            let nanos = record.at.as_nanos();
            let seconds = harness_sim::EPOCH_SECONDS + nanos / 1_000_000_000;
            let length = frame.len() as u32;
            for word in [seconds as u32, (nanos % 1_000_000_000) as u32, length, length] {
                out.extend(word.to_le_bytes());
            }
            out.extend(frame);
        }
    }
    out
}

fn main() -> Result<(), SimError> {
    let wish = wish();
    let began = Instant::now();
    for round in 0..wish.repeat {
        once(&wish, wish.config.seed + if wish.vary { round } else { 0 })?;
    }
    let whole = began.elapsed().as_secs_f64();
    eprintln!("{} runs in {whole:.3} s: {:.1} runs/s", wish.repeat, wish.repeat as f64 / whole);
    Ok(())
}
