//! What a run on the simulated network costs: by language, by trap, by processes, by bytes.
//!
//! The tables are of whole runs: the simulation is made, both programs are started, do their work, are ended. The
//! two smallest runs are criterion's as well, so that a change of a few percent shows.

use std::error::Error;
use std::time::Duration;

use benches::procfs;
use benches::simulated::{Pair, Sample, Workshop};
use criterion::Criterion;

/// Rounds of a table's row, unless its runs take long.
const ROUNDS: usize = 20;

/// A row does not go on for longer than this.
const ROW: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let workshop = Workshop::new(folder.path());
    let mut criterion = Criterion::default().configure_from_args();
    small(&mut criterion, &workshop)?;
    criterion.final_summary();
    by_language(&workshop)?;
    one_trap(&workshop)?;
    by_processes(&workshop)?;
    by_bytes(&workshop)?;
    println!("\npeak memory of the supervisor after all of it: {} KiB", procfs::peak_memory(std::process::id())?);
    Ok(())
}

fn small(criterion: &mut Criterion, workshop: &Workshop) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("simulated");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (name, pair) in [("C, 20 KB", workshop.c_pair(20_480)), ("C, 100 ping-pongs", workshop.ping_pong(100))] {
        let Some(pair) = pair else { continue };
        pair.play()?;
        group.bench_function(name, |bencher| {
            bencher.iter(|| pair.play().map_err(|why| why.to_string()).expect("the run passes"));
        });
    }
    group.finish();
    Ok(())
}

/// Runs of a pair: the median and the fastest of their times, and the last.
struct Row {
    median: Duration,
    fastest: Duration,
    last: Sample,
}

fn measure(pair: &Pair) -> Result<Row, Box<dyn Error>> {
    let mut last = pair.play()?;
    let mut times = Vec::new();
    while times.len() < ROUNDS && (times.len() < 3 || times.iter().sum::<Duration>() < ROW) {
        last = pair.play()?;
        times.push(last.wall);
    }
    let (median, fastest) = middle(times);
    Ok(Row { median, fastest, last })
}

fn middle(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[0])
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn by_language(workshop: &Workshop) -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11}",
        "whole run", "median", "fastest", "bare", "times", "runs/s", "traps", "server KiB"
    );
    let mut pairs: Vec<Pair> = workshop.languages();
    pairs.extend(workshop.c_pair(20_480).map(|pair| pair.named("C 20 KB")));
    pairs.extend(workshop.python_pinger());
    pairs.extend(workshop.c_pinger());
    pairs.extend(workshop.ping_pong(20_000).map(|pair| pair.named("C 20 000 ping-pongs")));
    for pair in pairs {
        let row = measure(&pair)?;
        let mut bare = Vec::new();
        for _ in 0..5 {
            bare.push(pair.bare_start()?);
        }
        let (_, bare) = middle(bare);
        println!(
            "{:26} {:>6.1} ms {:>6.1} ms {:>6.1} ms {:>9.2} {:>9.1} {:>9} {:>11}",
            pair.name,
            ms(row.median),
            ms(row.fastest),
            ms(bare),
            row.fastest.as_secs_f64() / bare.as_secs_f64(),
            1.0 / row.fastest.as_secs_f64(),
            row.last.traps,
            row.last.server_peak,
        );
    }
    Ok(())
}

fn one_trap(workshop: &Workshop) -> Result<(), Box<dyn Error>> {
    const MANY: usize = 50_000;
    let (Some(without), Some(with)) = (workshop.traps(0), workshop.traps(MANY)) else { return Ok(()) };
    let (without, with) = (measure(&without)?.fastest, measure(&with)?.fastest);
    println!("\none trap: {:.2} µs", with.saturating_sub(without).as_secs_f64() * 1e6 / MANY as f64);
    Ok(())
}

fn by_processes(workshop: &Workshop) -> Result<(), Box<dyn Error>> {
    println!("\n{:>10} {:>10} {:>10} {:>14}", "processes", "median", "fastest", "each process");
    for clients in [1, 9, 29, 99, 299] {
        let Some(pair) = workshop.c_many(clients) else { continue };
        let row = measure(&pair)?;
        let each = ms(row.fastest) / (clients + 1) as f64;
        println!("{:>10} {:>7.1} ms {:>7.1} ms {each:>11.2} ms", clients + 1, ms(row.median), ms(row.fastest));
    }
    Ok(())
}

fn by_bytes(workshop: &Workshop) -> Result<(), Box<dyn Error>> {
    println!("\n{:>12} {:>10} {:>10} {:>9} {:>10} {:>12}", "bytes", "median", "fastest", "MiB/s", "traps", "virtual");
    for bytes in [20_480, 204_800, 2 << 20, 20 << 20, 64 << 20] {
        let Some(pair) = workshop.one_way(bytes) else { continue };
        let row = measure(&pair)?;
        let speed = bytes as f64 / f64::from(1 << 20) / row.fastest.as_secs_f64();
        println!(
            "{bytes:>12} {:>7.1} ms {:>7.1} ms {speed:>9.1} {:>10} {:>12?}",
            ms(row.median),
            ms(row.fastest),
            row.last.traps,
            row.last.passed
        );
    }
    Ok(())
}
