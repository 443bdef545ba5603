//! Waiting until nothing of a run moves any more.
//!
//! A thread is at rest when it waits in a call that the simulation holds, or sleeps in the real kernel and has
//! not run between two looks. Asleep is not idle by itself: a sleeper is looked at again after every step.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use harness_os::forking;
use harness_os::trap::{
    Activity, Descriptors, Notification, Placeholder, Poller, Ready, ThreadProbe, children_of, pidfd_open,
    read_available, reap, tasks_of, thread_group_of, write_available,
};

use crate::calls::{Op, native_bits};
use crate::error::SimError;
use crate::handle::{Exit, ProgramId};
use crate::process::{Held, Process, Thread, ThreadKey};
use crate::record::{CallRecord, Outcome};
use crate::sockets::SocketId;
use crate::world::World;

/// What a token of the poller stands for.
const LISTENER: u64 = 1 << 56;
const DEATH: u64 = 2 << 56;
const PLACEHOLDER: u64 = 3 << 56;
const BELL: u64 = 4 << 56;
const KIND: u64 = 0xff << 56;

/// How long a thread that was just answered is given, at most, before it is looked at.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(2);

/// Bound, in real time, for a process whose threads have all ended to be reported dead.
const END: Duration = Duration::from_secs(20);

/// Processor time after which a process is suspected to poll its clock.
const CLOCK_SUSPICION: u64 = 50_000_000;

impl World {
    pub fn watch_bell(&self) -> Result<(), SimError> {
        Ok(self.poller.add_bell(&self.bell, BELL)?)
    }

    pub fn watch_listener(&self, program: ProgramId) -> Result<(), SimError> {
        let listener = &self.programs[program.0].listener;
        Ok(self.poller.add(listener.as_fd(), LISTENER | program.0 as u64)?)
    }

    pub fn watch_placeholder(&mut self, socket: SocketId, placeholder: Placeholder) -> Result<(), SimError> {
        self.poller.add_for_end(placeholder.as_fd(), PLACEHOLDER | socket.0)?;
        self.placeholders.insert(placeholder.identity(), socket);
        self.kept.insert(socket, placeholder);
        Ok(())
    }

    /// Returns when every thread of every program is at rest.
    pub fn settle(&mut self) -> Result<(), SimError> {
        let mut patience = SHORT;
        let mut began: Option<Instant> = None;
        loop {
            let awaited =
                self.running.iter().any(|key| self.threads.get(key).is_some_and(|thread| thread.asleep.is_none()));
            if awaited && self.collect(patience)? {
                patience = SHORT;
                if !self.running.is_empty() {
                    continue;
                }
            }
            match self.look_at_running() {
                Look::Busy => {
                    patience = (patience * 2).min(LONG);
                    let long = began.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(20);
                    if long && self.suspect_spinning()? && self.has_work() {
                        self.slips += 1;
                        return Ok(());
                    }
                    continue;
                }
                Look::Changed => continue,
                Look::Quiet => {}
            }
            if self.rescan()? {
                continue;
            }
            // A process dies a little after its last thread: its parent may wait for nothing else.
            if !self.ending.is_empty() && began.get_or_insert_with(Instant::now).elapsed() < END {
                self.collect(LONG)?;
                continue;
            }
            // Somebody may sleep in a write to a pipe that is full.
            if !self.running.is_empty() && self.exchange_output() {
                continue;
            }
            if std::mem::take(&mut self.signals_expected) {
                let processes: Vec<i32> = self.processes.keys().copied().collect();
                let mut any = false;
                for process in processes {
                    any |= self.await_signals(process);
                }
                if any {
                    continue;
                }
            }
            // A hang-up from before the last notification may have been missed by the look that found that.
            if !self.collect(Duration::ZERO)? {
                return Ok(());
            }
        }
    }

    /// Takes in notifications, deaths and hang-ups. True when there was any.
    ///
    /// All that there are: a call may follow from a hang-up that came before it.
    fn collect(&mut self, patience: Duration) -> Result<bool, SimError> {
        let mut ready = Vec::new();
        if patience.is_zero() {
            self.poller.wait(Some(patience), &mut ready);
        } else {
            self.bell.ring_within(patience)?;
            self.poller.wait(None, &mut ready);
        }
        let mut any = false;
        loop {
            for event in &ready {
                any |= event.token != BELL;
                self.take_in(event)?;
            }
            if ready.len() < Poller::AT_ONCE {
                return Ok(any);
            }
            ready.clear();
            self.poller.wait(Some(Duration::ZERO), &mut ready);
        }
    }

