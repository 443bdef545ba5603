//! The build step: once, in a copy of the submission, offline, with a limit of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness_judging::shown::counted;
use harness_os::namespace::{self, NamespaceId};
use harness_os::pipe;
use harness_os::process::{self, Belonging};
use harness_os::spawn::{self, ExitStatus, Limits, SpawnError};

use super::cast::Command;
use super::discover::{self, Candidate, Found};
use super::toolchain;
use crate::machine::FILE_SIZE;
use crate::sandbox;
use crate::sandbox::guard::{self, Bounds, Excess, Guard, MARKER};

/// Default limit of the whole build.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Bytes of a failing build's output that are kept.
const KEPT: usize = 8 * 1024;

/// Why a build failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The compiler or build tool is not on this machine.
    #[error("`{tool}` is not installed on this machine, and the submission is built with `{command}`")]
    Missing {
        /// What is missing.
        tool: String,
        /// The command.
        command: String,
    },
    /// The command failed.
    #[error("the build failed: `{command}` ended with {status}\n{output}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The command took too long.
    #[error("the build did not end within {seconds} s: `{command}` was stopped\n{output}")]
    TooLong {
        /// The command.
        command: String,
        /// The limit.
        seconds: u64,
        /// The end of what it printed.
        output: String,
    },
    /// The command used too much, and was ended.
    #[error("the build failed: `{command}` used {excess}, and was ended\n{output}")]
    Excess {
        /// The command.
        command: String,
        /// What it used.
        excess: Excess,
        /// The end of what it printed.
        output: String,
    },
    /// The machine's fault.
    #[error("the build could not be started: {0}")]
    Machine(String),
}

impl BuildError {
    /// Why, in one line: of a compiler's output the first error.
    pub fn in_short(&self) -> String {
        match self {
            Self::Missing { tool, .. } => format!("`{tool}` is not installed on this machine"),
            Self::Failed { output, .. } => {
                let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
                let is_error = |line: &&str| {
                    let low = line.to_lowercase();
                    low.contains("error") || low.contains("undefined reference") || low.contains("no matching package")
                };
                let first = lines.clone().find(is_error).or_else(|| lines.next_back()).unwrap_or("the compiler failed");
                // What Cargo lacks stands in the lines that follow.
                let lacks = output.lines().map(str::trim).find(|line| line.starts_with("no matching package"));
                match lacks.filter(|lacks| *lacks != first) {
                    Some(lacks) => format!("does not build: {first} {lacks}"),
                    None => format!("does not compile: {first}"),
                }
            }
            Self::TooLong { command, .. } => format!("`{command}` did not end"),
            Self::Excess { command, excess, .. } => format!("`{command}` used {excess}"),
            Self::Machine(why) => why.clone(),
        }
    }

    /// Whether the submission has no part in the failure.
    pub fn is_machines(&self) -> bool {
        matches!(self, Self::Machine(_))
    }
}

/// Builds the submission in `folder`, which is a copy that may be written to.
///
/// # Errors
/// If a command is missing, fails or does not end in time.
pub fn build(commands: &[Command], folder: &Path, offline: bool, limit: Duration) -> Result<(), BuildError> {
    let deadline = Instant::now() + limit;
    for command in commands {
        run(command, folder, offline, deadline, limit)?;
    }
    Ok(())
}

/// A folder without a manifest, built as far as it can be.
#[derive(Debug, Default)]
pub struct Built {
    /// Programs that can be started now.
    pub programs: Vec<Candidate>,
    /// Commands that worked, in order.
    pub commands: Vec<Command>,
    /// What could not be built, by its file, and why.
    pub failed: Vec<(PathBuf, BuildError)>,
}

