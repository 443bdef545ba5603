//! Placeholders: descriptors that stand in a program for sockets that the kernel knows nothing of.
//!
//! A placeholder is one end of a local socket pair. It carries no data; the supervisor keeps the other end and
//! sees the last close of the program's end, by whatever road (`close`, `dup2`, death), as a hang-up. To the kernel it is
//! never ready: nothing comes, and its buffer is full.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

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
        fill(given.as_fd())?;
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

    /// From now on a write that the kernel executes fails with `EPIPE` and its signal.
    pub fn break_off(&self) {
        // SAFETY: takes numbers only; the descriptor is owned here.
        unsafe { libc::shutdown(self.kept.as_raw_fd(), libc::SHUT_RD) };
    }

    /// The number by which the program's end is recognised in `/proc`.
    pub fn identity(&self) -> u64 {
        self.identity
    }
}

/// Longer than every link that is looked for.
const LINK: usize = 64;

/// More than a quarter of the smallest buffer that a socket can have, beyond which it is not writable.
static FILLING: [u8; 2048] = [0; 2048];

fn fill(given: BorrowedFd<'_>) -> Result<(), TrapError> {
    let least: libc::c_int = 0;
    // SAFETY: the first call reads one integer of this stack, the second the whole of a constant array; no waiting.
    let done = unsafe {
        libc::setsockopt(
            given.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw const least).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
        libc::send(given.as_raw_fd(), FILLING.as_ptr().cast(), FILLING.len(), libc::MSG_DONTWAIT)
    };
    if done > 0 { Ok(()) } else { Err(TrapError::kernel("filling a placeholder")) }
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
        let mut room = [0u8; LINK];
        let target = std::str::from_utf8(self.link(descriptor, &mut room)?).ok()?;
        target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }

    /// Whether the link of a descriptor reads like this: the path of a terminal, `pipe:[NUMBER]`.
    pub fn is(&self, descriptor: i32, link: &str) -> bool {
        let mut room = [0u8; LINK];
        self.link(descriptor, &mut room).is_some_and(|target| target == link.as_bytes())
    }

    fn link<'a>(&self, descriptor: i32, target: &'a mut [u8; LINK]) -> Option<&'a [u8]> {
        // Ten digits and a NUL at most.
        let mut name = [0u8; 12];
        {
            use std::io::Write;
            write!(&mut name[..11], "{descriptor}").ok()?;
        }
        // SAFETY: `name` ends in a NUL, and the kernel writes at most the length of `target`.
        let length = unsafe {
            libc::readlinkat(self.0.as_raw_fd(), name.as_ptr().cast(), target.as_mut_ptr().cast(), target.len())
        };
        target.get(..usize::try_from(length).ok()?)
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

/// A file in memory that holds this text, from its beginning: what a program is given in place of another file.
///
/// # Errors
/// When the supervisor is out of descriptors or memory.
pub fn file_of(text: &[u8]) -> Result<OwnedFd, TrapError> {
    use std::io::{Seek, Write};
    // SAFETY: the name ends in a NUL; the call returns a new descriptor or an error.
    let descriptor = unsafe { libc::memfd_create(c"shown".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(TrapError::kernel("making a file in memory"));
    }
    // SAFETY: the descriptor was just made and has no other owner.
    let mut file = fs::File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    file.write_all(text)
        .and_then(|()| file.rewind())
        .map_err(|source| TrapError::Kernel { what: "filling a file in memory", source })?;
    Ok(file.into())
}

/// What `poll` says right now about a descriptor of the supervisor, as `poll` bits.
pub fn native_readiness(descriptor: BorrowedFd<'_>, events: i16) -> i16 {
    let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: one entry, which lives on this stack; no waiting.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    if ready > 0 { entry.revents } else { 0 }
}

/// Bytes that can be read from a pipe at once; 0 where the kernel does not say.
pub fn readable_bytes(descriptor: BorrowedFd<'_>) -> usize {
    let mut there: libc::c_int = 0;
    // SAFETY: FIONREAD writes one integer, which lives on this stack.
    let told = unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::FIONREAD, &raw mut there) };
    if told == 0 { usize::try_from(there).unwrap_or(0) } else { 0 }
}

/// Waits until a descriptor is readable; false when it is not within `patience`.
pub fn becomes_ready(descriptor: BorrowedFd<'_>, patience: Duration) -> bool {
    let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let time = libc::timespec {
        tv_sec: patience.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(patience.subsec_nanos() as i32),
    };
    // SAFETY: one entry and one time, which live on this stack; no signal mask.
    unsafe { libc::ppoll(&raw mut entry, 1, &raw const time, std::ptr::null()) > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_never_ready_and_its_end_shows() {
        let (kept, given) = Placeholder::new(false).expect("a placeholder");
        assert_eq!(native_readiness(given.as_fd(), libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP), 0);
        kept.break_off();
        assert_eq!(native_readiness(given.as_fd(), libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP), 0);
        assert_eq!(native_readiness(kept.as_fd(), 0), 0);
        let copy = given.try_clone().expect("a copy");
        drop(given);
        assert_eq!(native_readiness(kept.as_fd(), 0), 0);
        drop(copy);
        assert_eq!(native_readiness(kept.as_fd(), 0), libc::POLLHUP);
    }

    #[test]
    fn a_file_in_memory_is_read_from_its_beginning() {
        use std::io::Read;
        let mut text = String::new();
        fs::File::from(file_of(b"eth0").expect("a file")).read_to_string(&mut text).expect("read");
        assert_eq!(text, "eth0");
    }
}
