//! What a peer can do with programs while the simulation runs.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::task::Poll;

use harness_os::process::BlockedCall;
use harness_os::trap::{Reaped, signal};

use crate::calls::Op;
use crate::error::{Blocked, SimError};
use crate::launch::Launch;
use crate::sockets::Role;
use crate::time::VirtualTime;
use crate::world::{World, touch, with};

/// Names a host: its index in order of addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// Names a program: its index in order of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId(pub usize);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal ended it.
    Signal(i32),
}

impl From<Reaped> for Exit {
    fn from(reaped: Reaped) -> Self {
        match reaped {
            Reaped::Exited(status) => Self::Status(status),
            Reaped::Killed(signal) => Self::Signal(signal),
        }
    }
}

/// One of a program's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// The simulation of this thread, for peers. Every method answers as of now; the futures resolve in virtual time.
#[derive(Debug, Clone, Copy)]
pub struct Handle(());

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the simulation is over")
}

impl Handle {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Virtual time.
    pub fn now(self) -> VirtualTime {
        with(|world| {
            world.sync_clock();
            world.net.now
        })
        .unwrap_or_default()
    }

    /// Starts a program on a host.
    ///
    /// # Errors
    /// When it cannot be executed or the kernel refuses the filter.
    pub fn spawn(self, host: HostId, launch: Launch) -> Result<ProgramId, SimError> {
        touch(|world| world.launch(host, launch)).unwrap_or(Err(SimError::Occupied))
    }

    /// Waits for the end of a program.
    pub async fn exited(self, program: ProgramId) -> Exit {
        poll_fn(|cx| {
            with(|world| match world.program(program) {
                Some(entry) => match entry.exit {
                    Some(exit) => Poll::Ready(exit),
                    None => {
                        entry.wakers.push(cx.waker().clone());
                        Poll::Pending
                    }
                },
                None => Poll::Ready(Exit::Status(127)),
            })
            .unwrap_or(Poll::Ready(Exit::Status(127)))
        })
        .await
    }

    /// How a program ended, if it has.
    pub fn exit(self, program: ProgramId) -> Option<Exit> {
        with(|world| world.program(program).and_then(|entry| entry.exit)).flatten()
    }

