//! Starting a program with everything about it said: nothing is inherited by accident.
//!
//! Owns: the request ([`Launch`]), its preparation and its errors. What runs between clone and exec is in
//! `spawn/between.rs`, the running program in `spawn/child.rs`, tools that are run to their end in `spawn/tool.rs`. It
//! never filters system calls (see `trap`).

mod between;
mod child;
mod tool;

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit};

use crate::confine::Confinement;
use crate::error::describe;
pub use crate::exit_status::ExitStatus;
use crate::forking;
pub use child::{Child, Signal};
pub use tool::output;

/// A program to start.
#[derive(Debug)]
pub struct Launch {
    /// The program. With a slash it is a path, relative to `cwd`; without one it is looked for along the PATH of
    /// `env`, as a shell does.
    pub program: PathBuf,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Its complete environment: nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its descriptor 0.
    pub stdin: OwnedFd,
    /// Its descriptor 1.
    pub stdout: OwnedFd,
    /// Its descriptor 2.
    pub stderr: OwnedFd,
    /// What it may use.
    pub limits: Limits,
    /// What it may touch; nothing holds it back without.
    pub confinement: Option<Arc<Confinement>>,
}

/// Resource limits, soft and hard alike; `None` leaves the harness's own. A limit above the harness's hard limit is
/// lowered to it. Core dumps are always off.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// One more than the highest descriptor number (RLIMIT_NOFILE).
    pub open_files: Option<u64>,
    /// The size of a file it writes, in bytes (RLIMIT_FSIZE); beyond it SIGXFSZ.
    pub file_size_bytes: Option<u64>,
    /// Processes and threads of the same user on the whole machine (RLIMIT_NPROC); the kernel exempts root.
    pub processes: Option<u64>,
    /// Its address space in bytes (RLIMIT_AS). Java, Go and Node reserve far more than they use.
    pub address_space_bytes: Option<u64>,
}

/// Which step of starting a program failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Arguments, environment or descriptors could not be prepared.
    Prepare,
    /// No process could be created.
    Create,
    /// setsid.
    Session,
    /// What it may touch.
    Confinement,
    /// The descriptors 0, 1 and 2, and closing all others.
    Descriptors,
    /// The resource limits.
    Limits,
    /// Entering the working directory.
    WorkingDirectory,
    /// The signal dispositions and mask.
    Signals,
    /// execve itself.
    Execute,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare its arguments and descriptors",
            Self::Create => "create a process",
            Self::Session => "create a session",
            Self::Confinement => "confine it",
            Self::Descriptors => "set up its descriptors",
            Self::Limits => "set its resource limits",
            Self::WorkingDirectory => "enter its working directory",
            Self::Signals => "reset its signals",
            Self::Execute => "execute it",
        })
    }
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no such file (ENOENT, ENOTDIR).
    #[error("cannot start {}: no such program", program.display())]
    NotFound {
        /// As in [`Launch`].
        program: PathBuf,
    },
    /// The file is there, but the program that is to run it is not: the `#!` line, or the dynamic loader.
    #[error("cannot start {}: {} is missing", program.display(), interpreter_words(interpreter.as_deref()))]
    MissingInterpreter {
        /// As in [`Launch`].
        program: PathBuf,
        /// What its `#!` line names; `None` for a binary, whose dynamic loader is missing.
        interpreter: Option<String>,
    },
    /// The file is there, but may not be executed (EACCES): no execute permission, or a directory.
    #[error("cannot start {}: it is not executable", program.display())]
    NotExecutable {
        /// As in [`Launch`].
        program: PathBuf,
    },
    /// The file is no program this machine can run (ENOEXEC): another architecture, or a script without a `#!` line.
    #[error("cannot start {}: not a program this machine can run (no #! line, or another architecture)", program.display())]
    WrongFormat {
        /// As in [`Launch`].
        program: PathBuf,
    },
    /// Anything else.
    #[error("cannot start {}: cannot {phase}: {}", program.display(), describe(source))]
    Other {
        /// As in [`Launch`].
        program: PathBuf,
        /// The step that failed.
        phase: Phase,
        /// What the kernel said.
        source: io::Error,
    },
}

/// `{:?}`, so that the carriage return of a script saved on Windows can be seen.
fn interpreter_words(interpreter: Option<&str>) -> String {
    interpreter.map_or_else(|| "its dynamic loader".to_owned(), |path| format!("its interpreter {path:?}"))
}

/// Starts a program as the leader of a session and process group of its own.
///
/// It has default signal dispositions, an empty signal mask, the three given descriptors and no others, and the
/// network and mount namespaces of the calling thread. Its end is not tied to that thread's. The calling thread
/// waits until the program has been executed, or could not be.
///
/// # Errors
/// Every failure up to and including execve, with the step and the kernel's reason.
pub fn spawn(launch: Launch) -> Result<Child, SpawnError> {
    let prepared = match Prepared::new(&launch) {
        Ok(prepared) => prepared,
        Err(source) => {
            return Err(SpawnError::Other { program: launch.program, phase: Phase::Prepare, source });
        }
    };
    let [stdin, stdout, stderr] = [&launch.stdin, &launch.stdout, &launch.stderr];
    let streams = [above_standard(stdin), above_standard(stdout), above_standard(stderr)];
    let [Ok(stdin), Ok(stdout), Ok(stderr)] = &streams else {
        let source = streams.into_iter().find_map(Result::err);
        return Err(SpawnError::Other {
            program: launch.program,
            phase: Phase::Prepare,
            source: source.unwrap_or_else(|| io::ErrorKind::Other.into()),
        });
    };
    let streams = [stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()];
    let start = || between::start(&prepared, streams).inspect(|child| forking::started(child.pid));
    let first = {
        let _under_way = forking::begin();
        start()
    };
    let child = match first {
        Err((Phase::Execute, error)) if error.raw_os_error() == Some(libc::ETXTBSY) => {
            // The program may have been written by us a moment ago: without other children a second attempt tells.
            let _alone = forking::begin_alone();
            start()
        }
        other => other,
    };
    child.map_err(|(phase, source)| explain(&launch, phase, source))
}

