//! Views of single processes and threads.
//!
//! Owns what a report says about a process: names, states, calls, memory, processor time, socket timeouts.
//! Never changes the process it looks at.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::blocked::BlockedCall;
use super::cleanup::pidfd_open;
use super::procfs;

/// One thread, as `/proc/PID/task/TID` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadView {
    /// The thread's id; the first thread's is the process id.
    pub tid: i32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// The kernel's letter: `R` running or runnable, `S` waiting, `D` waiting for a device, `T` stopped,
    /// `t` traced, `Z` ended.
    pub state: char,
    /// The call it is in; `None` while it runs or may not be looked at (`PTRACE_MODE_ATTACH` is needed).
    pub blocked_in: Option<BlockedCall>,
    /// Time on a processor, in nanoseconds (schedstat).
    pub run_ns: u64,
    /// Time runnable but waiting for a processor, in nanoseconds (schedstat): a busy machine, not the program.
    pub wait_ns: u64,
    /// Context switches, voluntary and involuntary.
    pub switches: u64,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessView {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub ppid: i32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Live threads, an ended first thread included.
    pub threads: u64,
    /// Open descriptors; 0 if they may not be listed.
    pub descriptors: usize,
    /// Children that ended and were not waited for.
    pub zombies: usize,
    /// The most memory it ever had resident (`VmHWM`), in bytes; 0 for a zombie.
    pub peak_memory_bytes: u64,
    /// Processor time of all its threads, ended ones included, children left out, in nanoseconds.
    pub cpu_ns: u64,
}

/// What a process holds at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Live threads.
    pub threads: u64,
    /// Resident memory that is its own or copied when written, in bytes.
    pub memory_bytes: u64,
    /// Resident memory that others may share: files and shared memory, in bytes.
    pub shared_bytes: u64,
    /// Most bytes of its page tables: all of its addresses, 8 bytes for each 4096.
    pub tables_at_most: u64,
    /// Processor time that it has used, and its children that have ended.
    pub processor: Duration,
}

/// What a process holds, from two short files; `None` if it is gone.
pub fn held(pid: i32) -> Option<Held> {
    let stat = procfs::stat(pid)?;
    let sizes = procfs::text(&format!("/proc/{pid}/statm"))?;
    let mut pages = sizes.split_ascii_whitespace().map_while(|number| number.parse::<u64>().ok());
    let (all, resident, shared) = (pages.next()?, pages.next()?, pages.next()?);
    // SAFETY: takes a number and answers with one.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    Some(Held {
        threads: stat.threads,
        memory_bytes: resident.saturating_sub(shared) * page,
        shared_bytes: shared * page,
        tables_at_most: all * 8,
        processor: Duration::from_nanos(ticks_to_ns(stat.cpu_ticks.saturating_add(stat.cpu_ticks_of_dead_children))),
    })
}

/// Bytes of a process's page tables; 0 if it is gone.
pub fn page_tables(pid: i32) -> u64 {
    let status = procfs::text(&format!("/proc/{pid}/status")).unwrap_or_default();
    number(&status, "VmPTE").saturating_mul(1024)
}

/// Files without a name that processes hold open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unlinked {
    /// Bytes on disks.
    pub disk: u64,
    /// Bytes in memory (memfd_create(2)).
    pub memory: u64,
}

/// What these processes keep in files that have no name any more; each file counts once.
pub fn unlinked(pids: &[i32]) -> Unlinked {
    let mut seen = BTreeSet::new();
    let mut sum = Unlinked::default();
    for pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(link) = fs::read_link(entry.path()) else { continue };
            let name = link.as_os_str().as_bytes();
            if !name.ends_with(b" (deleted)") {
                continue;
            }
            let Ok(meta) = fs::metadata(entry.path()) else { continue };
            if meta.is_file() && meta.nlink() == 0 && seen.insert((meta.dev(), meta.ino())) {
                let of_kind = if name.starts_with(b"/memfd:") { &mut sum.memory } else { &mut sum.disk };
                *of_kind = of_kind.saturating_add(meta.blocks().saturating_mul(512));
            }
        }
    }
    sum
}

