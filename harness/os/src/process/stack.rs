//! The stack of a thread: stopped for a moment, copied, let go; or copied at the signal that ends its process.
//!
//! Owns the use of ptrace(2). It is used on programs whose run is over, and on those that are played again to be looked
//! at: a stop changes when a thread runs, but nothing of what it does.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::blocked::BlockedCall;
use super::procfs;
use crate::trap::Memory;

/// Bytes of a stack that are copied, from its end upwards.
const COPIED: usize = 256 * 1024;

/// A copy of a thread's state.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The thread.
    pub tid: i32,
    /// The call that it was blocked in; `None` if it ran.
    pub call: Option<BlockedCall>,
    /// Address of the instruction that it was at.
    pub instruction: u64,
    /// Its stack pointer, which is the address of `stack`.
    pub pointer: u64,
    /// Its frame pointer.
    pub frame: u64,
    /// The link register, where the architecture has one.
    pub link: u64,
    /// The end of its stack.
    pub stack: Vec<u8>,
}

/// A part of a file that a process may execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Where it is.
    pub addresses: Range<u64>,
    /// Where it begins in the file.
    pub offset: u64,
    /// The file.
    pub file: PathBuf,
}

/// The executable mappings of a process, ascending.
pub fn mappings(pid: i32) -> Vec<Mapping> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    text.lines().filter_map(mapping).collect()
}

/// `555555555000-555555556000 r-xp 00001000 08:01 1234   /tmp/x/server`.
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let executable = fields.next()?.as_bytes().get(2) == Some(&b'x');
    let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
    let file = fields.nth(2)?.trim_start();
    (executable && file.starts_with('/')).then_some(Mapping {
        addresses: u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?,
        offset,
        file: file.into(),
    })
}

/// Stops every thread of a process for a moment and copies its state. Threads that may not be traced are left out.
pub fn snapshots(pid: i32) -> Vec<Snapshot> {
    let look = |tid| {
        let call = procfs::text(&format!("/proc/{pid}/task/{tid}/syscall")).as_deref().and_then(BlockedCall::parse);
        seize(tid, 0).ok()?;
        let stopped = request(libc::PTRACE_INTERRUPT, tid, 0).is_ok() && await_stop(tid);
        let copied = stopped.then(|| copy(tid, call)).flatten();
        let _ = request(libc::PTRACE_DETACH, tid, 0);
        copied
    };
    procfs::task_ids(pid).into_iter().filter_map(look).collect()
}

/// Waits until a thread that is traced stops; `false` if it is gone.
fn await_stop(tid: i32) -> bool {
    wait(tid, libc::__WALL).is_some_and(|(_, status)| libc::WIFSTOPPED(status))
}

/// A program that is watched until it ends, for what it was at when a signal ended it.
#[derive(Debug)]
pub struct Autopsy(Arc<Mutex<Option<Found>>>);

/// What a program was at when a signal came that it did not survive.
#[derive(Debug, Clone)]
pub struct Found {
    /// The signal.
    pub signal: i32,
    /// The thread that it came to.
    pub thread: Snapshot,
    /// The files that its process could execute.
    pub mappings: Vec<Mapping>,
}

impl Autopsy {
    /// Watches a process with all that it starts.
    ///
    /// # Errors
    /// If it may not be traced.
    pub fn of(pid: i32) -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        // Who traces a thread is a thread, and only it hears of it.
        let found: Arc<Mutex<Option<Found>>> = Arc::default();
        let shared = Arc::clone(&found);
        std::thread::spawn(move || {
            const OPTIONS: i32 = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK;
            let seized = seize(pid, OPTIONS);
            let may = seized.is_ok();
            let _ = tell.send(seized);
            if may {
                watch(pid, &shared);
            }
        });
        told.recv().map_err(io::Error::other)??;
        Ok(Self(found))
    }

    /// The last deadly signal that came. Once the program is dead, it is the one that ended it, if any did.
    pub fn found(&self) -> Option<Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Signals that are looked at: those that a program dies of by its own fault.
const DEADLY: [i32; 8] = [
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGPIPE,
    libc::SIGSYS,
];

/// Lets everything pass, and remembers the last deadly signal of the first process.
fn watch(pid: i32, found: &Mutex<Option<Found>>) {
    // Only what this thread traces is its own to wait for. The end of the program itself is its parent's to hear of,
    // which is another thread of this process; that of its threads and children is nobody else's while they are traced.
    while let Some(tid) = peek(pid) {
        let Some((_, status)) = wait(tid, libc::__WALL | libc::WNOHANG) else { continue };
        if !libc::WIFSTOPPED(status) {
            continue;
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        let of_it = crate::trap::thread_group_of(tid) == Some(pid);
        let (how, pass) = match event {
            // A stop of the whole process goes on until it is told to continue.
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => (libc::PTRACE_LISTEN, 0),
            0 => {
                if of_it
                    && DEADLY.contains(&signal)
                    && let Some(thread) = copy(tid, None)
                {
                    let seen = Found { signal, thread, mappings: mappings(pid) };
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
                }
                (libc::PTRACE_CONT, signal)
            }
            _ => (libc::PTRACE_CONT, 0),
        };
        let _ = request(how, tid, pass);
    }
}

/// Waits until a thread that this one traces has stopped or ended, and says which. `None` when there is no more, or
/// when the program itself has ended.
fn peek(root: i32) -> Option<i32> {
    // SAFETY: siginfo_t is plain data, for which all zeroes is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL | libc::__WNOTHREAD;
    loop {
        // SAFETY: waitid writes one siginfo_t, which outlives the call.
        if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) } == 0 {
            // SAFETY: waitid fills in the members of SIGCHLD.
            let tid = unsafe { info.si_pid() };
            let ended = matches!(info.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED);
            return (tid != root || !ended).then_some(tid);
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return None;
        }
    }
}

