//! Clocks, sleeps and timers, all in virtual time.

use std::os::fd::AsFd;
use std::time::Duration;

use harness_os::trap::{Memory, Sys, queue_signal, signal};

use super::{Op, Reply, memory};
use crate::process::{Held, ThreadKey, Timer};
use crate::sockets::SocketId;
use crate::time::{EPOCH_SECONDS, UPTIME_SECONDS, VirtualTime};
use crate::world::World;

/// A `timerfd`.
#[derive(Debug)]
pub(crate) struct TimerDescriptor {
    pub clock: i32,
    pub timer: Option<Timer>,
    pub expirations: u64,
    pub nonblocking: bool,
}

/// A `timer_create` timer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PosixTimer {
    pub clock: i32,
    pub signal: i32,
    pub thread: Option<i32>,
    pub value: u64,
    pub timer: Option<Timer>,
}

const ABSOLUTE: u64 = 1;

pub(super) fn read_timespec(memory: Memory, at: u64) -> Option<Duration> {
    let (seconds, nanos) = (memory.word64(at)?, memory.word64(at + 8)?);
    Some(Duration::new(seconds.min(1 << 40), nanos.min(999_999_999) as u32))
}

pub(super) fn read_timeval(memory: Memory, at: u64) -> Option<Duration> {
    let (seconds, micros) = (memory.word64(at)?, memory.word64(at + 8)?);
    Some(Duration::from_secs(seconds.min(1 << 40)) + Duration::from_micros(micros))
}

fn pair(first: u64, second: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}

/// Timers that a process may have.
const TIMERS: usize = 16_384;

/// Interval and time left, as `struct itimerspec`, or as `struct itimerval` when `micros`.
fn setting(timer: Option<Timer>, now: VirtualTime, micros: bool) -> [u8; 32] {
    let unit = if micros { 1000 } else { 1 };
    let part = |time: Duration| pair(time.as_secs(), u64::from(time.subsec_nanos()) / unit);
    let mut bytes = [0; 32];
    if let Some(timer) = timer {
        bytes[..16].copy_from_slice(&part(timer.interval));
        bytes[16..].copy_from_slice(&part(timer.due.since(now)));
    }
    bytes
}

/// Puts the time that is left of a wait where the kernel would, for who was broken off: nanosleep(2), and select(2) and
/// its like whatever they return.
pub(crate) fn show_remaining(held: &Held, now: VirtualTime) {
    let args = held.note.args;
    let (at, unit) = match held.note.sys {
        Sys::Nanosleep => (args[1], 1),
        Sys::ClockNanosleep if args[1] & ABSOLUTE == 0 => (args[3], 1),
        #[cfg(target_arch = "x86_64")]
        Sys::Select => (args[4], 1000),
        Sys::Pselect6 => (args[4], 1),
        Sys::Ppoll => (args[2], 1),
        _ => return,
    };
    if let Some(deadline) = held.deadline.filter(|_| at != 0) {
        let left = deadline.since(now);
        memory(held).write(at, &pair(left.as_secs(), u64::from(left.subsec_nanos()) / unit));
    }
}

fn offset_of(clock: i32) -> Option<Duration> {
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_REALTIME_ALARM | libc::CLOCK_TAI => {
            Some(Duration::from_secs(EPOCH_SECONDS))
        }
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME
        | libc::CLOCK_BOOTTIME_ALARM => Some(Duration::from_secs(UPTIME_SECONDS)),
        _ => None,
    }
}

impl World {
    /// The moment at which a clock shows this time.
    pub(super) fn moment(&self, clock: i32, time: Duration) -> VirtualTime {
        VirtualTime::START + time.saturating_sub(offset_of(clock).unwrap_or_default())
    }

