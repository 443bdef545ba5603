//! One transfer: a client's file goes in, and the same bytes come out of the server.
//!
//! Every wait is for something that can be seen, and has a bound: a listener in the socket table, bytes in the
//! server's standard output, the end of the client's.

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};

use crate::pair::{Pair, Start};
use crate::procfs;

/// Bound of every wait. Nothing here takes a hundredth of it on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two looks at the socket table.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// How often a server is given another port because somebody else was faster to take it.
const ATTEMPTS: u32 = 5;

/// Why a transfer came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The system refuses something.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The server ended.
    #[error("the server ended ({status}) before it listened on port {port}")]
    ServerEnded {
        /// How.
        status: ExitStatus,
        /// The port that it was given.
        port: u16,
    },
    /// The server runs and does not listen.
    #[error("nobody listens on port {port} after {} s", PATIENCE.as_secs())]
    NotListening {
        /// The port that the server was given.
        port: u16,
    },
    /// Not all bytes came out.
    #[error("{arrived} of {expected} bytes came out of the server")]
    Incomplete {
        /// Bytes that came.
        arrived: usize,
        /// Bytes that were sent.
        expected: usize,
    },
    /// Other bytes came out than went in.
    #[error("byte {at} that came out of the server is not the one that was sent")]
    Different {
        /// Place of the first such byte.
        at: usize,
    },
    /// The client does not end.
    #[error("the client still runs {} s after its message has arrived", PATIENCE.as_secs())]
    ClientStays,
    /// The client says that it failed.
    #[error("the client failed ({0})")]
    ClientFailed(ExitStatus),
}

fn cannot(doing: &'static str) -> impl FnOnce(io::Error) -> TransferError {
    move |source| TransferError::System { doing, source }
}

/// A program that is ended with its handle.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its handle.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody is left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    process: Running,
    output: ChildStdout,
    port: u16,
}

impl Server {
    /// Starts a server on a free port of the loopback and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started or does not come to listen.
    pub fn start(start: &Start) -> Result<Self, TransferError> {
        let mut attempt = 1;
        loop {
            match Self::start_on(start, free_port().map_err(cannot("find a free port"))?) {
                Err(TransferError::ServerEnded { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_on(start: &Start, port: u16) -> Result<Self, TransferError> {
        let mut command = start.command(port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(cannot("start the server"))?;
        let mut process = Running(child);
        let output = take_output(process.child())?;
        let deadline = Instant::now() + PATIENCE;
        while !procfs::listens(port).map_err(cannot("read the socket table"))? {
            if let Some(status) = process.child().try_wait().map_err(cannot("watch the server"))? {
                return Err(TransferError::ServerEnded { status, port });
            }
            if Instant::now() > deadline {
                return Err(TransferError::NotListening { port });
            }
            // Whatever comes first: the end of its output, which is its own end, or the time for another look. A wait
            // that kept the processor would keep it from the server.
            readable(&output, Instant::now() + LOOK_AGAIN).map_err(cannot("watch the server"))?;
        }
        Ok(Self { process, output, port })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes `bytes` bytes from its standard output, and gives them to `see` in pieces.
    ///
    /// # Errors
    /// If they do not come.
    pub fn take(&mut self, bytes: usize, mut see: impl FnMut(&[u8])) -> Result<(), TransferError> {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 65_536];
        let mut arrived = 0;
        while arrived < bytes {
            let wanted = buffer.len().min(bytes - arrived);
            let count = match readable(&self.output, deadline).map_err(cannot("wait for the server's output"))? {
                true => self.output.read(&mut buffer[..wanted]).map_err(cannot("read the server's output"))?,
                false => 0,
            };
            if count == 0 {
                return Err(TransferError::Incomplete { arrived, expected: bytes });
            }
            see(&buffer[..count]);
            arrived += count;
        }
        Ok(())
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn take_output(child: &mut Child) -> Result<ChildStdout, TransferError> {
    child.stdout.take().ok_or_else(|| cannot("read a program's output")(io::ErrorKind::BrokenPipe.into()))
}

/// Waits until there is something to read, or the end; `false` at the deadline.
fn readable(output: &ChildStdout, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match ppoll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], Some(left.into()), None) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A client that has been started.
#[derive(Debug)]
pub struct Client {
    process: Running,
    output: ChildStdout,
}

impl Client {
    /// Starts a client for the server on this port.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(start: &Start, port: u16, input: Stdio) -> Result<Self, TransferError> {
        let mut command = start.command(port);
        let child = command.stdin(input).stdout(Stdio::piped()).spawn().map_err(cannot("start the client"))?;
        let mut process = Running(child);
        let output = take_output(process.child())?;
        Ok(Self { process, output })
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// Waits until it has ended well. The end of its standard output, to which no client of this task writes, is
    /// what can be waited for with a bound.
    ///
    /// # Errors
    /// If it stays, or fails.
    pub fn end(mut self) -> Result<(), TransferError> {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 512];
        loop {
            if !readable(&self.output, deadline).map_err(cannot("wait for the client"))? {
                return Err(TransferError::ClientStays);
            }
            if self.output.read(&mut buffer).map_err(cannot("wait for the client"))? == 0 {
                break;
            }
        }
        let status = self.process.child().wait().map_err(cannot("wait for the client"))?;
        if status.success() { Ok(()) } else { Err(TransferError::ClientFailed(status)) }
    }
}

/// One transfer to a server that is up: starts the client with the file as its standard input, and returns when all
/// `bytes` bytes have come out of the server and the client has ended.
///
/// # Errors
/// If anything of it does not happen.
pub fn transfer(server: &mut Server, client: &Start, file: &Path, bytes: usize) -> Result<(), TransferError> {
    transfer_seen(server, client, file, bytes, |_| {})
}

fn transfer_seen(
    server: &mut Server,
    client: &Start,
    file: &Path,
    bytes: usize,
    see: impl FnMut(&[u8]),
) -> Result<(), TransferError> {
    let input = File::open(file).map_err(cannot("open the message"))?;
    let client = Client::start(client, server.port(), input.into())?;
    server.take(bytes, see)?;
    client.end()
}

/// Two transfers in a row to a fresh server, compared byte for byte: a pair that fails here is not worth timing.
///
/// # Errors
/// If anything else comes out than went in.
pub fn verify(pair: &Pair, file: &Path) -> Result<(), TransferError> {
    let sent = std::fs::read(file).map_err(cannot("read the message"))?;
    let mut server = Server::start(&pair.server)?;
    for _ in 0..2 {
        let mut received = Vec::with_capacity(sent.len());
        transfer_seen(&mut server, &pair.client, file, sent.len(), |piece| received.extend_from_slice(piece))?;
        if let Some(at) = (0..sent.len()).find(|at| sent[*at] != received[*at]) {
            return Err(TransferError::Different { at });
        }
    }
    Ok(())
}
