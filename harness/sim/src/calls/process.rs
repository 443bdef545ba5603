//! Processes, threads and signals: the kernel does the work, the simulation follows it.

use std::os::fd::AsFd;

use harness_os::trap::{ClockPage, Sys, children_of, native_readiness, pidfd_open};

use super::{Op, Reply};
use crate::process::{Held, ThreadKey};
use crate::random::{Draw, Purpose};
use crate::world::World;

impl World {
    /// Replaces the clock functions of a process that has a new image.
    pub(super) fn install_clock(&mut self, process: i32) {
        let seed = self.net.config.seed;
        let Some(entry) = self.processes.get_mut(&process) else { return };
        entry.fresh_image = false;
        let mut random = [0u8; 16];
        Draw::new(seed, Purpose::StartBytes, &[entry.program.0 as u64, u64::from(entry.number)]).fill(&mut random);
        // Without it the clock functions make real calls or show real time; doctor tells of such machines.
        entry.clock = ClockPage::install(process, random).ok().flatten();
        entry.clock_shows = None;
    }

    pub(super) fn start_process(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let process = self.process_of(key);
        match held.note.sys {
            Sys::Clone | Sys::Clone3 | Sys::Fork | Sys::Vfork => {
                if let Some(entry) = self.processes.get_mut(&process) {
                    entry.dirty = true;
                }
                let flags = match held.note.sys {
                    Sys::Clone => held.note.args[0],
                    Sys::Clone3 => super::memory(held).word64(held.note.args[0]).unwrap_or(0),
                    Sys::Vfork => libc::CLONE_VFORK as u64,
                    _ => 0,
                };
                if flags & libc::CLONE_FILES as u64 == 0 {
                    self.note_copies(key, held.note.sys, held.note.args);
                } else if flags & libc::CLONE_THREAD as u64 == 0 {
                    // Two processes with one table: each is looked at alone.
                    self.expect_copies(held.record.program);
                }
                if let Some(thread) = self.threads.get_mut(&key) {
                    thread.vfork = flags & libc::CLONE_VFORK as u64 != 0;
                }
                Some(Reply::Native)
            }
            Sys::Execve | Sys::Execveat => {
                if let Some(entry) = self.processes.get_mut(&process) {
                    entry.dirty = true;
                    entry.fresh_image = true;
                    entry.clock = None;
                    entry.alarm = entry.alarm.take();
                    entry.timers.clear();
                }
                // Its other threads end with the old image.
                self.let_run(process, key);
                Some(Reply::Native)
            }
            Sys::ExitGroup => {
                // Its parent may have a handler for SIGCHLD.
                if let Some(parent) = self.processes.get(&process).and_then(|entry| entry.parent) {
                    self.expect_signal(parent);
                }
                self.let_run(process, key);
                Some(Reply::Native)
            }
            Sys::Exit => {
                if let Some(thread) = self.threads.get_mut(&key) {
                    thread.leaving = true;
                }
                Some(Reply::Native)
            }
            Sys::Kill
            | Sys::Tkill
            | Sys::Tgkill
            | Sys::RtSigqueueinfo
            | Sys::RtTgsigqueueinfo
            | Sys::PidfdSendSignal => {
                self.expect_signals();
                self.signals_expected = true;
                Some(Reply::Native)
            }
            Sys::Wait4 | Sys::Waitid => {
                // Whoever is collected gives up a number that another child may get.
                if let Some(entry) = self.processes.get_mut(&process) {
                    entry.dead.clear();
                }
                let options = if held.note.sys == Sys::Wait4 { held.note.args[2] } else { held.note.args[3] };
                if options as i32 & libc::WNOHANG != 0 {
                    return Some(Reply::Native);
                }
                let which = if held.note.sys == Sys::Wait4 { i64::from(held.note.args[0] as i32) } else { -1 };
                held.op = Op::Wait { which };
                self.resume_wait(key, held)
            }
            _ => Some(Reply::Unknown),
        }
    }

    /// The other threads of a process are about to be ended by the kernel: what they wait in is void.
    fn let_run(&mut self, process: i32, except: ThreadKey) {
        let others: Vec<ThreadKey> = self
            .threads
            .iter()
            .filter(|(key, thread)| thread.process == process && **key != except)
            .map(|(key, _)| *key)
            .collect();
        for key in others {
            if self.release(key).is_some() {
                if let Some(thread) = self.threads.get_mut(&key) {
                    thread.asleep = None;
                }
                self.running.insert(key);
            }
        }
    }

    pub(super) fn resume_wait(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let Op::Wait { which } = held.op else { return Some(Reply::Unknown) };
        let process = self.process_of(key);
        let children = children_of(process);
        let concerned: Vec<i32> = if which > 0 {
            children.into_iter().filter(|child| i64::from(*child) == which).collect()
        } else {
            children
        };
        // No such child, or a dead one: the kernel answers at once. A child is dead when its last thread has ended; the
        // first may be gone long before, and then the kernel would have the caller wait where nobody sees it.
        let is_dead =
            |child: &i32| pidfd_open(*child).map_or(true, |child| native_readiness(child.as_fd(), libc::POLLIN) != 0);
        let ready = concerned.is_empty() || concerned.iter().any(is_dead);
        ready.then_some(Reply::Native)
    }

    /// A child of this process has died.
    pub(crate) fn wake_waiters(&mut self, process: i32) {
        let keys: Vec<ThreadKey> = self
            .held
            .iter()
            .filter(|(_, held)| matches!(held.op, Op::Wait { .. }))
            .map(|(key, _)| *key)
            .filter(|key| self.process_of(*key) == process)
            .collect();
        self.retry.extend(keys);
    }
}