    pub(super) fn start_time(&mut self, key: ThreadKey, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        match held.note.sys {
            Sys::Nanosleep | Sys::ClockNanosleep => self.start_sleep(held),
            Sys::ClockGettime | Sys::Gettimeofday | Sys::Time => Some(self.read_clock(held)),
            Sys::Alarm => {
                let process = self.process_of(key);
                let seconds = u64::from(args[0] as u32);
                let due = self.net.now + Duration::from_secs(seconds);
                let entry = self.processes.get_mut(&process)?;
                let left = entry.alarm.take().map_or(0, |timer| {
                    let left = timer.due.since(self.net.now);
                    left.as_secs() + u64::from(left.subsec_nanos() > 0)
                });
                entry.alarm = (seconds > 0).then_some(Timer { due, interval: Duration::ZERO });
                Some(Reply::Value(left as i64))
            }
            Sys::Setitimer | Sys::Getitimer if args[0] as i32 != libc::ITIMER_REAL => Some(Reply::Native),
            Sys::Getitimer => {
                let process = self.process_of(key);
                let bytes = setting(self.processes.get(&process)?.alarm, self.net.now, true);
                memory(held).write(args[1], &bytes);
                Some(Reply::Value(0))
            }
            Sys::Setitimer => {
                let memory = memory(held);
                let process = self.process_of(key);
                let wish = match args[1] {
                    0 => None,
                    at => match (read_timeval(memory, at), read_timeval(memory, at + 16)) {
                        (Some(interval), Some(value)) => Some((interval, value)),
                        _ => return Some(Reply::Errno(libc::EFAULT)),
                    },
                };
                let now = self.net.now;
                let entry = self.processes.get_mut(&process)?;
                if args[2] != 0 {
                    memory.write(args[2], &setting(entry.alarm, now, true));
                }
                entry.alarm = wish
                    .filter(|(_, value)| !value.is_zero())
                    .map(|(interval, value)| Timer { due: now + value, interval });
                Some(Reply::Value(0))
            }
            Sys::TimerfdCreate => {
                let id = self.net.open(self.programs[held.record.program.0].host, false, false);
                self.net.sockets.remove(&id);
                let flags = args[1] as i32;
                let nonblocking = flags & libc::TFD_NONBLOCK != 0;
                self.timer_sockets
                    .insert(id, TimerDescriptor { clock: args[0] as i32, timer: None, expirations: 0, nonblocking });
                Some(self.give_placeholder(key, id, nonblocking, flags & libc::TFD_CLOEXEC != 0))
            }
            Sys::TimerfdSettime | Sys::TimerfdGettime => Some(self.change_timer_descriptor(key, held)),
            Sys::TimerCreate | Sys::TimerSettime | Sys::TimerGettime | Sys::TimerGetoverrun | Sys::TimerDelete => {
                Some(self.change_posix_timer(key, held))
            }
            Sys::RtSigtimedwait => {
                if args[2] != 0 {
                    let patience = read_timespec(memory(held), args[2]).unwrap_or_default();
                    held.deadline = Some(self.net.now + patience);
                }
                held.op = Op::Signal { set: memory(held).word64(args[0]).unwrap_or(0) };
                held.native = true;
                None
            }
            _ => Some(Reply::Unknown),
        }
    }

    fn start_sleep(&mut self, held: &mut Held) -> Option<Reply> {
        let args = held.note.args;
        let (clock, flags, at) = if held.note.sys == Sys::Nanosleep {
            (libc::CLOCK_MONOTONIC, 0, args[0])
        } else {
            (args[0] as i32, args[1], args[2])
        };
        let Some(time) = read_timespec(memory(held), at) else {
            return Some(Reply::Errno(libc::EFAULT));
        };
        held.record.asked = time.as_nanos() as u64;
        let due = if flags & ABSOLUTE != 0 { self.moment(clock, time) } else { self.net.now + time };
        held.deadline = Some(due.max(self.net.now));
        held.op = Op::Sleep;
        None
    }

    fn read_clock(&mut self, held: &Held) -> Reply {
        let args = held.note.args;
        let memory = memory(held);
        let words = self.clock_words();
        match held.note.sys {
            Sys::ClockGettime => {
                let Some(offset) = offset_of(args[0] as i32) else {
                    // Processor time is real: it is the program's own work.
                    return Reply::Native;
                };
                let seconds = offset.as_secs() + self.net.now.since_start().as_secs();
                if memory.write(args[1], &pair(seconds, u64::from(words.nanoseconds))) {
                    Reply::Value(0)
                } else {
                    Reply::Errno(libc::EFAULT)
                }
            }
            Sys::Gettimeofday => {
                if args[0] != 0 {
                    memory.write(args[0], &pair(words.realtime_seconds, u64::from(words.nanoseconds / 1000)));
                }
                if args[1] != 0 {
                    memory.write(args[1], &[0; 8]);
                }
                Reply::Value(0)
            }
            _ => {
                if args[0] != 0 {
                    memory.write(args[0], &words.realtime_seconds.to_le_bytes());
                }
                Reply::Value(words.realtime_seconds as i64)
            }
        }
    }

