//! epoll: sets of simulated sockets beside a real set for everything else.
//!
//! The descriptor that the program gets is a real epoll set made by the supervisor, which keeps a copy: real
//! descriptors are added by the kernel itself, simulated ones here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use harness_os::trap::Sys;

use super::time::read_timespec;
use super::{Op, Reply, memory};
use crate::process::{Held, ThreadKey};
use crate::sockets::SocketId;
use crate::world::World;

/// One simulated socket of a set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    events: u32,
    data: u64,
    /// EPOLLONESHOT has fired.
    silent: bool,
    /// What was last reported, for edges.
    reported: i16,
    edges: u64,
}

/// A socket of a set, and the descriptor under which it was added.
type Name = (SocketId, i32);

/// One epoll set.
#[derive(Debug)]
pub(crate) struct EpollSet {
    real: OwnedFd,
    /// The real set may have members.
    natives: bool,
    members: BTreeMap<Name, Member>,
    /// Members that may have something to report. All others have nothing.
    candidates: BTreeSet<Name>,
    /// Threads that wait on the set.
    waiters: BTreeSet<ThreadKey>,
    /// The last member that was reported: the next report goes on behind it, so that none is starved.
    last: Option<Name>,
}

const EDGE: u32 = libc::EPOLLET as u32;
const ONE_SHOT: u32 = libc::EPOLLONESHOT as u32;
const ALWAYS: i16 = libc::POLLERR | libc::POLLHUP;

impl World {
    pub(super) fn start_epoll(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        match held.note.sys {
            Sys::EpollCreate | Sys::EpollCreate1 => Some(self.make_epoll(key, held)),
            Sys::EpollCtl => Some(self.change_epoll(key, held)),
            _ => {
                held.record.descriptor = Some(args[0] as i32);
                held.record.asked = args[2];
                let Some(set) = self.epoll_at(key, args[0] as i32) else { return Some(Reply::Unknown) };
                let patience = if held.note.sys == Sys::EpollPwait2 {
                    match args[3] {
                        0 => None,
                        at => read_timespec(memory(held), at),
                    }
                } else {
                    match args[3] as i32 {
                        ..0 => None,
                        milliseconds => Some(Duration::from_millis(milliseconds as u64)),
                    }
                };
                held.deadline = patience.map(|time| self.net.now + time);
                if held.note.sys != Sys::EpollWait {
                    held.mask = super::readiness::mask_at(memory(held), args[4]);
                }
                let count = args[2] as i32;
                if count <= 0 {
                    return Some(Reply::Errno(libc::EINVAL));
                }
                held.op = Op::Epoll { set, events: args[1], count: count.min(4096) as usize };
                None
            }
        }
    }

    /// The set behind a descriptor, which may be a copy of the one that was given out (tokio makes one).
    fn epoll_at(&mut self, key: ThreadKey, descriptor: i32) -> Option<u64> {
        let process = self.process_of(key);
        let entry = self.processes.get_mut(&process)?;
        if let Some(number) = entry.epolls.get(&descriptor) {
            return Some(*number);
        }
        let number = u64::from(harness_os::trap::mark_of(process, descriptor)?);
        entry.epolls.insert(descriptor, number);
        Some(number)
    }

    /// A real set that is known again under any descriptor.
    fn marked_set(&mut self) -> Option<OwnedFd> {
        let set = harness_os::trap::Poller::new().ok()?;
        if self.silent.is_none() {
            self.silent = std::io::pipe().ok();
        }
        let (reader, _) = self.silent.as_ref()?;
        set.mark(reader.as_fd(), u32::try_from(self.epolls_made + 1).ok()?).ok()?;
        Some(set.into_descriptor())
    }

