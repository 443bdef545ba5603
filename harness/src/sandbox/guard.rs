//! Watching how much the programs of a run use, and ending them when it is too much.
//!
//! Owns the bounds and one thread for each run, which looks from outside: no program notices it, and none that keeps
//! within the bounds is touched. They are far above what any scenario asks for (two thousand clients, a process for
//! each) and far below what a machine of today bears.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use harness_os::ipc::{self, Ipc};
use harness_os::namespace;
use harness_os::process::{self, Belonging};

use crate::run::event::What;
use crate::run::skip;
use crate::run::{End, Failure, Record};
use harness_language::scenario::duration::human;

/// Name of the environment variable that marks the programs of a run.
pub const MARKER: &str = "HARNESS_RUN";

/// Bound on real time for a run that hangs, in the harness or in a way that nothing else sees.
pub const HANGS: Duration = Duration::from_secs(600);

/// Processor time for all programs of a run in virtual time: the most of one (30 s) for two.
pub const PROCESSOR: Duration = Duration::from_secs(60);

/// Every so many looks, all descriptors are gone through.
const LOOKS_AT_DESCRIPTORS: u64 = 8;

/// Between two looks; more where a look takes long.
const PAUSE: Duration = Duration::from_millis(20);

/// A marker for one run. Always of the same length: it must not move what else a program finds in its memory.
pub fn marker() -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    format!("{:010}-{:010}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

/// What a grading may take of the machine, whatever the programs do. What passes it is undecided: whose fault it is
/// nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Real time of one run.
    pub run: Duration,
    /// Real time of all runs of a submission. Runs that have begun come to their end.
    pub submission: Duration,
    /// Resident memory of the harness itself, in bytes. Without a bound where none is asked for: what one process keeps of
    /// several submissions is the fault of none.
    pub memory: u64,
    /// Processor time of all programs of one run, where that is less than the usual.
    pub processor: Duration,
    /// Bytes that the programs of one run send to the harness's peers, and as many that they print.
    pub bytes: u64,
}

impl Limits {
    /// For those who wait for the end: a table, an experiment, a person at the other side.
    pub const PATIENT: Self = Self {
        run: HANGS,
        submission: Duration::MAX,
        memory: u64::MAX,
        processor: Duration::MAX,
        // The largest file of a scenario is 64 MiB, and a program may send it byte by byte.
        bytes: 512 << 20,
    };

    /// For a first meeting, where nothing large is asked for.
    pub const MEETING: Self = Self { bytes: 16 << 20, ..Self::PATIENT };

    /// For a conversation that shows who a program is. One that spins is bounded by what it uses, which does not depend on
    /// what else the machine does.
    pub const BRIEF: Self = Self {
        run: Duration::from_secs(60),
        processor: Duration::from_secs(4),
        // Where each write is looked at, 16 MiB of short lines take ten seconds.
        bytes: 1 << 20,
        ..Self::PATIENT
    };
}

impl Default for Limits {
    fn default() -> Self {
        // Twice what a program that spins may use of a processor that it shares with another: that bound comes first.
        Self { run: Duration::from_secs(120), submission: Duration::from_secs(600), ..Self::PATIENT }
    }
}

/// How much the programs of one run may use together.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Processes at a time.
    pub processes: usize,
    /// Threads of all of them at a time.
    pub threads: u64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Bytes below the run's folder.
    pub disk: u64,
    /// Files and folders there.
    pub files: u64,
    /// Bytes printed.
    pub output: u64,
    /// Bytes sent to the harness's peers.
    pub sent: u64,
    /// Pieces in which they came.
    pub pieces: u64,
    /// Processor time of all of them, also of those that have ended.
    pub processor: Duration,
    /// Real time, whatever the clock of the run says.
    pub time: Duration,
    /// Resident memory of the harness, in bytes.
    pub own_memory: u64,
}

impl Bounds {
    /// For runs.
    pub fn of_run(limits: &Limits) -> Self {
        Self {
            processes: 2_500,
            threads: 10_000,
            memory: memory(2 << 30),
            disk: 1 << 30,
            files: 50_000,
            output: limits.bytes,
            sent: limits.bytes,
            pieces: 128 << 20,
            // A program that polls uses as much as the scenario takes.
            processor: limits.processor.min(HANGS / 2),
            time: limits.run,
            own_memory: limits.memory,
        }
    }

