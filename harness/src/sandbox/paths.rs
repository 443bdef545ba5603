//! Which files are open to a program.
//!
//! Owns the list. Whatever a wrong `fail` could come of is on it: a missing library is not a student's mistake.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use harness_os::confine::{Access, Confinement, Policy};
use harness_os::error::OsError;
use harness_os::rooms::Rooms;

use crate::machine::Scratch;
use crate::submission::toolchain;

/// Folders of the system, open for reading. `/var`, `/srv`, `/mnt` and people's homes are not among them.
const SYSTEM: [&str; 16] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/nix/store",
    "/gnu/store",
    "/snap",
    "/var/cache/fontconfig",
    "/var/lib/alternatives",
];

/// Devices that any program may write to.
const DEVICES: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Tools that submissions are run and built with: wherever they are installed, they must find what belongs to them.
const TOOLS: [&str; 18] = [
    "python3", "python", "node", "npm", "java", "javac", "mvn", "gradle", "go", "cargo", "rustc", "cc", "gcc", "clang",
    "make", "ruby", "perl", "php",
];

/// What lies beside the `bin` of an installed tool. Not everything: a folder such as `~/.cargo` keeps passwords, too.
const BESIDE: [&str; 32] = [
    "bin",
    "sbin",
    "shims",
    "libexec",
    "lib",
    "lib32",
    "lib64",
    "share",
    "include",
    "etc",
    "ssl",
    "conf",
    "legal",
    "jmods",
    "jre",
    "release",
    "pkg",
    "plugins",
    "versions",
    "version",
    "pyenv.d",
    "registry",
    "git",
    "toolchains",
    "settings.toml",
    "env",
    "envs",
    "modules",
    "node_modules",
    "candidates",
    "pyvenv.cfg",
    "VERSION",
];

/// Files by which an installation is known that is nothing else: Go's, Java's, Rust's.
const MARKS: [&str; 3] = ["VERSION", "release", "lib/rustlib"];

/// Files that hold secrets of the system and that root's programs could read.
const HIDDEN: [&str; 6] =
    ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/security/opasswd"];

/// Most bytes that a run may keep in shared memory.
const SHARED_MEMORY: u64 = 256 << 20;

/// Folders that the command line has named.
static GRANTED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Opens a program of the caller's own to itself: `--cmd` names it, the submission is not asked. The folder that it lies
/// in is open with it, unless that is somebody's home: then only files of the same kind.
pub fn grant(file: &Path) {
    let mut granted = GRANTED.lock().unwrap_or_else(PoisonError::into_inner);
    match file.parent() {
        Some(folder) if !is_home(folder) && !is_shared(folder) => {
            granted.insert(folder.to_owned());
        }
        Some(folder) => {
            granted.insert(file.to_owned());
            let alike = |path: &PathBuf| path.is_file() && path.extension() == file.extension();
            let beside = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            granted.extend(beside.filter(|path| file.extension().is_some() && alike(path)));
        }
        None => {}
    }
}

fn granted() -> Vec<PathBuf> {
    GRANTED.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

fn is_home(folder: &Path) -> bool {
    std::env::var_os("HOME").is_some_and(|home| Path::new(&home) == folder)
        || folder.parent().is_some_and(|parent| parent == Path::new("/home"))
        || folder.ends_with(".local")
}

fn is_shared(folder: &Path) -> bool {
    ["/", "/tmp", "/var/tmp", "/home", "/root"].iter().any(|shared| Path::new(shared) == folder)
}

fn is_of_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Where installed tools keep what belongs to them, outside of the system's folders.
fn homes() -> &'static [PathBuf] {
    static HOMES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    HOMES.get_or_init(|| {
        let mut homes = BTreeSet::new();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = TOOLS.iter().filter_map(|tool| toolchain::find(tool, Path::new("/")));
        let real = found.filter_map(|tool| tool.canonicalize().ok()?.parent().map(Path::to_owned));
        for folder in std::env::split_paths(&path).chain(real).filter(|folder| folder.is_absolute()) {
            belonging(&folder, &mut homes);
        }
        if let Some(python) = toolchain::interpreter("python3").and_then(|python| python.canonicalize().ok()) {
            python.parent().into_iter().for_each(|folder| belonging(folder, &mut homes));
        }
        // Where programs are told to look: as `toolchain::environment` tells them.
        for (name, value) in toolchain::environment(Path::new("/")) {
            let value = PathBuf::from(value);
            if ["JAVA_HOME", "RUSTUP_HOME", "GOROOT"].iter().any(|known| name == *known) && !is_of_system(&value) {
                homes.insert(value);
            } else if name == "CARGO_HOME" {
                belonging(&value.join("bin"), &mut homes);
            }
        }
        homes.into_iter().collect()
    })
}

/// What belongs to the tools of a folder of programs.
fn belonging(folder: &Path, homes: &mut BTreeSet<PathBuf>) {
    if is_of_system(folder) {
        return;
    }
    homes.insert(folder.to_owned());
    let Some(above) = folder.parent().filter(|above| !is_home(above) && !is_shared(above)) else { return };
    let is_one_of = ["bin", "sbin", "shims", "libexec"].iter().any(|name| folder.ends_with(name));
    if MARKS.iter().any(|mark| above.join(mark).exists()) {
        homes.insert(above.to_owned());
    } else if is_one_of {
        homes.extend(BESIDE.iter().map(|name| above.join(name)).filter(|path| path.exists()));
    }
}

