//! A reference program inside the simulation: its body, which a host runs, and the handle by
//! which the run feeds and watches it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use harness_os::process::BlockedCall;
use reference::Io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use super::stage::Request;
use crate::answers;
use crate::run::stage::{Appetite, Ended, Launch, LaunchError, Output, Program, Task, Vitals};
use crate::submission::reference_role;
use harness_language::scenario::model::{SignalName, TransportName};

/// What a host runs.
pub(super) struct InProcess {
    task: String,
    role: String,
    arguments: Vec<String>,
    io: Io,
    started: Rc<Cell<bool>>,
    ended: Rc<Cell<Option<Ended>>>,
    stdout: Rc<RefCell<Output>>,
    stderr: Rc<RefCell<Output>>,
}

/// What the run keeps of a program.
pub(super) struct Handle {
    address: SocketAddr,
    started: Rc<Cell<bool>>,
    ended: Rc<Cell<Option<Ended>>>,
    stdin: RefCell<Option<mpsc::UnboundedSender<Vec<u8>>>>,
    stdout: Rc<RefCell<Output>>,
    stderr: Rc<RefCell<Output>>,
    requests: Rc<RefCell<Vec<Request>>>,
}

impl InProcess {
    /// A program and its handle; it runs when its host is started.
    pub fn new(
        launch: &Launch,
        address: SocketAddr,
        requests: &Rc<RefCell<Vec<Request>>>,
    ) -> Result<(Self, Handle), LaunchError> {
        let Some((task, role, arguments)) = reference_role(&launch.invocation.words) else {
            return Err(LaunchError::Unsupported("only the reference runs in this process".to_owned()));
        };
        if !answers::find(&task, &role).is_some_and(|answer| answer.runs_in_process) {
            return Err(LaunchError::Unsupported(format!(
                "the {role} of {task} blocks, as its sheet asks: it needs a process of its own"
            )));
        }
        let (typed, stdin) = mpsc::unbounded_channel();
        let keeps_open = launch.input_file.is_none();
        if let Some(content) = &launch.input_file {
            let _ = typed.send(content.clone());
        }
        let stdout: Rc<RefCell<Output>> = Rc::default();
        let stderr: Rc<RefCell<Output>> = Rc::default();
        let started = Rc::new(Cell::new(false));
        let ended = Rc::new(Cell::new(None));
        let io = Io {
            stdin: Box::pin(Typed { from: stdin, left: Vec::new() }),
            stdout: Box::pin(Kept(Rc::clone(&stdout))),
            stderr: Box::pin(Kept(Rc::clone(&stderr))),
        };
        let handle = Handle {
            address,
            started: Rc::clone(&started),
            ended: Rc::clone(&ended),
            stdin: RefCell::new(keeps_open.then_some(typed)),
            stdout: Rc::clone(&stdout),
            stderr: Rc::clone(&stderr),
            requests: Rc::clone(requests),
        };
        Ok((Self { task, role, arguments, io, started, ended, stdout, stderr }, handle))
    }

    /// Runs it to its end.
    pub async fn run(self) {
        // Stopped in the middle, it has ended all the same.
        struct Over(Rc<Cell<Option<Ended>>>, Rc<RefCell<Output>>, Rc<RefCell<Output>>);
        impl Drop for Over {
            fn drop(&mut self) {
                if self.0.get().is_none() {
                    self.0.set(Some(Ended::Signal(9)));
                }
                self.1.borrow_mut().ended = true;
                self.2.borrow_mut().ended = true;
            }
        }
        self.started.set(true);
        let over = Over(self.ended, self.stdout, self.stderr);
        if let Some(body) = reference::run_on_turmoil(&self.task, &self.role, self.arguments, self.io) {
            let status = body.await;
            over.0.set(Some(Ended::Status(i32::from(status))));
        }
    }
}

/// Standard input: what was typed, in order.
struct Typed {
    from: mpsc::UnboundedReceiver<Vec<u8>>,
    left: Vec<u8>,
}

impl AsyncRead for Typed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            match self.from.poll_recv(cx) {
                Poll::Ready(Some(bytes)) => self.left = bytes,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.left[..count]);
        self.left.drain(..count);
        Poll::Ready(Ok(()))
    }
}

/// An output stream that is kept.
struct Kept(Rc<RefCell<Output>>);

impl AsyncWrite for Kept {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().push(bytes, Duration::ZERO);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Handle {
    fn home(&self) -> IpAddr {
        self.address.ip()
    }
}

impl Program for Handle {
    fn stdout(&self) -> &RefCell<Output> {
        &self.stdout
    }

    fn stderr(&self) -> &RefCell<Output> {
        &self.stderr
    }

    fn type_in<'a>(&'a self, bytes: &'a [u8]) -> Task<'a, io::Result<()>> {
        let sent = self.stdin.borrow().as_ref().is_some_and(|stdin| stdin.send(bytes.to_vec()).is_ok());
        Box::pin(std::future::ready(if sent { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }))
    }

    fn end_input(&self) {
        self.stdin.borrow_mut().take();
    }

    fn ended(&self) -> Option<Ended> {
        self.ended.get()
    }

    fn signal(&self, _: SignalName) {
        self.requests.borrow_mut().push(Request::Crash(self.home()));
    }

    fn crash(&self) -> Task<'_, ()> {
        self.requests.borrow_mut().push(Request::Crash(self.home()));
        Box::pin(async {
            while self.ended().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
    }

    fn listening(&self, _: TransportName) -> Vec<SocketAddr> {
        // Reference servers bind before their first wait, so one that runs listens.
        if self.started.get() && self.ended().is_none() { vec![self.address] } else { Vec::new() }
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
