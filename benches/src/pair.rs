//! Pairs of programs that do the `message` task, and how each is started.
//!
//! Owns finding and compiling them. A pair that this machine cannot offer is an [`Absent`], and its caller says so.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands for the port in the words of a command.
const PORT: &str = "{port}";

/// A server and a client that understand each other.
#[derive(Debug, Clone)]
pub struct Pair {
    /// How reports call it.
    pub name: &'static str,
    /// Starts the server.
    pub server: Start,
    /// Starts the client.
    pub client: Start,
}

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Start {
    words: Vec<String>,
    folder: Option<PathBuf>,
}

impl Start {
    /// A program and its arguments, in which `{port}` stands for the server's port.
    pub fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), folder: None }
    }

    /// The same, in a working directory of its own.
    #[must_use]
    pub fn inside(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// The command for a server on this port.
    pub fn command(&self, port: u16) -> Command {
        let mut words = self.words.iter().map(|word| word.replace(PORT, &port.to_string()));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// Why a pair cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// The `harness` program has not been built.
    #[error("there is no `harness` at {}; build it first: {build}", at.display())]
    Harness {
        /// Where it was looked for.
        at: PathBuf,
        /// The command that makes it.
        build: &'static str,
    },
    /// A program is not installed.
    #[error("`{program}` cannot be started here: {source}")]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The C compiler refuses our programs.
    #[error("cc does not compile {file}: {message}")]
    Refused {
        /// The source file.
        file: &'static str,
        /// What the compiler said.
        message: String,
    },
    /// There are several programs of that name, and this is another one.
    #[error("this `nc` is not OpenBSD's: it has no -N, or no -k together with -d")]
    OtherNetcat,
}

impl Absent {
    /// Whether the benchmarks make sense without the pair.
    pub fn is_optional(&self) -> bool {
        !matches!(self, Self::Harness { .. } | Self::Refused { .. })
    }
}

/// `harness reference message …`, built with the same profile as the calling benchmark.
///
/// # Errors
/// If it has not been built.
pub fn harness_reference() -> Result<Pair, Absent> {
    let harness = harness_program()?.display().to_string();
    let start = |rest: &[&str]| {
        let own = [harness.as_str(), "reference", "message"];
        Start::new(own.iter().chain(rest).copied())
    };
    Ok(Pair {
        name: "harness reference",
        server: start(&["server", PORT]),
        client: start(&["client", "127.0.0.1", PORT]),
    })
}

/// The `harness` program beside the calling benchmark: `target/PROFILE/harness`.
///
/// # Errors
/// If it has not been built.
pub fn harness_program() -> Result<PathBuf, Absent> {
    let own = env::current_exe().unwrap_or_default();
    // A benchmark is target/PROFILE/deps/NAME-HASH.
    let profile = own.ancestors().nth(2).unwrap_or(Path::new(""));
    let at = profile.join(format!("harness{}", env::consts::EXE_SUFFIX));
    if at.is_file() {
        return Ok(at);
    }
    // A debug build beside an optimised C program would be a comparison of compilers.
    let build = if cfg!(debug_assertions) { "cargo build -p harness" } else { "cargo build --release -p harness" };
    Err(Absent::Harness { at, build })
}

/// The same reference in a process that does nothing else. `program` is this package's `reference-alone`, whose
/// place only a benchmark is told.
pub fn reference_alone(program: &str) -> Pair {
    Pair {
        name: "reference alone",
        server: Start::new([program, "message", "server", PORT]),
        client: Start::new([program, "message", "client", "127.0.0.1", PORT]),
    }
}

/// Plain C, compiled into `folder`: the same calls with the same buffers, and nothing else.
///
/// # Errors
/// Without a C compiler, or if it refuses.
pub fn plain_c(folder: &Path) -> Result<Pair, Absent> {
    let server = compile("message_server.c", &folder.join("message-server"))?;
    let client = compile("message_client.c", &folder.join("message-client"))?;
    Ok(Pair {
        name: "C",
        server: Start::new([server.as_str(), PORT]),
        client: Start::new([client.as_str(), "127.0.0.1", PORT]),
    })
}

fn compile(file: &'static str, program: &Path) -> Result<String, Absent> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(file);
    let compiled = Command::new("cc")
        .args(["-std=c99", "-O2", "-Wall", "-Wextra", "-o"])
        .args([program, &source])
        .output()
        .map_err(|source| Absent::NotInstalled { program: "cc", source })?;
    if !compiled.status.success() {
        let message = String::from_utf8_lossy(&compiled.stderr).trim().to_owned();
        return Err(Absent::Refused { file, message });
    }
    Ok(program.display().to_string())
}

/// OpenBSD's `nc`, as Debian has it. The server stays up (`-k`) and leaves its standard input alone
/// (`-d`); the client half-closes after its file (`-N`), and ends when the server has closed too.
///
/// # Errors
/// If there is none, or another one of the same name.
pub fn netcat() -> Result<Pair, Absent> {
    let help =
        Command::new("nc").arg("-h").output().map_err(|source| Absent::NotInstalled { program: "nc", source })?;
    let help = [help.stdout, help.stderr].concat();
    let help = String::from_utf8_lossy(&help);
    // "[-46CDdFhklNnrStUuvZz]": all letters without a value in one bracket.
    let letters = help.split_whitespace().find(|word| word.starts_with("[-")).unwrap_or("");
    if !["N", "k", "d", "l"].iter().all(|letter| letters.contains(letter)) {
        return Err(Absent::OtherNetcat);
    }
    Ok(Pair {
        name: "nc",
        server: Start::new(["nc", "-l", "-k", "-d", "-n", "127.0.0.1", PORT]),
        client: Start::new(["nc", "-N", "-n", "127.0.0.1", PORT]),
    })
}

/// All pairs, best known first, and the optional ones that are absent. C programs are compiled into `folder`;
/// `reference_alone` is the path of this package's program of that name.
///
/// # Errors
/// If a pair is absent without which there is nothing to compare.
pub fn all(reference_alone: &str, folder: &Path) -> Result<(Vec<Pair>, Vec<Absent>), Absent> {
    let mut pairs = vec![harness_reference()?, self::reference_alone(reference_alone)];
    let mut absent = Vec::new();
    for pair in [plain_c(folder), netcat()] {
        match pair {
            Ok(pair) => pairs.push(pair),
            Err(why) if why.is_optional() => absent.push(why),
            Err(why) => return Err(why),
        }
    }
    Ok((pairs, absent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_filled_in() {
        let command = Start::new(["nc", "-l", "{port}"]).command(4711);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!((command.get_program(), arguments), ("nc".as_ref(), vec!["-l".as_ref(), "4711".as_ref()]));
    }
}
