//! A stage without processes and without a kernel: programs are scripts, and time is a number. For tests of the director,
//! of waiting and of steps, as tables.

mod tests;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use harness_os::process::BlockedCall;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stage::{
    Appetite, Connection, DatagramEnd, Datagrams, Ended, Launch, LaunchError, LinkChange, Listener, Output, Program,
    Stage, Stillness, Task, Unsupported, Vitals,
};
use harness_language::scenario::model::{BackendName, Family, SignalName, TransportName};

/// What a moment takes.
pub const TICK: Duration = Duration::from_millis(4);

/// Something that depends on the time.
pub type Of<T> = Box<dyn Fn(Duration) -> T>;

/// How the one program of a run behaves.
pub struct Script {
    /// Whether it listens.
    pub listens: bool,
    /// Why it does not start, if it does not.
    pub refuses: Option<&'static str>,
    /// What it has printed by now.
    pub prints: Of<&'static str>,
    /// What it has said on standard error.
    pub complains: &'static str,
    /// How it has ended by now, if it has.
    pub ends: Of<Option<Ended>>,
    /// What it answers to what has come in one write.
    pub answers: fn(&[u8]) -> Vec<u8>,
    /// It closes a connection on which so many bytes have come, and reads no more of them.
    pub takes: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            listens: true,
            refuses: None,
            prints: Box::new(|_| ""),
            complains: "",
            ends: Box::new(|_| None),
            answers: |_| Vec::new(),
            takes: usize::MAX,
        }
    }
}

/// The stage.
pub struct FakeStage {
    clock: Rc<Cell<Duration>>,
    script: Rc<Script>,
    /// What the programs are doing.
    pub stillness: Of<Stillness>,
    /// Time lost to others.
    pub starved: Of<Duration>,
    /// Whether everything has arrived.
    pub arrived: Of<bool>,
    /// How often somebody has looked at what the programs do.
    pub looks: Cell<u32>,
}

impl FakeStage {
    /// A stage on which everybody waits for ever.
    pub fn new(script: Script) -> Self {
        Self {
            clock: Rc::default(),
            script: Rc::new(script),
            stillness: Box::new(|_| Stillness::Forever(1)),
            starved: Box::new(|_| Duration::ZERO),
            arrived: Box::new(|_| true),
            looks: Cell::new(0),
        }
    }
}

/// A future that is ready, and lets others come first once: a loop over it must not starve them.
async fn give_way() {
    tokio::task::yield_now().await;
}

fn unsupported(what: &str) -> Unsupported {
    Unsupported(format!("the made-up stage has no {what}"))
}

impl Stage for FakeStage {
    fn backend(&self) -> BackendName {
        BackendName::Sim
    }

    fn now(&self) -> Duration {
        self.clock.get()
    }

    fn tick(&self) -> Task<'_, ()> {
        self.pass(TICK)
    }

    fn pass(&self, duration: Duration) -> Task<'_, ()> {
        Box::pin(async move {
            give_way().await;
            self.clock.set(self.clock.get() + duration);
        })
    }

    fn folder(&self) -> Option<PathBuf> {
        None
    }

    fn port(&self) -> u16 {
        5000
    }

    fn home(&self, _: &str) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    fn launch<'a>(&'a self, _: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>> {
        let program = match self.script.refuses {
            Some(why) => Err(LaunchError::NotStartable(why.to_owned())),
            None => Ok(Rc::new(FakeProgram {
                clock: Rc::clone(&self.clock),
                script: Rc::clone(&self.script),
                stdout: RefCell::default(),
                stderr: RefCell::default(),
                signalled: Cell::default(),
            }) as Rc<dyn Program>),
        };
        Box::pin(async { program })
    }

    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>> {
        let connection = FakeConnection {
            script: Rc::clone(&self.script),
            remote: to,
            came: 0,
            answers: VecDeque::new(),
            ended: false,
        };
        let listens = self.script.listens;
        Box::pin(async move {
            match listens {
                true => Ok(Box::new(connection) as Box<dyn Connection>),
                false => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }

    fn listen(&self, _: u16, _: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::Error::other(unsupported("listener"))) })
    }

    fn datagrams(&self, _: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>> {
        Box::pin(async { Err(io::Error::other(unsupported("datagrams"))) })
    }

    fn stillness(&self) -> Stillness {
        self.looks.set(self.looks.get() + 1);
        (self.stillness)(self.now())
    }

    fn has_arrived(&self) -> bool {
        (self.arrived)(self.now())
    }

    fn starved(&self) -> Duration {
        (self.starved)(self.now())
    }

    fn link(&self, _: LinkChange, _: &[String; 2]) -> Result<(), Unsupported> {
        Err(unsupported("links"))
    }
}