    fn make_epoll(&mut self, key: ThreadKey, held: &mut Held) -> Reply {
        let Some(real) = self.marked_set() else {
            return Reply::Errno(libc::EMFILE);
        };
        let close_on_exec = held.note.sys == Sys::EpollCreate1 && held.note.args[0] as i32 & libc::EPOLL_CLOEXEC != 0;
        let Some(program) = self.programs.get(held.record.program.0) else { return Reply::Unknown };
        match program.listener.add_descriptor(held.note.id, real.as_fd(), close_on_exec) {
            Ok(number) => {
                self.epolls_made += 1;
                let id = self.epolls_made;
                self.epolls.insert(
                    id,
                    EpollSet {
                        real,
                        natives: false,
                        members: BTreeMap::new(),
                        candidates: BTreeSet::new(),
                        waiters: BTreeSet::new(),
                        last: None,
                    },
                );
                let process = self.process_of(key);
                if let Some(entry) = self.processes.get_mut(&process) {
                    entry.epolls.insert(number, id);
                }
                Reply::Value(i64::from(number))
            }
            Err(errno) => Reply::Errno(errno),
        }
    }

    fn change_epoll(&mut self, key: ThreadKey, held: &mut Held) -> Reply {
        let args = held.note.args;
        let descriptor = args[2] as i32;
        held.record.descriptor = Some(descriptor);
        let number = self.epoll_at(key, args[0] as i32);
        let simulated = self.socket_at(key, descriptor);
        let Some(number) = number else {
            return if simulated.is_some() { Reply::Errno(libc::EBADF) } else { Reply::Native };
        };
        let Some(set) = self.epolls.get_mut(&number) else { return Reply::Errno(libc::EBADF) };
        let Some(id) = simulated else {
            set.natives = true;
            // Whoever waits on the set has to look at the real one from now on.
            self.retry.extend(set.waiters.iter().copied());
            return Reply::Native;
        };
        held.record.socket = self.net.socket(id).ok().map(|socket| socket.label);
        let event: [u8; 12] = memory(held).array(args[3]).unwrap_or([0; 12]);
        let events = u32::from_le_bytes(event[..4].try_into().unwrap_or([0; 4]));
        let data = u64::from_le_bytes(event[4..].try_into().unwrap_or([0; 8]));
        let member = Member { events, data, silent: false, reported: 0, edges: u64::MAX };
        let name = (id, descriptor);
        let known = set.members.contains_key(&name);
        match (args[1] as i32, known) {
            (libc::EPOLL_CTL_ADD, true) => return Reply::Errno(libc::EEXIST),
            (libc::EPOLL_CTL_MOD | libc::EPOLL_CTL_DEL, false) => return Reply::Errno(libc::ENOENT),
            (libc::EPOLL_CTL_DEL, true) => {
                set.members.remove(&name);
                set.candidates.remove(&name);
                if let Some(sets) = self.epoll_members.get_mut(&id) {
                    sets.remove(&(number, descriptor));
                }
            }
            (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, _) => {
                set.members.insert(name, member);
                set.candidates.insert(name);
                self.epoll_members.entry(id).or_default().insert((number, descriptor));
                // Another thread may wait on this set already.
                self.retry.extend(set.waiters.iter().copied());
            }
            _ => return Reply::Errno(libc::EINVAL),
        }
        Reply::Value(0)
    }

    /// A simulated socket may have something to report.
    pub(crate) fn wake_epolls(&mut self, socket: SocketId) {
        let Some(names) = self.epoll_members.get(&socket) else { return };
        for (number, descriptor) in names {
            if let Some(set) = self.epolls.get_mut(number) {
                set.candidates.insert((socket, *descriptor));
                self.retry.extend(set.waiters.iter().copied());
            }
        }
    }

    /// A simulated socket is closed for good.
    pub(crate) fn leave_epolls(&mut self, socket: SocketId) {
        for (number, descriptor) in self.epoll_members.remove(&socket).unwrap_or_default() {
            if let Some(set) = self.epolls.get_mut(&number) {
                set.members.remove(&(socket, descriptor));
                set.candidates.remove(&(socket, descriptor));
            }
        }
    }

    /// Notes who waits on a set.
    pub(crate) fn wait_on_epoll(&mut self, number: u64, key: ThreadKey, waits: bool) {
        if let Some(set) = self.epolls.get_mut(&number) {
            if waits {
                set.waiters.insert(key);
            } else {
                set.waiters.remove(&key);
            }
        }
    }

