//! A program of the made-up stage: an asynchronous block that acts by its [`Act`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use harness_os::process::BlockedCall;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::network::{Door, End, Network, Socket, at};
use super::{Clock, PORT};
use crate::run::calls::{Runtime, SocketCall};
use crate::run::stage::{Appetite, Ended, Output, Program, Task, Vitals};
use harness_language::scenario::model::{SignalName, TransportName};

/// What the programs of a run do, each of them the same.
pub struct Script {
    /// Why none starts, if that is so.
    pub refuses: Option<&'static str>,
    body: Rc<dyn Fn(Act) -> Task<'static, Ended>>,
}

impl Script {
    /// A script for programs that do this, and end so.
    pub fn new<F: Future<Output = Ended> + 'static>(body: impl Fn(Act) -> F + 'static) -> Self {
        Self { refuses: None, body: Rc::new(move |act| Box::pin(body(act))) }
    }

    /// Programs that do not start, and why.
    pub fn refusing(why: &'static str) -> Self {
        Self { refuses: Some(why), ..Self::default() }
    }
}

impl Default for Script {
    /// Listens where it is told to, takes every connection, and says nothing.
    fn default() -> Self {
        Self::new(|act| async move {
            let door = act.listen();
            let mut taken = Vec::new();
            loop {
                taken.push(door.next().await);
            }
        })
    }
}

/// The hands of a program. Copies are the same ones.
#[derive(Clone)]
pub struct Act {
    pub network: Network,
    pub args: Vec<String>,
    /// How many of its kind were started before it.
    pub before: u32,
    clock: Clock,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    stdout: RefCell<Output>,
    stderr: RefCell<Output>,
    typed: RefCell<(VecDeque<u8>, bool)>,
    ended: Cell<Option<Ended>>,
    pausing: Cell<u32>,
    vitals: Cell<Option<Vitals>>,
    share: Cell<Option<f64>>,
    calls: RefCell<Option<Vec<SocketCall>>>,
}

impl Act {
    /// Listens at the usual port.
    pub fn listen(&self) -> Door {
        self.network.listen(PORT).unwrap()
    }

    /// Connects where it was told to.
    pub fn connect(&self) -> End {
        self.network.connect(self.target()).unwrap()
    }

    /// Where it was told to go.
    pub fn target(&self) -> SocketAddr {
        at(self.args.last().and_then(|port| port.parse().ok()).unwrap_or(PORT))
    }

    /// Opens a socket for datagrams, at a port or at any.
    pub fn datagrams(&self, port: u16) -> Socket {
        self.network.datagrams(port).unwrap()
    }

    /// Waits with a time-out of its own, in milliseconds.
    pub async fn pause(&self, ms: u64) {
        self.shared.pausing.set(self.shared.pausing.get() + 1);
        let until = self.clock.get() + Duration::from_millis(ms);
        while self.clock.get() < until {
            tokio::task::yield_now().await;
        }
        self.shared.pausing.set(self.shared.pausing.get() - 1);
    }

    pub fn print(&self, text: impl AsRef<[u8]>) {
        self.shared.stdout.borrow_mut().push(text.as_ref(), self.clock.get());
        self.network.stir();
    }

    pub fn complain(&self, text: &str) {
        self.shared.stderr.borrow_mut().push(text.as_bytes(), self.clock.get());
        self.network.stir();
    }

    /// The next line that is typed, without its end; nothing at the end of the input.
    pub async fn line(&self) -> Option<String> {
        poll_fn(|cx| {
            let mut typed = self.shared.typed.borrow_mut();
            let whole = typed.0.iter().position(|byte| *byte == b'\n');
            let length = whole.or((typed.1 && !typed.0.is_empty()).then(|| typed.0.len()));
            match length {
                Some(length) => {
                    let line = typed.0.drain(..length).collect();
                    typed.0.pop_front();
                    Poll::Ready(String::from_utf8(line).ok())
                }
                None if typed.1 => Poll::Ready(None),
                None => {
                    drop(typed);
                    self.network.wait(cx)
                }
            }
        })
        .await
    }

    pub fn holds(&self, vitals: Vitals) {
        self.shared.vitals.set(Some(vitals));
    }

