//! A chat room with 2 000 clients: lines a second, and what a client costs in memory, for the reference, a plain Python
//! server and an IRC daemon.

use std::error::Error;
use std::time::Duration;

use benches::chat::{self, Contender, Room};
use benches::procfs;
use benches::transfer::Server;
use criterion::{Criterion, Throughput};

const CLIENTS: usize = 2_000;

/// Lines in one sample's iteration, each said by another client.
const LINES: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    reference::descriptors::allow_many();
    let folder = tempfile::tempdir()?;
    let (contenders, absent) = chat::contenders(env!("CARGO_BIN_EXE_reference-alone"), folder.path())?;
    for why in absent {
        println!("skipped: {why}");
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut memory = Vec::new();
    for contender in &contenders {
        let per_client = room(&mut criterion, contender).map_err(|error| format!("{}: {error}", contender.name))?;
        memory.push((contender.name, per_client));
    }
    println!("resident memory of the server for each client, KiB\n");
    for (name, (joined, talked)) in memory {
        println!("{name:12} {joined:>8.1} when all have come {talked:>8.1} after the talk");
    }
    criterion.final_summary();
    Ok(())
}

/// Fills a room, lets it talk, and tells the memory per client: when all have come, and at the end.
fn room(criterion: &mut Criterion, contender: &Contender) -> Result<(f64, f64), Box<dyn Error>> {
    let server = Server::start(&contender.start)?;
    let alone = procfs::resident_memory(server.pid())?;
    let mut room = Room::fill(contender.dialect, server.port(), CLIENTS)?;
    let per_client = |now: u64| now.saturating_sub(alone) as f64 / CLIENTS as f64;
    let joined = per_client(procfs::resident_memory(server.pid())?);
    // What is fast because it loses lines is no contender.
    room.talk(CLIENTS)?;
    if !room.is_fair() {
        return Err("some clients heard less than others".into());
    }
    let mut group = criterion.benchmark_group(format!("chat room, {CLIENTS} clients"));
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function(contender.name, |bencher| {
        bencher.iter(|| {
            if let Err(why) = room.talk(LINES) {
                panic!("{}: {why}", contender.name);
            }
        });
    });
    group.finish();
    Ok((joined, per_client(procfs::resident_memory(server.pid())?)))
}
