//! Starting a program under the filter.
//!
//! The child shares the parent's memory and the parent waits until the child has a new image (as `vfork` does,
//! on a stack of its own): starting costs the same however large the supervisor is. Between the filter and the
//! new image the child makes only calls that the filter lets pass with the passport.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use super::TrapError;
use super::filter::{Filter, PASSPORT};
use super::listener::Listener;

const STACK: usize = 256 * 1024;
const NEW_LISTENER: u64 = 8;

/// Something to do in the child before its filter is installed (namespaces, limits).
pub type Preparation = Box<dyn FnMut() -> io::Result<()>>;

/// A program to start under a filter.
pub struct TrapCommand {
    /// The executable; not looked up in `PATH`.
    pub program: PathBuf,
    /// The arguments, the program's own name first.
    pub arguments: Vec<Vec<u8>>,
    /// The whole environment, as `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// The working directory.
    pub directory: PathBuf,
    /// Runs in the child, with the parent's memory, before the filter. It must not keep a lock, and what it leaves open
    /// is closed.
    pub prepare: Option<Preparation>,
}

/// A program that was started.
#[derive(Debug)]
pub struct Spawned {
    /// Its process.
    pub process: i32,
    /// Becomes readable at its end.
    pub pidfd: OwnedFd,
    /// Where its calls arrive, and those of all its descendants.
    pub listener: Listener,
}

struct Child<'a> {
    program: CString,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    directory: CString,
    stdio: [i32; 3],
    handover: i32,
    filter: &'a Filter,
    prepare: Option<Preparation>,
    failure: Option<(Stage, i32)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Prepare,
    Filter,
    Exec,
}

impl TrapCommand {
    /// Starts the program with these three descriptors as standard input, output and error.
    ///
    /// # Errors
    /// When the executable cannot be run, the filter is refused, or the kernel is out of something.
    pub fn spawn(self, filter: &Filter, stdio: [BorrowedFd<'_>; 3]) -> Result<Spawned, TrapError> {
        let arguments = self.arguments.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let environment = self.environment.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let (kept, given) = handover_pair()?;
        let mut child = Child {
            program: path(&self.program)?,
            arguments: pointers(&arguments),
            environment: pointers(&environment),
            directory: path(&self.directory)?,
            stdio: stdio.map(|descriptor| descriptor.as_raw_fd()),
            handover: given.as_raw_fd(),
            filter,
            prepare: self.prepare,
            failure: None,
        };
        let mut stack = vec![0u8; STACK];
        let mut pidfd: i32 = -1;
        let mut before: libc::sigset_t = full_set();
        let all = full_set();
        let under_way = crate::forking::begin();
        // SAFETY: the signal sets live on this stack. No handler may run in the child while it shares our memory.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
        // SAFETY: the child runs `enter` on `stack`, whose aligned top is passed, with `child` as its argument.
        // CLONE_VFORK keeps this thread from running until the child has a new image or is gone, so both stay
        // valid and are not touched from two sides at once.
        let process = unsafe {
            let top = stack.as_mut_ptr().add(STACK).map_addr(|address| address & !0xf);
            libc::clone(
                enter,
                top.cast(),
                libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD,
                (&raw mut child).cast(),
                &raw mut pidfd,
            )
        };
        let cloned = io::Error::last_os_error();
        if process > 0 {
            crate::forking::started(process);
        }
        drop(under_way);
        // SAFETY: restores the mask saved above.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
        if process < 0 {
            return Err(TrapError::Kernel { what: "starting a process", source: cloned });
        }
        // SAFETY: the kernel stored a new descriptor in `pidfd`; it has no other owner.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        if let Some((stage, errno)) = child.failure {
            super::reap(process);
            let source = io::Error::from_raw_os_error(errno);
            return Err(match stage {
                Stage::Prepare => TrapError::Kernel { what: "preparing the process", source },
                Stage::Filter => TrapError::Refused { source },
                Stage::Exec => TrapError::Exec { program: self.program.display().to_string(), source },
            });
        }
        drop(given);
        let listener = receive_descriptor(&kept)?;
        Ok(Spawned { process, pidfd, listener: Listener::new(listener) })
    }
}

fn full_set() -> libc::sigset_t {
    // SAFETY: a signal set is plain data; `sigfillset` initialises it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        set
    }
}

fn text(bytes: Vec<u8>) -> Result<CString, TrapError> {
    CString::new(bytes)
        .map_err(|error| TrapError::Nul { text: String::from_utf8_lossy(&error.into_vec()).into_owned() })
}

