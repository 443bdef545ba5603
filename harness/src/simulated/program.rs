//! A real program under the simulation: started, drained, asked what it does.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use harness_os::process::Autopsy;
use harness_os::process::BlockedCall;
use harness_os::trap::TrapError;
use harness_os::{process, terminal};
use harness_sim::{Exit, Handle, HostId, ProgramId, SimError, Stdio, Stream};
use nix::sys::resource::{Resource, setrlimit};
use tokio::sync::Notify;

use super::calls;
use crate::crash::stack::{self, Stack};
use crate::crash::trace::Frame;
use crate::machine::{self, FILE_SIZE, OPEN_FILES, Prepared};
use crate::run::calls::{Runtime, SocketCall};
use crate::run::stage::{Appetite, Attention, Ended, Launch, LaunchError, Output, Program, Task, Vitals};
use crate::sandbox;
use crate::sandbox::guard::{Guard, MARKER, Printed};
use harness_language::scenario::model::{OutputKind, SignalName, TransportName};

/// What one call counts as processor time asked for: a program that asks again and again instead
/// of waiting is made to wait this long for each answer, so it reaches a full share.
const CALL: Duration = Duration::from_millis(1);

/// Processor time, in seconds, that a program may use in one run: a bound that depends on the machine, far above
/// what any scenario asks for.
const PROCESSOR_TIME: u64 = 30;

/// Bound, in virtual time, for a killed program to be gone.
const GONE: Duration = Duration::from_secs(2);

/// A program of a run.
pub(super) struct SimulatedProgram {
    handle: Handle,
    id: ProgramId,
    stdout: Rc<RefCell<Output>>,
    stderr: Rc<RefCell<Output>>,
    executable: PathBuf,
    ended_at: Rc<Cell<Option<Duration>>>,
    scratch: PathBuf,
    autopsy: Option<Autopsy>,
}

impl SimulatedProgram {
    /// Starts a program on a host, below `scratch`, the run's copy of the submission.
    pub fn launch(
        handle: Handle,
        host: HostId,
        launch: Launch,
        scratch: &Path,
        guard: &Guard,
        stir: &Rc<Notify>,
        attention: Attention,
    ) -> Result<Self, LaunchError> {
        let machine =
            |what: &str, error: &dyn std::fmt::Display| LaunchError::Machine(format!("cannot {what}: {error}"));
        let Prepared { program, args, mut env, cwd } = Prepared::new(&launch.invocation, scratch)?;
        let content = launch.input_file.as_deref();
        let file = content.map(|content| machine::input_file(&launch.invocation, &cwd, content)).transpose();
        let stdin = match file.map_err(|error| machine("make the input file", &error))?.flatten() {
            Some(file) => Stdio::Pair { program: file, ours: None },
            None => Stdio::Pipe,
        };
        let stdout = if launch.stdout == OutputKind::Terminal {
            let pty = terminal::Pty::open_raw().map_err(|error| machine("open a terminal", &error))?;
            Stdio::Pair { program: pty.slave, ours: Some(pty.master) }
        } else {
            Stdio::Pipe
        };
        env.insert(MARKER.into(), guard.marker().into());
        let confinement = sandbox::of_run(scratch, &program).map_err(|error| machine("confine the program", &error))?;
        let executable = program.clone();
        let (program, args) = match launch.open_files {
            0 => (program, args),
            count => holding_files(count, program, args)?,
        };
        let id = handle
            .spawn(
                host,
                harness_sim::Launch {
                    program,
                    arguments: args,
                    environment: env.into_iter().collect(),
                    directory: cwd,
                    stdin,
                    stdout,
                    stderr: Stdio::Pipe,
                    told_host: launch.invocation.names_host,
                    prepare: Some(Box::new(move || {
                        setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES).map_err(io::Error::from)?;
                        // Virtual time does not bound a loop that goes round between two events.
                        setrlimit(Resource::RLIMIT_CPU, PROCESSOR_TIME, PROCESSOR_TIME + 5)?;
                        setrlimit(Resource::RLIMIT_FSIZE, FILE_SIZE, FILE_SIZE)?;
                        confinement.apply().map_err(io::Error::from)
                    })),
                },
            )
            .map_err(|error| match error {
                SimError::Trap(TrapError::Exec { .. }) => LaunchError::NotStartable(error.to_string()),
                other => machine("start the program", &other),
            })?;
        let pid = handle.process(id);
        if let Some(pid) = pid {
            guard.add(pid);
        }
        // Where it may not be traced, there is one line less in a report.
        let autopsy = pid.filter(|_| attention == Attention::Deaths).and_then(|pid| Autopsy::of(pid).ok());
        let drained = |stream| {
            let output = Rc::new(RefCell::new(Output::default()));
            tokio::task::spawn_local(drain(handle, id, stream, Rc::clone(&output), guard.printed(), Rc::clone(stir)));
            output
        };
        let (stdout, stderr) = (drained(Stream::Output), drained(Stream::Error));
        let stir = Rc::clone(stir);
        let ended_at: Rc<Cell<Option<Duration>>> = Rc::default();
        let noted = Rc::clone(&ended_at);
        tokio::task::spawn_local(async move {
            handle.exited(id).await;
            noted.set(Some(handle.now().since_start()));
            stir.notify_one();
        });
        Ok(Self { handle, id, stdout, stderr, executable, ended_at, scratch: scratch.to_owned(), autopsy })
    }

    /// Goes on reading what it prints, in a second run of the simulation.
    pub fn drain_again(&self, guard: &Guard, stir: &Rc<Notify>) {
        for (stream, output) in [(Stream::Output, &self.stdout), (Stream::Error, &self.stderr)] {
            let output = Rc::clone(output);
            tokio::task::spawn_local(drain(self.handle, self.id, stream, output, guard.printed(), Rc::clone(stir)));
        }
    }

    /// Its number in the simulation.
    pub fn id(&self) -> ProgramId {
        self.id
    }

    fn family(&self) -> Vec<i32> {
        self.handle.process(self.id).map_or_else(Vec::new, |pid| process::tree(&[pid]))
    }
}

