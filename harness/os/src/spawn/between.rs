//! From clone to exec: the few steps that run in the new process while it still has the harness's memory.
//!
//! Owns those steps and nothing else. The child runs on a stack of its own and makes system calls on prepared
//! buffers only: it never allocates, takes a lock, or panics, so that other threads of the harness do not matter.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};

use super::{Child, Phase, Prepared};
use crate::confine::Confinement;

/// Enough for the few frames of `run` and of libc's wrappers, also without optimisation.
const STACK_BYTES: usize = 64 * 1024;
/// The lowest page is never accessible: running over the end faults instead of overwriting something.
const GUARD_BYTES: usize = 4096;

/// What the child reads, and the one place it writes.
struct Plan<'a> {
    candidates: &'a [*const c_char],
    argv: *const *const c_char,
    envp: *const *const c_char,
    cwd: *const c_char,
    streams: [RawFd; 3],
    limits: &'a [(Resource, u64)],
    confinement: Option<&'a Confinement>,
    open_files: c_int,
    /// The step under way.
    phase: AtomicI32,
    /// Why it failed; 0 until it did.
    errno: AtomicI32,
}

/// One step of the child.
type Step = fn(&Plan<'_>) -> Result<(), Errno>;

/// In the order in which the child takes them.
const PHASES: [Phase; 7] = [
    Phase::Session,
    Phase::Limits,
    Phase::WorkingDirectory,
    Phase::Confinement,
    Phase::Descriptors,
    Phase::Signals,
    Phase::Execute,
];

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    let end = std::iter::once(ptr::null());
    strings.iter().map(|s| s.as_ptr()).chain(end).collect()
}

/// Creates the process and returns once it has executed the program, or failed to.
pub(super) fn start(prepared: &Prepared, streams: [RawFd; 3]) -> Result<Child, (Phase, io::Error)> {
    let candidates: Vec<_> = prepared.candidates.iter().map(|c| c.as_ptr()).collect();
    let argv = pointers(&prepared.argv);
    let envp = pointers(&prepared.envp);
    let plan = Plan {
        candidates: &candidates,
        argv: argv.as_ptr(),
        envp: envp.as_ptr(),
        cwd: prepared.cwd.as_ptr(),
        streams,
        limits: &prepared.limits,
        confinement: prepared.confinement.as_deref(),
        open_files: prepared.open_files,
        phase: AtomicI32::new(0),
        errno: AtomicI32::new(0),
    };
    let stack = Stack::new().map_err(|error| (Phase::Create, error))?;
    let (pid, pidfd) = clone(&plan, &stack).map_err(|error| (Phase::Create, error))?;
    let mut child = Child::new(pid, pidfd);
    match plan.errno.load(Ordering::Acquire) {
        0 => Ok(child),
        errno => {
            child.reap();
            let step = usize::try_from(plan.phase.load(Ordering::Acquire)).unwrap_or_default();
            let phase = PHASES.get(step).copied().unwrap_or(Phase::Execute);
            Err((phase, io::Error::from_raw_os_error(errno)))
        }
    }
}

/// As vfork, but on a stack of its own: the child shares this memory (no page tables to copy), and this thread is
/// held by the kernel until the child has executed a program or ended.
fn clone(plan: &Plan<'_>, stack: &Stack) -> io::Result<(i32, OwnedFd)> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: c_int = -1;
    // SAFETY: both sets are plain data and initialised by sigfillset and pthread_sigmask before they are read. All
    // signals are blocked, so that no handler of the harness runs in the child, on shared memory.
    let before = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    };
    // SAFETY: `stack.top()` is the aligned upper end of a mapping used by this child alone; `plan` and all it points
    // to live in this thread's frames, which CLONE_VFORK keeps until the child has left this memory; the child has
    // its own descriptor table, signal dispositions and working directory, as CLONE_FILES, CLONE_SIGHAND and
    // CLONE_FS are not set; `pidfd` is written before clone returns.
    let pid = unsafe { libc::clone(run, stack.top(), flags, ptr::from_ref(plan).cast_mut().cast(), &raw mut pidfd) };
    let outcome = Errno::result(pid);
    // SAFETY: `before` was filled in above; restoring the mask of this thread has no other effect.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    let pid = outcome?;
    // SAFETY: clone has just made this descriptor for us; nothing else owns it.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// The child.
