//! What a peer can learn of programs beyond their sockets: what comes next, who holds which address, which
//! processes there are. Changes nothing but by signals.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use harness_os::trap::signal;

use crate::handle::{Handle, HostId, ProgramId};
use crate::net::TcpStream;
use crate::process::ThreadKey;
use crate::record::CallRecord;
use crate::sockets::Role;
use crate::time::VirtualTime;
use crate::world::{World, touch, with};

/// What happens next if no peer does anything. Exact after [`Handle::settled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// A program runs.
    Running,
    /// A packet arrives then.
    Packet(VirtualTime),
    /// Nothing is under way, but a program's own time-out or timer comes then.
    Timer(VirtualTime),
    /// Nothing will ever happen.
    Nothing,
}

/// A wait of a program that is to be broken off.
#[derive(Debug)]
pub(crate) struct Interruption {
    program: ProgramId,
    nth: usize,
    seen: BTreeSet<(ThreadKey, VirtualTime)>,
    done: bool,
}

/// How far the record of a run goes that was closed.
#[derive(Debug)]
pub(crate) struct Closed {
    pub calls: usize,
    pub packets: usize,
    pub slips: u64,
    pub sha256: String,
}

/// Calls that count as waits for the other side.
const WAITS: [&str; 8] = ["connect", "accept", "recv", "read", "send", "write", "poll", "select"];

impl Handle {
    /// Breaks off the `nth` wait of a program for its other side (counted from 1, reads of standard input left
    /// out) with `EINTR`, as [`Handle::interrupt`] does.
    pub fn interrupt_nth(self, program: ProgramId, nth: usize) {
        touch(|world| world.interruption = Some(Interruption { program, nth, seen: BTreeSet::new(), done: false }));
    }

    /// Whether that has happened.
    pub fn has_interrupted(self) -> bool {
        with(|world| world.interruption.as_ref().is_some_and(|wish| wish.done)).unwrap_or(false)
    }

    /// Closes the record of the run: what happens from now on is among neither its packets nor its calls.
    pub fn close_record(self) {
        with(|world| {
            let trace = &world.net.wire.trace;
            let (packets, sha256) = (trace.records().len(), trace.sha256());
            world.closed = Some(Closed { calls: world.calls.len(), packets, slips: world.slips, sha256 });
        });
    }

    /// What happens next if no peer does anything.
    pub fn outlook(self) -> Outlook {
        with(|world| world.outlook()).unwrap_or(Outlook::Nothing)
    }

    /// How often programs were stopped to be answered so far. Changes whenever one of them has run.
    pub fn traps(self) -> u64 {
        with(|world| world.traps).unwrap_or_default()
    }

    /// Every call of a program that was answered so far, in order.
    pub fn calls(self, program: ProgramId) -> Vec<CallRecord> {
        with(|world| world.calls.iter().filter(|call| call.program == program).cloned().collect()).unwrap_or_default()
    }

    /// The process id of a program's first process, while it lives.
    pub fn process(self, program: ProgramId) -> Option<i32> {
        with(|world| world.program(program).filter(|entry| entry.exit.is_none()).map(|entry| entry.root)).flatten()
    }

    /// Addresses at which processes of this very program listen (`stream`) or are bound to (datagrams).
    pub fn addresses(self, program: ProgramId, stream: bool) -> Vec<SocketAddr> {
        with(|world| world.addresses(program, stream)).unwrap_or_default()
    }

    /// Sends a signal to every process of a program.
    pub fn signal_all(self, program: ProgramId, number: i32) {
        touch(|world| {
            world.expect_signals();
            let mut sent = Vec::new();
            for (id, process) in &world.processes {
                if process.program == program && signal(process.pidfd.as_fd(), number) {
                    sent.push(*id);
                }
            }
            for process in sent {
                world.await_signals(process);
            }
        });
    }

    /// Holds back every packet between two hosts, in both directions, until [`Handle::heal`].
    pub fn hold(self, one: HostId, other: HostId) {
        touch(|world| {
            world.net.wire.jam(one.0, other.0);
            world.net.wire.jam(other.0, one.0);
        });
    }
}