    /// For builds: compilers take more.
    pub fn of_build() -> Self {
        Self {
            processes: 1_000,
            threads: 5_000,
            memory: memory(4 << 30),
            disk: 2 << 30,
            files: 200_000,
            output: u64::MAX,
            sent: u64::MAX,
            pieces: u64::MAX,
            processor: Duration::MAX,
            time: Duration::MAX,
            own_memory: u64::MAX,
        }
    }
}

/// Resident memory of this process, in bytes.
fn own_memory() -> u64 {
    process::held(std::process::id().cast_signed()).map_or(0, |held| held.memory_bytes)
}

/// At most half of the machine's memory.
fn memory(most: u64) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    total.map_or(most, |kib| most.min(kib * 1024 / 2))
}

/// What a program used too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// More processes than this at a time.
    Processes(usize),
    /// More threads.
    Threads(u64),
    /// More memory, in bytes.
    Memory(u64),
    /// More on the disk, in bytes.
    Disk(u64),
    /// More files.
    Files(u64),
    /// More output, in bytes.
    Output(u64),
    /// More bytes to the harness's peers.
    Sent(u64),
    /// More pieces of them.
    Pieces(u64),
    /// More processor time.
    Processor(Duration),
    /// More real time: this may as well be the machine's fault.
    Time(Duration),
    /// More memory of the harness, for what it keeps of the run and of those beside it.
    OwnMemory(u64),
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Processes(most) => write!(f, "more than {most} processes at a time"),
            Self::Threads(most) => write!(f, "more than {most} threads at a time"),
            Self::Memory(most) => write!(f, "more than {} MiB of memory", most >> 20),
            Self::Disk(most) => write!(f, "more than {} MiB on the disk", most >> 20),
            Self::Files(most) => write!(f, "more than {most} files in its folder"),
            Self::Output(most) => write!(f, "more than {} MiB of output", most >> 20),
            Self::Sent(most) => write!(f, "more than {} MiB", most >> 20),
            Self::Pieces(most) => write!(f, "more than {most} pieces of data"),
            Self::Processor(most) => write!(f, "more than {} s of processor time", most.as_secs()),
            Self::Time(most) => write!(f, "more than {} of real time", human(*most)),
            Self::OwnMemory(most) => write!(f, "more than {} MiB of the harness's own memory", most >> 20),
        }
    }
}

impl Excess {
    /// How a run ends in which this happened.
    pub fn end(self) -> End {
        match self {
            Self::Time(most) => End::Skipped(skip::out_of_time(most)),
            Self::OwnMemory(most) => End::Skipped(skip::out_of_memory(most)),
            _ => End::Failed(self.failure()),
        }
    }

    fn failure(self) -> Failure {
        let did = if matches!(self, Self::Sent(_) | Self::Pieces(_)) { "sent" } else { "used" };
        Failure {
            expected: format!("not {self}"),
            actual: "that much, and the programs of the run were ended".to_owned(),
            reason: format!("the program {did} {self}: it was ended, with all that it had started"),
            ..Failure::default()
        }
    }

    /// Makes this the reason of a run's end, and of whatever failed in it: what was ended cannot answer.
    pub fn blame(self, record: &mut Record) {
        let failure = self.failure();
        let fails = |what: &What| matches!(what, What::Judged(judgement) if !judgement.held);
        if let Self::Time(_) | Self::OwnMemory(_) = self {
            // Whose time and whose memory it was nobody knows.
            record.events.retain(|event| !fails(&event.what));
        }
        for event in record.events.iter_mut().filter(|event| fails(&event.what)) {
            if let What::Judged(judgement) = &mut event.what {
                judgement.expected.clone_from(&failure.expected);
                judgement.actual.clone_from(&failure.actual);
                judgement.reason.clone_from(&failure.reason);
                judgement.state.clone_from(&failure.state);
            }
        }
        record.end = self.end();
    }
}

#[derive(Debug, Default)]
struct State {
    roots: BTreeSet<i32>,
    ipc: Option<Ipc>,
    over: bool,
    excess: Option<Excess>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    marker: String,
    folder: PathBuf,
    bounds: Bounds,
    printed: AtomicU64,
    sent: AtomicU64,
    pieces: AtomicU64,
    looks: AtomicU64,
    /// Bytes of files in memory that have no name, at the last look at them.
    unlinked: AtomicU64,
}