struct FakeProgram {
    clock: Rc<Cell<Duration>>,
    script: Rc<Script>,
    stdout: RefCell<Output>,
    stderr: RefCell<Output>,
    signalled: Cell<Option<Ended>>,
}

impl Program for FakeProgram {
    fn stdout(&self) -> &RefCell<Output> {
        if let Ok(mut output) = self.stdout.try_borrow_mut() {
            let text = (self.script.prints)(self.clock.get()).as_bytes();
            let known = output.bytes.len();
            output.push(&text[known..], Duration::ZERO);
            output.ended = self.ended().is_some();
        }
        &self.stdout
    }

    fn stderr(&self) -> &RefCell<Output> {
        if let Ok(mut output) = self.stderr.try_borrow_mut() {
            let known = output.bytes.len();
            output.push(&self.script.complains.as_bytes()[known..], Duration::ZERO);
            output.ended = self.ended().is_some();
        }
        &self.stderr
    }

    fn type_in<'a>(&'a self, _: &'a [u8]) -> Task<'a, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn end_input(&self) {}

    fn ended(&self) -> Option<Ended> {
        self.signalled.get().or((self.script.ends)(self.clock.get()))
    }

    fn signal(&self, signal: SignalName) {
        let number = match signal {
            SignalName::Interrupt => 2,
            SignalName::Kill => 9,
            SignalName::Terminate => 15,
        };
        self.signalled.set(Some(Ended::Signal(number)));
    }

    fn crash(&self) -> Task<'_, ()> {
        self.signalled.set(Some(Ended::Signal(9)));
        Box::pin(async {})
    }

    fn listening(&self, _: TransportName) -> Vec<SocketAddr> {
        let listens = self.script.listens && self.ended().is_none();
        listens.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 5000))).into_iter().collect()
    }

    fn blocked_in(&self) -> Vec<BlockedCall> {
        Vec::new()
    }

    fn vitals(&self) -> Option<Vitals> {
        None
    }

    fn appetite(&self, _: &Appetite) -> Option<f64> {
        None
    }

    fn appetite_now(&self) -> Appetite {
        Appetite::default()
    }
}

/// A peer's connection to the script.
struct FakeConnection {
    script: Rc<Script>,
    remote: SocketAddr,
    came: usize,
    answers: VecDeque<u8>,
    ended: bool,
}

impl FakeConnection {
    /// Whether the program has closed it with bytes unread.
    fn is_reset(&self) -> bool {
        self.came > self.script.takes
    }
}

impl AsyncRead for FakeConnection {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.answers.is_empty() {
            let count = self.answers.len().min(buffer.remaining());
            let bytes: Vec<u8> = self.answers.drain(..count).collect();
            buffer.put_slice(&bytes);
            Poll::Ready(Ok(()))
        } else if self.is_reset() {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        } else if self.came == self.script.takes || self.ended {
            Poll::Ready(Ok(()))
        } else {
            // Whoever waits looks again at the next moment.
            Poll::Pending
        }
    }
}

impl AsyncWrite for FakeConnection {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        // As much as a kernel takes at once.
        let bytes = &bytes[..bytes.len().min(4096)];
        self.came += bytes.len();
        let answer = (self.script.answers)(bytes);
        self.answers.extend(answer);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Connection for FakeConnection {
    fn reset(self: Box<Self>) {}

    fn unread(&self) -> Option<u64> {
        Some(0)
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }
}