    /// Waits until everything waits: no call is to be served and no packet arrives at this moment. What the
    /// programs wait in is then given by [`Handle::blocked`]. Virtual time has not moved.
    pub async fn settled(self) {
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            // The driver may be asleep until something else is due.
            touch(|world| world.settled_wakers.push(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// The calls in which threads of programs wait.
    pub fn blocked(self) -> Vec<Blocked> {
        with(|world| world.blocked()).unwrap_or_default()
    }

    /// Waits until a socket of the program's host listens (a stream) or is bound (datagrams) and returns every
    /// such address. Resolves with an empty list when the program ends before that.
    pub async fn listening(self, program: ProgramId) -> Vec<SocketAddr> {
        poll_fn(|cx| {
            with(|world| {
                let found = world.listening(program);
                let Some(entry) = world.program(program) else { return Poll::Ready(found) };
                if !found.is_empty() || entry.exit.is_some() {
                    return Poll::Ready(found);
                }
                entry.wakers.push(cx.waker().clone());
                world.net.listen_wakers.push(cx.waker().clone());
                Poll::Pending
            })
            .unwrap_or(Poll::Ready(Vec::new()))
        })
        .await
    }

    /// Queues bytes for a program's standard input.
    pub fn write_input(self, program: ProgramId, bytes: &[u8]) {
        touch(|world| {
            if let Some(entry) = world.program(program) {
                entry.input.pending.extend(bytes);
            }
            world.exchange_output();
        });
    }

    /// Closes a program's standard input after what was queued.
    pub fn close_input(self, program: ProgramId) {
        touch(|world| {
            if let Some(entry) = world.program(program) {
                entry.input.close_after = true;
            }
            world.exchange_output();
        });
    }

    /// Takes what a program has written and nobody has taken yet; waits while there is nothing. An empty answer
    /// is the end of the stream.
    pub async fn read_output(self, program: ProgramId, stream: Stream) -> Vec<u8> {
        poll_fn(|cx| {
            with(|world| {
                let Some(entry) = world.program(program) else { return Poll::Ready(Vec::new()) };
                let output = &mut entry.outputs[stream as usize];
                if output.bytes.is_empty() && !output.ended && output.descriptor.is_some() {
                    output.wakers.push(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(std::mem::take(&mut output.bytes).into())
            })
            .unwrap_or(Poll::Ready(Vec::new()))
        })
        .await
    }

    /// Takes what a program has written and nobody has taken yet, without waiting.
    pub fn take_output(self, program: ProgramId, stream: Stream) -> Vec<u8> {
        with(|world| {
            world.exchange_output();
            world
                .program(program)
                .map(|entry| std::mem::take(&mut entry.outputs[stream as usize].bytes).into())
                .unwrap_or_default()
        })
        .unwrap_or_default()
    }

    /// Sends a signal to the program's first process.
    ///
    /// # Errors
    /// When it is dead.
    pub fn signal(self, program: ProgramId, number: i32) -> io::Result<()> {
        touch(|world| world.send_signal(program, number)).unwrap_or(false).then_some(()).ok_or_else(gone)
    }

    /// Makes every call in which threads of the program wait return `EINTR`, or what it has moved, as a signal with
    /// a handler that does not ask for restarts would. Returns how many there were.
    pub fn interrupt(self, program: ProgramId) -> usize {
        touch(|world| world.interrupt(program)).unwrap_or(0)
    }

    /// Cuts the ways between two hosts, both directions.
    pub fn partition(self, one: HostId, other: HostId) {
        touch(|world| {
            world.net.wire.cut(one.0, other.0);
            world.net.wire.cut(other.0, one.0);
        });
    }

    /// Opens the ways between two hosts again.
    pub fn heal(self, one: HostId, other: HostId) {
        touch(|world| {
            let (config, now) = (world.net.config.clone(), world.net.now);
            world.net.wire.heal(&config, now, one.0, other.0);
            world.net.wire.heal(&config, now, other.0, one.0);
        });
    }

    /// From now on the host neither sends nor receives, and its connections are gone without a word. Its programs are
    /// the caller's to end.
    pub fn crash(self, host: HostId) {
        touch(|world| world.net.crash(host.0));
    }

    /// Ends a crash. Who has something under way to the host learns that it is forgotten there.
    pub fn restart(self, host: HostId) {
        touch(|world| world.net.restart(host.0));
    }

    /// The host with this name.
    pub fn host(self, name: &str) -> Option<HostId> {
        with(|world| world.net.hosts.iter().position(|host| host.name == name)).flatten().map(HostId)
    }

    /// The address of a host in a family.
    pub fn address(self, host: HostId, v6: bool) -> Option<IpAddr> {
        with(|world| world.net.hosts.get(host.0).map(|host| host.address(v6))).flatten()
    }

    /// Bytes that have arrived for a program's host and that no program has read, over all its streams.
    pub fn unread(self, program: ProgramId) -> usize {
        with(|world| {
            let Some(host) = world.program(program).map(|entry| entry.host) else { return 0 };
            let ids: Vec<_> = world
                .net
                .sockets
                .iter()
                .filter(|(id, socket)| socket.host == host && world.kept.contains_key(id))
                .map(|(id, _)| *id)
                .collect();
            ids.into_iter().map(|id| world.net.unread(id)).sum()
        })
        .unwrap_or(0)
    }
}

impl World {
    /// What every held thread waits in.
    pub fn blocked(&self) -> Vec<Blocked> {
        self.held
            .iter()
            .filter_map(|(key, held)| {
                let thread = self.threads.get(key)?;
                Some(Blocked {
                    program: thread.program,
                    process: held.record.process,
                    thread: thread.number,
                    call: BlockedCall::new(held.note.sys.number().into(), held.note.args),
                    since: held.record.at,
                    until: held.deadline,
                })
            })
            .collect()
    }

    pub fn interrupt(&mut self, program: ProgramId) -> usize {
        let keys: Vec<_> = self
            .held
            .iter()
            .filter(|(_, held)| held.record.program == program && held.op.interrupted().is_some())
            .map(|(key, _)| *key)
            .collect();
        for key in &keys {
            if let Some(mut held) = self.release(*key) {
                crate::calls::show_remaining(&held, self.net.now);
                held.op = Op::Late(held.op.interrupted());
                held.deadline = Some(self.net.now);
                held.watching.clear();
                held.native = false;
                self.hold(*key, held);
            }
        }
        keys.len()
    }

    fn listening(&mut self, program: ProgramId) -> Vec<SocketAddr> {
        let Some(host) = self.program(program).map(|entry| entry.host) else { return Vec::new() };
        self.net
            .sockets
            .values()
            .filter(|socket| socket.host == host)
            .filter(|socket| matches!(socket.role, Role::Listener { .. } | Role::Datagram { .. }))
            .filter_map(|socket| socket.bound)
            .collect()
    }

    fn send_signal(&mut self, program: ProgramId, number: i32) -> bool {
        let Some(root) = self.program(program).map(|entry| entry.root) else { return false };
        self.expect_signals();
        let sent = self.processes.get(&root).is_some_and(|process| signal(process.pidfd.as_fd(), number));
        if sent {
            self.await_signals(root);
        }
        sent
    }
}