/// What every program may read and write.
fn usual() -> Vec<(PathBuf, Access)> {
    static USUAL: OnceLock<Vec<(PathBuf, Access)>> = OnceLock::new();
    let look = || listed().into_iter().filter(|(path, _)| path.exists()).collect();
    USUAL.get_or_init(look).clone()
}

fn listed() -> Vec<(PathBuf, Access)> {
    let system = SYSTEM.iter().map(|path| (PathBuf::from(path), Access::Read));
    let devices = DEVICES.iter().map(|path| (PathBuf::from(path), Access::Write));
    let homes = homes().iter().map(|path| (path.clone(), Access::Read));
    // The targets of links in /etc that lie where nothing else is open.
    let names = ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"].map(PathBuf::from);
    let names = names.into_iter().filter_map(|name| name.canonicalize().ok()).map(|path| (path, Access::Read));
    system.chain(devices).chain(homes).chain(names).chain([("/dev/shm".into(), Access::Own)]).collect()
}

/// What is open to a program of a run whose copy of the submission is `work`.
///
/// # Errors
/// When the kernel refuses a rule.
pub fn of_run(work: &Path, program: &Path) -> Result<Arc<Confinement>, OsError> {
    let mut paths = usual();
    let temporary = Scratch::passing(work);
    paths.extend(work.parent().map(|whole| (whole.to_owned(), Access::Read)));
    paths.extend([(work.to_owned(), Access::Own), (temporary.clone(), Access::Own)]);
    paths.push((program.to_owned(), Access::Read));
    paths.extend(granted().into_iter().map(|path| (path, Access::Read)));
    // What a mount namespace shows here is the run's own.
    if is_same(Path::new("/tmp"), &temporary) {
        paths.extend([("/run".into(), Access::Read)]);
    }
    Confinement::new(&Policy { paths }).map(Arc::new)
}

/// What is open to a build: what its programs may see, its tools' caches of packages, and the folders that are its own.
///
/// # Errors
/// When the kernel refuses a rule.
pub fn of_build(own: &[&Path], program: &Path) -> Result<Arc<Confinement>, OsError> {
    let mut paths = usual();
    paths.push((program.to_owned(), Access::Read));
    paths.extend(own.iter().map(|path| ((*path).to_owned(), Access::Own)));
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        for cache in [".m2/repository", ".gradle/caches", "go/pkg", ".cargo/registry", ".cargo/git", ".npm/_cacache"] {
            paths.push((home.join(cache), Access::Read));
        }
    }
    Confinement::new(&Policy { paths }).map(Arc::new)
}

/// What is open to a shell on a made machine, whose files are in `folder`.
///
/// # Errors
/// When the kernel refuses a rule.
pub fn of_shell(folder: &Path) -> Result<Arc<Confinement>, OsError> {
    let mut paths = usual();
    paths.push((folder.to_owned(), Access::Own));
    if super::furnishes().is_ok() {
        // Such machines are made where runs have mounts of their own: this one is the run's.
        paths.push(("/tmp".into(), Access::Own));
    }
    Confinement::new(&Policy { paths }).map(Arc::new)
}

fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    identity(one).is_some() && identity(one) == identity(other)
}

/// The machine's files as a run sees them.
pub fn rooms(scratch: &Scratch) -> Rooms {
    rooms_of(&[scratch.whole()], &Scratch::passing(scratch.folder()))
}

/// The same for whoever has several folders of its own, and this one for `/tmp`.
pub fn rooms_of(own: &[&Path], temporary: &Path) -> Rooms {
    let resolver = Path::new("/etc/resolv.conf").canonicalize();
    let program = std::env::current_exe();
    let links = ["/run/current-system", "/run/booted-system", "/run/wrappers"].map(PathBuf::from);
    let kept = homes().iter().cloned().chain(granted()).chain(resolver).chain(program).chain(links);
    let covered = |path: &PathBuf| ["/tmp", "/var/tmp", "/run"].iter().any(|place| path.starts_with(place));
    Rooms {
        own: own.iter().map(|path| (*path).to_owned()).collect(),
        temporary: temporary.to_owned(),
        shared_memory: SHARED_MEMORY,
        kept: kept.filter(covered).collect(),
        hidden: HIDDEN.iter().map(PathBuf::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::of_the_system("/usr/local/bin", &[])]
    #[case::somebodys_home("/home/anna/bin", &["/home/anna/bin"])]
    #[case::local("/home/anna/.local/bin", &["/home/anna/.local/bin"])]
    fn what_belongs_to_a_folder_of_programs(#[case] folder: &str, #[case] expected: &[&str]) {
        let mut homes = BTreeSet::new();
        belonging(Path::new(folder), &mut homes);
        assert_eq!(homes.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_installation_is_open_and_what_lies_beside_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cargo/bin", "cargo/registry", "cargo/private", "go/bin", "go/src"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("cargo/credentials.toml"), "").unwrap();
        std::fs::write(folder.path().join("go/VERSION"), "").unwrap();
        let mut homes = BTreeSet::new();
        belonging(&folder.path().join("cargo/bin"), &mut homes);
        belonging(&folder.path().join("go/bin"), &mut homes);
        let open = |name: &str| homes.iter().any(|home| folder.path().join(name).starts_with(home));
        assert!(open("cargo/registry") && open("go/src"));
        assert!(!open("cargo/credentials.toml") && !open("cargo/private"));
    }
}
