//! A real program: spawned on a terminal, drained without limit, watched until it ends.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use harness_os::process::{self, Autopsy, BlockedCall};
use harness_os::spawn::{self, Child, ExitStatus, Limits, SpawnError};
use harness_os::{pipe, terminal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::Notify;

use super::stage::{Table, listening};
use crate::crash::stack::{self, Stack};
use crate::crash::trace::Frame;
use crate::machine::{self, FILE_SIZE, OPEN_FILES, Prepared};
use crate::run::stage::{Appetite, Attention, Ended, Launch, LaunchError, Output, Program, Task, Vitals};
use crate::sandbox::guard::{Guard, MARKER, Printed};
use crate::sandbox::{self, links};
use harness_language::scenario::model::{OutputKind, SignalName, TransportName};

/// Room of a pipe that takes a program's output, in bytes.
const PIPE: i32 = 1 << 20;

/// A program of a run.
pub struct WireProgram {
    pid: i32,
    child: RefCell<Child>,
    stdout: Rc<RefCell<Output>>,
    stderr: Rc<RefCell<Output>>,
    stdin: RefCell<Option<Sender>>,
    ended: Rc<Cell<Option<Ended>>>,
    gone: Rc<Notify>,
    table: Rc<RefCell<Table>>,
    began: tokio::time::Instant,
    ended_at: Rc<Cell<Option<Duration>>>,
    executable: PathBuf,
    scratch: PathBuf,
    autopsy: Option<Autopsy>,
}

impl WireProgram {
    /// Starts a program below `scratch`, the run's copy of the submission.
    pub fn launch(
        launch: Launch,
        scratch: &Path,
        guard: &Guard,
        table: &Rc<RefCell<Table>>,
        stir: &Rc<Notify>,
        began: tokio::time::Instant,
        attention: Attention,
    ) -> Result<Self, LaunchError> {
        let machine =
            |what: &str, error: &dyn std::fmt::Display| LaunchError::Machine(format!("cannot {what}: {error}"));
        let Prepared { program, args, mut env, cwd } = Prepared::new(&launch.invocation, scratch)?;
        env.insert(MARKER.into(), guard.marker().into());
        let confinement = sandbox::of_run(scratch, &program).map_err(|error| machine("confine the program", &error))?;

        let content = launch.input_file.as_deref();
        let file = content.map(|content| machine::input_file(&launch.invocation, &cwd, content)).transpose();
        let (stdin, to_program) = match file.map_err(|error| machine("make the input file", &error))?.flatten() {
            Some(file) => (file, None),
            None => {
                let (read, write) = pipe::pipe().map_err(|error| machine("make a pipe", &error))?;
                (read, Some(write))
            }
        };
        let (stdout, from_stdout) = match launch.stdout {
            OutputKind::Terminal => {
                let pty = terminal::Pty::open_raw().map_err(|error| machine("open a terminal", &error))?;
                (pty.slave, pty.master)
            }
            OutputKind::Pipe => {
                let (read, write) = pipe::pipe().map_err(|error| machine("make a pipe", &error))?;
                // A roomy pipe saves switches between program and harness; a small one works as well.
                let _ = nix::fcntl::fcntl(&read, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE));
                (write, read)
            }
        };
        let executable = program.clone();
        let (from_stderr, stderr) = pipe::pipe().map_err(|error| machine("make a pipe", &error))?;
        let child = spawn::spawn(spawn::Launch {
            program,
            args,
            env,
            cwd,
            stdin,
            stdout,
            stderr,
            limits: Limits { open_files: Some(OPEN_FILES), file_size_bytes: Some(FILE_SIZE), ..Limits::default() },
            confinement: Some(confinement),
        })
        .map_err(|error| match error {
            SpawnError::NotFound { .. } | SpawnError::NotExecutable { .. } | SpawnError::WrongFormat { .. } => {
                LaunchError::NotStartable(error.to_string())
            }
            other => machine("start the program", &other),
        })?;

        guard.add(child.pid);
        // Where it may not be traced, there is one line less in a report.
        let autopsy = if attention == Attention::Deaths { Autopsy::of(child.pid).ok() } else { None };

        let drained = |fd: OwnedFd| -> io::Result<Rc<RefCell<Output>>> {
            let output = Rc::new(RefCell::new(Output::default()));
            pipe::set_nonblocking(&fd).map_err(io::Error::other)?;
            // A terminal is read like a pipe.
            let receiver = Receiver::from_owned_fd_unchecked(fd)?;
            tokio::task::spawn_local(drain(receiver, Rc::clone(&output), guard.printed(), Rc::clone(stir), began));
            Ok(output)
        };
        let stdout = drained(from_stdout).map_err(|error| machine("read standard output", &error))?;
        let stderr = drained(from_stderr).map_err(|error| machine("read standard error", &error))?;
        let stdin = match to_program {
            Some(fd) => {
                pipe::set_nonblocking(&fd).map_err(|error| machine("prepare standard input", &error))?;
                let sender = Sender::from_owned_fd_unchecked(fd);
                Some(sender.map_err(|error| machine("watch standard input", &error))?)
            }
            None => None,
        };
        let watched = child.as_fd().try_clone_to_owned().map_err(|error| machine("watch the program", &error))?;
        let gone = Rc::new(Notify::new());
        let woken = Rc::clone(&gone);
        let ended_at: Rc<Cell<Option<Duration>>> = Rc::default();
        let noted = Rc::clone(&ended_at);
        let stir = Rc::clone(stir);
        tokio::task::spawn_local(async move {
            // A process descriptor becomes readable when the process ends.
            if let Ok(watched) = Receiver::from_owned_fd_unchecked(watched) {
                let _ = watched.readable().await;
            }
            noted.set(Some(began.elapsed()));
            stir.notify_one();
            woken.notify_waiters();
        });
        Ok(Self {
            pid: child.pid,
            child: RefCell::new(child),
            stdout,
            stderr,
            stdin: RefCell::new(stdin),
            ended: Rc::new(Cell::new(None)),
            gone,
            table: Rc::clone(table),
            began,
            ended_at,
            executable,
            scratch: scratch.to_owned(),
            autopsy,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it has ended and its id may belong to another process by now.
    pub fn is_reaped(&self) -> bool {
        self.ended().is_some()
    }

    /// Waits for the end of a program that was killed.
    pub async fn reap(&self) {
        let wait = async {
            loop {
                let woken = self.gone.notified();
                if self.ended().is_some() {
                    return;
                }
                woken.await;
            }
        };
        // A killed process that does not end is stuck in the kernel: `strike` has reported it.
        let _ = tokio::time::timeout(Duration::from_secs(2), wait).await;
    }

    fn family(&self) -> Vec<i32> {
        if self.is_reaped() { Vec::new() } else { process::tree(&[self.pid]) }
    }

    fn wanted(&self) -> Duration {
        machine::wanted(&self.family())
    }
}

async fn drain(
    mut from: Receiver,
    output: Rc<RefCell<Output>>,
    printed: Printed,
    stir: Rc<Notify>,
    began: tokio::time::Instant,
) {
    let mut buffer = vec![0; 256 * 1024];
    // EIO is how a terminal says that nobody holds its other side any more.
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        output.borrow_mut().push(&buffer[..count], began.elapsed());
        printed.add(count);
        stir.notify_one();
    }
    output.borrow_mut().ended = true;
    stir.notify_one();
}

impl Program for WireProgram {
    fn stdout(&self) -> &RefCell<Output> {
        &self.stdout
    }

    fn stderr(&self) -> &RefCell<Output> {
        &self.stderr
    }

    fn type_in<'a>(&'a self, bytes: &'a [u8]) -> Task<'a, io::Result<()>> {
        Box::pin(async move {
            let Some(mut stdin) = self.stdin.borrow_mut().take() else {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            };
            let outcome = tokio::time::timeout(Duration::from_secs(10), stdin.write_all(bytes)).await;
            *self.stdin.borrow_mut() = Some(stdin);
            outcome.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
        })
    }

    fn end_input(&self) {
        self.stdin.borrow_mut().take();
    }

    fn ended(&self) -> Option<Ended> {
        if self.ended.get().is_none() {
            let status = self.child.borrow_mut().try_wait().ok().flatten();
            self.ended.set(status.map(|status| match status {
                ExitStatus::Code(code) => Ended::Status(code),
                ExitStatus::Signal(number) => Ended::Signal(number),
            }));
        }
        self.ended.get()
    }

    fn ended_at(&self) -> Option<Duration> {
        self.ended_at.get()
    }

    fn signal(&self, signal: SignalName) {
        let signal = match signal {
            SignalName::Interrupt => spawn::Signal::Interrupt,
            SignalName::Terminate => spawn::Signal::Terminate,
            SignalName::Kill => spawn::Signal::Kill,
        };
        if !self.is_reaped() {
            let _ = self.child.borrow().signal_group(signal);
        }
    }

    fn crash(&self) -> Task<'_, ()> {
        Box::pin(async {
            if !self.is_reaped() {
                process::kill_members(&process::Belonging { namespace: None, roots: &[self.pid], marker: None });
            }
            self.reap().await;
        })
    }

    fn listening(&self, transport: TransportName) -> Vec<SocketAddr> {
        let family = self.family();
        if family.is_empty() { Vec::new() } else { listening(&self.table, &family, transport) }
    }

    fn blocked_in(&self) -> Vec<BlockedCall> {
        let threads = self.family().into_iter().flat_map(process::threads);
        machine::waits(threads.filter_map(|thread| thread.blocked_in))
    }

    fn stacks(&self) -> Vec<Stack> {
        stack::of_processes(&self.family(), &self.scratch)
    }

    fn dumps_on(&self) -> Option<i32> {
        stack::dumps_on(&self.executable, crate::simulated::runtime_of(&self.executable))
    }

    fn ask(&self, signal: i32) {
        if !self.is_reaped() {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(self.pid),
                nix::sys::signal::Signal::try_from(signal).ok(),
            );
        }
    }

    fn fell_at(&self, signal: i32) -> Vec<Frame> {
        let found = self.autopsy.as_ref().and_then(Autopsy::found).filter(|found| found.signal == signal);
        found.map(|found| stack::frames(&found.thread, &found.mappings, &self.scratch)).unwrap_or_default()
    }

    fn vitals(&self) -> Option<Vitals> {
        if self.is_reaped() {
            return None;
        }
        Some(machine::vitals(&self.family()))
    }

    fn appetite(&self, since: &Appetite) -> Option<f64> {
        let now = self.appetite_now();
        let elapsed = now.at.saturating_sub(since.at).as_secs_f64();
        Some(now.wanted.saturating_sub(since.wanted).as_secs_f64() / elapsed.max(0.001))
    }

    fn appetite_now(&self) -> Appetite {
        Appetite { at: self.began.elapsed(), wanted: self.wanted() }
    }
}