/// Builds what was found in `folder`, which is a copy that may be written to: each program by itself, so that one that
/// does not compile loses only itself.
///
/// # Errors
/// If the machine fails.
pub fn found(found: &Found, folder: &Path, offline: bool, limit: Duration) -> Result<Built, BuildError> {
    let deadline = Instant::now() + limit;
    let mut built = Built::default();
    // What is there already was made elsewhere.
    for made in found.programs.iter().filter_map(|program| program.makes.as_ref()) {
        let _ = std::fs::remove_file(folder.join(made));
    }
    let before = discover::binaries(folder);
    let mut whole = Vec::new();
    for command in &found.build {
        // A build that does not end is given up early, so that there is time for the programs one by one.
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        match run(command, folder, offline, half, limit / 2) {
            Ok(()) => {
                built.commands.push(command.clone());
                whole.push(command.cwd.clone());
            }
            Err(error) if error.is_machines() => return Err(error),
            Err(error) => built.failed.push((command.cwd.join(&command.words[0]), error)),
        }
    }
    let new: Vec<PathBuf> = discover::binaries(folder).difference(&before).cloned().collect();
    for program in &found.programs {
        let Some(made) = &program.makes else {
            built.programs.push(program.clone());
            continue;
        };
        if folder.join(made).exists() {
            built.programs.push(program.clone());
            continue;
        }
        // The folder's own build has made other programs of it.
        let own = |home: &PathBuf| program.cwd.starts_with(home) && new.iter().any(|binary| binary.starts_with(home));
        if whole.iter().any(own) {
            continue;
        }
        match first_that_works(&program.build, folder, offline, deadline, limit) {
            Ok(command) => {
                if !built.commands.contains(&command) {
                    built.commands.push(command);
                }
                built.programs.push(program.clone());
            }
            Err(error) if error.is_machines() => return Err(error),
            Err(error) => built.failed.push((program.file.clone(), error)),
        }
    }
    let known: Vec<PathBuf> = built.programs.iter().filter_map(|program| program.makes.clone()).collect();
    built.programs.extend(new.iter().filter(|binary| !known.contains(binary)).map(|binary| discover::made(binary)));
    // A build of the folder that failed is no loss where every program could be built by itself.
    let sources = |cwd: &Path| found.programs.iter().filter(|it| it.makes.is_some() && it.cwd.starts_with(cwd)).count();
    let built_of =
        |cwd: &Path| built.programs.iter().filter(|it| it.makes.is_some() && it.cwd.starts_with(cwd)).count();
    built.failed.retain(|(file, _)| {
        let folder = file.parent().unwrap_or(Path::new(""));
        let is_whole = found.build.iter().any(|command| command.cwd.join(&command.words[0]) == *file);
        !is_whole || sources(folder) == 0 || built_of(folder) < sources(folder)
    });
    Ok(built)
}

/// The first of these commands that works; else why the first did not.
fn first_that_works(
    tries: &[Command],
    folder: &Path,
    offline: bool,
    deadline: Instant,
    limit: Duration,
) -> Result<Command, BuildError> {
    let mut first = None;
    for (index, command) in tries.iter().enumerate() {
        if tries[..index].contains(command) {
            continue;
        }
        match run(command, folder, offline, deadline, limit) {
            Ok(()) => return Ok(command.clone()),
            Err(error) if error.is_machines() => return Err(error),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or_else(|| BuildError::Machine("there is nothing to build it with".to_owned())))
}

fn run(command: &Command, folder: &Path, offline: bool, deadline: Instant, limit: Duration) -> Result<(), BuildError> {
    let machine = |error: &dyn std::fmt::Display| BuildError::Machine(error.to_string());
    let invocation = command.invoke(&BTreeMap::new(), false).map_err(|error| machine(&error))?;
    let text = invocation.to_string();
    let cwd = folder.join(&invocation.cwd);
    let home = tempfile::tempdir().map_err(|error| machine(&error))?;
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).map_err(|error| machine(&error))?;
    let compilers = home.path().join("compilers");
    with_lines(&compilers).map_err(|error| machine(&error))?;
    let (program, args): (_, Vec<_>) = if invocation.shell {
        ("/bin/sh".into(), vec!["-c".into(), invocation.words[0].clone().into()])
    } else {
        let word = &invocation.words[0];
        let wrapped = compilers.join(word);
        let found = if word.contains('/') {
            toolchain::find(word, &cwd)
        } else if wrapped.is_file() {
            Some(wrapped)
        } else {
            toolchain::interpreter(word)
        };
        let found = found.ok_or_else(|| BuildError::Missing { tool: word.clone(), command: text.clone() })?;
        (found, invocation.words[1..].iter().map(Into::into).collect())
    };
    let mut env = toolchain::environment(home.path());
    env.insert("TMPDIR".into(), temporary.clone().into());
    let path = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
    let path = std::iter::once(compilers.clone()).chain(std::env::split_paths(&path));
    env.insert("PATH".into(), std::env::join_paths(path).map_err(|error| machine(&error))?);
    env.insert("CARGO_PROFILE_RELEASE_DEBUG".into(), "line-tables-only".into());
    let cache = go_cache().unwrap_or_else(|| home.path().join("gocache"));
    env.insert("GOCACHE".into(), cache.clone().into());
    let guard = Guard::new(&guard::marker(), folder, Bounds::of_build());
    env.insert(MARKER.into(), guard.marker().into());
    env.extend(invocation.env.iter().map(|(name, value)| (name.into(), value.into())));
    let (from_child, output) = pipe::pipe().map_err(|error| machine(&error))?;
    let errors = output.try_clone().map_err(|error| machine(&error))?;
    let stdin = std::fs::File::open("/dev/null").map_err(|error| machine(&error))?;
    let own = [folder, home.path(), cache.as_path()];
    let streams = (stdin, output, errors);
    // A namespace without a way out is what makes a build offline; its thread is what enters it.
    let work = || -> Result<(), BuildError> {
        if offline {
            namespace::enter_private_network().map_err(|error| machine(&error))?;
        }
        if offline && sandbox::furnishes().is_ok() {
            let rooms = sandbox::rooms_of(&own, &temporary);
            namespace::enter_private_files(&[])
                .and_then(|()| rooms.furnish())
                .and_then(|()| rooms.shut())
                .map_err(|error| machine(&error))?;
            guard.add_ipc();
        }
        let confinement = sandbox::of_build(&own, &program).map_err(|error| machine(&error))?;
        let (stdin, stdout, stderr) = streams;
        let launch = spawn::Launch {
            program,
            args,
            env,
            cwd,
            stdin: stdin.into(),
            stdout,
            stderr,
            limits: Limits { file_size_bytes: Some(FILE_SIZE), ..Limits::default() },
            confinement: Some(confinement),
        };
        let mut child = spawn::spawn(launch).map_err(|error| match error {
            SpawnError::NotFound { .. } => {
                BuildError::Missing { tool: invocation.words[0].clone(), command: text.clone() }
            }
            other => machine(&other),
        })?;
        guard.add(child.pid);
        let reader = std::thread::spawn(move || {
            let mut file = std::fs::File::from(from_child);
            let mut all = Vec::new();
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = file.read(&mut buffer) {
                all.extend_from_slice(&buffer[..count]);
                let surplus = all.len().saturating_sub(2 * KEPT);
                all.drain(..surplus);
            }
            all
        });
        let ended = wait(&mut child, deadline);
        let namespace = offline.then(|| NamespaceId::of_thread().ok()).flatten();
        let marker = Some((MARKER, guard.marker()));
        let left = process::kill_members(&Belonging { namespace, roots: &[child.pid], marker });
        let status = ended.map_err(|error| machine(&error))?;
        let _ = child.try_wait();
        let printed = reader.join().unwrap_or_default();
        let output = String::from_utf8_lossy(&printed[printed.len().saturating_sub(KEPT)..]).trim_end().to_owned();
        if let Some(excess) = guard.excess() {
            return Err(BuildError::Excess { command: text.clone(), excess, output });
        }
        if !left.survivors.is_empty() {
            let what = counted(left.survivors.len(), "process");
            return Err(BuildError::Machine(format!("{what} of `{text}` could not be stopped")));
        }
        match status {
            Some(ExitStatus::Code(0)) => Ok(()),
            Some(status) => Err(BuildError::Failed { command: text.clone(), status: status.to_string(), output }),
            None => Err(BuildError::TooLong { command: text.clone(), seconds: limit.as_secs(), output }),
        }
    };
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(BuildError::Machine("the build's thread came to a sudden end".to_owned())))
}

