//! Finding out what containment this machine allows, and making it possible for an ordinary user.
//!
//! Owns: the trial in a forked child, and at most one change of this process: its own user namespace. It never
//! makes that change before a child has made the very same one with success.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::AddressFamily;
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getegid, geteuid, write};

use crate::error::{OsError, describe};
use crate::{loopback, namespace, pipe};

/// What the threads of this process may have to themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Containment {
    /// Each thread may enter a network of its own ([`namespace::enter_private_network`]).
    pub network: bool,
    /// Each thread may have mounts of its own ([`namespace::enter_private_files`]).
    pub files: bool,
    /// One line on what forbids the missing part; `None` when nothing is missing.
    pub why_not: Option<String>,
}

/// Finds out what is allowed, and enters a user namespace where that is what makes it so.
///
/// To be called at the start of `main`: a process with several threads cannot enter a user namespace, and is then
/// told so in `why_not`. With CAP_SYS_ADMIN nothing is changed. Else, and only after a forked child has done all of
/// it, this process enters a user namespace in which its user and group keep their numbers.
///
/// # Panics
/// When the kernel refuses the user map to this process after having granted it to the child: as a process without
/// an identity nothing could go on.
#[must_use]
pub fn prepare_process() -> Containment {
    let direct = match try_in_child(None) {
        Ok(trial) => trial,
        Err(error) => return nothing(error.to_string()),
    };
    if direct.network == 0 {
        return direct.containment();
    }
    if let Some(number) = thread_count().filter(|&number| number != 1) {
        return nothing(format!(
            "a process with {number} threads cannot enter a user namespace; containment is prepared at the start of main"
        ));
    }
    let maps = IdentityMaps::of_this_process();
    let trial = match try_in_child(Some(&maps)) {
        Ok(trial) => trial,
        Err(error) => return nothing(error.to_string()),
    };
    if trial.network != 0 {
        return trial.containment();
    }
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWUSER) {
        return nothing(why_no_user_namespace(errno));
    }
    if let Err(errno) = maps.write() {
        panic!("cannot map this process's user in its user namespace: {errno}");
    }
    trial.containment()
}

fn nothing(why_not: String) -> Containment {
    Containment { network: false, files: false, why_not: Some(why_not) }
}

fn thread_count() -> Option<usize> {
    fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// "Own number to own number" for the user and the group, prepared before a fork: the child must not allocate.
struct IdentityMaps {
    user: String,
    group: String,
}

impl IdentityMaps {
    fn of_this_process() -> Self {
        let (user, group) = (geteuid(), getegid());
        Self { user: format!("{user} {user} 1"), group: format!("{group} {group} 1") }
    }

    /// user_namespaces(7): without privileges a group map is only granted once setgroups is given up.
    fn write(&self) -> Result<(), Errno> {
        write_kernel_file("/proc/self/setgroups", "deny")?;
        write_kernel_file("/proc/self/uid_map", &self.user)?;
        write_kernel_file("/proc/self/gid_map", &self.group)
    }
}

fn write_kernel_file(path: &str, text: &str) -> Result<(), Errno> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    match write(&file, text.as_bytes())? {
        n if n == text.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

/// What a child achieved: 0, or the error number, of each step; later steps are not tried when `user` failed.
#[derive(Clone, Copy)]
struct Trial {
    user: i32,
    network: i32,
    files: i32,
}

impl Trial {
    /// The child's part: system calls on prepared buffers only, as the parent may have other threads.
    fn make(maps: Option<&IdentityMaps>) -> Self {
        let user = code(maps.map_or(Ok(()), |maps| {
            unshare(CloneFlags::CLONE_NEWUSER)?;
            maps.write()
        }));
        if user != 0 {
            return Self { user, network: user, files: user };
        }
        let network = code(
            unshare(CloneFlags::CLONE_NEWNET)
                .and_then(|()| loopback::bring_up())
                .and_then(|()| loopback::make_every_address_local(AddressFamily::Inet)),
        );
        let files = code(unshare(CloneFlags::CLONE_NEWNS).and_then(|()| namespace::keep_mounts_private()));
        Self { user, network, files }
    }

    fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.user.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.network.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.files.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            user: i32::from_ne_bytes([a, b, c, d]),
            network: i32::from_ne_bytes([e, f, g, h]),
            files: i32::from_ne_bytes([i, j, k, l]),
        }
    }

    fn containment(self) -> Containment {
        let why_not = if self.user != 0 {
            Some(why_no_user_namespace(Errno::from_raw(self.user)))
        } else if self.network != 0 {
            Some(why_not("create a network namespace", self.network))
        } else if self.files != 0 {
            Some(why_not("create a mount namespace", self.files))
        } else {
            None
        };
        Containment { network: self.network == 0, files: self.files == 0, why_not }
    }
}

fn code(result: Result<(), Errno>) -> i32 {
    result.err().map_or(0, |errno| errno as i32)
}

/// Runs [`Trial::make`] in a forked child, so that whatever it does ends with it.
fn try_in_child(maps: Option<&IdentityMaps>) -> Result<Trial, OsError> {
    let (read_end, write_end) = pipe::pipe()?;
    // SAFETY: until its _exit the child makes only system calls on buffers that exist already: it takes no lock and
    // does not allocate, whatever the other threads of this process held at the fork.
    let child = match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let bytes = Trial::make(maps).to_bytes();
            let _ = write(write_end.as_fd(), &bytes);
            // SAFETY: ends this process at once, without running the parent's exit handlers.
            unsafe { libc::_exit(0) }
        }
        Ok(ForkResult::Parent { child }) => child,
        Err(errno) => return Err(OsError::new("start a process to try namespaces in", errno)),
    };
    drop(write_end);
    let answer = read_answer(read_end);
    while waitpid(child, None) == Err(Errno::EINTR) {}
    answer.map_err(|error| OsError::new("try namespaces in a process of their own", error))
}

fn read_answer(read_end: OwnedFd) -> io::Result<Trial> {
    let mut bytes = [0; 12];
    fs::File::from(read_end).read_exact(&mut bytes)?;
    Ok(Trial::from_bytes(bytes))
}

fn why_not(attempt: &'static str, errno: i32) -> String {
    let errno = Errno::from_raw(errno);
    match blocking_setting() {
        Some(setting) if errno == Errno::EPERM || errno == Errno::EACCES => setting,
        _ => OsError::new(attempt, errno).to_string(),
    }
}

fn why_no_user_namespace(errno: Errno) -> String {
    blocking_setting().unwrap_or_else(|| match errno {
        Errno::EPERM => format!(
            "cannot create a user namespace: {} (a container's seccomp profile forbids it, or a chroot)",
            errno.desc()
        ),
        Errno::ENOSPC => "cannot create a user namespace: user.max_user_namespaces is reached".to_owned(),
        _ => format!("cannot create a user namespace: {}", describe(&errno.into())),
    })
}

/// The system setting that forbids an ordinary user's namespaces, in the form `sysctl` takes.
fn blocking_setting() -> Option<String> {
    [
        ("kernel.unprivileged_userns_clone", "0"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
        ("user.max_user_namespaces", "0"),
    ]
    .into_iter()
    .find(|(name, forbidding)| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::read_to_string(path).is_ok_and(|text| text.trim() == *forbidding)
    })
    .map(|(name, value)| format!("{name}={value}"))
}