    fn take_in(&mut self, event: &Ready) -> Result<(), SimError> {
        let number = event.token & !KIND;
        match event.token & KIND {
            BELL => self.bell.has_rung(),
            LISTENER if event.readable => self.receive(ProgramId(number as usize))?,
            LISTENER => {
                if event.hung_up
                    && let Some(program) = self.programs.get(number as usize)
                {
                    self.poller.remove(program.listener.as_fd());
                }
            }
            DEATH => self.bury(number as i32),
            _ => self.hang_up(SocketId(number), event.hung_up),
        }
        Ok(())
    }

    fn receive(&mut self, program: ProgramId) -> Result<(), SimError> {
        let Some(note) = self.programs[program.0].listener.receive()? else { return Ok(()) };
        self.traps += 1;
        let key = match self.by_tid.get(&note.thread) {
            Some(key) => *key,
            None => {
                let Some(process) = thread_group_of(note.thread) else { return Ok(()) };
                if !self.processes.contains_key(&process) {
                    self.meet_process(process, program, None)?;
                }
                match self.meet_thread(process, note.thread, program) {
                    Some(key) => key,
                    None => return Ok(()),
                }
            }
        };
        self.running.remove(&key);
        if let Some(old) = self.release(key)
            && let Some(thread) = self.threads.get_mut(&key)
        {
            // A signal broke off the call that was held.
            thread.interrupted = Some(old.note);
        }
        let Some(thread) = self.threads.get(&key) else { return Ok(()) };
        let (number, process) = (thread.number, thread.process);
        let record = CallRecord {
            at: self.net.now,
            answered: self.net.now,
            program,
            process: self.processes.get(&process).map_or(0, |process| process.number),
            thread: number,
            call: note.sys,
            descriptor: None,
            socket: None,
            address: None,
            asked: 0,
            sockets: 0,
            nonblocking: false,
            outcome: Outcome::Native,
            nth: None,
            cut_from: None,
        };
        let held =
            Held { note, op: Op::Fresh, deadline: None, watching: Vec::new(), native: false, mask: None, record };
        self.hold(key, held);
        self.fresh.insert(key);
        Ok(())
    }

    pub fn meet_process(&mut self, process: i32, program: ProgramId, parent: Option<i32>) -> Result<(), SimError> {
        let Ok(pidfd) = pidfd_open(process) else { return Ok(()) };
        self.poller.add(pidfd.as_fd(), DEATH | process as u64)?;
        let parent = parent.or_else(|| parent_of(process));
        let inherited = parent.and_then(|parent| self.processes.get(&parent));
        let clock = inherited.and_then(|parent| parent.clock.as_ref()).and_then(|clock| clock.of_fork(process).ok());
        let (networked, epolls) =
            inherited.map_or((false, Default::default()), |parent| (parent.networked, parent.epolls.clone()));
        let fresh_image = inherited.is_none_or(|parent| parent.fresh_image);
        let Some(entry) = self.programs.get_mut(program.0) else { return Ok(()) };
        let number = entry.processes_met;
        entry.processes_met += 1;
        self.processes.insert(
            process,
            Process {
                program,
                number,
                pidfd,
                descriptors: Descriptors::of(process),
                numbers: Default::default(),
                parent,
                clock,
                clock_shows: None,
                clock_disarmed: false,
                fresh_image,
                networked,
                dead: Default::default(),
                dirty: true,
                draws: 0,
                stalls: 0,
                unclear: 0,
                busy: false,
                calls: 0,
                moment: self.net.now,
                epolls,
                alarm: None,
                timers: Default::default(),
                timers_made: 0,
            },
        );
        Ok(())
    }

    pub fn meet_thread(&mut self, process: i32, tid: i32, program: ProgramId) -> Option<ThreadKey> {
        let probe = ThreadProbe::open(process, tid)?;
        let entry = self.programs.get_mut(program.0)?;
        let number = entry.threads_met;
        entry.threads_met += 1;
        let key = self.threads_met;
        self.threads_met += 1;
        self.threads.insert(
            key,
            Thread {
                tid,
                process,
                program,
                number,
                probe,
                asleep: None,
                vfork: false,
                leaving: false,
                interrupted: None,
                processor_from: None,
            },
        );
        self.by_tid.insert(tid, key);
        self.running.insert(key);
        self.ending.remove(&process);
        Some(key)
    }

    fn forget_thread(&mut self, key: ThreadKey) {
        self.release(key);
        self.running.remove(&key);
        let process = self.threads.get(&key).map(|thread| thread.process);
        if let Some(thread) = self.threads.remove(&key)
            && self.by_tid.get(&thread.tid) == Some(&key)
        {
            self.by_tid.remove(&thread.tid);
        }
        if let Some(process) = process
            && self.processes.contains_key(&process)
            && self.threads.values().all(|thread| thread.process != process)
        {
            self.ending.insert(process);
        }
    }