/// Copies a folder with everything in it, for a run of its own; what is neither file nor folder is left out, and links
/// that lead out of it, whose names come back.
///
/// # Errors
/// If anything cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<Vec<PathBuf>> {
    fn copy(root: &Path, from: &Path, to: &Path, left_out: &mut Vec<PathBuf>) -> io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            if kind.is_dir() {
                copy(root, &path, &target, left_out)?;
            } else if kind.is_symlink() {
                let leads_to = std::fs::read_link(&path)?;
                if links::stays(root, &path, &leads_to) {
                    std::os::unix::fs::symlink(leads_to, target)?;
                } else {
                    left_out.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
                }
            } else if kind.is_file() {
                std::fs::copy(&path, &target)?;
                // A build looks at which file is the older one. A copy that keeps no time is a copy still.
                let _ = keep_time(&path, &target);
            }
        }
        Ok(())
    }
    let mut left_out = Vec::new();
    copy(from, from, to, &mut left_out)?;
    left_out.sort();
    Ok(left_out)
}

fn keep_time(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::File::options().read(true).open(to)?.set_modified(from.metadata()?.modified()?)
}

/// The beginning of a file, to tell what it is.
///
/// # Errors
/// If the file cannot be read.
pub fn head(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut buffer = Vec::with_capacity(bytes);
    std::fs::File::open(path)?.take(bytes as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}
