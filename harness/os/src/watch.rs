//! A small process that outlives this one by a moment and clears up after it, however it ends.
//!
//! Owns that process and what it is told: the namespaces that threads of this one have entered, by which it knows a run's
//! programs, whatever they have done to their environment. It holds each open: the kernel gives the number of one that is
//! gone to the next that is made, which may be anybody's. This process may be killed at any instant, and its threads,
//! which watch over amounts, are killed with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, IoSliceMut, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, setsid};

use crate::error::OsError;
use crate::process;

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
    let (from, to) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|errno| OsError::new(ATTEMPT, errno))?;
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
    tell(what, 0, None);
    while waitpid(watcher.process, None) == Err(Errno::EINTR) {}
    true
}

fn tell(what: u8, number: u64, held: Option<&File>) {
    let Some(watcher) = WATCHER.get() else { return };
    let message = message(what, number);
    let held: Vec<RawFd> = held.map(AsRawFd::as_raw_fd).into_iter().collect();
    let rights = [ControlMessage::ScmRights(&held)];
    let rights = if held.is_empty() { &[][..] } else { &rights };
    // Where nobody reads any more, nobody is to be told.
    let _ = sendmsg::<()>(watcher.told.as_raw_fd(), &[IoSlice::new(&message)], rights, MsgFlags::MSG_NOSIGNAL, None);
}

fn message(what: u8, number: u64) -> [u8; 9] {
    let mut message = [what; 9];
    message[1..].copy_from_slice(&number.to_ne_bytes());
    message
}

/// Namespaces that the calling thread has entered, until it ends.
struct Entered(BTreeSet<u64>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.iter().for_each(|number| tell(LEFT, *number, None));
    }
}

/// The calling thread has made a namespace of its own.
pub(crate) fn entered(kind: &str) {
    thread_local! { static OWN: RefCell<Entered> = const { RefCell::new(Entered(BTreeSet::new())) }; }
    let Ok(made) = File::open(format!("/proc/thread-self/ns/{kind}")) else { return };
    let Ok(meta) = made.metadata() else { return };
    tell(ENTERED, meta.ino(), Some(&made));
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
    let mut held = BTreeMap::new();
    let said = listen(&from, &mut held);
    let above = match said {
        Some(DONE) => return,
        Some(_) => Some(watched.as_raw()),
        None => None,
    };
    process::kill_marked(&held.keys().copied().collect(), (name, beginning), above);
    drop(held);
    clear_up();
}

/// Until there is something to do; nothing when the other process has gone without a word. What is `held` are namespaces
/// that are in use, by their numbers.
fn listen(from: &OwnedFd, held: &mut BTreeMap<u64, OwnedFd>) -> Option<u8> {
    loop {
        let (what, number, namespace) = hear(from)?;
        match (what, namespace) {
            (ENTERED, Some(namespace)) => drop(held.insert(number, namespace)),
            (ENTERED, None) => {}
            (LEFT, _) => drop(held.remove(&number)),
            (other, _) => return Some(other),
        }
    }
}

/// The next message, and the namespace that came with it.
fn hear(from: &OwnedFd) -> Option<(u8, u64, Option<OwnedFd>)> {
    let mut text = [0; 9];
    let mut space = nix::cmsg_space!(RawFd);
    let mut parts = [IoSliceMut::new(&mut text)];
    let came = loop {
        match recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(Errno::EINTR) => {}
            came => break came.ok()?,
        }
    };
    let mut namespace = None;
    for rights in came.cmsgs().into_iter().flatten() {
        let ControlMessageOwned::ScmRights(descriptors) = rights else { continue };
        for descriptor in descriptors {
            // SAFETY: the kernel has just made it for this process, and nobody else knows of it.
            namespace = Some(unsafe { OwnedFd::from_raw_fd(descriptor) });
        }
    }
    let whole = came.bytes == 9;
    let [what, a, b, c, d, e, f, g, h] = text;
    whole.then_some((what, u64::from_ne_bytes([a, b, c, d, e, f, g, h]), namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a file in place of a namespace: its number, and the file.
    fn told(to: &OwnedFd, what: u8, file: Option<&File>) {
        let held: Vec<RawFd> = file.map(AsRawFd::as_raw_fd).into_iter().collect();
        let rights = [ControlMessage::ScmRights(&held)];
        let rights = if held.is_empty() { &[][..] } else { &rights };
        let text = message(what, 7);
        sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(&text)], rights, MsgFlags::empty(), None).unwrap();
    }

    // The number of a namespace is free for another as soon as nobody holds it.
    #[test]
    fn what_is_in_use_is_held() {
        let pair = || socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let inode = |file: &OwnedFd| File::from(file.try_clone().unwrap()).metadata().unwrap().ino();
        let network = File::open("/proc/self/ns/net").unwrap();
        let mut held = BTreeMap::new();
        let (from, to) = pair();
        told(&to, ENTERED, Some(&network));
        told(&to, STOP, None);
        assert_eq!(listen(&from, &mut held), Some(STOP));
        let number = network.metadata().unwrap().ino();
        assert_eq!(held.values().map(inode).collect::<Vec<_>>(), [number]);
        told(&to, LEFT, None);
        drop(to);
        assert_eq!((listen(&from, &mut held), held.len()), (None, 0));
    }
}