async fn drain(
    handle: Handle,
    id: ProgramId,
    stream: Stream,
    output: Rc<RefCell<Output>>,
    printed: Printed,
    stir: Rc<Notify>,
) {
    loop {
        let bytes = handle.read_output(id, stream).await;
        if bytes.is_empty() {
            break;
        }
        output.borrow_mut().push(&bytes, handle.now().since_start());
        printed.add(bytes.len());
        stir.notify_one();
    }
    output.borrow_mut().ended = true;
    stir.notify_one();
}

/// A command that opens so many files and then becomes this program.
///
/// A program starts as a copy of this process, and the descriptors of this process are closed only when its image
/// is loaded: files opened before that would lie around them and leave gaps, as many as happen to be open here, and
/// the program's sockets would fall into them. In a shell nothing else is open.
fn holding_files(
    count: u32,
    program: PathBuf,
    arguments: Vec<OsString>,
) -> Result<(PathBuf, Vec<OsString>), LaunchError> {
    let shell = ["/bin/bash", "/usr/bin/bash"].map(PathBuf::from).into_iter().find(|shell| shell.exists());
    let Some(shell) = shell else {
        return Err(LaunchError::Unsupported(
            "starting a program with many open files takes bash, which is missing".to_owned(),
        ));
    };
    let open = format!(r#"for ((fd = 3; fd < 3 + {count}; fd++)); do eval "exec $fd</dev/null"; done; exec "$0" "$@""#);
    let command = [OsString::from("-c"), open.into(), program.into()];
    Ok((shell, command.into_iter().chain(arguments).collect()))
}

impl Program for SimulatedProgram {
    fn stdout(&self) -> &RefCell<Output> {
        &self.stdout
    }

    fn stderr(&self) -> &RefCell<Output> {
        &self.stderr
    }

    fn type_in<'a>(&'a self, bytes: &'a [u8]) -> Task<'a, io::Result<()>> {
        Box::pin(async move {
            if self.ended().is_some() {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            self.handle.write_input(self.id, bytes);
            Ok(())
        })
    }

    fn end_input(&self) {
        self.handle.close_input(self.id);
    }

    fn ended(&self) -> Option<Ended> {
        self.handle.exit(self.id).map(|exit| match exit {
            Exit::Status(code) => Ended::Status(code),
            Exit::Signal(number) => Ended::Signal(number),
        })
    }

    fn ended_at(&self) -> Option<Duration> {
        self.ended_at.get()
    }

    fn signal(&self, signal: SignalName) {
        let signal = match signal {
            SignalName::Interrupt => nix::libc::SIGINT,
            SignalName::Terminate => nix::libc::SIGTERM,
            SignalName::Kill => nix::libc::SIGKILL,
        };
        self.handle.signal_all(self.id, signal);
    }

    fn crash(&self) -> Task<'_, ()> {
        Box::pin(async {
            self.handle.signal_all(self.id, nix::libc::SIGKILL);
            // One that does not end is reported when the simulation is.
            let _ = tokio::time::timeout(GONE, self.handle.exited(self.id)).await;
            self.handle.settled().await;
        })
    }

    fn listening(&self, transport: TransportName) -> Vec<SocketAddr> {
        self.handle.addresses(self.id, transport == TransportName::Tcp)
    }

    fn blocked_in(&self) -> Vec<BlockedCall> {
        machine::waits(self.handle.blocked().into_iter().filter(|it| it.program == self.id).map(|it| it.call))
    }

    fn socket_calls(&self) -> Option<Vec<SocketCall>> {
        Some(self.handle.calls(self.id).iter().filter_map(calls::of_record).collect())
    }

    fn runtime(&self) -> Option<Runtime> {
        calls::runtime_of(&self.executable)
    }

    fn stacks(&self) -> Vec<Stack> {
        stack::of_processes(&self.family(), &self.scratch)
    }

    fn dumps_on(&self) -> Option<i32> {
        stack::dumps_on(&self.executable, self.runtime())
    }

    fn ask(&self, signal: i32) {
        // One that is dead has nothing to say.
        let _ = self.handle.signal(self.id, signal);
    }

    fn fell_at(&self, signal: i32) -> Vec<Frame> {
        let found = self.autopsy.as_ref().and_then(Autopsy::found).filter(|found| found.signal == signal);
        found.map(|found| stack::frames(&found.thread, &found.mappings, &self.scratch)).unwrap_or_default()
    }

    fn vitals(&self) -> Option<Vitals> {
        let family = self.family();
        (!family.is_empty()).then(|| machine::vitals(&family))
    }

    fn appetite(&self, since: &Appetite) -> Option<f64> {
        let now = self.appetite_now();
        let elapsed = now.at.saturating_sub(since.at).as_secs_f64();
        Some(now.wanted.saturating_sub(since.wanted).as_secs_f64() / elapsed.max(0.001))
    }

    fn appetite_now(&self) -> Appetite {
        let calls = u32::try_from(self.handle.traps()).unwrap_or(u32::MAX);
        Appetite {
            at: self.handle.now().since_start(),
            wanted: CALL.saturating_mul(calls) + machine::wanted(&self.family()),
        }
    }
}