/// A duplicate above 2, so that putting one stream in its place never overwrites another.
fn above_standard(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: fcntl has just made this descriptor for us; nothing else owns it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(number) })
}

/// Everything the child needs, in the form the kernel takes it: after the clone nothing may be allocated.
struct Prepared {
    /// The paths to try, in order.
    candidates: Vec<CString>,
    argv: Vec<CString>,
    envp: Vec<CString>,
    cwd: CString,
    limits: Vec<(Resource, u64)>,
    confinement: Option<Arc<Confinement>>,
    /// The soft limit on descriptors, for kernels without close_range.
    open_files: i32,
}

impl Prepared {
    fn new(launch: &Launch) -> io::Result<Self> {
        let mut argv = vec![c_string(launch.program.as_os_str().as_bytes())?];
        for arg in &launch.args {
            argv.push(c_string(arg.as_bytes())?);
        }
        let mut envp = Vec::with_capacity(launch.env.len());
        for (name, value) in &launch.env {
            if name.is_empty() || name.as_bytes().contains(&b'=') {
                let text = format!("{name:?} is no name for an environment variable");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            envp.push(c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        let mut limits = vec![(Resource::RLIMIT_CORE, 0)];
        for (resource, wanted) in [
            (Resource::RLIMIT_NOFILE, launch.limits.open_files),
            (Resource::RLIMIT_FSIZE, launch.limits.file_size_bytes),
            (Resource::RLIMIT_NPROC, launch.limits.processes),
            (Resource::RLIMIT_AS, launch.limits.address_space_bytes),
        ] {
            if let Some(wanted) = wanted {
                let (_, hard) = getrlimit(resource)?;
                limits.push((resource, wanted.min(hard)));
            }
        }
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(Self {
            candidates: candidates(launch)?,
            argv,
            envp,
            cwd: c_string(launch.cwd.as_os_str().as_bytes())?,
            limits,
            confinement: launch.confinement.clone(),
            open_files: i32::try_from(soft).unwrap_or(i32::MAX).min(1 << 20),
        })
    }
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| {
        let text = format!("{:?} contains a zero byte", String::from_utf8_lossy(bytes));
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

fn candidates(launch: &Launch) -> io::Result<Vec<CString>> {
    let program = launch.program.as_os_str().as_bytes();
    if program.contains(&b'/') {
        return Ok(vec![c_string(program)?]);
    }
    let path = launch.env.get(OsStr::new("PATH"));
    let directories = path.map_or(&b""[..], |path| path.as_bytes());
    directories
        .split(|&byte| byte == b':')
        .filter(|directory| !directory.is_empty() && !program.is_empty())
        .map(|directory| c_string(&[directory, b"/", program].concat()))
        .collect()
}

fn explain(launch: &Launch, phase: Phase, source: io::Error) -> SpawnError {
    let program = launch.program.clone();
    if phase != Phase::Execute {
        return SpawnError::Other { program, phase, source };
    }
    match source.raw_os_error() {
        Some(libc::ENOENT) => match interpreter(launch) {
            Some(interpreter) => SpawnError::MissingInterpreter { program, interpreter },
            None => SpawnError::NotFound { program },
        },
        Some(libc::ENOTDIR) => SpawnError::NotFound { program },
        Some(libc::EACCES) => SpawnError::NotExecutable { program },
        Some(libc::ENOEXEC) => SpawnError::WrongFormat { program },
        _ => SpawnError::Other { program, phase, source },
    }
}

/// execve says ENOENT for a missing program and for a missing interpreter. `Some` when the program is there; inside,
/// what its `#!` line names.
#[allow(clippy::option_option)]
fn interpreter(launch: &Launch) -> Option<Option<String>> {
    let file = candidates(launch).ok()?.into_iter().find_map(|path| {
        let path = launch.cwd.join(Path::new(OsStr::from_bytes(path.as_bytes())));
        File::open(path).ok().filter(|file| file.metadata().is_ok_and(|m| m.is_file()))
    })?;
    // The kernel looks at no more than the first 256 bytes (BINPRM_BUF_SIZE).
    let mut line = Vec::new();
    let _ = BufReader::new(file.take(256)).read_until(b'\n', &mut line);
    let Some(rest) = line.strip_prefix(b"#!") else {
        return Some(None);
    };
    let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
    let word = rest.split(|byte| b" \t".contains(byte)).find(|word| !word.is_empty());
    let word = OsString::from_vec(word.unwrap_or_default().to_vec());
    Some(Some(word.to_string_lossy().into_owned()))
}
