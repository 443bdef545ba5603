//! A small process that outlives this one by a moment and clears up after it, however it ends.
//!
//! Owns that process and what it is told: the namespaces that threads of this one have entered, by which it knows a run's
//! programs, whatever they have done to their environment. This process may be killed at any instant, and its threads,
//! which watch over amounts, are killed with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, setsid};

use crate::error::OsError;
use crate::{pipe, process};

/// What is told: a number follows.
const ENTERED: u8 = b'+';
const LEFT: u8 = b'-';
/// Everything is in order: nothing is left to do.
const DONE: u8 = b'.';
/// To clear up now.
const STOP: u8 = b'!';

/// The watching process, if there is one.
struct Watcher {
    told: OwnedFd,
    process: Pid,
}

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Starts the process. When this one is gone, it kills what is left of its runs, whose programs carry `name` in their
/// environment with a value that begins with `beginning`, and calls `clear_up`.
///
/// To be called at the start of `main`, while there is one thread.
///
/// # Errors
/// With several threads, or if no process can be made.
pub fn begin(name: &str, beginning: &str, clear_up: impl FnOnce()) -> Result<(), OsError> {
    const ATTEMPT: &str = "start a process that clears up";
    if fs::read_dir("/proc/self/task").map_or(0, Iterator::count) != 1 {
        return Err(OsError::unexpected(ATTEMPT, "this process has several threads"));
    }
    let (from, to) = pipe::pipe()?;
    let watched = getpid();
    // SAFETY: this process has one thread, so that no lock is held in the copy and everything may be done there.
    match unsafe { fork() }.map_err(|errno| OsError::new(ATTEMPT, errno))? {
        ForkResult::Parent { child } => {
            let _ = WATCHER.set(Watcher { told: to, process: child });
            Ok(())
        }
        ForkResult::Child => {
            drop(to);
            watch(from, watched, (name, beginning), clear_up);
            // SAFETY: ends this process without the handlers of the one it is a copy of.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Nothing is left: the process may go, and has gone.
pub fn end() {
    tell_and_wait(DONE);
}

/// All programs of this process's runs are killed and what is left is cleared up, before this returns. `false` if nobody
/// does that.
pub fn stop() -> bool {
    tell_and_wait(STOP)
}

fn tell_and_wait(what: u8) -> bool {
    let Some(watcher) = WATCHER.get() else { return false };
    tell(what, 0);
    while waitpid(watcher.process, None) == Err(Errno::EINTR) {}
    true
}

fn tell(what: u8, number: u64) {
    let Some(watcher) = WATCHER.get() else { return };
    let mut message = [what; 9];
    message[1..].copy_from_slice(&number.to_ne_bytes());
    // In one piece: a pipe takes that much whole. Where nobody reads any more, nobody is to be told.
    let _ = nix::unistd::write(&watcher.told, &message);
}

/// Namespaces that the calling thread has entered, until it ends.
struct Entered(BTreeSet<u64>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.iter().for_each(|number| tell(LEFT, *number));
    }
}

/// The calling thread has made a namespace of its own.
pub(crate) fn entered(kind: &str) {
    thread_local! { static OWN: RefCell<Entered> = const { RefCell::new(Entered(BTreeSet::new())) }; }
    let Ok(meta) = fs::metadata(format!("/proc/thread-self/ns/{kind}")) else { return };
    tell(ENTERED, meta.ino());
    OWN.with(|own| own.borrow_mut().0.insert(meta.ino()));
}

/// The process's life.
fn watch(from: OwnedFd, watched: Pid, (name, beginning): (&str, &str), clear_up: impl FnOnce()) {
    // Out of the session, whose signals are for the other, and away from its streams, whose readers wait for an end.
    let _ = setsid();
    for ignored in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        // SAFETY: no handler is installed.
        let _ = unsafe { signal(ignored, SigHandler::SigIgn) };
    }
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        for stream in 0..3 {
            // SAFETY: takes numbers only; the streams are this process's, and nobody here uses them.
            unsafe { libc::dup2(null.as_raw_fd(), stream) };
        }
    }
    if let Ok(mut comm) = OpenOptions::new().write(true).open("/proc/self/comm") {
        let _ = comm.write_all(b"harness-watch");
    }
    let mut namespaces = BTreeSet::new();
    match listen(from, &mut namespaces) {
        Ok(DONE) => return,
        Ok(_) => process::kill_marked(&namespaces, (name, beginning), Some(watched.as_raw())),
        Err(_) => process::kill_marked(&namespaces, (name, beginning), None),
    }
    clear_up();
}

/// Until there is something to do.
fn listen(from: OwnedFd, namespaces: &mut BTreeSet<u64>) -> io::Result<u8> {
    let mut from = File::from(from);
    let mut message = [0; 9];
    loop {
        from.read_exact(&mut message)?;
        let [what, a, b, c, d, e, f, g, h] = message;
        let number = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        match what {
            ENTERED => {
                namespaces.insert(number);
            }
            LEFT => {
                namespaces.remove(&number);
            }
            other => return Ok(other),
        }
    }
}