    fn threads_of(&self, process: i32) -> Vec<ThreadKey> {
        self.threads.iter().filter(|(_, thread)| thread.process == process).map(|(key, _)| *key).collect()
    }

    /// A process is dead.
    fn bury(&mut self, process: i32) {
        self.output_expected = true;
        for key in self.threads_of(process) {
            self.forget_thread(key);
        }
        self.ending.remove(&process);
        let Some(entry) = self.processes.remove(&process) else { return };
        self.poller.remove(entry.pidfd.as_fd());
        if let Some(program) = self.programs.get_mut(entry.program.0)
            && program.root == process
        {
            // Its output is complete only after what is still in the pipes.
            program.exit = Some(reap(process).map_or(Exit::Status(0), Exit::from));
            for waker in program.wakers.drain(..) {
                self.touched = true;
                waker.wake();
            }
            self.net.changed.insert(SocketId(0));
        }
        if let Some(parent) = entry.parent {
            if let Some(parent) = self.processes.get_mut(&parent) {
                parent.dead.insert(process);
            }
            // The kernel shows the death before it sends SIGCHLD, under a lock that whoever asks for children waits for.
            children_of(parent);
            self.wake_waiters(parent);
            // SIGCHLD may have broken off what the parent waits in.
            self.await_signals(parent);
        }
    }

    /// A program's end of a socket was closed for the last time.
    fn hang_up(&mut self, socket: SocketId, hung_up: bool) {
        if !hung_up {
            return;
        }
        if let Some(placeholder) = self.kept.remove(&socket) {
            self.poller.remove(placeholder.as_fd());
            self.placeholders.remove(&placeholder.identity());
        }
        self.forget_socket(socket);
        self.leave_epolls(socket);
        if self.timer_sockets.remove(&socket).is_none() && self.netlinks.remove(&socket).is_none() {
            self.net.close(socket);
        }
    }

    /// Drops the calls of a process that a signal has broken off: their threads run.
    pub fn revalidate(&mut self, process: i32) -> bool {
        let mut any = false;
        for key in self.threads_of(process) {
            let Some(held) = self.held.get(&key) else { continue };
            let valid = self.programs[held.record.program.0].listener.is_valid(held.note.id);
            if !valid && let Some(old) = self.release(key) {
                any = true;
                if let Some(thread) = self.threads.get_mut(&key) {
                    thread.interrupted = Some(old.note);
                    thread.asleep = None;
                }
                self.running.insert(key);
            }
        }
        any
    }

    fn look_at_running(&mut self) -> Look {
        let mut look = Look::Quiet;
        let keys: Vec<ThreadKey> = self.running.iter().copied().collect();
        for key in keys {
            let Some(thread) = self.threads.get_mut(&key) else {
                self.running.remove(&key);
                continue;
            };
            match thread.probe.look() {
                Activity::Waiting if thread.vfork => {
                    if thread.asleep.is_none() {
                        thread.asleep = Some(String::new());
                        look = Look::Changed;
                    }
                }
                Activity::Busy | Activity::Waiting => {
                    thread.asleep = None;
                    return Look::Busy;
                }
                Activity::Asleep(seen) => {
                    if thread.asleep.as_ref() != Some(&seen) {
                        thread.asleep = Some(seen);
                        look = Look::Changed;
                    }
                }
                Activity::Gone => {
                    // A thread that a signal has ended takes the others with it, in its own time: those that wait in a
                    // call would be taken to be at rest.
                    self.signals_expected |= !thread.leaving;
                    self.forget_thread(key);
                    look = Look::Changed;
                }
            }
        }
        look
    }

    /// Has terminals hand on what was typed into them: the kernel leaves that to a thread of its own, which may not have
    /// had a processor yet, and meanwhile who reads there looks as if nothing were to come. True when somebody runs.
    pub fn flush_terminals(&mut self) -> bool {
        let mut any = false;
        for key in &self.running {
            let Some(thread) = self.threads.get(key) else { continue };
            let Some(descriptor) = thread.probe.reads_from() else { continue };
            let path = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", thread.process));
            if path.is_ok_and(|path| path.starts_with("/dev"))
                && let Some(process) = self.processes.get(&thread.process)
            {
                // To look at a terminal waits for the work on it (Linux: n_tty_poll).
                native_bits(&process.pidfd, thread.process, descriptor, libc::POLLIN);
                any = true;
            }
        }
        any && self.look_at_running() != Look::Quiet
    }

