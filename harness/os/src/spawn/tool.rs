//! Tools of the machine, run to their end: interpreters that are asked where they are, compilers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::{ExitStatus, Launch, Limits, SpawnError, spawn};
use crate::trap::file_of;

/// Runs what `command` describes to its end, with nothing to read, and gives what it printed.
///
/// Its environment is this process's with the command's changes; `env_clear` is not seen. The standard library starts a
/// program in another way, which does not do beside runs: it returns while the child may still have copies of this
/// process's descriptors, and a socket that a program of a run has closed would live on in them.
///
/// # Errors
/// When it cannot be started.
pub fn output(command: &Command) -> Result<Output, SpawnError> {
    let program = PathBuf::from(command.get_program());
    let files = || {
        let null = File::open("/dev/null")?;
        let empty = || file_of(b"").map(File::from).map_err(io::Error::other);
        let cwd = command.get_current_dir().map_or_else(std::env::current_dir, |folder| Ok(folder.to_owned()))?;
        let (printed, complained) = (empty()?, empty()?);
        Ok((null, printed.try_clone()?, complained.try_clone()?, printed, complained, cwd))
    };
    let other =
        |source: io::Error| SpawnError::Other { program: program.clone(), phase: super::Phase::Prepare, source };
    let (stdin, stdout, stderr, printed, complained, cwd) = files().map_err(other)?;
    let mut env: BTreeMap<_, _> = std::env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => env.insert(name.to_owned(), value.to_owned()),
            None => env.remove(name),
        };
    }
    let args = command.get_args().map(ToOwned::to_owned).collect();
    let (stdin, stdout, stderr) = (stdin.into(), stdout.into(), stderr.into());
    let limits = Limits::default();
    let launch = Launch { program: program.clone(), args, env, cwd, stdin, stdout, stderr, limits, confinement: None };
    let mut child = spawn(launch)?;
    child.reap();
    let status = match child.try_wait().map_err(io::Error::other).map_err(other)? {
        Some(ExitStatus::Code(code)) => code << 8,
        Some(ExitStatus::Signal(number)) => number,
        None => return Err(other(io::Error::from_raw_os_error(libc::ECHILD))),
    };
    Ok(Output {
        status: std::process::ExitStatus::from_raw(status),
        stdout: whole(printed).map_err(other)?,
        stderr: whole(complained).map_err(other)?,
    })
}

fn whole(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
