//! One epoll set for everything the supervisor waits for: notifications, deaths, hang-ups of placeholders.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::{Bell, TrapError};

/// An event of the set: the token it was added with, and whether the other end hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// What `add` was given.
    pub token: u64,
    /// Readable: a notification waits, a process died, or data arrived.
    pub readable: bool,
    /// The other end is closed.
    pub hung_up: bool,
}

/// An epoll set.
#[derive(Debug)]
pub struct Poller {
    set: OwnedFd,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// When the supervisor is out of descriptors.
    pub fn new() -> Result<Self, TrapError> {
        // SAFETY: takes flags, returns a new descriptor or an error.
        let set = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if set < 0 {
            return Err(TrapError::kernel("making an epoll set"));
        }
        // SAFETY: the descriptor was just made and has no other owner.
        Ok(Self { set: unsafe { OwnedFd::from_raw_fd(set) } })
    }

    /// Watches a descriptor for readability and hang-up.
    ///
    /// # Errors
    /// When the kernel cannot watch it.
    pub fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> Result<(), TrapError> {
        self.watch(descriptor, token, libc::EPOLLIN as u32)
    }

    /// Watches a bell. Each time that it is set it is ready once.
    ///
    /// # Errors
    /// When the kernel cannot watch it.
    pub fn add_bell(&self, bell: &Bell, token: u64) -> Result<(), TrapError> {
        self.watch(bell.as_fd(), token, (libc::EPOLLIN | libc::EPOLLET) as u32)
    }

    /// Watches a descriptor for hang-up alone.
    ///
    /// # Errors
    /// When the kernel cannot watch it.
    pub fn add_for_end(&self, descriptor: BorrowedFd<'_>, token: u64) -> Result<(), TrapError> {
        // A hang-up is told in any case.
        self.watch(descriptor, token, 0)
    }

    fn watch(&self, descriptor: BorrowedFd<'_>, token: u64, events: u32) -> Result<(), TrapError> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: the kernel copies `event`; both descriptors are open.
        let done = unsafe {
            libc::epoll_ctl(self.set.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor.as_raw_fd(), &raw mut event)
        };
        if done == 0 { Ok(()) } else { Err(TrapError::kernel("watching a descriptor")) }
    }

    /// Stops watching a descriptor.
    pub fn remove(&self, descriptor: BorrowedFd<'_>) {
        // SAFETY: deletion ignores the event argument.
        unsafe {
            libc::epoll_ctl(self.set.as_raw_fd(), libc::EPOLL_CTL_DEL, descriptor.as_raw_fd(), std::ptr::null_mut())
        };
    }

    /// So many events are told at once, at most.
    pub const AT_ONCE: usize = 64;

    /// Appends what is ready to `out`, waiting at most `patience` of real time for the first; without a bound for ever.
    pub fn wait(&self, patience: Option<Duration>, out: &mut Vec<Ready>) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; Self::AT_ONCE];
        let limit = patience
            .map(|time| libc::timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) });
        // SAFETY: the kernel writes at most as many events as the array holds and reads the time on this stack. A null
        // signal mask leaves the mask alone.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.set.as_raw_fd(),
                events.as_mut_ptr(),
                Self::AT_ONCE as i32,
                limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        for event in events.iter().take(usize::try_from(count).unwrap_or(0)) {
            let bits = event.events;
            out.push(Ready {
                token: event.u64,
                readable: bits & libc::EPOLLIN as u32 != 0,
                // Not EPOLLERR: a listener shows that when a signal came while its list was being looked at.
                hung_up: bits & libc::EPOLLHUP as u32 != 0,
            });
        }
    }
}

/// High half of the number by which a set is recognised.
const MARK: u64 = 0x5ca1_ab1e << 32;

impl Poller {
    /// Numbers the set, so that [`mark_of`] finds the number under any descriptor of it, copies included.
    /// `never_ready` has to stay open and silent as long as the set is used.
    ///
    /// # Errors
    /// When the kernel cannot watch it.
    pub fn mark(&self, never_ready: BorrowedFd<'_>, number: u32) -> Result<(), TrapError> {
        self.add(never_ready, MARK | u64::from(number))
    }

    /// The set as a plain descriptor, to be given to a program.
    pub fn into_descriptor(self) -> OwnedFd {
        self.set
    }
}

/// The number that the epoll set behind a process's descriptor was marked with.
pub fn mark_of(process: i32, descriptor: i32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{descriptor}")).ok()?;
    text.lines().find_map(marked)
}

/// The mark in a line of `fdinfo` about a member of a set (proc(5)): `tfd: 4 events: 19 data: 5ca1ab1e00000007 …`.
fn marked(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("data:")?;
    let data = u64::from_str_radix(rest.split_whitespace().next()?, 16).ok()?;
    (data >> 32 == MARK >> 32).then_some(data as u32)
}

/// What is ready at once in a program's own epoll set: the bits and the data of each event, at most `limit`.
pub fn epoll_ready(set: BorrowedFd<'_>, limit: usize) -> Vec<(u32, u64)> {
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; limit.min(1024)];
    if events.is_empty() {
        return Vec::new();
    }
    // SAFETY: the kernel writes at most as many events as the vector holds; no waiting.
    let count = unsafe { libc::epoll_wait(set.as_raw_fd(), events.as_mut_ptr(), events.len() as i32, 0) };
    events.iter().take(usize::try_from(count).unwrap_or(0)).map(|event| (event.events, event.u64)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_set_is_recognised_under_any_descriptor() {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let poller = Poller::new().expect("a set");
        poller.add(reader.as_fd(), 3).expect("watched");
        let other = reader.try_clone().expect("a copy");
        let set = poller.set.try_clone().expect("a copy");
        let own = i32::try_from(std::process::id()).expect("a process id");
        assert_eq!(mark_of(own, set.as_raw_fd()), None);
        poller.mark(other.as_fd(), 7).expect("marked");
        assert_eq!(mark_of(own, set.as_raw_fd()), Some(7));
        assert_eq!(mark_of(own, reader.as_raw_fd()), None);
        assert_eq!(epoll_ready(set.as_fd(), 8), []);
    }
}