/// Resident memory of a process in bytes, where what several share counts in parts (`Pss`): exact, and slow to find
/// out. `None` if it is gone or may not be looked at.
pub fn share_of_memory(pid: i32) -> Option<u64> {
    let text = procfs::text(&format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// All threads of a process by ascending id; empty if it is gone.
pub fn threads(pid: i32) -> Vec<ThreadView> {
    procfs::task_ids(pid).into_iter().filter_map(|tid| thread(pid, tid)).collect()
}

fn thread(pid: i32, tid: i32) -> Option<ThreadView> {
    let directory = format!("/proc/{pid}/task/{tid}");
    let stat = procfs::parse_stat(&fs::read(format!("{directory}/stat")).ok()?)?;
    let blocked_in = procfs::text(&format!("{directory}/syscall")).as_deref().and_then(BlockedCall::parse);
    let (run_ns, wait_ns) =
        procfs::text(&format!("{directory}/schedstat")).as_deref().and_then(parse_schedstat).unwrap_or_default();
    let status = procfs::text(&format!("{directory}/status"))?;
    Some(ThreadView {
        tid,
        name: stat.name,
        state: stat.state,
        blocked_in,
        run_ns,
        wait_ns,
        switches: number(&status, "voluntary_ctxt_switches")
            .saturating_add(number(&status, "nonvoluntary_ctxt_switches")),
    })
}

/// `RUN WAIT SLICES`: nanoseconds on a processor, nanoseconds waiting for one, time slices.
fn parse_schedstat(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_ascii_whitespace();
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The leading number of a `status` field, 0 if there is none.
fn number(status: &str, name: &str) -> u64 {
    procfs::field(status, name).and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The signals a process has handlers for (`SigCgt`): bit n − 1 stands for signal n. 0 if it is gone.
pub fn caught_signals(pid: i32) -> u64 {
    procfs::text(&format!("/proc/{pid}/status"))
        .as_deref()
        .and_then(|status| u64::from_str_radix(procfs::field(status, "SigCgt")?, 16).ok())
        .unwrap_or(0)
}

/// `SO_RCVTIMEO` and `SO_SNDTIMEO` of another process's socket; [`Duration::ZERO`] means no limit.
///
/// # Errors
/// `ESRCH` or `EBADF` for a vanished process or descriptor, `ENOTSOCK` for other descriptors, `EPERM` where the
/// process may not be traced by this one, `ENOSYS` before Linux 5.6.
pub fn socket_timeouts(pid: i32, fd: i32) -> io::Result<(Duration, Duration)> {
    let process = pidfd_open(pid)?;
    // SAFETY: pidfd_getfd takes three integers and touches no memory of this process.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) };
    let copy = i32::try_from(Errno::result(copy)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just created this descriptor for us and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(copy) };
    let receive = getsockopt(&socket, sockopt::ReceiveTimeout)?;
    let send = getsockopt(&socket, sockopt::SendTimeout)?;
    Ok((duration(receive), duration(send)))
}

fn duration(value: TimeVal) -> Duration {
    let micros = value.tv_sec().saturating_mul(1_000_000).saturating_add(value.tv_usec());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// What a report says about a process; `None` if it is gone. A zombie that was not reaped is still there.
pub fn view(pid: i32) -> Option<ProcessView> {
    let stat = procfs::stat(pid)?;
    let status = procfs::text(&format!("/proc/{pid}/status"))?;
    let descriptors = procfs::numbers_in(Path::new(&format!("/proc/{pid}/fd"))).len();
    Some(ProcessView {
        pid,
        ppid: stat.ppid,
        threads: stat.threads,
        descriptors,
        zombies: zombie_children(pid),
        peak_memory_bytes: number(&status, "VmHWM").saturating_mul(1024),
        cpu_ns: process_clock(pid).unwrap_or_else(|| ticks_to_ns(stat.cpu_ticks)),
        name: stat.name,
    })
}

fn zombie_children(pid: i32) -> usize {
    let children = procfs::children(pid).unwrap_or_else(|| procfs::numbers_in(Path::new("/proc")));
    children.into_iter().filter_map(procfs::stat).filter(|stat| stat.ppid == pid && !stat.alive()).count()
}

/// The processor-time clock of another process, exact to the nanosecond where `stat` counts 10 ms ticks.
fn process_clock(pid: i32) -> Option<u64> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is a valid place for the one value written.
    if unsafe { libc::clock_getcpuclockid(pid, &mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the one value written.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(time.tv_nsec).ok()?)
}

fn ticks_to_ns(ticks: u64) -> u64 {
    // USER_HZ is 100 on every architecture this crate is for.
    ticks.saturating_mul(10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Above the kernel's largest id (2^22).
    const NOBODY: i32 = 2_000_000_000;

    #[test]
    fn vanished_processes() {
        assert_eq!(view(NOBODY), None);
        assert_eq!(threads(NOBODY), Vec::new());
        assert_eq!(caught_signals(NOBODY), 0);
        assert!(socket_timeouts(NOBODY, 0).is_err());
        assert_eq!(procfs::children(NOBODY), None);
        assert!(!procfs::has_environment(NOBODY, "PATH", ""));
    }

    #[test]
    fn this_process() {
        let own = super::super::members::own_pid();
        let view = view(own).unwrap();
        assert_eq!(view.pid, own);
        assert!(view.peak_memory_bytes > 100_000, "{view:?}");
        assert!(view.cpu_ns > 0 && view.descriptors >= 3 && view.threads >= 1, "{view:?}");
        assert!(threads(own).iter().any(|thread| thread.run_ns > 0));
    }

    #[test]
    fn what_has_no_name_is_counted_once() {
        use std::io::Write;
        let own = [super::super::members::own_pid()];
        let before = unlinked(&own);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 300_000]).unwrap();
        file.sync_all().unwrap();
        let _again = file.try_clone().unwrap();
        let memory = nix::sys::memfd::memfd_create("test", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
        fs::File::from(memory.try_clone().unwrap()).write_all(&[1; 500_000]).unwrap();
        let after = unlinked(&own);
        // Other tests hold what they like meanwhile.
        assert!(after.disk >= before.disk.saturating_sub(1) + 300_000 && after.memory >= before.memory + 500_000);
        assert!(page_tables(own[0]) > 0 && held(own[0]).unwrap().tables_at_most > 0);
    }

    #[test]
    fn schedstat() {
        assert_eq!(parse_schedstat("12 34 5\n"), Some((12, 34)));
        assert_eq!(parse_schedstat(""), None);
    }
}
