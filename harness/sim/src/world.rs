//! Everything that one simulation holds, and the one place of the thread where peers find it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::task::Waker;

use harness_os::trap::{Answer, Bell, ClockWords, Filter, Placeholder, Poller};

use crate::calls::{EpollSet, NetlinkSocket, Op, Reply, show_remaining};
use crate::handle::ProgramId;
use crate::process::{Held, Process, Program, Thread, ThreadKey};
use crate::record::{CallRecord, Outcome};
use crate::sockets::{Net, SocketId};
use crate::time::{EPOCH_SECONDS, UPTIME_SECONDS, VirtualTime};

/// Calls that are kept: nobody looks at more.
const CALLS_KEPT: usize = 1 << 20;

pub(crate) struct World {
    pub net: Net,
    pub filter: Filter,
    pub poller: Poller,
    /// Ends the waits of the poller.
    pub bell: Bell,
    pub programs: Vec<Program>,
    pub processes: BTreeMap<i32, Process>,
    pub threads: BTreeMap<ThreadKey, Thread>,
    pub by_tid: HashMap<i32, ThreadKey>,
    pub threads_met: ThreadKey,
    /// Threads that were answered and have not called since.
    pub running: BTreeSet<ThreadKey>,
    /// Processes that have no thread any more and are not dead yet.
    pub ending: BTreeSet<i32>,
    pub held: BTreeMap<ThreadKey, Held>,
    /// Held calls that were not looked at yet.
    pub fresh: BTreeSet<ThreadKey>,
    /// Held calls that may have become answerable.
    pub retry: BTreeSet<ThreadKey>,
    pub native: BTreeSet<ThreadKey>,
    pub deadlines: BTreeSet<(VirtualTime, ThreadKey)>,
    pub watchers: BTreeMap<SocketId, BTreeSet<ThreadKey>>,
    pub placeholders: HashMap<u64, SocketId>,
    pub kept: BTreeMap<SocketId, Placeholder>,
    pub epolls: BTreeMap<u64, EpollSet>,
    pub epolls_made: u64,
    /// A pipe that nobody writes to: what epoll sets are marked with.
    pub silent: Option<(std::io::PipeReader, std::io::PipeWriter)>,
    /// The sets in which a socket is, and the descriptors under which it was added.
    pub epoll_members: BTreeMap<SocketId, BTreeSet<(u64, i32)>>,
    pub netlinks: BTreeMap<SocketId, NetlinkSocket>,
    pub timer_sockets: BTreeMap<SocketId, crate::calls::TimerDescriptor>,
    pub calls: Vec<CallRecord>,
    pub traps: u64,
    /// How often time went on although a thread was running.
    pub slips: u64,
    /// How far the record goes, if it is closed.
    pub closed: Option<crate::insight::Closed>,
    /// Who made the call at which the run stops, when it is reached.
    pub stopped: Option<ProgramId>,
    /// A program sent a signal: calls that are held may be void.
    pub signals_expected: bool,
    /// A program wrote to something real, or ended: an output that is read here may have changed.
    pub output_expected: bool,
    /// A peer did something since the driver last looked.
    pub touched: bool,
    pub driver: Option<Waker>,
    pub settled_wakers: Vec<Waker>,
    pub epoch: Option<tokio::time::Instant>,
    pub interruption: Option<crate::insight::Interruption>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<World>>>> = const { RefCell::new(None) };
}

/// Makes this the simulation of the thread. `false` when there is one already.
pub(crate) fn install(world: &Rc<RefCell<World>>) -> bool {
    CURRENT.with(|slot| {
        let mut slot = slot.borrow_mut();
        let free = slot.is_none();
        if free {
            *slot = Some(Rc::clone(world));
        }
        free
    })
}

pub(crate) fn uninstall() {
    CURRENT.with(|slot| slot.borrow_mut().take());
}

/// What a peer does: with the clock brought up to date, and the driver told. `None` outside a simulation.
pub(crate) fn touch<T>(act: impl FnOnce(&mut World) -> T) -> Option<T> {
    with(|world| {
        world.sync_clock();
        let result = act(world);
        world.touched = true;
        if let Some(driver) = world.driver.take() {
            driver.wake();
        }
        result
    })
}

/// What a peer looks at.
pub(crate) fn with<T>(look: impl FnOnce(&mut World) -> T) -> Option<T> {
    let world = CURRENT.with(|slot| slot.borrow().clone())?;
    let mut world = world.borrow_mut();
    Some(look(&mut world))
}

impl World {
    /// Brings the clock to what the peers' timers show.
    pub fn sync_clock(&mut self) {
        if let Some(epoch) = self.epoch {
            let elapsed = tokio::time::Instant::now().saturating_duration_since(epoch);
            self.net.now = self.net.now.max(VirtualTime::START + elapsed);
        }
    }

