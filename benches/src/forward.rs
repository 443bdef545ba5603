//! Port forwarders: programs to compare, the remote behind them, and the clients before them.
//!
//! Owns the remote (a thread of this process), starting the forwarders, and what passes through one. The remote and the
//! clients are the same for every forwarder, so what they cost is a part of each figure.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::pair::{Absent, Start};

/// Bound of every wait for a forwarder.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many milliseconds nothing more may be taken until a stalled stream counts as full.
const STILL_MS: u16 = 300;

/// What a line of a conversation is.
const LINE: &[u8] = b"a line that comes back\n";

/// A forwarder.
#[derive(Debug, Clone)]
pub struct Forwarder {
    /// How reports call it.
    pub name: &'static str,
    /// Starts it.
    pub start: Start,
}

/// The forwarders that this machine offers, leading to a remote on the loopback, and what is absent. `reference_alone`
/// is the path of this package's program of that name.
pub fn forwarders(reference_alone: &str, remote: u16) -> (Vec<Forwarder>, Vec<Absent>) {
    let remote = remote.to_string();
    let mut found = vec![Forwarder {
        name: "reference",
        start: Start::new([reference_alone, "port-forward", "forward", "{port}", "127.0.0.1", &remote]),
    }];
    let mut absent = Vec::new();
    match Command::new("socat").arg("-V").output() {
        Ok(_) => {
            // A process for each client, as its manual has it.
            let from = "TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=512".to_owned();
            let start = Start::new(["socat".to_owned(), from, format!("TCP:127.0.0.1:{remote}")]);
            found.push(Forwarder { name: "socat", start });
        }
        Err(source) => absent.push(Absent::NotInstalled { program: "socat", source }),
    }
    (found, absent)
}

/// The service behind the forwarders. It ends with the process.
#[derive(Debug)]
pub struct Remote {
    port: u16,
    sent: Arc<AtomicU64>,
}

impl Remote {
    /// Sends so many bytes to whoever connects, and closes.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn source(bytes: u64) -> io::Result<Self> {
        Self::serve(move |mut client, sent| {
            let piece = vec![b'x'; 64 * 1024];
            let mut left = bytes;
            while left > 0 {
                let length = left.min(piece.len() as u64);
                if client.write_all(&piece[..length as usize]).is_err() {
                    return;
                }
                sent.fetch_add(length, Ordering::Relaxed);
                left -= length;
            }
        })
    }

    /// Sends back what comes.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn echo() -> io::Result<Self> {
        Self::serve(|mut client, _| {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = client.read(&mut piece) {
                if client.write_all(&piece[..length]).is_err() {
                    return;
                }
            }
        })
    }

    fn serve(work: impl Fn(TcpStream, &AtomicU64) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, sent) = (listener.local_addr()?.port(), Arc::new(AtomicU64::new(0)));
        let (work, counter) = (Arc::new(work), Arc::clone(&sent));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (work, counter) = (Arc::clone(&work), Arc::clone(&counter));
                thread::spawn(move || work(client, &counter));
            }
        });
        Ok(Self { port, sent })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that the system has taken from it.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    Ok(client)
}

/// Takes everything that comes, to its end.
///
/// # Errors
/// If it is not as much as was sent.
pub fn take_all(port: u16, bytes: u64) -> io::Result<()> {
    let mut client = connect(port)?;
    let mut piece = vec![0; 64 * 1024];
    let mut taken = 0;
    loop {
        match client.read(&mut piece)? {
            0 if taken == bytes => return Ok(()),
            0 => return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{taken} of {bytes} bytes came"))),
            length => taken += length as u64,
        }
    }
}

/// Connections that are open at the same time.
pub struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// Connects so many clients, and has each exchange a line.
    ///
    /// # Errors
    /// If one of them is refused or waits in vain.
    pub fn gather(port: u16, count: usize) -> io::Result<Self> {
        let mut crowd = Self((0..count).map(|_| connect(port)).collect::<io::Result<_>>()?);
        crowd.converse()?;
        Ok(crowd)
    }

    /// Has each say a line, and then each hear its own.
    ///
    /// # Errors
    /// If one of them hears something else.
    pub fn converse(&mut self) -> io::Result<()> {
        for client in &mut self.0 {
            client.write_all(LINE)?;
        }
        let mut heard = [0; LINE.len()];
        for client in &mut self.0 {
            client.read_exact(&mut heard)?;
            if heard != LINE {
                return Err(io::Error::other("another line came back"));
            }
        }
        Ok(())
    }
}

/// A client that connects and reads nothing until the remote can send no more.
pub struct Stalled {
    client: TcpStream,
    /// Bytes that were taken in from the remote meanwhile, by the forwarder and both systems' buffers.
    pub taken_in: u64,
}

impl Stalled {
    /// Waits until nothing moves.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn before(port: u16, remote: &Remote) -> io::Result<Self> {
        let before = remote.sent();
        let client = connect(port)?;
        // Something has come, so the way is open; that one byte is all that is taken.
        (&client).read_exact(&mut [0])?;
        let mut seen = 0;
        loop {
            // An error or the end of both directions is reported unasked.
            let mut ends = [PollFd::new(client.as_fd(), PollFlags::empty())];
            if poll(&mut ends, PollTimeout::from(STILL_MS))? > 0 {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, "the connection ended"));
            }
            let now = remote.sent() - before;
            if now == seen {
                return Ok(Self { client, taken_in: now });
            }
            seen = now;
        }
    }

    /// Takes the rest, to the end.
    ///
    /// # Errors
    /// If it is not as much as was sent.
    pub fn drain(mut self, bytes: u64) -> io::Result<()> {
        let taken = 1 + io::copy(&mut self.client, &mut io::sink())?;
        match taken == bytes {
            true => Ok(()),
            false => Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{taken} of {bytes} bytes came"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_taken_and_counted() {
        let remote = Remote::source(300_000).unwrap();
        take_all(remote.port(), 300_000).unwrap();
        assert_eq!(remote.sent(), 300_000);
        assert_eq!(take_all(remote.port(), 300_001).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_crowd_hears_itself() {
        let remote = Remote::echo().unwrap();
        let mut crowd = Crowd::gather(remote.port(), 20).unwrap();
        crowd.converse().unwrap();
    }

    #[test]
    fn a_stalled_client_loses_nothing() {
        let remote = Remote::source(30_000_000).unwrap();
        let stalled = Stalled::before(remote.port(), &remote).unwrap();
        assert!(stalled.taken_in < 30_000_000);
        stalled.drain(30_000_000).unwrap();
    }
}
