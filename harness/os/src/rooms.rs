//! A run's own view of the machine: everything read-only but its own folder; `/tmp`, `/dev/shm`, `/run` and `/dev/pts` of
//! its own; nothing of what is nobody's business; System V's shared memory, semaphores and queues of its own.
//!
//! Owns the mounts. What Landlock leaves open is closed here: changing modes and times of files, meeting the machine's
//! daemons at their sockets, temporary files under names that other runs use as well. The calling thread has a mount
//! namespace already (see `namespace`); nobody else sees anything of it.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::error::OsError;
use crate::{forking, ipc};

/// What a run is to see.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The run's own folders: they stay where they are and may be written to.
    pub own: Vec<PathBuf>,
    /// Where `/tmp` and `/var/tmp` lead: a folder below one of `own`.
    pub temporary: PathBuf,
    /// Most bytes of `/dev/shm`.
    pub shared_memory: u64,
    /// Folders of which nothing is to be seen but what is in `kept`: empty ones stand in their places.
    pub covered: Vec<PathBuf>,
    /// What is to be seen of the machine's `/tmp`, `/var/tmp` and `/run`, and of what is covered, as well.
    pub kept: Vec<PathBuf>,
    /// Files and folders that are not to be read: empty ones stand in their places.
    pub hidden: Vec<PathBuf>,
}

const ATTRIBUTE_READ_ONLY: u64 = 1;

/// Bound, in real time, for children of other threads to execute.
const PATIENCE: Duration = Duration::from_secs(10);

/// `struct mount_attr`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

impl Rooms {
    /// Gives the calling thread an IPC namespace, and its mount namespace its own `/tmp`, `/dev/shm`, `/run` and
    /// `/dev/pts`.
    ///
    /// # Errors
    /// What could not be mounted; the namespace is then half furnished, and its thread is to be ended.
    pub fn furnish(&self) -> Result<(), OsError> {
        ipc::enter_own()?;
        for own in &self.own {
            bind(own, own)?;
        }
        // Opened before anything is covered; a run's folder usually lies in the machine's own /tmp.
        let kept: Vec<(&Path, File)> = self
            .own
            .iter()
            .chain(&self.kept)
            .filter_map(|path| Some((path.as_path(), open_path(path).ok()?)))
            .collect();
        let temporary = open_path(&self.temporary)?;
        for place in
            self.covered.iter().map(PathBuf::as_path).chain(["/tmp", "/var/tmp", "/dev/shm", "/run"].map(Path::new))
        {
            if place == Path::new("/var/tmp") && self.covered.iter().any(|covered| covered == Path::new("/var")) {
                let _ = fs::create_dir(place);
            }
            if !place.is_dir() || fs::symlink_metadata(place).is_ok_and(|meta| meta.is_symlink()) {
                continue;
            }
            match place.to_str() {
                Some("/dev/shm") => empty(place, &format!("size={},mode=1777", self.shared_memory))?,
                Some("/tmp" | "/var/tmp") => bind(&of_descriptor(&temporary), place)?,
                _ => empty(place, "size=64k,mode=755")?,
            }
            for (path, old) in kept.iter().filter(|(path, _)| path.starts_with(place) && *path != place) {
                show_again(path, old)?;
            }
        }
        own_terminals()?;
        for hidden in &self.hidden {
            if hidden.is_dir() {
                empty(hidden, "size=4k,mode=755")?;
            } else if hidden.exists() {
                bind(Path::new("/dev/null"), hidden)?;
            }
        }
        Ok(())
    }

    /// Makes everything else read-only, in the calling thread's mount namespace. Linux 5.12.
    ///
    /// # Errors
    /// When the kernel does not know the call or a mount may not be changed.
    pub fn shut(&self) -> Result<(), OsError> {
        let began = Instant::now();
        // A file that was written here a moment ago and is closed may still be open in a child of another thread that
        // has not executed yet, and what is being written to cannot be made read-only.
        while let Err(errno) = set_attributes(Path::new("/"), libc::AT_RECURSIVE, ATTRIBUTE_READ_ONLY, 0) {
            if errno != Errno::EBUSY || began.elapsed() > PATIENCE {
                return Err(OsError::new("make the machine's files read-only", errno));
            }
            forking::wait_for_copies();
            yield_now();
        }
        let places = ["/tmp", "/var/tmp", "/dev/shm"].map(Path::new);
        for place in self.own.iter().map(PathBuf::as_path).chain(places) {
            // What is no mount of its own is part of one of the others, or stays read-only.
            let _ = set_attributes(place, 0, 0, ATTRIBUTE_READ_ONLY);
        }
        Ok(())
    }
}

/// Pseudo-terminals that nobody else has: another's can be written to by its user's programs.
fn own_terminals() -> Result<(), OsError> {
    let (place, maker) = (Path::new("/dev/pts"), Path::new("/dev/ptmx"));
    if !place.is_dir() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("devpts"), place, Some("devpts"), flags, Some("newinstance,ptmxmode=0666,mode=0620"))
        .map_err(|errno| OsError::new("mount pseudo-terminals of one's own", errno))?;
    // In containers a link leads there.
    if fs::symlink_metadata(maker).is_ok_and(|meta| !meta.is_symlink()) {
        bind(&place.join("ptmx"), maker)?;
    }
    Ok(())
}

fn of_descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn open_path(path: &Path) -> Result<File, OsError> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| OsError::new(format!("open {}", path.display()), error))
}

/// Shows something that is covered by now where it was.
fn show_again(path: &Path, old: &File) -> Result<(), OsError> {
    let is_folder = old.metadata().is_ok_and(|meta| meta.is_dir());
    let made = match path.parent() {
        _ if is_folder => fs::create_dir_all(path),
        Some(parent) if !path.exists() => fs::create_dir_all(parent).and_then(|()| File::create(path).map(drop)),
        _ => Ok(()),
    };
    made.map_err(|error| OsError::new(format!("make a place for {}", path.display()), error))?;
    bind(&of_descriptor(old), path)
}

fn bind(source: &Path, target: &Path) -> Result<(), OsError> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|errno| OsError::new(format!("show {} as {}", source.display(), target.display()), errno))
}

fn empty(place: &Path, options: &str) -> Result<(), OsError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options))
        .map_err(|errno| OsError::new(format!("mount an empty {}", place.display()), errno))
}

fn set_attributes(place: &Path, flags: i32, set: u64, clear: u64) -> Result<(), Errno> {
    let place = CString::new(place.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let attributes = MountAttributes { set, clear, propagation: 0, user_namespace: 0 };
    // SAFETY: reads a path that ends in a zero byte and one structure, whose layout and size are the kernel's.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            place.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    Errno::result(done).map(drop)
}