    fn read_setting(&self, held: &Held, at: u64, clock: i32, absolute: bool) -> Result<Option<Timer>, i32> {
        let memory = memory(held);
        let interval = read_timespec(memory, at).ok_or(libc::EFAULT)?;
        let value = read_timespec(memory, at + 16).ok_or(libc::EFAULT)?;
        if value.is_zero() {
            return Ok(None);
        }
        let due = if absolute { self.moment(clock, value).max(self.net.now) } else { self.net.now + value };
        Ok(Some(Timer { due, interval }))
    }

    fn change_timer_descriptor(&mut self, key: ThreadKey, held: &Held) -> Reply {
        let args = held.note.args;
        let id = self.socket_at(key, args[0] as i32);
        let Some((id, clock)) = id.and_then(|id| Some((id, self.timer_sockets.get(&id)?.clock))) else {
            return Reply::Errno(libc::EINVAL);
        };
        let (old_at, wish) = if held.note.sys == Sys::TimerfdSettime {
            match self.read_setting(held, args[2], clock, args[1] & ABSOLUTE != 0) {
                Ok(wish) => (args[3], Some(wish)),
                Err(errno) => return Reply::Errno(errno),
            }
        } else {
            (args[1], None)
        };
        let now = self.net.now;
        let Some(entry) = self.timer_sockets.get_mut(&id) else { return Reply::Errno(libc::EINVAL) };
        if old_at != 0 {
            memory(held).write(old_at, &setting(entry.timer, now, false));
        }
        if let Some(wish) = wish {
            entry.timer = wish;
            entry.expirations = 0;
        }
        Reply::Value(0)
    }

    fn change_posix_timer(&mut self, key: ThreadKey, held: &Held) -> Reply {
        let args = held.note.args;
        let memory = memory(held);
        let process = self.process_of(key);
        let id = args[0] as i32;
        let now = self.net.now;
        let clock = self
            .processes
            .get(&process)
            .and_then(|entry| entry.timers.get(&id))
            .map_or(libc::CLOCK_MONOTONIC, |timer| timer.clock);
        let wish = match held.note.sys {
            Sys::TimerSettime => match self.read_setting(held, args[2], clock, args[1] & ABSOLUTE != 0) {
                Ok(wish) => wish,
                Err(errno) => return Reply::Errno(errno),
            },
            _ => None,
        };
        let Some(entry) = self.processes.get_mut(&process) else { return Reply::Native };
        match held.note.sys {
            Sys::TimerCreate => {
                // struct sigevent: value, signal, kind, thread.
                let event: [u8; 24] = match args[1] {
                    0 => [0; 24],
                    at => memory.array(at).unwrap_or([0; 24]),
                };
                let word = |at: usize| i32::from_le_bytes(event[at..at + 4].try_into().unwrap_or([0; 4]));
                // As where a user has queued all the signals that it may (RLIMIT_SIGPENDING).
                if entry.timers.len() >= TIMERS {
                    return Reply::Errno(libc::EAGAIN);
                }
                let made = entry.timers_made;
                let (signal, kind) = if args[1] == 0 { (libc::SIGALRM, 0) } else { (word(8), word(12)) };
                let value = if args[1] == 0 {
                    made as u64
                } else {
                    u64::from_le_bytes(event[..8].try_into().unwrap_or([0; 8]))
                };
                entry.timers_made += 1;
                entry.timers.insert(
                    made,
                    PosixTimer {
                        clock: args[0] as i32,
                        signal: if kind == libc::SIGEV_NONE { 0 } else { signal },
                        thread: (kind == libc::SIGEV_THREAD_ID).then(|| word(16)),
                        value,
                        timer: None,
                    },
                );
                memory.write(args[2], &made.to_le_bytes());
                Reply::Value(0)
            }
            Sys::TimerDelete => match entry.timers.remove(&id) {
                Some(_) => Reply::Value(0),
                None => Reply::Errno(libc::EINVAL),
            },
            Sys::TimerGetoverrun => Reply::Value(0),
            _ => {
                let Some(timer) = entry.timers.get_mut(&id) else { return Reply::Errno(libc::EINVAL) };
                let old_at = if held.note.sys == Sys::TimerSettime { args[3] } else { args[1] };
                if old_at != 0 {
                    memory.write(old_at, &setting(timer.timer, now, false));
                }
                if held.note.sys == Sys::TimerSettime {
                    timer.timer = wish;
                }
                Reply::Value(0)
            }
        }
    }

