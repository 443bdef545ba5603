//! `poll`, `select` and their newer forms, over simulated and real descriptors alike.

use std::time::Duration;

use harness_os::trap::{Memory, Sys};

use super::files::native_bits;
use super::time::{read_timespec, read_timeval};
use super::{Op, Reply, memory};
use crate::process::{Held, ThreadKey};
use crate::sockets::{Readiness, SocketId};
use crate::world::World;

impl Readiness {
    /// As the bits of `poll` (those of epoll are the same).
    pub(crate) fn bits(self) -> i16 {
        let mut bits = 0;
        for (set, bit) in [
            (self.readable, libc::POLLIN | libc::POLLRDNORM),
            (self.writable, libc::POLLOUT | libc::POLLWRNORM),
            (self.peer_closed, libc::POLLRDHUP),
            (self.hung_up, libc::POLLHUP),
            (self.failed, libc::POLLERR),
        ] {
            if set {
                bits |= bit;
            }
        }
        bits
    }
}

const ALWAYS: i16 = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;

/// The signals of a set in the memory of a program, one bit each; `None` when there is no set.
pub(super) fn mask_at(memory: Memory, at: u64) -> Option<u64> {
    (at != 0).then(|| memory.word64(at)).flatten()
}

impl World {
    pub(super) fn start_readiness(&mut self, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        let memory = memory(held);
        let patience = match held.note.sys {
            Sys::Poll => match args[2] as i32 {
                ..0 => None,
                milliseconds => Some(Duration::from_millis(milliseconds as u64)),
            },
            Sys::Ppoll if args[2] == 0 => None,
            Sys::Ppoll => read_timespec(memory, args[2]),
            Sys::Select if args[4] == 0 => None,
            Sys::Select => read_timeval(memory, args[4]),
            _ if args[4] == 0 => None,
            _ => read_timespec(memory, args[4]),
        };
        held.mask = match held.note.sys {
            Sys::Ppoll => mask_at(memory, args[3]),
            // struct { const sigset_t *mask; size_t length; }
            Sys::Pselect6 if args[5] != 0 => memory.word64(args[5]).and_then(|at| mask_at(memory, at)),
            _ => None,
        };
        held.deadline = patience.map(|time| self.net.now + time);
        if matches!(held.note.sys, Sys::Poll | Sys::Ppoll) {
            held.record.asked = args[1];
            held.op = Op::Poll { entries: args[0], count: (args[1] as usize).min(1 << 16) };
        } else {
            held.record.asked = args[0];
            let count = (args[0] as i32).clamp(0, 1 << 16) as usize;
            held.op = Op::Select { count, sets: [args[1], args[2], args[3]] };
        }
        None
    }

    pub(super) fn resume_readiness(&mut self, key: ThreadKey, held: &mut Held, expired: bool) -> Option<Reply> {
        // What it waits for is found anew each time; the caller puts it back among the waiting.
        held.watching.clear();
        held.native = false;
        let ready = match held.op {
            Op::Poll { entries, count } => self.poll_entries(key, held, entries, count, expired),
            Op::Select { count, sets } => self.select_sets(key, held, count, sets, expired),
            _ => return Some(Reply::Unknown),
        };
        held.record.sockets = held.watching.len();
        let answered = match ready {
            Err(errno) => Some(Reply::Errno(errno)),
            Ok(0) if self.is_interrupted(key, held) => Some(Reply::Native),
            Ok(0) if !expired => None,
            Ok(count) => Some(Reply::Value(count)),
        };
        if answered.is_some() {
            super::show_remaining(held, self.net.now);
        }
        answered
    }

    /// Whether a signal waits that only the mask of this very call lets through. The kernel has to do the call then: it
    /// finds nothing ready, because a placeholder never is, has the signal taken, and answers `EINTR`.
    pub(super) fn is_interrupted(&mut self, key: ThreadKey, held: &mut Held) -> bool {
        let Some(mask) = held.mask else { return false };
        // Nothing announces such a signal: it is looked for at every step.
        held.native = true;
        crate::signals::pending(self.process_of(key), held.note.thread) & !mask != 0
    }