/// Compilers that leave out lines of code unless they are told.
const WITHOUT_LINES: [&str; 7] = ["cc", "gcc", "clang", "c++", "g++", "clang++", "rustc"];

/// Puts wrappers of the compilers into a folder that tell them to write down which line an instruction is of. Nothing
/// else of what they make changes, and a flag of the submission's own comes after it.
fn with_lines(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir(folder)?;
    for name in WITHOUT_LINES {
        let Some(real) = toolchain::find(name, Path::new("/")) else { continue };
        let Ok(real) = shlex::try_quote(&real.to_string_lossy()).map(|real| real.into_owned()) else { continue };
        // rustc takes one such flag only.
        let own = r#"for word; do case "$word" in -g*|*debuginfo*) exec REAL "$@";; esac; done"#.replace("REAL", &real);
        let wrapper = folder.join(name);
        std::fs::write(&wrapper, format!("#!/bin/sh\n{own}\nexec {real} -g \"$@\"\n"))?;
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// One cache for all builds of this user: compilers that keep one are slow without. Not one that somebody else has made
/// under that name.
fn go_cache() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let cache = std::env::temp_dir().join("harness-gocache");
    let _ = std::fs::create_dir(&cache);
    let meta = cache.symlink_metadata().ok()?;
    (meta.is_dir() && meta.uid() == nix::unistd::geteuid().as_raw()).then_some(cache)
}

/// Waits for the end of a child, at most until the deadline.
fn wait(child: &mut spawn::Child, deadline: Instant) -> Result<Option<ExitStatus>, harness_os::error::OsError> {
    use std::os::fd::AsFd;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let mut watched = [nix::poll::PollFd::new(child.as_fd(), nix::poll::PollFlags::POLLIN)];
        let bound = nix::poll::PollTimeout::try_from(left.as_millis().min(60_000) as i32 + 1)
            .unwrap_or(nix::poll::PollTimeout::MAX);
        // EINTR and the like lead back to the question whether it has ended.
        let _ = nix::poll::poll(&mut watched, bound);
    }
}
