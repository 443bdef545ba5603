//! The loss of privileges, for good.
//!
//! Owns what root keeps: what makes it read the files of whoever has called it, bind any port, see packets and become
//! somebody else. Not what changes files that are not its own. An ordinary user has none of it anyway, so that a program
//! is judged alike on either machine.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Numbers of capabilities(7).
const DAC_READ_SEARCH: u32 = 2;
const SETGID: u32 = 6;
const SETUID: u32 = 7;
const NET_BIND_SERVICE: u32 = 10;
const NET_RAW: u32 = 13;

const KEPT: u64 = 1 << DAC_READ_SEARCH | 1 << SETGID | 1 << SETUID | 1 << NET_BIND_SERVICE | 1 << NET_RAW;

/// More than any kernel has.
const ALL: u32 = 64;

/// Version 3 of the interface: two words for each set.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    process: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Drops all privileges but [`KEPT`], also those that a new image would bring, and gives up gaining any.
pub(super) fn give_up() -> Result<(), Errno> {
    nix::sys::prctl::set_no_new_privs()?;
    for capability in (0..ALL).filter(|capability| KEPT & 1 << capability == 0) {
        // SAFETY: takes numbers only. Unprivileged it fails, and there is then nothing to lose.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
        if dropped != 0 {
            // The first number that the kernel does not know, or no right to drop any.
            break;
        }
    }
    let header = Header { version: VERSION, process: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: both calls take a header and two sets, whose layout is the kernel's, and touch nothing else.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()))?;
        for (number, set) in sets.iter_mut().enumerate() {
            let kept = (KEPT >> (32 * number)) as u32;
            *set = Sets { effective: set.effective & kept, permitted: set.permitted & kept, inheritable: 0 };
        }
        Errno::result(libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr())).map(drop)
    }
}

/// Should memory run out, the kernel ends this process and not the harness (proc_pid_oom_score_adj(5)). Where it does
/// not let itself be told, memory is watched all the same.
pub(super) fn be_first_to_die(proc: BorrowedFd<'_>) {
    // SAFETY: an open descriptor, a path that ends in a zero byte, and a buffer of the length given; what is opened is
    // closed again.
    unsafe {
        let path = c"self/oom_score_adj".as_ptr();
        let file = libc::openat(proc.as_raw_fd(), path, libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, c"1000".as_ptr().cast(), 4);
            libc::close(file);
        }
    }
}