    /// Threads and children that have appeared. True when there was one.
    fn rescan(&mut self) -> Result<bool, SimError> {
        let dirty: Vec<(i32, ProgramId)> = self
            .processes
            .iter_mut()
            .filter_map(|(process, entry)| std::mem::take(&mut entry.dirty).then_some((*process, entry.program)))
            .collect();
        let mut found = false;
        for (process, program) in dirty {
            for child in children_of(process) {
                let is_dead = self.processes.get(&process).is_some_and(|entry| entry.dead.contains(&child));
                if !is_dead && !self.processes.contains_key(&child) {
                    self.meet_process(child, program, Some(process))?;
                    found = true;
                }
            }
            for tid in tasks_of(process) {
                if !self.by_tid.contains_key(&tid) {
                    found |= self.meet_thread(process, tid, program).is_some();
                }
            }
        }
        Ok(found)
    }

    /// Moves what waits between the simulation and the standard descriptors of programs. True when a program may
    /// go on because of it.
    pub fn exchange_output(&mut self) -> bool {
        let mut any = false;
        for program in &mut self.programs {
            for output in &mut program.outputs {
                let Some(descriptor) = &output.descriptor else { continue };
                let mut bytes = Vec::new();
                let open = read_available(descriptor.as_fd(), &mut bytes).unwrap_or(false);
                let taken = std::mem::take(&mut output.taken);
                if !bytes.is_empty() || taken || !open {
                    any |= taken || !bytes.is_empty();
                    output.bytes.extend(bytes);
                    for waker in output.wakers.drain(..) {
                        waker.wake();
                        self.touched = true;
                    }
                }
                if !open {
                    output.descriptor = None;
                    output.ended = true;
                }
            }
            let input = &mut program.input;
            if let Some(descriptor) = &input.descriptor {
                if !input.pending.is_empty() {
                    let bytes = input.pending.make_contiguous();
                    match write_available(descriptor.as_fd(), bytes) {
                        Ok(done) => {
                            input.pending.drain(..done);
                            any |= done > 0;
                        }
                        Err(_) => input.pending.clear(),
                    }
                }
                if input.pending.is_empty() {
                    if input.close_after {
                        input.descriptor = None;
                        // The program must see the end at this moment of virtual time.
                        forking::wait_for_copies();
                        any = true;
                    }
                    for waker in input.wakers.drain(..) {
                        waker.wake();
                        self.touched = true;
                    }
                }
            }
        }
        any && !self.running.is_empty()
    }

    /// A thread has run for a while without a call: it may poll the clock that it reads without a trap, or it has
    /// used up its budget. True when it has run for so long that the others should not wait for it any more.
    fn suspect_spinning(&mut self) -> Result<bool, SimError> {
        let budget = self.net.config.cpu_budget.as_nanos() as u64;
        let mut long = false;
        for key in self.running.iter().copied().collect::<Vec<_>>() {
            let Some(thread) = self.threads.get_mut(&key) else {
                continue;
            };
            let spent = thread.probe.processor_time().unwrap_or(0);
            let used = spent.saturating_sub(*thread.processor_from.get_or_insert(spent));
            let (process, program) = (thread.process, thread.program);
            if used > budget {
                return Err(SimError::CpuBudget { program, at: self.net.now });
            }
            long |= used > budget / 5;
            if used > CLOCK_SUSPICION
                && let Some(process) = self.processes.get_mut(&process)
                && !std::mem::replace(&mut process.clock_disarmed, true)
                && let Some(clock) = &process.clock
            {
                // A process that is gone needs no clock.
                let _ = clock.disarm();
            }
        }
        Ok(long)
    }

    /// Whether anything could go on without the threads that run.
    fn has_work(&self) -> bool {
        !self.fresh.is_empty()
            || !self.retry.is_empty()
            || !self.deadlines.is_empty()
            || self.net.next_event().is_some()
            || self.next_timer().is_some()
    }

    /// Whether a thread's new call is the one that a signal broke off, made again by the kernel.
    pub fn is_restarted(&mut self, key: ThreadKey, note: &Notification) -> bool {
        let Some(thread) = self.threads.get_mut(&key) else { return false };
        thread
            .interrupted
            .take()
            .is_some_and(|old| old.sys == note.sys && old.instruction == note.instruction && old.args == note.args)
    }
}

#[derive(PartialEq)]
enum Look {
    Busy,
    Changed,
    Quiet,
}

fn parent_of(process: i32) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("PPid:")).and_then(|rest| rest.trim().parse().ok())
}