    /// The bits of one descriptor, and what to watch for it.
    fn bits_of(&mut self, key: ThreadKey, held: &mut Held, descriptor: i32, wanted: i16) -> i16 {
        if let Some(id) = self.socket_at(key, descriptor) {
            held.watching.push(id);
            return self.simulated_bits(id) & (wanted | ALWAYS);
        }
        held.native = true;
        let process = self.process_of(key);
        match self.processes.get(&process) {
            Some(entry) => native_bits(&entry.pidfd, process, descriptor, wanted),
            None => libc::POLLNVAL,
        }
    }

    pub(super) fn simulated_bits(&self, id: SocketId) -> i16 {
        if let Some(socket) = self.netlinks.get(&id) {
            return socket.bits();
        }
        match self.timer_sockets.get(&id) {
            Some(timer) if timer.expirations > 0 => libc::POLLIN,
            Some(_) => 0,
            None => self.net.readiness(id).bits(),
        }
    }

    fn poll_entries(
        &mut self,
        key: ThreadKey,
        held: &mut Held,
        entries: u64,
        count: usize,
        expired: bool,
    ) -> Result<i64, i32> {
        let memory = memory(held);
        let mut bytes = vec![0u8; count * 8];
        if !memory.read(entries, &mut bytes) {
            return Err(libc::EFAULT);
        }
        let mut ready = 0;
        for entry in bytes.chunks_exact_mut(8) {
            let descriptor = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            let wanted = i16::from_le_bytes([entry[4], entry[5]]);
            let bits = if descriptor < 0 { 0 } else { self.bits_of(key, held, descriptor, wanted) };
            entry[6..8].copy_from_slice(&bits.to_le_bytes());
            ready += i64::from(bits != 0);
        }
        if (ready > 0 || expired) && !memory.write(entries, &bytes) {
            return Err(libc::EFAULT);
        }
        Ok(ready)
    }

    fn select_sets(
        &mut self,
        key: ThreadKey,
        held: &mut Held,
        count: usize,
        sets: [u64; 3],
        expired: bool,
    ) -> Result<i64, i32> {
        let memory = memory(held);
        let length = count.div_ceil(64) * 8;
        // Which bits of poll make a member of each set ready (select(2)).
        let kinds = [
            libc::POLLIN | libc::POLLHUP | libc::POLLERR | libc::POLLRDNORM,
            libc::POLLOUT | libc::POLLERR | libc::POLLWRNORM,
            libc::POLLPRI,
        ];
        let mut members: [Vec<u8>; 3] = Default::default();
        for (set, bytes) in sets.iter().zip(&mut members) {
            bytes.resize(length, 0);
            if *set != 0 && !memory.read(*set, bytes) {
                return Err(libc::EFAULT);
            }
        }
        let mut ready = 0;
        for descriptor in 0..count {
            let (byte, mask) = (descriptor / 8, 1u8 << (descriptor % 8));
            if members.iter().all(|bytes| bytes[byte] & mask == 0) {
                continue;
            }
            let wanted = kinds[0] | kinds[1] | kinds[2];
            let bits = self.bits_of(key, held, descriptor as i32, wanted & !libc::POLLRDHUP);
            if bits & libc::POLLNVAL != 0 {
                return Err(libc::EBADF);
            }
            for (bytes, kind) in members.iter_mut().zip(kinds) {
                if bytes[byte] & mask != 0 {
                    if bits & kind != 0 {
                        ready += 1;
                    } else {
                        bytes[byte] &= !mask;
                    }
                }
            }
        }
        if ready > 0 || expired {
            for (set, bytes) in sets.iter().zip(&members) {
                if *set != 0 && !memory.write(*set, bytes) {
                    return Err(libc::EFAULT);
                }
            }
        }
        Ok(ready)
    }
}
