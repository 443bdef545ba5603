//! Runs a command for a stranger, and comes back in any case.
//!
//! A command can do three things to a server that waits for it: read the server's own standard input, print without
//! end, and never finish. It gets an empty input, and limits for the other two.

use std::ffi::OsStr;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// What a command may use up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much it may print, in bytes. The length goes before the output, so all of it is kept until it is known.
    pub output: usize,
}

/// What the server allows.
pub const LIMITS: Limits = Limits { time: Duration::from_secs(10), output: 16 << 20 };

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Standard output and standard error, in the order in which they were written, as on a terminal.
    pub output: Vec<u8>,
    /// The exit status, or as shells have it 128 and the number of the signal.
    pub status: i32,
    /// Why it was stopped, if it was.
    pub stopped: Option<&'static str>,
}

/// Runs `command` in `folder` by way of `sh`. A `cd` is the shell's own and ends with it.
///
/// # Errors
/// If there is no shell, no memory or no descriptor left.
pub fn run(command: &[u8], folder: &Path, limits: Limits) -> io::Result<Outcome> {
    let (mut reader, writer) = io::pipe()?;
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .current_dir(folder)
        // Otherwise it would read what is meant for the server, or wait for it for ever.
        .stdin(Stdio::null())
        // One pipe for both keeps their order, and needs no second reader. (To read one pipe to its end and then the
        // other stands still as soon as the command fills the other.)
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own, so that what the command has started can be stopped with it.
        .process_group(0)
        .spawn()?;
    // The `Command` is gone, and our ends for writing with it: the pipe ends when the last of its writers does.

    let deadline = Instant::now() + limits.time;
    let group = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
    let mut output = Vec::new();
    let collected = collect(&mut reader, &mut output, limits.output, deadline);
    let mut stopped = match &collected {
        Ok(reason) => *reason,
        Err(_) => Some("its output cannot be read"),
    };

    // Always `wait`: a child that nobody waits for stays in the process table as a zombie. It has no time limit of its
    // own, so it gets a thread, and we wait for that.
    let (tell, ended) = channel();
    thread::spawn(move || tell.send(child.wait()));
    let in_time = if stopped.is_none() {
        ended.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    } else {
        None
    };
    let status = match in_time {
        Some(status) => status?,
        None => {
            stopped.get_or_insert(TOO_LONG);
            // It may have ended just now, which is as well.
            let _ = killpg(group, Signal::SIGKILL);
            ended.recv().map_err(io::Error::other)??
        }
    };
    Ok(Outcome {
        output,
        status: status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1),
        stopped,
    })
}

const TOO_LONG: &str = "it took too long";
const TOO_MUCH: &str = "it printed too much";

/// Reads to the end, or says why not. The end comes when nobody has the pipe open any more; a command that leaves
/// something running in the background keeps it open, so there is a deadline for that, too.
fn collect(
    reader: &mut PipeReader,
    output: &mut Vec<u8>,
    most: usize,
    deadline: Instant,
) -> io::Result<Option<&'static str>> {
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return Ok(Some(TOO_LONG)),
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let count = reader.read(&mut piece)?;
        if count == 0 {
            return Ok(None);
        }
        output.extend_from_slice(&piece[..count]);
        if output.len() > most {
            output.truncate(most);
            return Ok(Some(TOO_MUCH));
        }
    }
}