/// Counts what the programs of a run send to the harness's peers.
#[derive(Debug, Clone)]
pub struct Sent(Arc<Shared>);

impl Sent {
    /// So many bytes more, in one piece.
    pub fn add(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.pieces.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts what the programs of a run print.
#[derive(Debug, Clone)]
pub struct Printed(Arc<Shared>);

impl Printed {
    /// So many bytes more.
    pub fn add(&self, bytes: usize) {
        self.0.printed.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Watches one run, or one build, until it is dropped.
#[derive(Debug)]
pub struct Guard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    /// Watches the programs that carry `marker` or are named later, and what they write below `folder`. To be called
    /// where `folder` is what the rest of the machine sees.
    pub fn new(marker: &str, folder: &Path, bounds: Bounds) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            marker: marker.to_owned(),
            folder: folder.to_owned(),
            bounds,
            printed: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            pieces: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            unlinked: AtomicU64::new(0),
        });
        let watching = Arc::clone(&shared);
        // Without a thread there is nobody to watch, and hardly a machine to run on.
        let thread = std::thread::Builder::new().name("guard".to_owned()).spawn(move || watching.watch()).ok();
        Self { shared, thread }
    }

    /// What the run's programs carry in their environment.
    pub fn marker(&self) -> &str {
        &self.shared.marker
    }

    /// Watches a program with all that it starts.
    pub fn add(&self, pid: i32) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).roots.insert(pid);
        self.shared.changed.notify_one();
    }

    /// Counts what is left in the calling thread's IPC namespace, which is the run's own.
    pub fn add_ipc(&self) {
        if super::furnishes().is_ok() && namespace::has_private_files() {
            self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ipc = Ipc::of_thread().ok();
        }
    }

    /// To count what the programs print.
    pub fn printed(&self) -> Printed {
        Printed(Arc::clone(&self.shared))
    }

    /// To count what the programs send.
    pub fn sent(&self) -> Sent {
        Sent(Arc::clone(&self.shared))
    }

    /// What was too much, if anything was.
    pub fn excess(&self) -> Option<Excess> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).excess
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn watch(&self) {
        let (mut pause, start) = (PAUSE, Instant::now());
        let mut counts_ipc = false;
        loop {
            let (roots, ipc) = {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let state = if state.roots.is_empty() && !state.over {
                    self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
                } else {
                    state
                };
                let (mut state, _) = self
                    .changed
                    .wait_timeout_while(state, pause, |state| !state.over)
                    .unwrap_or_else(PoisonError::into_inner);
                if state.over {
                    return;
                }
                (state.roots.iter().copied().collect::<Vec<i32>>(), state.ipc.take())
            };
            counts_ipc |= ipc.is_some_and(|ipc| ipc.enter().is_ok());
            let began = Instant::now();
            process::reap_strays();
            let bounds = self.bounds;
            let counted = [
                (&self.printed, bounds.output, Excess::Output(bounds.output)),
                (&self.sent, bounds.sent, Excess::Sent(bounds.sent)),
                (&self.pieces, bounds.pieces, Excess::Pieces(bounds.pieces)),
            ];
            let over = counted.iter().find(|(count, most, _)| count.load(Ordering::Relaxed) > *most);
            let excess = over
                .map(|(_, _, excess)| *excess)
                .or_else(|| self.amounts(&roots, if counts_ipc { ipc::held_bytes() } else { 0 }))
                .or_else(|| self.written())
                .or_else(|| (start.elapsed() > bounds.time).then_some(Excess::Time(bounds.time)))
                .or_else(|| (own_memory() > bounds.own_memory).then_some(Excess::OwnMemory(bounds.own_memory)));
            if let Some(excess) = excess {
                self.state.lock().unwrap_or_else(PoisonError::into_inner).excess.get_or_insert(excess);
                // Again at every look: what is ended may have gone on meanwhile.
                process::kill_members(&self.belonging(&roots));
            }
            pause = PAUSE.max(began.elapsed() * 5);
        }
    }

    fn belonging<'a>(&'a self, roots: &'a [i32]) -> Belonging<'a> {
        Belonging { namespace: None, roots, marker: Some((MARKER, &self.marker)) }
    }

    fn amounts(&self, roots: &[i32], unmapped: u64) -> Option<Excess> {
        let mut all = roots.to_vec();
        all.extend(process::strays(&self.belonging(roots)));
        let family = process::tree(&all);
        let bounds = self.bounds;
        if family.len() > bounds.processes {
            return Some(Excess::Processes(bounds.processes));
        }
        let (mut threads, mut memory, mut shared) = (0, 0, 0);
        let (mut processor, mut tables) = (Duration::ZERO, 0);
        for held in family.iter().filter_map(|pid| process::held(*pid)) {
            threads += held.threads;
            memory += held.memory_bytes;
            shared = shared.max(held.shared_bytes);
            processor += held.processor;
            tables += held.tables_at_most;
        }
        if processor > bounds.processor {
            return Some(Excess::Processor(bounds.processor));
        }
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let mut unmapped = unmapped;
        // What no list of sizes tells takes longer to find out.
        if tables > bounds.memory / 8 {
            unmapped += family.iter().map(|pid| process::page_tables(*pid)).sum::<u64>();
        }
        if looks.is_multiple_of(LOOKS_AT_DESCRIPTORS) {
            let files = process::unlinked(&family);
            self.unlinked.store(files.memory, Ordering::Relaxed);
            if files.disk > bounds.disk {
                return Some(Excess::Disk(bounds.disk));
            }
        }
        unmapped += self.unlinked.load(Ordering::Relaxed);
        memory += unmapped;
        if threads > bounds.threads {
            return Some(Excess::Threads(bounds.threads));
        }
        // What a process has from its parent counts for both so far; in parts, only when it matters.
        let in_parts = || unmapped + family.iter().filter_map(|pid| process::share_of_memory(*pid)).sum::<u64>();
        (memory + shared > bounds.memory && in_parts() > bounds.memory).then_some(Excess::Memory(bounds.memory))
    }

    fn written(&self) -> Option<Excess> {
        use std::os::unix::fs::MetadataExt;
        let bounds = self.bounds;
        let (mut bytes, mut files) = (0, 0);
        let mut pending = vec![self.folder.clone()];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(meta) = entry.metadata() else { continue };
                files += 1;
                bytes += meta.blocks() * 512;
                if bytes > bounds.disk {
                    return Some(Excess::Disk(bounds.disk));
                }
                if files > bounds.files {
                    return Some(Excess::Files(bounds.files));
                }
                if meta.is_dir() {
                    pending.push(entry.path());
                }
            }
        }
        None
    }
}