    /// It asks for this share of a processor from now on.
    pub fn asks_for(&self, share: f64) {
        self.shared.share.set(Some(share));
    }

    pub fn has_called(&self, calls: Vec<SocketCall>) {
        self.shared.calls.replace(Some(calls));
    }
}

/// Reads up to and with a line end, or to the end.
pub async fn line_of(end: &mut End) -> String {
    let mut line = Vec::new();
    while let Ok(byte) = end.read_u8().await {
        line.push(byte);
        if byte == b'\n' {
            break;
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Reads a line and says the next of these, until nothing is left to say or to read.
pub async fn converse(end: &mut End, lines: &[&str]) -> Vec<String> {
    let mut heard = Vec::new();
    for line in lines {
        heard.push(line_of(end).await);
        if end.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    heard
}

/// A program that was started.
pub struct FakeProgram {
    act: Act,
    running: RefCell<Option<JoinHandle<()>>>,
}

impl FakeProgram {
    pub fn start(script: &Script, network: &Network, clock: &Clock, args: Vec<String>, before: u32) -> Self {
        let act = Act { network: network.clone(), args, before, clock: Rc::clone(clock), shared: Rc::default() };
        let (playing, shared, network) = ((script.body)(act.clone()), Rc::clone(&act.shared), network.clone());
        let running = tokio::task::spawn_local(async move {
            let ended = playing.await;
            shared.ended.set(Some(ended));
            network.stir();
        });
        Self { act, running: RefCell::new(Some(running)) }
    }

    /// Whether it waits with a time-out of its own.
    pub fn pauses(&self) -> bool {
        self.ended().is_none() && self.act.shared.pausing.get() > 0
    }

    fn kill(&self, signal: i32) {
        if self.ended().is_none() {
            self.act.shared.ended.set(Some(Ended::Signal(signal)));
        }
        if let Some(running) = self.running.take() {
            running.abort();
        }
        self.act.network.stir();
    }

    fn said<'s>(&self, output: &'s RefCell<Output>) -> &'s RefCell<Output> {
        if let Ok(mut output) = output.try_borrow_mut() {
            output.ended = self.ended().is_some();
        }
        output
    }
}

impl Program for FakeProgram {
    fn stdout(&self) -> &RefCell<Output> {
        self.said(&self.act.shared.stdout)
    }

    fn stderr(&self) -> &RefCell<Output> {
        self.said(&self.act.shared.stderr)
    }

    fn type_in<'a>(&'a self, bytes: &'a [u8]) -> Task<'a, io::Result<()>> {
        self.act.shared.typed.borrow_mut().0.extend(bytes);
        self.act.network.stir();
        Box::pin(async { Ok(()) })
    }

    fn end_input(&self) {
        self.act.shared.typed.borrow_mut().1 = true;
        self.act.network.stir();
    }

    fn ended(&self) -> Option<Ended> {
        self.act.shared.ended.get()
    }

    fn signal(&self, signal: SignalName) {
        self.kill(match signal {
            SignalName::Interrupt => 2,
            SignalName::Kill => 9,
            SignalName::Terminate => 15,
        });
    }

    fn crash(&self) -> Task<'_, ()> {
        Box::pin(async {
            self.kill(9);
            // What it held goes when its task is taken down.
            tokio::task::yield_now().await;
        })
    }

    fn listening(&self, transport: TransportName) -> Vec<SocketAddr> {
        if self.ended().is_some() {
            return Vec::new();
        }
        let (doors, boxes) = self.act.network.open();
        let open = if transport == TransportName::Tcp { doors } else { boxes };
        open.into_iter().filter(|port| *port == PORT).map(at).collect()
    }

    fn blocked_in(&self) -> Vec<BlockedCall> {
        Vec::new()
    }

    fn vitals(&self) -> Option<Vitals> {
        self.act.shared.vitals.get().filter(|_| self.ended().is_none())
    }

    fn appetite(&self, _: &Appetite) -> Option<f64> {
        self.act.shared.share.get()
    }

    fn appetite_now(&self) -> Appetite {
        Appetite::default()
    }

    fn socket_calls(&self) -> Option<Vec<SocketCall>> {
        self.act.shared.calls.borrow().clone()
    }

    fn runtime(&self) -> Option<Runtime> {
        None
    }
}
