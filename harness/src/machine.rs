//! What backends with real programs share: a run's own folder, a command made ready, and what
//! the kernel tells of processes. Starts nothing and judges nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness_os::process::{self, BlockedCall};

use crate::run::stage::{LaunchError, Vitals};
use crate::sandbox::leftovers::RunFolder;
use crate::sandbox::links;
use crate::submission::{Cast, Invocation, toolchain};
use crate::wire::copy_tree;
use harness_language::catalogue::model::TaskFile;
use harness_language::scenario::Scenario;
use harness_language::scenario::bytes::Payload;

/// Descriptors that a program may have open: thousands of connections are required of some.
pub const OPEN_FILES: u64 = 16_384;

/// Largest file that a program may write, in bytes.
pub const FILE_SIZE: u64 = 1 << 30;

/// A copy of a submission for one run, deleted afterwards.
pub struct Scratch {
    folder: PathBuf,
    whole: RunFolder,
}

impl Scratch {
    /// Copies a submission.
    ///
    /// # Errors
    /// If something cannot be read or written: what, in words.
    pub fn of(root: &Path) -> Result<Self, String> {
        let whole = RunFolder::new().map_err(|error| format!("cannot make a working directory: {error}"))?;
        let folder = whole.path().join("work");
        copy_tree(root, &folder).map_err(|error| format!("cannot copy the submission: {error}"))?;
        std::fs::create_dir(Self::passing(&folder))
            .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        Ok(Self { folder, whole })
    }

    /// Where programs keep what they need for a while: not among their own files.
    pub fn passing(folder: &Path) -> PathBuf {
        folder.with_file_name("tmp")
    }

    /// A place beside the copy, for what the run needs and the program does not.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.whole.path().join(name)
    }

    /// The folder that holds everything of the run.
    pub fn whole(&self) -> &Path {
        self.whole.path()
    }

    /// Where the copy is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Where programs work: in the folder that the manifest names for each, else in the submission's own; and where a server
/// has its documents.
fn places(cast: &Cast, folder: &Path) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = vec![folder.to_owned()];
    for part in cast.parts.values() {
        let home = folder.join(&part.command.cwd);
        let documents = part.meeting.documents.as_ref().map(|documents| home.join(&documents.folder));
        places.extend(documents.and_then(|documents| links::folder(&home, &documents).ok()));
        places.push(home);
    }
    places.sort();
    places.dedup();
    // A manifest may name any folder; only the run's own are written to.
    let whole = folder.parent().and_then(|whole| whole.canonicalize().ok()).unwrap_or_default();
    places.retain(|place| place.is_dir() && place.canonicalize().is_ok_and(|place| place.starts_with(&whole)));
    places
}

fn write_below(place: &Path, files: &BTreeMap<String, Payload>) -> io::Result<()> {
    for (name, payload) in files {
        links::write(place, &place.join(name), &payload.bytes(0).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// Writes the files that are there in every scenario of a task.
///
/// # Errors
/// If one cannot be written.
pub fn write_usual_files(task: &TaskFile, cast: &Cast, folder: &Path) -> io::Result<()> {
    places(cast, folder).iter().try_for_each(|place| write_below(place, &task.files))
}

/// Writes the files that a scenario asks for.
///
/// # Errors
/// If one cannot be written.
pub fn write_files(scenario: &Scenario, cast: &Cast, folder: &Path) -> io::Result<()> {
    for place in places(cast, folder) {
        write_below(&place, &scenario.files)?;
        write_below(place.parent().unwrap_or(&place), &scenario.files_above)?;
        for name in &scenario.folders {
            std::fs::create_dir_all(place.join(name))?;
        }
        for (name, target) in &scenario.links {
            std::os::unix::fs::symlink(target, place.join(name))?;
        }
    }
    Ok(())
}

/// A command with everything found that it needs.
pub struct Prepared {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// The working directory.
    pub cwd: PathBuf,
}

impl Prepared {
    /// Makes an invocation ready to be started below `scratch`, the run's copy of the submission.
    ///
    /// # Errors
    /// If the interpreter is not installed.
    pub fn new(invocation: &Invocation, scratch: &Path) -> Result<Self, LaunchError> {
        let cwd = scratch.join(&invocation.cwd);
        let mut words = invocation.words.iter();
        let (program, args): (PathBuf, Vec<OsString>) = if invocation.shell {
            ("/bin/sh".into(), vec!["-c".into(), words.next().cloned().unwrap_or_default().into()])
        } else {
            let word = words.next().cloned().unwrap_or_default();
            let path = if word.contains('/') {
                cwd.join(&word)
            } else {
                toolchain::interpreter(&word)
                    .ok_or_else(|| LaunchError::NotStartable(format!("`{word}` is not installed on this machine")))?
            };
            let args = words.map(Into::into);
            match toolchain::behind_env(&path) {
                Some(interpreter) => (interpreter, std::iter::once(path.into()).chain(args).collect()),
                None => (path, args.collect()),
            }
        };
        let mut env = toolchain::environment(scratch);
        env.insert("TMPDIR".into(), Scratch::passing(scratch).into());
        env.extend(invocation.env.iter().map(|(name, value)| (name.into(), value.into())));
        Ok(Self { program, args, env, cwd })
    }
}

/// Standard input as a regular file without a name, at its beginning. A program that is given its
/// file by name finds it in `cwd`, and keeps its standard input for what it asks.
///
/// # Errors
/// If it cannot be made.
pub fn input_file(invocation: &Invocation, cwd: &Path, content: &[u8]) -> io::Result<Option<OwnedFd>> {
    if let Some(name) = &invocation.names_file {
        links::write(cwd, &cwd.join(name), content)?;
        return Ok(None);
    }
    let memory = nix::sys::memfd::memfd_create("input", nix::sys::memfd::MFdFlags::MFD_CLOEXEC);
    let mut file = memory.map_or_else(|_| tempfile::tempfile(), |fd| Ok(std::fs::File::from(fd)))?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(Some(file.into()))
}

/// What a family of processes holds.
pub fn vitals(family: &[i32]) -> Vitals {
    let mut sum = Vitals::default();
    for view in family.iter().filter_map(|pid| process::view(*pid)) {
        sum.peak_memory = sum.peak_memory.max(view.peak_memory_bytes);
        sum.descriptors += view.descriptors as u64;
        sum.threads += view.threads;
        sum.zombies += view.zombies as u64;
        sum.cpu += Duration::from_nanos(view.cpu_ns);
    }
    sum
}

/// Processor time that a family of processes has used or waited for.
pub fn wanted(family: &[i32]) -> Duration {
    let threads = family.iter().flat_map(|pid| process::threads(*pid));
    Duration::from_nanos(threads.map(|thread| thread.run_ns + thread.wait_ns).sum())
}

/// What a program's threads wait in. A runtime's own helper threads explain nothing where there is something better.
pub fn waits(calls: impl Iterator<Item = BlockedCall>) -> Vec<BlockedCall> {
    let (helpers, others): (Vec<BlockedCall>, Vec<BlockedCall>) = calls.partition(|call| call.name == "futex");
    if others.is_empty() { helpers } else { others }
}