    pub(super) fn start_timer_read(&mut self, held: &mut Held, id: SocketId) -> Option<Reply> {
        let args = held.note.args;
        if !matches!(held.note.sys, Sys::Read) || args[2] < 8 {
            return Some(Reply::Errno(libc::EINVAL));
        }
        let wait = self.timer_sockets.get(&id).is_some_and(|timer| !timer.nonblocking);
        held.op = Op::Timer { socket: id, buffer: args[1], wait };
        held.watching = vec![id];
        self.resume_timer(held)
    }

    pub(super) fn resume_timer(&mut self, held: &mut Held) -> Option<Reply> {
        let Op::Timer { socket, buffer, wait } = held.op else { return Some(Reply::Unknown) };
        let Some(timer) = self.timer_sockets.get_mut(&socket) else {
            return Some(Reply::Errno(libc::EBADF));
        };
        match std::mem::take(&mut timer.expirations) {
            0 if wait => None,
            0 => Some(Reply::Errno(libc::EAGAIN)),
            count => {
                memory(held).write(buffer, &count.to_le_bytes());
                Some(Reply::Value(8))
            }
        }
    }

    /// A wait for signals ends natively as soon as one of them is pending.
    pub(super) fn resume_signal(&mut self, key: ThreadKey, held: &mut Held, expired: bool) -> Option<Reply> {
        let Op::Signal { set } = held.op else { return Some(Reply::Unknown) };
        let process = self.process_of(key);
        let pending = crate::signals::pending(process, held.note.thread);
        if pending & set != 0 {
            return Some(Reply::Native);
        }
        expired.then_some(Reply::Errno(libc::EAGAIN))
    }

    /// When the next timer fires.
    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        let alarms = self.processes.values().flat_map(|process| {
            process.alarm.into_iter().chain(process.timers.values().filter_map(|timer| timer.timer))
        });
        let descriptors = self.timer_sockets.values().filter_map(|timer| timer.timer);
        alarms.chain(descriptors).map(|timer| timer.due).min()
    }

    /// Fires every timer that is due. True when there was one.
    pub(crate) fn fire_timers(&mut self) -> bool {
        let now = self.net.now;
        if self.next_timer().is_none_or(|due| due > now) {
            return false;
        }
        let ids: Vec<SocketId> = self.timer_sockets.keys().copied().collect();
        for id in ids {
            if let Some(entry) = self.timer_sockets.get_mut(&id)
                && advance(&mut entry.timer, now)
            {
                entry.expirations += 1;
                self.net.changed.insert(id);
            }
        }
        // A handler runs before the next answer: it must find the present time.
        self.expect_signals();
        let mut sent = Vec::new();
        for (number, process) in &mut self.processes {
            if advance(&mut process.alarm, now) {
                signal(process.pidfd.as_fd(), libc::SIGALRM);
                sent.push(*number);
            }
            for timer in process.timers.values_mut() {
                if advance(&mut timer.timer, now) && timer.signal != 0 {
                    queue_signal(*number, timer.thread, timer.signal, timer.value);
                    sent.push(*number);
                }
            }
        }
        for process in sent {
            self.await_signals(process);
        }
        true
    }
}

/// Moves a timer on when it is due; true when it was.
fn advance(slot: &mut Option<Timer>, now: VirtualTime) -> bool {
    let Some(timer) = slot.filter(|timer| timer.due <= now) else { return false };
    *slot = (!timer.interval.is_zero()).then(|| Timer { due: timer.due + timer.interval, interval: timer.interval });
    true
}
