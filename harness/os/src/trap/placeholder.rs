//! Placeholders: descriptors that stand in a program for sockets that the kernel knows nothing of.
//!
//! A placeholder is one end of a local socket pair. It carries no data; the supervisor keeps the other end and
//! sees the last close of the program's end, by whatever road (`close`, `dup2`, death), as a hang-up.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::TrapError;

/// A placeholder as the supervisor holds it.
#[derive(Debug)]
pub struct Placeholder {
    kept: OwnedFd,
    identity: u64,
}

impl AsFd for Placeholder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kept.as_fd()
    }
}

impl Placeholder {
    /// A new placeholder and the end that is to be given to the program.
    ///
    /// # Errors
    /// When the supervisor is out of descriptors.
    pub fn new(nonblocking: bool) -> Result<(Self, OwnedFd), TrapError> {
        let mut ends = [0i32; 2];
        // SAFETY: the call writes two descriptors into `ends`.
        let made =
            unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) };
        if made != 0 {
            return Err(TrapError::kernel("making a placeholder"));
        }
        // SAFETY: both descriptors were just made and have no other owner.
        let (kept, given) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        if nonblocking {
            // The program's F_GETFL must show what it asked for.
            // SAFETY: sets a status flag on a descriptor that is owned here.
            unsafe { libc::fcntl(given.as_raw_fd(), libc::F_SETFL, libc::O_RDWR | libc::O_NONBLOCK) };
        }
        // SAFETY: `stat` is plain data for which all zeroes is a value.
        let mut facts: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the call fills one `stat` that lives on this stack.
        if unsafe { libc::fstat(given.as_raw_fd(), &raw mut facts) } != 0 {
            return Err(TrapError::kernel("identifying a placeholder"));
        }
        Ok((Self { kept, identity: facts.st_ino }, given))
    }

    /// The number by which the program's end is recognised in `/proc`.
    pub fn identity(&self) -> u64 {
        self.identity
    }
}

/// The descriptors of a process, looked at again and again without resolving its path each time.
#[derive(Debug)]
pub struct Descriptors(OwnedFd);

impl Descriptors {
    /// `None` when the process is gone already.
    pub fn of(process: i32) -> Option<Self> {
        Some(Self(fs::File::open(format!("/proc/{process}/fd")).ok()?.into()))
    }

    /// The identity of the socket behind a descriptor, when it is a socket of any kind.
    pub fn socket(&self, descriptor: i32) -> Option<u64> {
        // Ten digits and a NUL at most.
        let mut name = [0u8; 12];
        {
            use std::io::Write;
            write!(&mut name[..11], "{descriptor}").ok()?;
        }
        let mut target = [0u8; 64];
        // SAFETY: `name` ends in a NUL, and the kernel writes at most the length of `target`.
        let length = unsafe {
            libc::readlinkat(self.0.as_raw_fd(), name.as_ptr().cast(), target.as_mut_ptr().cast(), target.len())
        };
        let target = target.get(..usize::try_from(length).ok()?)?;
        std::str::from_utf8(target).ok()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }
}

/// A copy of a program's descriptor in the supervisor.
///
/// # Errors
/// The `errno` of the kernel: `EBADF` when the program has no such descriptor, `EPERM` when a container
/// profile forbids `pidfd_getfd`.
pub fn borrow_descriptor(pidfd: BorrowedFd<'_>, descriptor: i32) -> Result<OwnedFd, i32> {
    // SAFETY: the call takes plain numbers and returns a new descriptor or an error.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), descriptor, 0) } as i32;
    if copy < 0 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EBADF));
    }
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// What `poll` says right now about a descriptor of the supervisor, as `poll` bits.
pub fn native_readiness(descriptor: BorrowedFd<'_>, events: i16) -> i16 {
    let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: one entry, which lives on this stack; no waiting.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    if ready > 0 { entry.revents } else { 0 }
}