/// Waits for a child or a traced thread: who it was, and its status.
fn wait(who: i32, options: i32) -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place for the one value written.
        let tid = unsafe { libc::waitpid(who, &raw mut status, options) };
        if tid > 0 {
            return Some((tid, status));
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return None;
        }
    }
}

fn seize(tid: i32, options: i32) -> io::Result<()> {
    // SAFETY: takes numbers; nothing of this process's memory is touched.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, ptr::null_mut::<u8>(), libc::c_long::from(options)) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn request(request: libc::c_uint, tid: i32, data: i32) -> io::Result<()> {
    // SAFETY: only requests that take a number as their data are made here.
    let done = unsafe { libc::ptrace(request, tid, ptr::null_mut::<u8>(), libc::c_long::from(data)) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The state of a thread that is stopped.
fn copy(tid: i32, call: Option<BlockedCall>) -> Option<Snapshot> {
    let registers = registers(tid)?;
    let (instruction, pointer, frame, link) = registers;
    let memory = Memory::of(tid);
    // The stack may end before so many bytes: the most that is there.
    let mut length = COPIED;
    let mut stack = vec![0; length];
    while !memory.read(pointer, &mut stack[..length]) {
        length /= 2;
        if length < 64 {
            break;
        }
    }
    if length < 64 {
        length = 0;
    }
    // What fits between half of it and the whole is added page by page.
    const PAGE: usize = 4096;
    while length >= 64 && length + PAGE <= COPIED {
        let (from, to) = (length, (pointer as usize + length + PAGE) / PAGE * PAGE - pointer as usize);
        if to > COPIED || !memory.read(pointer + from as u64, &mut stack[from..to]) {
            break;
        }
        length = to;
    }
    stack.truncate(length);
    Some(Snapshot { tid, call, instruction, pointer, frame, link, stack })
}

/// Instruction pointer, stack pointer, frame pointer and link register.
#[cfg(target_arch = "x86_64")]
fn registers(tid: i32) -> Option<(u64, u64, u64, u64)> {
    let all: libc::user_regs_struct = register_set(tid)?;
    Some((all.rip, all.rsp, all.rbp, 0))
}

/// Instruction pointer, stack pointer, frame pointer and link register.
#[cfg(target_arch = "aarch64")]
fn registers(tid: i32) -> Option<(u64, u64, u64, u64)> {
    let all: libc::user_regs_struct = register_set(tid)?;
    Some((all.pc, all.sp, all.regs[29], all.regs[30]))
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn register_set(tid: i32) -> Option<libc::user_regs_struct> {
    /// `NT_PRSTATUS` of elf.h: the general registers.
    const GENERAL: usize = 1;
    // SAFETY: the registers are plain numbers, for which zero is a value.
    let mut all: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    let mut part = libc::iovec { iov_base: (&raw mut all).cast(), iov_len: size_of::<libc::user_regs_struct>() };
    // SAFETY: `part` spans exactly `all`, which outlives the call; the kernel writes no more than its length.
    let done = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, GENERAL, &raw mut part) };
    (done >= 0).then_some(all)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn registers(_: i32) -> Option<(u64, u64, u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    #[test]
    fn lines_of_maps() {
        let line = "555555555000-555555556000 r-xp 00001000 08:01 1234                       /tmp/a b/server";
        let expected =
            Mapping { addresses: 0x5555_5555_5000..0x5555_5555_6000, offset: 0x1000, file: "/tmp/a b/server".into() };
        assert_eq!(mapping(line), Some(expected));
        assert_eq!(mapping("7ffd1000-7ffd2000 r-xp 00000000 00:00 0                          [vdso]"), None);
        assert_eq!(mapping("7ffd1000-7ffd2000 rw-p 00000000 08:01 7                          /lib/libc.so.6"), None);
    }

    #[test]
    fn a_blocked_program_is_looked_at_and_goes_on() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id() as i32;
        let blocked = || super::super::threads(pid).iter().any(|thread| thread.blocked_in.is_some());
        let is_cat = || mappings(pid).iter().any(|mapping| mapping.file.ends_with("cat"));
        while !blocked() || !is_cat() {
            std::thread::yield_now();
        }
        let found = snapshots(pid);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].stack.len() > 256 && found[0].pointer != 0 && found[0].instruction != 0);
        assert!(mappings(pid).iter().any(|mapping| mapping.addresses.contains(&found[0].instruction)));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn the_signal_that_ends_a_program_is_seen() {
        let mut child = Command::new("sh").args(["-c", "read x; kill -SEGV $$"]).stdin(Stdio::piped()).spawn().unwrap();
        let autopsy = Autopsy::of(child.id() as i32).unwrap();
        drop(child.stdin.take());
        // A wait of this process would take the stops that the watcher waits for.
        let dead = crate::trap::pidfd_open(child.id() as i32).unwrap();
        assert!(crate::trap::becomes_ready(dead.as_fd(), Duration::from_secs(20)));
        let found = autopsy.found().unwrap();
        assert_eq!(found.signal, libc::SIGSEGV);
        assert!(!found.mappings.is_empty());
        let _ = child.wait();
    }
}