impl TcpStream {
    /// Bytes that were written here and that the other end's program has not read; at least 1 while any are
    /// under way.
    pub fn unread_by_peer(&self) -> usize {
        with(|world| world.unread_at_the_other_end(self.id())).unwrap_or_default()
    }
}

impl World {
    /// Breaks off a wait if it is the one that a peer has asked for. True when it did.
    pub fn break_off(&mut self) -> bool {
        let Some(wish) = self.interruption.as_mut().filter(|wish| !wish.done) else { return false };
        for (key, held) in &self.held {
            let named = held.note.sys.name().is_some_and(|name| WAITS.iter().any(|wait| name.starts_with(wait)));
            if held.record.program == wish.program
                && named
                && held.record.descriptor != Some(0)
                && held.op.interrupted().is_some()
                && wish.seen.insert((*key, held.record.at))
                && wish.seen.len() == wish.nth
            {
                wish.done = true;
                let program = wish.program;
                return self.interrupt(program) > 0;
            }
        }
        false
    }

    fn outlook(&mut self) -> Outlook {
        let awake = |key: &u32| self.threads.get(key).is_some_and(|thread| thread.asleep.is_none());
        if self.running.iter().any(awake)
            || !self.ending.is_empty()
            || !self.fresh.is_empty()
            || !self.net.changed.is_empty()
        {
            return Outlook::Running;
        }
        if let Some(at) = self.net.next_event() {
            return Outlook::Packet(at);
        }
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        match [deadline, self.next_timer()].into_iter().flatten().min() {
            Some(at) => Outlook::Timer(at),
            None => Outlook::Nothing,
        }
    }

    fn addresses(&self, program: ProgramId, stream: bool) -> Vec<SocketAddr> {
        let Some(host) = self.programs.get(program.0).map(|entry| entry.host) else { return Vec::new() };
        let meant = |role: &Role| match role {
            Role::Listener { .. } => stream,
            Role::Datagram { .. } => !stream,
            _ => false,
        };
        let candidates: Vec<(u64, SocketAddr)> = self
            .placeholders
            .iter()
            .filter_map(|(identity, id)| {
                let socket = self.net.sockets.get(id)?;
                let here = socket.host == host && meant(&socket.role) && socket.remote_wire.is_none();
                Some((*identity, socket.bound.filter(|_| here)?))
            })
            .collect();
        if candidates.is_empty() {
            return Vec::new();
        }
        // Two programs may share a host: the descriptors tell whose socket it is.
        let own: BTreeSet<u64> = self
            .processes
            .iter()
            .filter(|(_, process)| process.program == program)
            .flat_map(|(process, _)| held_sockets(*process))
            .collect();
        let mut found: Vec<SocketAddr> =
            candidates.into_iter().filter(|(identity, _)| own.contains(identity)).map(|(_, at)| at).collect();
        found.sort_by_key(|address| (!address.is_ipv4(), address.port()));
        found
    }

    fn unread_at_the_other_end(&self, id: crate::sockets::SocketId) -> usize {
        let Ok(socket) = self.net.socket(id) else { return 0 };
        let Role::Stream(own) = socket.role else { return 0 };
        let Some((local, remote)) = self.net.model.ends(own) else { return 0 };
        let under_way = usize::from(!self.net.model.drained(own));
        let waiting: usize = (0..self.net.hosts.len())
            .flat_map(|host| {
                // A host that meets itself sees its mirror as the other end.
                let mirror = SocketAddr::new(self.net.hosts[host].mirror(local.is_ipv6()), local.port());
                let seen = self.net.hosts[host].has(remote.ip()) || self.net.hosts[host].is_mirror(remote.ip());
                let here = SocketAddr::new(self.net.hosts[host].address(remote.is_ipv6()), remote.port());
                [local, mirror].into_iter().filter(move |_| seen).flat_map(move |from| {
                    [self.net.model.connection_at(host, remote, from), self.net.model.connection_at(host, here, from)]
                })
            })
            .flatten()
            .filter(|connection| *connection != own)
            .map(|connection| self.net.model.readable(connection).0)
            .max()
            .unwrap_or(0);
        waiting + under_way
    }
}

/// Identities of the sockets that a process holds.
fn held_sockets(process: i32) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.ok()?.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}
