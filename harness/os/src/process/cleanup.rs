//! Ending all processes of a run, also those that tried to get away.
//!
//! Owns signals to members and the reaping of orphans; never touches a process that is no member, this process,
//! its ancestors, or process 1, and never waits for "any child".

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getsid};

use super::members::{Belonging, adopted, belongs, census, members, own_pid};
use super::procfs;
use crate::forking;

/// No clean-up takes longer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long one round waits for those it killed before it looks for new ones.
const ROUND: Duration = Duration::from_millis(500);
/// Rounds before a clean-up gives up; a round kills everybody it saw, so two are the rule.
const ROUNDS: usize = 1_024;

/// Children of this process of which nobody minds a few dead ones.
const FEW: usize = 64;

/// Dead children of dead parents that were collected so far.
static STRAYS_REAPED: AtomicU64 = AtomicU64::new(0);

/// Looks in a row that find nobody, while processes are being born elsewhere, before nobody is believed to be left.
const LOOKS: usize = 3;
/// Attempts to catch one that runs away, of some ten microseconds each.
const CATCHES: usize = 200;

/// What a clean-up achieved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Killed {
    /// Members that were sent `SIGKILL` and are gone.
    pub killed: usize,
    /// Members still alive: not ours to signal, or stuck in the kernel. Ascending.
    pub survivors: Vec<i32>,
}

/// Makes this process the parent of every orphan among its descendants (`PR_SET_CHILD_SUBREAPER`), so that a
/// double fork does not lead out of the process tree.
///
/// # Errors
/// What prctl(2) answers; Linux since 3.4 does not refuse.
pub fn set_subreaper() -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).map_err(io::Error::from)
}

/// A handle on a process that stays its own when the id is reused.
///
/// # Errors
/// `ESRCH` for a vanished process, `ENOSYS` before Linux 5.3.
pub(super) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of this process.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just created this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// One member that is being ended.
struct Target {
    pid: i32,
    /// Missing on kernels without pidfd; the id alone is used then.
    handle: Option<OwnedFd>,
}

impl Target {
    /// `None` if the process has vanished, or the number is that of a thread: a signal to one goes to its whole
    /// process, which may be this one.
    fn open(pid: i32) -> Option<Self> {
        match pidfd_open(pid) {
            Ok(handle) => Some(Self { pid, handle: Some(handle) }),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => None,
            Err(_) => procfs::leads(pid).then_some(Self { pid, handle: None }),
        }
    }

    /// Sends a signal; false if it could not be delivered.
    fn signal(&self, signal: Signal) -> bool {
        if self.pid <= 1 || self.pid == own_pid() {
            return false;
        }
        let Some(handle) = &self.handle else {
            return kill(Pid::from_raw(self.pid), signal).is_ok();
        };
        // SAFETY: integers and a NULL siginfo pointer, for which the kernel fills in what kill(2) would.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                handle.as_raw_fd(),
                signal as libc::c_int,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        answer == 0
    }

    /// Waits until all threads of the process have ended, at most until `limit`.
    fn wait_gone(&self, limit: Instant) -> bool {
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let ended = match &self.handle {
                Some(handle) => poll_once(Some(handle), left),
                None => {
                    let ended = procfs::stat(self.pid).is_none_or(|stat| !stat.alive());
                    // Without a handle the state has to be asked for again and again.
                    if !ended {
                        poll_once(None, left.min(Duration::from_millis(1)));
                    }
                    ended
                }
            };
            if ended || left.is_zero() {
                return ended;
            }
        }
    }
}

/// One poll(2); true if the descriptor became readable.
fn poll_once(handle: Option<&OwnedFd>, timeout: Duration) -> bool {
    // Rounded up: a rest below one millisecond must not turn into a busy loop.
    let millis = timeout.as_micros().div_ceil(1000);
    let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
    let mut fds: Vec<PollFd<'_>> =
        handle.map(|handle| PollFd::new(handle.as_fd(), PollFlags::POLLIN)).into_iter().collect();
    poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
}