extern "C" fn run(plan: *mut c_void) -> c_int {
    // SAFETY: `clone` above passes a Plan that outlives this function, and nobody writes to it but through atomics.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    let steps: [Step; PHASES.len()] = [session, limits, working_directory, confinement, descriptors, signals, execute];
    for (number, step) in (0..).zip(steps) {
        plan.phase.store(number, Ordering::Release);
        if let Err(errno) = step(plan) {
            plan.errno.store(errno as i32, Ordering::Release);
            break;
        }
    }
    // SAFETY: ends this process without the harness's exit handlers.
    unsafe { libc::_exit(127) }
}

/// A session of its own has no controlling terminal, and is not given one: what asks for a password at `/dev/tty`, as
/// `getpass` does, finds none, and takes standard input instead.
fn session(_: &Plan<'_>) -> Result<(), Errno> {
    nix::unistd::setsid().map(drop)
}

fn descriptors(plan: &Plan<'_>) -> Result<(), Errno> {
    for (number, stream) in (0..).zip(plan.streams) {
        // SAFETY: dup2 takes numbers only. The streams are above 2, so that none is overwritten before its turn, and
        // the new descriptor is not close-on-exec. The table is the child's own: no owner in the harness is affected.
        Errno::result(unsafe { libc::dup2(stream, number) })?;
    }
    // Closed here and not by execve: that lets the harness go on before it closes anything, and a program which
    // another thread has just written would stay "busy" through a copy of its writer's descriptor.
    // SAFETY: close_range takes numbers only, and changes the child's own table.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed != 0 {
        // Before Linux 5.9, or under a container profile that does not know the call.
        for number in 3..plan.open_files {
            // SAFETY: as above; a number that is not open is an error without effect.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}

fn limits(plan: &Plan<'_>) -> Result<(), Errno> {
    plan.limits.iter().try_for_each(|&(resource, limit)| setrlimit(resource, limit, limit))
}

/// After all that takes a privilege, and while the descriptors of its rules are open.
fn confinement(plan: &Plan<'_>) -> Result<(), Errno> {
    plan.confinement.map_or(Ok(()), Confinement::apply)
}

fn working_directory(plan: &Plan<'_>) -> Result<(), Errno> {
    // SAFETY: `cwd` is a string of the Plan, with its zero byte.
    Errno::result(unsafe { libc::chdir(plan.cwd) }).map(drop)
}

/// Caught signals would be reset by execve anyway; ignored ones (SIGPIPE, as the Rust runtime leaves it) would not.
fn signals(_: &Plan<'_>) -> Result<(), Errno> {
    // The kernel's sigaction and sigset are plain words, and all zeroes mean SIG_DFL and the empty set.
    let zeroes = [0_u64; 8];
    let set_bytes = size_of::<u64>();
    for number in 1..=64 {
        // SAFETY: reads no more than `zeroes`, and changes the child's own table; for SIGKILL and SIGSTOP it is an
        // error without effect. Not by libc's wrapper: that refuses its own two numbers, of which one may have been
        // ignored by whoever started the harness.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, number, zeroes.as_ptr(), ptr::null::<u64>(), set_bytes) };
    }
    // SAFETY: reads one word of `zeroes`, and changes the mask of the child's only thread.
    let set = unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, zeroes.as_ptr(), ptr::null::<u64>(), set_bytes)
    };
    Errno::result(set).map(drop)
}

/// Returns only with the error: of the candidates that are there but may not be executed, or else ENOENT.
fn execute(plan: &Plan<'_>) -> Result<(), Errno> {
    let mut reason = Errno::ENOENT;
    for &path in plan.candidates {
        // SAFETY: the path and both null-terminated arrays, with the strings they point to, belong to the Plan.
        unsafe { libc::execve(path, plan.argv, plan.envp) };
        match Errno::last() {
            Errno::ENOENT => {}
            Errno::ENOTDIR if plan.candidates.len() > 1 => {}
            Errno::EACCES => reason = Errno::EACCES,
            other => return Err(other),
        }
    }
    Err(reason)
}

/// The child's stack, unmapped when the child has left it.
struct Stack {
    base: *mut c_void,
}

impl Stack {
    fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a new anonymous mapping at an address the kernel chooses overlaps nothing.
        let base = unsafe { libc::mmap(ptr::null_mut(), STACK_BYTES, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { base };
        // SAFETY: the range is the lower end of the mapping just made, which nothing uses yet.
        Errno::result(unsafe { libc::mprotect(base, GUARD_BYTES, libc::PROT_NONE) })?;
        Ok(stack)
    }

    /// One past the highest byte; page-aligned, which is more than any ABI asks.
    fn top(&self) -> *mut c_void {
        self.base.wrapping_byte_add(STACK_BYTES)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and the child is past execve or gone: CLONE_VFORK held us until then.
        unsafe { libc::munmap(self.base, STACK_BYTES) };
    }
}
