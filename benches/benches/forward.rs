//! The port forwarder beside socat: bytes a second through one connection, five hundred connections at a time, and what
//! a reader that has stopped reading costs in memory.

use std::error::Error;
use std::time::Duration;

use benches::forward::{self, Crowd, Forwarder, Remote, Stalled};
use benches::procfs;
use benches::transfer::Server;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

const STREAM: u64 = 64 << 20;
const CLIENTS: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    reference::descriptors::allow_many();
    let (source, echo) = (Remote::source(STREAM)?, Remote::echo()?);
    let reference_alone = env!("CARGO_BIN_EXE_reference-alone");
    let (to_source, absent) = forward::forwarders(reference_alone, source.port());
    let (to_echo, _) = forward::forwarders(reference_alone, echo.port());
    for why in absent {
        println!("skipped: {why}");
    }
    let mut criterion = Criterion::default().configure_from_args();

    let mut group = of(&mut criterion, "64 MiB through one connection");
    group.throughput(Throughput::Bytes(STREAM));
    group.bench_function("nobody between", |bencher| bencher.iter(|| stream(source.port())));
    for forwarder in &to_source {
        let server = start(forwarder)?;
        group.bench_function(forwarder.name, |bencher| bencher.iter(|| stream(server.port())));
    }
    group.finish();

    let mut group = of(&mut criterion, "a line to and fro on each of 500 connections");
    let mut memory = Vec::new();
    for forwarder in &to_echo {
        let server = start(forwarder)?;
        let alone = procfs::memory_of_family(server.pid())?;
        let mut crowd = Crowd::gather(server.port(), CLIENTS).map_err(|why| format!("{}: {why}", forwarder.name))?;
        let each = (procfs::memory_of_family(server.pid())?.saturating_sub(alone)) as f64 / CLIENTS as f64;
        memory.push((forwarder.name, alone, each));
        group.bench_function(forwarder.name, |bencher| {
            bencher.iter(|| crowd.converse().unwrap_or_else(|why| panic!("{}: {why}", forwarder.name)));
        });
    }
    group.finish();

    println!("memory with {CLIENTS} connections, KiB\n");
    for (name, alone, each) in memory {
        println!("{name:12} {alone:>8} before the first {each:>8.1} for each");
    }
    println!("\na client that does not read, and a remote that would send 64 MiB\n");
    for forwarder in &to_source {
        let server = start(forwarder)?;
        let before = procfs::memory_of_family(server.pid())?;
        let stalled = Stalled::before(server.port(), &source)?;
        let grown = procfs::memory_of_family(server.pid())?.saturating_sub(before);
        println!("{:12} {:>8} KiB on the way, {grown:>8} KiB of memory more", forwarder.name, stalled.taken_in >> 10);
        stalled.drain(STREAM)?;
    }
    criterion.final_summary();
    Ok(())
}

fn of<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    group
}

fn start(forwarder: &Forwarder) -> Result<Server, Box<dyn Error>> {
    Server::start(&forwarder.start).map_err(|why| format!("{}: {why}", forwarder.name).into())
}

fn stream(port: u16) {
    // What is fast because it loses bytes is no contender.
    forward::take_all(port, STREAM).unwrap_or_else(|why| panic!("{why}"));
}
