//! How a program is to be started.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Runs in the child before its filter: namespaces and limits of the caller.
pub type Preparation = Box<dyn FnMut() -> std::io::Result<()>>;

/// One of the three standard descriptors of a program.
#[derive(Debug, Default)]
pub enum Stdio {
    /// `/dev/null`.
    #[default]
    Null,
    /// A pipe of which the simulation holds the other end.
    Pipe,
    /// A descriptor of the caller's, and the other end of it for the simulation (a terminal has both).
    Pair {
        /// What the program gets.
        program: OwnedFd,
        /// What the simulation reads from or writes to; `None` leaves that to the caller.
        ours: Option<OwnedFd>,
    },
}

/// A program to start.
#[derive(Default)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// The arguments after the program's own name.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory.
    pub directory: PathBuf,
    /// Standard input.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
    /// It is told where to go: names and addresses of nobody, which lead to the default host otherwise, lead nowhere.
    pub told_host: bool,
    /// Runs in the child before its filter.
    pub prepare: Option<Preparation>,
}

impl Launch {
    /// A program with these arguments, the environment of the caller reduced to `PATH`, and no input or output.
    pub fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let environment = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        Self {
            program: program.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            environment: environment.into_iter().collect(),
            directory: PathBuf::from("."),
            ..Self::default()
        }
    }
}