/// Ends every live process that [belongs](members) to a run. All are stopped before any is killed, so that none
/// can fork while the others die; this repeats until nobody is left, for at most 1024 rounds and 5 seconds.
///
/// Members that became children of this process (see [`set_subreaper`]) are reaped, each by its own id. The
/// roots are not: whoever started them reaps them. Name every child of this process in `roots`, or its exit
/// status may be taken here.
pub fn kill_members(belonging: &Belonging<'_>) -> Killed {
    let deadline = Instant::now() + DEADLINE;
    let mut gone = BTreeSet::new();
    let mut to_reap = BTreeSet::new();
    let (mut unsure, mut runaway) = (0, false);
    for _ in 0..ROUNDS {
        reap_at_least(if runaway { 1 } else { FEW });
        let (born, reaped) = (last_born(), STRAYS_REAPED.load(Ordering::SeqCst));
        let stopped = stop_all(belonging, deadline, &mut to_reap);
        let doomed: Vec<&Target> = stopped.values().filter(|target| target.signal(Signal::SIGKILL)).collect();
        if doomed.is_empty() {
            // Whoever forks and ends all the time may have been born behind the look. It leaves its dead to us: where
            // none has come during a whole look, nobody has run away from it.
            let died = !dead_strays().is_empty() || reaped != STRAYS_REAPED.load(Ordering::SeqCst);
            let sure = !died && (runaway || born.is_some() && born == last_born() || unsure == LOOKS);
            if sure || Instant::now() >= deadline {
                break;
            }
            runaway |= died;
            unsure = LOOKS.min(unsure + 1);
            if runaway {
                stop_the_youngest(belonging);
            }
            continue;
        }
        unsure = 0;
        let limit = deadline.min(Instant::now() + ROUND);
        for target in doomed {
            to_reap.insert(target.pid);
            if target.wait_gone(limit) {
                gone.insert(target.pid);
            }
        }
        reap(&mut to_reap, belonging.roots);
        if Instant::now() >= deadline {
            break;
        }
    }
    reap(&mut to_reap, belonging.roots);
    if runaway {
        reap_at_least(1);
    }
    let survivors = members(belonging);
    gone.retain(|pid| !survivors.contains(pid));
    Killed { killed: gone.len(), survivors }
}

/// Stops members until a scan finds nobody new; the answer is everybody that was found.
fn stop_all(belonging: &Belonging<'_>, deadline: Instant, to_reap: &mut BTreeSet<i32>) -> BTreeMap<i32, Target> {
    let mut stopped: BTreeMap<i32, Target> = BTreeMap::new();
    loop {
        let census = census(belonging);
        to_reap.extend(census.zombies);
        let mut news = false;
        for pid in census.members {
            if stopped.contains_key(&pid) {
                continue;
            }
            if let Some(target) = Target::open(pid) {
                news = true;
                // A failure shows again, and counts, at the kill.
                target.signal(Signal::SIGSTOP);
                stopped.insert(pid, target);
            }
        }
        if !news || Instant::now() >= deadline {
            return stopped;
        }
    }
}

/// Kills every process in one of these mount or network namespaces, with a variable of this name in its environment whose
/// value begins so, or that descends from this process; and again, until nobody is found. Never the caller, and not that
/// process itself.
pub fn kill_marked(namespaces: &BTreeSet<u64>, (name, beginning): (&str, &str), above: Option<i32>) {
    let deadline = Instant::now() + DEADLINE;
    let (own, beginning) = (own_pid(), format!("{name}={beginning}"));
    let is_marked = |pid: i32| {
        ["mnt", "net"].iter().any(|kind| {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(format!("/proc/{pid}/ns/{kind}")).is_ok_and(|meta| namespaces.contains(&meta.ino()))
        }) || procfs::environment_has(pid, beginning.as_bytes())
    };
    let mut calm = 0;
    while calm < LOOKS && Instant::now() < deadline {
        let mut stopped: BTreeMap<i32, Target> = BTreeMap::new();
        loop {
            let before = stopped.len();
            let below: BTreeSet<i32> =
                above.map(|above| super::tree(&[above])).unwrap_or_default().into_iter().collect();
            for pid in procfs::numbers_in(std::path::Path::new("/proc")) {
                let is_one = || pid > 1 && pid != own && Some(pid) != above && (below.contains(&pid) || is_marked(pid));
                if !stopped.contains_key(&pid)
                    && is_one()
                    && procfs::stat(pid).is_some_and(|stat| stat.alive())
                    && let Some(target) = Target::open(pid)
                {
                    target.signal(Signal::SIGSTOP);
                    stopped.insert(pid, target);
                }
            }
            if stopped.len() == before || Instant::now() >= deadline {
                break;
            }
        }
        calm = if stopped.is_empty() { calm + 1 } else { 0 };
        let doomed: Vec<Target> = stopped.into_values().filter(|target| target.signal(Signal::SIGKILL)).collect();
        let limit = deadline.min(Instant::now() + ROUND);
        for target in &doomed {
            target.wait_gone(limit);
        }
    }
}