    pub(super) fn resume_epoll(&mut self, key: ThreadKey, held: &mut Held, expired: bool) -> Option<Reply> {
        let Op::Epoll { set: id, events, count } = held.op else { return Some(Reply::Unknown) };
        let Some(mut set) = self.epolls.remove(&id) else { return Some(Reply::Errno(libc::EBADF)) };
        held.native = set.natives;
        held.record.sockets = set.members.len();
        let mut out: Vec<u8> = Vec::new();
        let mut reported = 0;
        let order: Vec<Name> = match set.last {
            Some(last) => {
                let behind = set.candidates.range((Excluded(last), Unbounded));
                behind.chain(set.candidates.range(..=last)).copied().collect()
            }
            None => set.candidates.iter().copied().collect(),
        };
        for name in order {
            if reported == count {
                break;
            }
            let bits = self.simulated_bits(name.0);
            let edges = self.net.sockets.get(&name.0).map_or(0, |socket| socket.edges);
            let Some(member) = set.members.get_mut(&name) else {
                set.candidates.remove(&name);
                continue;
            };
            let news = member.report(bits, edges);
            if news.is_none() || member.events & EDGE != 0 {
                set.candidates.remove(&name);
            }
            if let Some(bits) = news {
                out.extend((bits as u16 as u32).to_le_bytes());
                out.extend(member.data.to_le_bytes());
                reported += 1;
                set.last = Some(name);
            }
        }
        if set.natives && reported < count {
            for (bits, data) in harness_os::trap::epoll_ready(set.real.as_fd(), count - reported) {
                out.extend(bits.to_le_bytes());
                out.extend(data.to_le_bytes());
                reported += 1;
            }
        }
        self.epolls.insert(id, set);
        if reported == 0 {
            if self.is_interrupted(key, held) {
                return Some(Reply::Native);
            }
            if !expired {
                return None;
            }
        }
        if !memory(held).write(events, &out) {
            return Some(Reply::Errno(libc::EFAULT));
        }
        Some(Reply::Value(reported as i64))
    }
}

impl Member {
    /// What is to be reported of a socket with these bits, if anything.
    fn report(&mut self, bits: i16, edges: u64) -> Option<i16> {
        let wanted = (self.events & 0xffff) as i16 | ALWAYS;
        let bits = bits & wanted;
        if self.silent || bits == 0 {
            self.reported = bits;
            return None;
        }
        if self.events & EDGE != 0 {
            let news = bits & !self.reported != 0 || edges != self.edges;
            self.reported = bits;
            self.edges = edges;
            if !news {
                return None;
            }
        }
        self.silent = self.events & ONE_SHOT != 0;
        Some(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(events: u32) -> Member {
        Member { events, data: 0, silent: false, reported: 0, edges: u64::MAX }
    }

    #[test]
    fn level_reports_as_long_as_ready() {
        let mut level = member(libc::EPOLLIN as u32);
        assert!(level.report(libc::POLLIN, 1).is_some());
        assert!(level.report(libc::POLLIN, 1).is_some());
        assert!(level.report(libc::POLLOUT, 1).is_none());
    }

    #[test]
    fn an_edge_reports_once_for_each_event() {
        let mut edge = member(libc::EPOLLIN as u32 | EDGE);
        assert!(edge.report(libc::POLLIN, 1).is_some());
        assert!(edge.report(libc::POLLIN, 1).is_none());
        assert!(edge.report(libc::POLLIN, 2).is_some());
        assert!(edge.report(0, 2).is_none());
        assert!(edge.report(libc::POLLIN, 2).is_some());
    }

    #[test]
    fn one_shot_reports_once() {
        let mut shot = member(libc::EPOLLIN as u32 | ONE_SHOT);
        assert!(shot.report(libc::POLLIN, 1).is_some());
        assert!(shot.report(libc::POLLIN, 2).is_none());
    }
}