fn path(path: &Path) -> Result<CString, TrapError> {
    text(path.as_os_str().as_bytes().to_vec())
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// What the child does. Returns only to end the process.
extern "C" fn enter(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `argument` is the `Child` that `spawn` keeps alive and does not touch while this runs.
    let child = unsafe { &mut *argument.cast::<Child<'_>>() };
    let failure = match child.prepare.as_mut().map_or(Ok(()), |prepare| prepare()) {
        Err(error) => (Stage::Prepare, error.raw_os_error().unwrap_or(libc::EINVAL)),
        Ok(()) => become_program(child),
    };
    child.failure = Some(failure);
    // SAFETY: ends this process with the passport, whether or not the filter is in place.
    unsafe { libc::syscall(libc::SYS_exit, 127, 0, 0, 0, 0, PASSPORT) };
    127
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

fn become_program(child: &Child<'_>) -> (Stage, i32) {
    // SAFETY: every pointer passed below points into `child` or this stack and lives until the call is over;
    // the calls change only this process's own descriptors, directory, signals and attributes.
    unsafe {
        // A session of its own has no controlling terminal: what asks for a password at `/dev/tty`, as `getpass` does,
        // takes standard input instead, and never the terminal of whoever grades.
        libc::setsid();
        // Out of the way first: a source may itself be numbered 0, 1 or 2.
        let mut moved = [0; 3];
        for (place, source) in moved.iter_mut().zip(child.stdio) {
            *place = libc::fcntl(source, libc::F_DUPFD_CLOEXEC, 64);
            if *place < 0 {
                return (Stage::Prepare, errno());
            }
        }
        for (target, source) in (0..).zip(moved) {
            if libc::dup2(source, target) < 0 {
                return (Stage::Prepare, errno());
            }
        }
        if libc::chdir(child.directory.as_ptr()) != 0 {
            return (Stage::Prepare, errno());
        }
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        // Same addresses in every run, where the machine allows it.
        libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let instructions = child.filter.instructions();
        let program = libc::sock_fprog { len: instructions.len() as u16, filter: instructions.as_ptr().cast_mut() };
        let listener =
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, NEW_LISTENER, &raw const program) as i32;
        if listener < 0 {
            return (Stage::Filter, errno());
        }
        if let Err(failed) = send_descriptor(child.handover, listener) {
            return (Stage::Filter, failed);
        }
        // Closed here and not by execve: that lets the harness go on before it closes anything, and what another thread
        // closes meanwhile would not have its effect before the copy in this process is gone. Where the kernel has no
        // close_range, everything of the harness is close-on-exec all the same.
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        libc::syscall(
            libc::SYS_execve,
            child.program.as_ptr(),
            child.arguments.as_ptr(),
            child.environment.as_ptr(),
            0,
            0,
            PASSPORT,
        );
        (Stage::Exec, errno())
    }
}

fn handover_pair() -> Result<(OwnedFd, OwnedFd), TrapError> {
    let mut ends = [0i32; 2];
    // SAFETY: the call writes two descriptors into `ends`.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) };
    if made != 0 {
        return Err(TrapError::kernel("making a socket pair"));
    }
    // SAFETY: both descriptors were just made and have no other owner.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Room for one descriptor in a control message, aligned for its header.
#[repr(C, align(8))]
struct Control([u8; 32]);

fn send_descriptor(through: i32, descriptor: i32) -> Result<(), i32> {
    let mut byte = [0u8; 1];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut control = Control([0; 32]);
    // SAFETY: `message` points at `part` and `control`, both alive until the call is over; the control buffer
    // is aligned and larger than CMSG_SPACE of one descriptor.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<i32>().write_unaligned(descriptor);
        let sent = libc::syscall(libc::SYS_sendmsg, through, &raw const message, 0, 0, 0, PASSPORT);
        if sent < 0 { Err(errno()) } else { Ok(()) }
    }
}

fn receive_descriptor(from: &OwnedFd) -> Result<OwnedFd, TrapError> {
    let mut byte = [0u8; 1];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut control = Control([0; 32]);
    // SAFETY: as in `send_descriptor`; the descriptor read from the control message is new and owned by us.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = 32;
        let got = libc::recvmsg(from.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if got < 0 || header.is_null() {
            return Err(TrapError::kernel("receiving the listener"));
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<i32>().read_unaligned()))
    }
}
