//! Peak memory of both programs of every pair, for a message of 1 MiB and for one of 64 MiB.
//!
//! A program with buffers of a fixed size needs the same for both. No statistics: the figure is the kernel's own
//! high-water mark (`VmHWM`), read while the program still runs and has nothing left to do.

use std::error::Error;
use std::io::{self, Write};
use std::process::Stdio;
use std::thread;

use benches::message::{self, ONE_MIB, SIXTY_FOUR_MIB};
use benches::pair::{self, Pair};
use benches::procfs;
use benches::transfer::{Client, Server};

/// Peaks of one transfer, in KiB.
struct Peaks {
    server: u64,
    client: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (pairs, absent) = pair::all(env!("CARGO_BIN_EXE_reference-alone"), folder.path())?;
    for why in absent {
        println!("skipped: {why}");
    }
    println!("peak resident memory, KiB\n");
    println!("{:20} {:>14} {:>14} {:>14} {:>14}", "", "server 1 MiB", "server 64 MiB", "client 1 MiB", "client 64 MiB");
    for pair in &pairs {
        let small = peaks(pair, ONE_MIB).map_err(|error| format!("{}: {error}", pair.name))?;
        let large = peaks(pair, SIXTY_FOUR_MIB).map_err(|error| format!("{}: {error}", pair.name))?;
        println!(
            "{:20} {:>14} {:>14} {:>14} {:>14}",
            pair.name, small.server, large.server, small.client, large.client
        );
    }
    Ok(())
}

/// One transfer between fresh programs. The client's input is a pipe that is kept open: when every byte has come out
/// of the server, the client waits for more, and its high-water mark can be read before it ends.
fn peaks(pair: &Pair, bytes: usize) -> Result<Peaks, Box<dyn Error>> {
    let message = message::text(bytes);
    let mut server = Server::start(&pair.server)?;
    let mut client = Client::start(&pair.client, server.port(), Stdio::piped())?;
    let mut input = client.process().child().stdin.take().ok_or("the client has no standard input")?;
    let peaks = thread::scope(|scope| -> Result<Peaks, Box<dyn Error>> {
        let writer = scope.spawn(|| -> io::Result<()> { input.write_all(&message) });
        let taken = server.take(bytes, |_| {});
        if taken.is_err() {
            // The writer must come to an end too: without a client its pipe breaks.
            client.process().child().kill()?;
        }
        let written = writer.join().map_err(|_| "the writer came to a sudden end")?;
        taken?;
        written?;
        Ok(Peaks { server: procfs::peak_memory(server.pid())?, client: procfs::peak_memory(client.process().pid())? })
    })?;
    drop(input);
    client.end()?;
    Ok(peaks)
}
