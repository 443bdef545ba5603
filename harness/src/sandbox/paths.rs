//! Which files are open to a program.
//!
//! Owns the list. Whatever a wrong `fail` could come of is on it: a missing library is not a student's mistake.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use harness_os::confine::{Access, Confinement, Policy};
use harness_os::error::OsError;
use harness_os::namespace;
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
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Pseudo-terminals: open where they are the run's own. Others are their users' screens.
const TERMINALS: [&str; 2] = ["/dev/ptmx", "/dev/pts"];

/// Folders of the root that a run needs, or that have rules of their own.
const NEEDED: [&str; 5] = ["/dev", "/proc", "/sys", "/tmp", "/run"];

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

/// Paths by which this very program is started for its model answers: the command line asks for them, no submission.
static MODELS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Opens the model answers to the runs of this process; else this program's own file does not exist for them.
pub fn open_model_answers(program: &Path) {
    MODELS.lock().unwrap_or_else(PoisonError::into_inner).insert(program.to_owned());
}

fn gives_model_answers(program: &Path) -> bool {
    MODELS.lock().unwrap_or_else(PoisonError::into_inner).contains(program)
}

/// This program's own file.
fn harness() -> Option<&'static Path> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    OWN.get_or_init(|| std::env::current_exe().ok()?.canonicalize().ok()).as_deref()
}

/// Folders that the command line has named.
static GRANTED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Opens a program of the caller's own to itself: `--cmd` names it, the submission is not asked. The folder that it lies
/// in is open with it, unless that is somebody's home: then only files of the same kind.
pub fn grant(file: &Path) {
    if is_harness(file) {
        open_model_answers(file);
        return;
    }
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
    let mut usual = USUAL.get_or_init(look).clone();
    if namespace::has_private_files() && super::furnishes().is_ok() {
        usual.extend(TERMINALS.map(|path| (path.into(), Access::Write)));
    }
    usual
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
    let is_model = gives_model_answers(program);
    paths.extend(work.parent().map(|whole| (whole.to_owned(), Access::Read)));
    paths.extend([(work.to_owned(), Access::Own), (temporary.clone(), Access::Own)]);
    if is_model || may_be_named(program) {
        paths.push((program.to_owned(), Access::Read));
    }
    paths.extend(granted().into_iter().map(|path| (path, Access::Read)));
    // What a mount namespace shows here is the run's own.
    if is_same(Path::new("/tmp"), &temporary) {
        paths.extend([("/run".into(), Access::Read)]);
    }
    Confinement::new(&Policy { paths, marked: !is_model }).map(Arc::new)
}

/// What is open to a build: what its programs may see, its tools' caches of packages, and the folders that are its own.
///
/// # Errors
/// When the kernel refuses a rule.
pub fn of_build(own: &[&Path], program: &Path) -> Result<Arc<Confinement>, OsError> {
    let mut paths = usual();
    if may_be_named(program) {
        paths.push((program.to_owned(), Access::Read));
    }
    paths.extend(own.iter().map(|path| ((*path).to_owned(), Access::Own)));
    paths.extend(caches().into_iter().map(|path| (path, Access::Read)));
    Confinement::new(&Policy { paths, marked: true }).map(Arc::new)
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
    Confinement::new(&Policy { paths, marked: true }).map(Arc::new)
}

/// Where the tools of this user keep packages.
fn caches() -> Vec<PathBuf> {
    let names = [".m2/repository", ".gradle/caches", "go/pkg", ".cargo/registry", ".cargo/git", ".npm/_cacache"];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    home.into_iter().flat_map(|home| names.map(|name| home.join(name))).collect()
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
    let models = MODELS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let own_program = harness().filter(|_| models.is_empty()).map(Path::to_owned);
    let links = ["/run/current-system", "/run/booted-system", "/run/wrappers"].map(PathBuf::from);
    let system = SYSTEM.iter().map(PathBuf::from);
    let kept = homes().iter().cloned().chain(granted()).chain(caches()).chain(resolver).chain(models).chain(links);
    let is_covered = |path: &PathBuf| {
        let places = ["/tmp", "/var/tmp", "/run"].map(Path::new);
        covered().iter().map(PathBuf::as_path).chain(places).any(|place| path.starts_with(place))
    };
    Rooms {
        own: own.iter().map(|path| (*path).to_owned()).collect(),
        temporary: temporary.to_owned(),
        shared_memory: SHARED_MEMORY,
        covered: covered().to_vec(),
        kept: kept.chain(system).filter(is_covered).collect(),
        hidden: private().iter().cloned().chain(own_program).collect(),
    }
}

/// Folders of the root that are nobody's business: homes, services' data, what an administrator has put there.
fn covered() -> &'static [PathBuf] {
    static COVERED: OnceLock<Vec<PathBuf>> = OnceLock::new();
    COVERED.get_or_init(|| {
        let is_needed = |folder: &Path| {
            NEEDED.iter().any(|needed| folder == Path::new(needed))
                || folder != Path::new("/var") && SYSTEM.iter().any(|system| Path::new(system).starts_with(folder))
        };
        let entries = std::fs::read_dir("/").into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut covered: Vec<PathBuf> = folders.map(|entry| entry.path()).filter(|path| !is_needed(path)).collect();
        covered.sort();
        covered
    })
}

/// What the system keeps from its users, and could not keep from root's programs.
fn private() -> &'static [PathBuf] {
    static PRIVATE: OnceLock<Vec<PathBuf>> = OnceLock::new();
    PRIVATE.get_or_init(|| {
        let mut private: BTreeSet<PathBuf> = HIDDEN.iter().map(PathBuf::from).collect();
        if nix::unistd::geteuid().is_root() {
            closed_to_others(Path::new("/etc"), &mut private);
        }
        private.into_iter().collect()
    })
}

fn closed_to_others(folder: &Path, closed: &mut BTreeSet<PathBuf>) {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let needed = if meta.is_dir() { 0o5 } else { 0o4 };
        if !meta.is_symlink() && meta.mode() & needed != needed {
            closed.insert(entry.path());
        } else if meta.is_dir() {
            closed_to_others(&entry.path(), closed);
        }
    }
}

/// Whether a command may name this: it lies in a folder of the system, or belongs to an installed tool.
pub(super) fn may_be_named(path: &Path) -> bool {
    let is_tool = || homes().iter().any(|home| path.starts_with(home));
    let is_device = || DEVICES.iter().chain(&["/dev/stdin", "/dev/stdout"]).any(|device| path == Path::new(device));
    !is_harness(path) && (is_of_system(path) || is_device() || is_tool())
}

/// Whether this is this program's own file.
pub(super) fn is_harness(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| harness() == Some(&path))
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
