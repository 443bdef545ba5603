//! What the tests share: captured streams, programs on simulated hosts, and a runtime for real sockets.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use reference::Io;
use tokio::io::AsyncWrite;
use tokio::task::LocalSet;

/// An output stream that keeps what is written to it.
#[derive(Clone, Default)]
pub struct Capture(Rc<RefCell<Vec<u8>>>);

impl Capture {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl AsyncWrite for Capture {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An output stream whose reader has gone.
pub struct Closed;

impl AsyncWrite for Closed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a program left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub status: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn well(stdout: &str) -> Self {
        Self { status: 0, stdout: stdout.to_owned(), stderr: String::new() }
    }
}

pub fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

/// Runs a program on the simulated host that awaits this.
pub async fn simulated(task: &str, role: &str, arguments: &[&str], stdin: &[u8]) -> Ended {
    let (stdout, stderr) = (Capture::default(), Capture::default());
    let io = Io {
        stdin: Box::pin(io::Cursor::new(stdin.to_vec())),
        stdout: Box::pin(stdout.clone()),
        stderr: Box::pin(stderr.clone()),
    };
    let status = reference::run_on_turmoil(task, role, words(arguments), io).unwrap().await;
    Ended { status, stdout: stdout.text(), stderr: stderr.text() }
}

/// A simulation of at most a minute, the same one every time.
pub fn simulation<'a>() -> turmoil::Sim<'a> {
    turmoil::Builder::new()
        .rng_seed(1)
        .epoch(std::time::SystemTime::UNIX_EPOCH)
        .simulation_duration(Duration::from_secs(60))
        .build()
}

/// Adds the host `server`, which runs the task's server on port 5000.
pub fn with_server(sim: &mut turmoil::Sim<'_>, task: &'static str) {
    sim.host("server", move || async move {
        let ended = simulated(task, "server", &["5000"], b"").await;
        Err(format!("the server ended: {ended:?}").into())
    });
}

/// Runs a test on real sockets, and stops everything it spawned when it is done.
pub fn on_loopback<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// How long a blocking test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a blocking server on a free port of the loopback; it ends with the test program.
pub fn start<T>(serve: impl FnOnce(TcpListener) -> T + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || drop(serve(listener)));
    address
}

/// A client that a test plays by hand. No read waits for ever.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(socket))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The next line, without its newline.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'), "the connection ended within a line: {line:?}");
        String::from_utf8_lossy(&line).into_owned()
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n"));
        self.line()
    }

    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Sends no more, and returns what still comes.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.get_mut().shutdown(Shutdown::Write).unwrap();
        self.rest()
    }

    /// What comes until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Leaves by a reset, which is what a close with a linger time of zero does.
    pub fn reset(self) {
        socket2::SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub fn socket(&self) -> &TcpStream {
        self.0.get_ref()
    }
}
