//! Many clients, one thread: a loop around `poll`, in which no other call ever waits.
//!
//! `poll` takes a list of sockets, says which of them are ready, and waits only if none is. `select` is its older
//! brother: the same idea, but with a table of 1024 descriptors in which a larger number writes past the end. (Python's
//! `select.select` at least refuses.)
//!
//! What goes wrong in such loops, and what to look at here:
//!
//! - **A blocking call in the loop** stops everybody. "Ready" means that one call will not wait, not that a whole line
//!   is there: read what has come, keep it, and go on. All sockets are non-blocking, so a mistake cannot freeze the rest.
//! - **Writing blocks, too.** A client that does not read fills its buffers, and then takes no more. What it does not
//!   take now is kept in a buffer of its own, and sent when `poll` says that there is room.
//! - **That buffer must be bounded.** As long as a client has so much to take, we do not read what else it wants: it
//!   waits for itself, and our memory does not grow.
//! - **A client that has left stays in the list**, and is "ready" for ever. It is removed in the same round.
//! - **Asking for room to write when there is nothing to write**: there is always room, so the loop would spin.
//!
//! Owns the loop and the buffers; what is answered is the [`Session`]'s business.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;
use crate::network::concerns_one_client;

/// What a client is still to get, in bytes, before we stop listening to it. The replies to one more piece come on top.
const ENOUGH: usize = 64 * 1024;

/// One client's side of the protocol, without its socket: bytes in, bytes out.
pub trait Session: Default {
    /// Takes what has arrived, and appends what is to be sent.
    fn receive(&mut self, piece: &[u8], output: &mut Vec<u8>);

    /// The client sends no more; what is appended now is the last it gets.
    fn end(&mut self, output: &mut Vec<u8>);
}

struct Client<S> {
    socket: TcpStream,
    session: S,
    /// Replies that the socket has not taken yet.
    output: Vec<u8>,
    /// How many bytes of `output` it has taken.
    taken: usize,
    /// The client has closed its side. It may still be reading.
    sends_no_more: bool,
    /// It has got everything, or is gone.
    done: bool,
}

impl<S: Session> Client<S> {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, session: S::default(), output: Vec::new(), taken: 0, sends_no_more: false, done: false })
    }

    fn listens_to(&self) -> bool {
        !self.sends_no_more && self.output.len() - self.taken < ENOUGH
    }

    /// What this client is waited for.
    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::POLLIN, self.listens_to());
        interest.set(PollFlags::POLLOUT, !self.output.is_empty());
        interest
    }

    /// One step: read once, and send what can be sent. Once, although there may be more: `poll` will say so again, and
    /// in the meantime it is the next client's turn.
    fn step(&mut self, piece: &mut [u8]) -> io::Result<()> {
        if self.listens_to() {
            match self.socket.read(piece) {
                Ok(0) => {
                    self.sends_no_more = true;
                    self.session.end(&mut self.output);
                }
                Ok(count) => self.session.receive(&piece[..count], &mut self.output),
                Err(error) if is_no_answer(&error) => {}
                Err(error) => return Err(error),
            }
        }
        while self.taken < self.output.len() {
            match self.socket.write(&self.output[self.taken..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // Memory that one long reply needed is not kept for the rest of the session.
        self.output = Vec::new();
        self.taken = 0;
        self.done = self.sends_no_more;
        Ok(())
    }
}

/// There was nothing to read after all, which is allowed: `poll` may be mistaken.
fn is_no_answer(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Serves all clients of `listener`, each with a session of its own.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub fn serve<S: Session>(listener: &TcpListener) -> Result<(), Failure> {
    // A client may have left between `poll` and `accept`, and then a blocking `accept` would wait for the next one.
    listener.set_nonblocking(true).map_err(Failure::Serve)?;
    let mut clients: Vec<Client<S>> = Vec::new();
    let mut has_room = true;
    let mut piece = [0; 4096];
    loop {
        let (listener_is_ready, ready) = wait(listener, has_room, &clients).map_err(Failure::Serve)?;
        for (client, _) in clients.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
            // A reset ends this client, and nobody else.
            if client.step(&mut piece).is_err() {
                client.done = true;
            }
        }
        let before = clients.len();
        // Removed and closed: a connection is closed when its `TcpStream` is dropped.
        clients.retain(|client| !client.done);
        has_room |= clients.len() < before;
        if listener_is_ready {
            match listener.accept() {
                Ok((socket, _)) => clients.extend(Client::new(socket)),
                Err(error) if is_no_answer(&error) || concerns_one_client(&error) => {}
                Err(error) if clients.is_empty() => return Err(Failure::Serve(error)),
                // Out of descriptors, most likely. The listener stays ready, and to be told so again and again would
                // burn the CPU: look at it again when somebody has left.
                Err(_) => has_room = false,
            }
        }
    }
}

/// Waits until somebody is ready, and says who: the listener, and each client in its order.
fn wait<S: Session>(listener: &TcpListener, has_room: bool, clients: &[Client<S>]) -> io::Result<(bool, Vec<bool>)> {
    let for_listener = if has_room { PollFlags::POLLIN } else { PollFlags::empty() };
    let mut entries = vec![PollFd::new(listener.as_fd(), for_listener)];
    entries.extend(clients.iter().map(|client| PollFd::new(client.socket.as_fd(), client.interest())));
    loop {
        match poll(&mut entries, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // A reset and an error are reported even to those who did not ask; the next read or write says which it is.
    let mut ready = entries.iter().map(|entry| entry.any().unwrap_or(true));
    Ok((ready.next().unwrap_or(false), ready.collect()))
}
