//! Network and mount namespaces, one per thread that asks for them.
//!
//! Owns: what this machine allows (`containment.rs` finds out), and moving the calling thread. It never moves
//! another thread, and never moves a thread back: a thread that entered a namespace is ended with its run.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::AddressFamily;

pub use crate::containment::{Containment, prepare_process};
use crate::error::OsError;
use crate::{loopback, watch};

/// Which network namespace: the inode of the kernel's handle, unique while the namespace exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NamespaceId(u64);

impl NamespaceId {
    /// The calling thread's network namespace.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn of_thread() -> Result<Self, OsError> {
        fs::metadata("/proc/thread-self/ns/net")
            .map(|handle| Self(handle.ino()))
            .map_err(|error| OsError::new("identify this thread's network namespace", error))
    }

    /// The network namespace of a process's first thread; `None` when it is gone, or not ours to look at.
    #[must_use]
    pub fn of_process(pid: i32) -> Option<Self> {
        let handle = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
        Some(Self(handle.ino()))
    }
}

/// Moves the calling thread, and the programs it starts from now on, to a network of their own.
///
/// There `lo` is up, and every IPv4 and (where the kernel has IPv6) every IPv6 address belongs to the host: a
/// hard-coded 192.0.2.7 reaches the listener on 0.0.0.0 of the same namespace, and no packet leaves it. 127.0.0.1
/// and ::1 are as ever. Ports below 1024 are free for all where `/proc/sys` is writable.
///
/// # Errors
/// When namespaces are forbidden (see [`prepare_process`]), or when `lo` cannot be set up: the thread may then
/// already be in the new, empty namespace, and is to be ended. Failing this way lets nothing out.
pub fn enter_private_network() -> Result<NamespaceId, OsError> {
    if let Some(parent) = small_tables() {
        // Without it everything works, only more slowly.
        let _ = setns(parent, CloneFlags::CLONE_NEWNET);
    }
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| OsError::new("create a network namespace", errno))?;
    watch::entered("net");
    loopback::bring_up().map_err(|errno| OsError::new("bring up lo in a network namespace", errno))?;
    loopback::make_every_address_local(AddressFamily::Inet)
        .map_err(|errno| OsError::new("make every IPv4 address local", errno))?;
    // A kernel may be without IPv6, and a container's /proc/sys read-only: programs that need neither run anyway.
    let _ = loopback::make_every_address_local(AddressFamily::Inet6);
    let _ = allow_every_port();
    let _ = bound_buffers();
    NamespaceId::of_thread()
}

/// A namespace whose children get a connection table of their own, of 512 buckets, made once.
///
/// Namespaces share the machine's table of a quarter of a million buckets otherwise, and listing a namespace's
/// sockets walks all of it: 4 ms in place of 0.3 ms. Linux 6.1 and later know the setting.
fn small_tables() -> Option<BorrowedFd<'static>> {
    static PARENT: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let parent = PARENT.get_or_init(|| {
        let make = || -> io::Result<OwnedFd> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", "512")?;
            Ok(fs::File::open("/proc/thread-self/ns/net")?.into())
        };
        // Its maker's thread ends; the descriptor keeps the namespace.
        std::thread::spawn(make).join().ok().and_then(Result::ok)
    });
    parent.as_ref().map(AsFd::as_fd)
}

/// The kernel resolves `/proc/sys/net` by the network namespace of the thread that opens the file.
fn allow_every_port() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
}

/// Socket buffers of 4 MiB at most, as most machines have them: what a peer leaves unread then means the same
/// everywhere, also where an administrator allows tens of megabytes.
fn bound_buffers() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/tcp_rmem", "4096 131072 4194304")?;
    fs::write("/proc/sys/net/ipv4/tcp_wmem", "4096 16384 4194304")
}

/// Moves the calling thread, and the programs it starts from now on, to mounts of their own, and shows each
/// source file in place of its target there (`/etc/hosts`, `/etc/resolv.conf`).
///
/// Targets must exist; symbolic links are followed. The rest of the machine sees nothing of it. The thread's
/// working directory becomes its own as well.
///
/// # Errors
/// When mount namespaces are forbidden (see [`prepare_process`]), or when a source or a target is missing: the
/// thread then has a mount namespace with only the earlier pairs in place.
pub fn enter_private_files(binds: &[(PathBuf, PathBuf)]) -> Result<(), OsError> {
    // As it is outside: in there it may be shut.
    let _ = machines_proc();
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| OsError::new("create a mount namespace", errno))?;
    watch::entered("mnt");
    keep_mounts_private().map_err(|errno| OsError::new("make the mounts of a namespace private", errno))?;
    show(binds)
}

/// Shows each source file in place of its target to the calling thread, which has mounts of its own.
///
/// # Errors
/// When a source or a target is missing: only the earlier pairs are then in place.
pub fn show(binds: &[(PathBuf, PathBuf)]) -> Result<(), OsError> {
    for (source, target) in binds {
        mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|errno| {
            let attempt = format!("show {} as {}", source.display(), target.display());
            OsError::new(attempt, errno)
        })?;
    }
    Ok(())
}

/// Whether the calling thread has mounts of its own.
#[must_use]
pub fn has_private_files() -> bool {
    let identity = |path: &str| fs::metadata(path).ok().map(|meta| meta.ino());
    identity("/proc/thread-self/ns/mnt") != identity("/proc/self/ns/mnt")
}

/// `/proc` as this process found it, where what may be written can be.
pub(crate) fn machines_proc() -> Option<BorrowedFd<'static>> {
    static PROC: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let open = || fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open("/proc");
    PROC.get_or_init(|| open().ok().map(OwnedFd::from)).as_ref().map(AsFd::as_fd)
}

/// A path below `/proc` that may be written to also where the calling thread's own `/proc` is shut.
pub(crate) fn in_machines_proc(below: &str) -> PathBuf {
    match machines_proc() {
        Some(proc) => PathBuf::from(format!("/proc/self/fd/{}/{below}", proc.as_raw_fd())),
        None => Path::new("/proc").join(below),
    }
}

/// Without this, a bind here would appear on the whole machine where `/` is a shared mount, as systemd makes it.
pub(crate) fn keep_mounts_private() -> nix::Result<()> {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
}