/// Takes the exit status of dead processes that became children of this one by their parents' deaths. Each keeps its
/// number until then, and a program that forks and ends all the time would use up the machine's. Does nothing while
/// there are few.
pub fn reap_strays() {
    reap_at_least(FEW);
}

fn reap_at_least(few: usize) {
    if dead_strays().len() < few {
        return;
    }
    // A child of our own may have died before it was written down as such.
    let _alone = forking::begin_alone();
    for pid in dead_strays() {
        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        STRAYS_REAPED.fetch_add(1, Ordering::SeqCst);
    }
}

/// Dead children of this process whose end nobody here will ask for. Those of the standard library stay in this session.
fn dead_strays() -> Vec<i32> {
    let session = getsid(None);
    let mut dead = adopted().unwrap_or_default();
    dead.retain(|pid| {
        !forking::is_started(*pid)
            && procfs::stat(*pid).is_some_and(|stat| !stat.alive())
            && getsid(Some(Pid::from_raw(*pid))) != session
    });
    dead
}

/// The number of the process or thread that was born last, as this process sees it (proc_loadavg(5)).
fn last_born() -> Option<i32> {
    let text = procfs::text("/proc/loadavg")?;
    text.split_ascii_whitespace().last()?.parse().ok()
}

/// Catches a member that forks and ends faster than all processes can be looked at: only the youngest ones are, again
/// and again, and those that came to this process last. One that is caught stays where it is.
fn stop_the_youngest(belonging: &Belonging<'_>) {
    for _ in 0..CATCHES {
        let last = last_born().unwrap_or_default();
        let came = adopted().unwrap_or_default();
        for pid in (last - 2..=last).chain(came.into_iter().rev().take(3)).filter(|pid| *pid > 1) {
            if let Some(target) = Target::open(pid)
                && belongs(pid, belonging)
                && target.signal(Signal::SIGSTOP)
            {
                return;
            }
        }
    }
}

/// Takes the exit status of those that are ours by now; the others stay for the next attempt.
fn reap(pids: &mut BTreeSet<i32>, roots: &[i32]) {
    pids.retain(|pid| {
        if roots.contains(pid) {
            return false;
        }
        // Still alive, or not (yet) our child: kept. Both are harmless to ask again.
        !matches!(
            waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG)),
            Ok(status) if status.pid().is_some()
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_of_this_process_is_nobody_to_be_stopped() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(nix::unistd::gettid().as_raw()).expect("somebody listens");
            ended.recv().expect_err("the end");
        });
        let number = told.recv().expect("its number");
        assert_ne!(number, own_pid());
        assert!(Target::open(number).is_none());
        assert!(!procfs::leads(number) && procfs::leads(own_pid()));
        // Its environment and namespace are this process's, and no mark of a run.
        let (name, value) = std::env::vars().find(|(_, value)| !value.is_empty()).expect("a variable");
        let marked = Belonging { namespace: None, roots: &[], marker: Some((&name, &value)) };
        assert!(!belongs(number, &marked));
        drop(end);
        thread.join().expect("it ends");
    }
}