/// Ends what is left of a run whose programs have all ended or been ended: those that went away from them. Costs next
/// to nothing where there are none.
pub fn sweep(marker: &str) -> Vec<i32> {
    let belonging = Belonging { namespace: None, roots: &[], marker: Some((MARKER, marker)) };
    if process::strays(&belonging).is_empty() { Vec::new() } else { process::kill_members(&belonging).survivors }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::run::event::{About, Event, Judgement};

    fn judged(held: bool) -> Event {
        let judgement = Judgement {
            decides: vec!["t.a".to_owned()],
            held,
            about: About::Conduct,
            expected: "a reply".to_owned(),
            actual: "nothing".to_owned(),
            reason: "no reply".to_owned(),
            state: String::new(),
        };
        Event { at: Duration::ZERO, who: "alice".to_owned(), what: What::Judged(judgement) }
    }

    /// What failed is the program's fault where it used too much, and nobody's where time ran out.
    #[rstest]
    #[case::memory(Excess::Memory(1 << 20), true, &["", "the program used more than 1 MiB of memory: it was ended, with all that it had started"])]
    #[case::time(Excess::Time(Duration::from_secs(600)), false, &[""])]
    fn who_is_blamed(#[case] excess: Excess, #[case] fails: bool, #[case] reasons: &[&str]) {
        let mut record = Record::empty(End::Played);
        record.events = vec![judged(true), judged(false)];
        excess.blame(&mut record);
        assert_eq!(matches!(record.end, End::Failed(_)), fails);
        assert_eq!(matches!(record.end, End::Skipped(_)), !fails);
        let left = record.events.iter().filter_map(|event| match &event.what {
            What::Judged(judgement) if judgement.held => Some(""),
            What::Judged(judgement) => Some(judgement.reason.as_str()),
            _ => None,
        });
        assert_eq!(left.collect::<Vec<_>>(), reasons);
    }
}
