//! Transfers of 20 KB and 1 MiB: the reference beside plain C and `nc`, over the same loopback.
//!
//! One iteration is what a user waits for: the client is started with the file as its standard input, and the clock
//! stops when all bytes have come out of the server and the client has ended. The server stays up.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use benches::message::{self, ONE_MIB, TWENTY_KB};
use benches::pair::{self, Pair};
use benches::transfer::{Server, transfer, verify};
use criterion::{BenchmarkId, Criterion, Throughput};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (pairs, absent) = pair::all(env!("CARGO_BIN_EXE_reference-alone"), folder.path())?;
    for why in absent {
        println!("skipped: {why}");
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (size, bytes) in [("20 KB", TWENTY_KB), ("1 MiB", ONE_MIB)] {
        let file = folder.path().join(format!("{bytes}.txt"));
        std::fs::write(&file, message::text(bytes))?;
        for pair in &pairs {
            verify(pair, &file).map_err(|error| format!("{}: {error}", pair.name))?;
        }
        group(&mut criterion, size, bytes, &file, &pairs)?;
    }
    criterion.final_summary();
    Ok(())
}

fn group(
    criterion: &mut Criterion,
    size: &str,
    bytes: usize,
    file: &PathBuf,
    pairs: &[Pair],
) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("transfer");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Bytes(bytes as u64));
    for pair in pairs {
        // One server for each row: connections in TIME_WAIT belong to a port, and no row inherits another's.
        let mut server = Server::start(&pair.server)?;
        group.bench_with_input(BenchmarkId::new(pair.name, size), file, |bencher, file| {
            bencher.iter(|| {
                if let Err(error) = transfer(&mut server, &pair.client, file, bytes) {
                    panic!("{}, {size}: {error}", pair.name);
                }
            });
        });
    }
    group.finish();
    Ok(())
}
