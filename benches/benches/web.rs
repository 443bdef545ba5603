//! The web server beside Python's `http.server` and nginx: one page of 20 KB on a connection of its own, and what `ab`
//! makes of two thousand of them.

use std::error::Error;
use std::time::Duration;

use benches::procfs;
use benches::transfer::Server;
use benches::web::{self, LENGTH};
use criterion::{Criterion, Throughput};

const REQUESTS: u32 = 2_000;
const AT_A_TIME: u32 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (servers, absent) = web::servers(env!("CARGO_BIN_EXE_reference-alone"), folder.path())?;
    for why in absent {
        println!("skipped: {why}");
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut loads = Vec::new();
    let mut group = criterion.benchmark_group("a page of 20 KB");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Bytes(LENGTH as u64));
    for server in &servers {
        let running = Server::start(&server.start).map_err(|why| format!("{}: {why}", server.name))?;
        group.bench_function(server.name, |bencher| {
            bencher.iter(|| web::fetch(running.port()).unwrap_or_else(|why| panic!("{}: {why}", server.name)));
        });
        let load = web::load(running.port(), REQUESTS, AT_A_TIME);
        loads.push((server.name, load, procfs::peak_memory(running.pid())?));
    }
    group.finish();
    println!("{REQUESTS} requests, {AT_A_TIME} at a time, each on a connection of its own (ab)\n");
    for (name, load, memory) in loads {
        match load {
            Ok(load) => println!(
                "{name:12} {:>8.0} a second, 99 of 100 within {:>6.1} ms, peak memory {memory} KiB",
                load.per_second, load.slowest
            ),
            Err(why) => println!("{name:12} not measured: {why}"),
        }
    }
    criterion.final_summary();
    Ok(())
}
