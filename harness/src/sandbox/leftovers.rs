//! What this process keeps on the disk for a while, in one folder, so that nothing of it stays: not when it is killed,
//! and not when the process that watches over that is killed with it.
//!
//! Owns the folder, its lock, and the sweeping of what earlier processes have left. A run's own folder lies beside it,
//! where its name is as long in every process; a link in the folder names it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use harness_os::{process, watch};
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempPath;

use super::guard::MARKER;

/// What the folder's name begins with; the number of the process follows.
const PREFIX: &str = "harness-";

/// What the names of runs' folders begin with.
pub const RUN: &str = "run-";

/// Held by the process to which the folder belongs, and by the one that clears up after it.
const LOCK: &str = "lock";

/// A folder without a lock is being made; an older one has been left.
const FRESH: Duration = Duration::from_secs(600);

static STOPPING: AtomicBool = AtomicBool::new(false);

static OWN: OnceLock<(PathBuf, Flock<File>)> = OnceLock::new();

/// Sweeps up what earlier processes of this user have left, makes this one's folder, and starts the process that clears
/// up. From now on temporary files lie in the folder. To be called while there is one thread.
pub fn begin() {
    let all = std::env::temp_dir();
    sweep_all(&all);
    let Ok((folder, lock)) = own_folder(&all) else { return };
    let _ = tempfile::env::override_temp_dir(&folder);
    let (folder, _) = OWN.get_or_init(|| (folder, lock));
    // Without it, what is left is swept up at the next start.
    let _ = watch::begin(MARKER, &beginning(std::process::id()), || clear(folder, &all));
}

/// At a regular end.
pub fn end() {
    clear_own();
    watch::end();
}

/// At an interruption: all programs are ended, and nothing is left. `false` if somebody else has to end them.
pub fn stop() -> bool {
    STOPPING.store(true, Ordering::SeqCst);
    watch::stop()
}

/// To be called before anything is told or kept: what is found out while programs are ended and folders removed is about
/// the interruption, and no submission's fault. The process ends meanwhile.
pub fn wait_if_stopping() {
    while STOPPING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Removes this process's folder.
fn clear_own() {
    if let Some((folder, _)) = OWN.get() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// What the markers of a process's runs begin with.
fn beginning(process: u32) -> String {
    format!("{process:010}-")
}

fn own_folder(all: &Path) -> io::Result<(PathBuf, Flock<File>)> {
    let prefix = format!("{PREFIX}{}", beginning(std::process::id()));
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(all)?.keep();
    // It gets its name when it is held: another process that starts now would take it for one that was left.
    let made = tempfile::NamedTempFile::new_in(&folder)?;
    let lock = Flock::lock(made.reopen()?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    made.persist(folder.join(LOCK))?;
    Ok((folder, lock))
}

/// A run's folder: it is gone when this is dropped, or else with this process.
pub struct RunFolder {
    folder: PathBuf,
    link: Option<TempPath>,
}

impl RunFolder {
    /// Makes it.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn new() -> io::Result<Self> {
        let all = std::env::temp_dir();
        while let Some((folder, link)) = OWN.get().and_then(|(own, _)| link_in(own, &all)) {
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self { folder, link: Some(link) }),
            }
        }
        Ok(Self { folder: tempfile::Builder::new().prefix(RUN).tempdir_in(all)?.keep(), link: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

/// A link in the own folder that names a run's folder, which is not there yet: whoever is killed between the two leaves a
/// link to nothing, and not a folder that nobody knows of.
fn link_in(own: &Path, all: &Path) -> Option<(PathBuf, TempPath)> {
    let run = |link: &Path| all.join(link.file_name().unwrap_or_default());
    let made = tempfile::Builder::new().prefix(RUN).make_in(own, |link| std::os::unix::fs::symlink(run(link), link));
    let link = made.ok()?.into_temp_path();
    Some((run(&link), link))
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // While the link still names it.
        let _ = fs::remove_dir_all(&self.folder);
        drop(self.link.take());
    }
}

/// Removes a process's folder and those of its runs.
fn clear(folder: &Path, all: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(run) = fs::read_link(entry.path()) else { continue };
        let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if run.parent() == Some(all) && name.starts_with(RUN) && is_own(&run) {
            let _ = fs::remove_dir_all(run);
        }
    }
    let _ = fs::remove_dir_all(folder);
}

fn is_own(path: &Path) -> bool {
    let user = nix::unistd::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user)
}

/// Ends and removes what is left of processes of this user that are gone.
fn sweep_all(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix(PREFIX).and_then(|rest| rest.get(..10)?.parse::<u32>().ok()) else {
            continue;
        };
        if is_own(&entry.path()) && is_left(&entry.path()) {
            // A number that is in use again is another's, whose programs are none of these.
            if !Path::new(&format!("/proc/{number}")).exists() {
                process::kill_marked(&Default::default(), (MARKER, &beginning(number)), None);
            }
            clear(&entry.path(), all);
        }
    }
}

fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => Flock::lock(lock, FlockArg::LockExclusiveNonblock).is_ok(),
        Err(_) => {
            let age = |meta: fs::Metadata| SystemTime::now().duration_since(meta.modified().ok()?).ok();
            folder.metadata().ok().and_then(age).is_some_and(|age| age > FRESH)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_left_is_swept_up() {
        let place = tempfile::tempdir().unwrap();
        let all = place.path();
        let (alive, lock) = own_folder(all).unwrap();
        let left = all.join("harness-4294967295-abcdef");
        let (run, strangers) = (all.join("run-abcdef"), all.join("other"));
        for folder in [&left, &run.join("work"), &strangers] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(left.join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(&run, left.join("run-abcdef")).unwrap();
        std::os::unix::fs::symlink(&strangers, left.join("run-others")).unwrap();
        sweep_all(all);
        assert!(alive.exists() && strangers.exists() && !left.exists() && !run.exists());
        drop(lock);
    }

    #[test]
    fn a_run_is_known_before_it_is_there() {
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join("harness-4294967295-abcdef");
        fs::create_dir(&own).unwrap();
        let (run, link) = link_in(&own, place.path()).unwrap();
        assert_eq!((fs::read_link(&link).unwrap(), run.exists()), (run.clone(), false));
        // Killed now, or a moment later.
        fs::create_dir(&run).unwrap();
        clear(&own, place.path());
        assert!(!run.exists() && !own.exists());
        let _ = link.keep();
    }

    #[test]
    fn what_is_being_made_is_not_swept_up() {
        let place = tempfile::tempdir().unwrap();
        let all = place.path();
        let made = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !made.load(Ordering::SeqCst) {
                    sweep_all(all);
                }
            });
            let own: Vec<_> = (0..500).map(|_| own_folder(all)).collect();
            made.store(true, Ordering::SeqCst);
            assert!(own.iter().all(|it| it.as_ref().is_ok_and(|(folder, _)| folder.join(LOCK).exists())));
        });
    }
}