    pub fn program(&mut self, id: ProgramId) -> Option<&mut Program> {
        self.programs.get_mut(id.0)
    }

    /// The time as programs are to see it.
    pub fn clock_words(&self) -> ClockWords {
        let nanos = self.net.now.as_nanos();
        let seconds = nanos / 1_000_000_000;
        ClockWords {
            realtime_seconds: EPOCH_SECONDS + seconds,
            monotonic_seconds: UPTIME_SECONDS + seconds,
            nanoseconds: (nanos % 1_000_000_000) as u32,
        }
    }

    /// Puts a call back among those that wait.
    pub fn hold(&mut self, key: ThreadKey, held: Held) {
        for socket in &held.watching {
            self.watchers.entry(*socket).or_default().insert(key);
        }
        if let Some(deadline) = held.deadline {
            self.deadlines.insert((deadline, key));
        }
        if held.native {
            self.native.insert(key);
        }
        if let Op::Epoll { set, .. } = held.op {
            self.wait_on_epoll(set, key, true);
        }
        self.held.insert(key, held);
    }

    /// Takes a call out of those that wait.
    pub fn release(&mut self, key: ThreadKey) -> Option<Held> {
        let held = self.held.remove(&key)?;
        for socket in &held.watching {
            if let Some(watchers) = self.watchers.get_mut(socket) {
                watchers.remove(&key);
                if watchers.is_empty() {
                    self.watchers.remove(socket);
                }
            }
        }
        if let Some(deadline) = held.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        self.native.remove(&key);
        if let Op::Epoll { set, .. } = held.op {
            self.wait_on_epoll(set, key, false);
        }
        self.fresh.remove(&key);
        self.retry.remove(&key);
        Some(held)
    }

    /// Answers a call; its thread runs from now on.
    pub fn answer(&mut self, key: ThreadKey, mut held: Held, reply: Reply) {
        let Some(thread) = self.threads.get_mut(&key) else { return };
        thread.asleep = None;
        thread.processor_from = None;
        let process = thread.process;
        self.show_time(process);
        let Some(program) = self.programs.get(held.record.program.0) else { return };
        let listener = &program.listener;
        let mut outcome = reply.outcome();
        match reply {
            Reply::Value(value) | Reply::Done(value) => {
                listener.answer(held.note.id, Answer::Value(value));
            }
            Reply::Errno(errno) => {
                listener.answer(held.note.id, Answer::Errno(errno));
            }
            Reply::Native | Reply::Broken | Reply::Unknown => {
                listener.answer(held.note.id, Answer::Continue);
            }
            Reply::Descriptor { descriptor, close_on_exec } => {
                use std::os::fd::AsFd;
                let given = listener.answer_with_descriptor(held.note.id, descriptor.as_fd(), close_on_exec);
                // Only the program's end is left, so that its last close is seen at once.
                drop(descriptor);
                harness_os::forking::wait_for_copies();
                match given {
                    Ok(number) => {
                        self.forget_number(held.record.program, number);
                        outcome = Outcome::Value(i64::from(number));
                    }
                    Err(errno) => {
                        listener.answer(held.note.id, Answer::Errno(errno));
                        outcome = Outcome::Errno(errno);
                    }
                }
            }
        }
        self.running.insert(key);
        if self.is_kept(&held, &outcome) {
            held.record.outcome = outcome;
            held.record.answered = self.net.now;
            self.calls.push(held.record);
        }
    }

    fn is_kept(&self, held: &Held, outcome: &Outcome) -> bool {
        self.calls.len() < CALLS_KEPT && held.record.worth_keeping(outcome)
    }

    /// Whether the run stops at this call.
    pub fn stops_at(&self, held: &Held, reply: &Reply) -> bool {
        self.net.config.stop_at == Some(self.calls.len()) && self.is_kept(held, &reply.outcome())
    }

    /// As `expect_signal`, for every process.
    pub fn expect_signals(&mut self) {
        let processes: Vec<i32> = self.processes.keys().copied().collect();
        for process in processes {
            self.expect_signal(process);
        }
    }

    /// Before a signal, which may run code of the process and break off what it waits in.
    pub fn expect_signal(&mut self, process: i32) {
        self.show_time(process);
        for (key, held) in &self.held {
            if self.threads.get(key).is_some_and(|thread| thread.process == process) {
                show_remaining(held, self.net.now);
            }
        }
    }

    /// Lets a process read the present time without a trap.
    pub fn show_time(&mut self, process: i32) {
        let (now, words) = (self.net.now, self.clock_words());
        if let Some(process) = self.processes.get_mut(&process)
            && !process.clock_disarmed
            && process.clock_shows != Some(now)
            && let Some(clock) = &process.clock
        {
            // A process that is gone needs no clock.
            process.clock_shows = clock.set(words).is_ok().then_some(now);
        }
    }
}
