//! The task `echo-commands`: an echo server with two commands more.
//!
//! `download NAME` brings a file of the server's folder, and the client stores it as `client_NAME`. `run COMMAND` runs a
//! command in that folder, and its output comes back. Every other line comes back as it is.
//!
//! What to look at: how the client knows that a reply is complete. A file or an output may be empty, may be large, and
//! may contain any byte, so there is no mark that could not be part of it, and "whatever one `recv` brings" is the
//! first 4096 bytes of a file and an endless wait for an empty output. So a reply begins with a line that says how much
//! follows ([`reply`]):
//!
//! ```text
//! hello                    →  hello
//! download readme.txt      →  file 20480             and 20480 bytes, the file
//! download missing.txt     →  error: no such file
//! run ls -l                →  output 311, status 0   and 311 bytes, what was printed
//! ```
//!
//! Why these lines and no binary header: one can talk to this server by hand, and a client that knows nothing of them
//! still finds the whole file in one piece in what comes back, with one line before it. The client is never in doubt
//! what a line means, because it knows what it has asked for: after a command comes such a line, and after any other
//! line its echo, even if somebody has the line `file 3` echoed. An error cannot be taken for a file's content, which
//! many programs then store.
//!
//! Both programs make blocking calls; the server has a thread for each client. And do not leave it running: `run` gives
//! everybody who reaches the port a shell on this machine.

pub mod client;
pub mod reply;
pub mod server;
pub mod shell;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The line back.
    Echo(&'a [u8]),
    /// A file.
    Download(&'a [u8]),
    /// A command's output.
    Run(&'a [u8]),
}

impl<'a> Request<'a> {
    /// Reads a line, without its newline. A word that only begins like a command is none, nor is one with nothing
    /// behind it.
    pub fn read(line: &'a [u8]) -> Self {
        let command = crate::lines::without_return(line);
        let after = |word: &[u8]| command.strip_prefix(word).map(<[u8]>::trim_ascii).filter(|rest| !rest.is_empty());
        if let Some(name) = after(b"download ") {
            Self::Download(name)
        } else if let Some(command) = after(b"run ") {
            Self::Run(command)
        } else {
            // With its blanks, and its carriage return if there is one: an echo changes nothing.
            Self::Echo(line)
        }
    }
}
