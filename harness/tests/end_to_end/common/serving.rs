//! Servers that a test starts beside the harness, on a port that was just free.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::HARNESS;

/// The model answer of a task, serving this folder (or, as a proxy, any site).
pub struct Serving {
    /// Its process.
    pub process: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Serving {
    /// Without further arguments.
    pub fn start(task: &str, role: &str, folder: &Path) -> Self {
        Self::start_with(task, role, folder, &[])
    }

    /// With further arguments behind the port.
    pub fn start_with(task: &str, role: &str, folder: &Path, more: &[&str]) -> Self {
        Self::of(|port| {
            let mut command = Command::new(HARNESS);
            command.args(["reference", task, role, &port.to_string()]).args(more).current_dir(folder);
            command
        })
    }

    /// A server started with a port that it is to listen on.
    pub fn of(command: impl FnOnce(u16) -> Command) -> Self {
        // A port that was just free; a stranger who takes it meanwhile makes the server end, and the test fail.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map(|at| at.port());
        let port = port.expect("a free port");
        let mut serving = Self { process: command(port).spawn().expect("the server starts"), port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(serving.process.try_wait().is_ok_and(|ended| ended.is_none()), "the server ended");
            assert!(Instant::now() < deadline, "nobody listens on {port}");
            std::thread::yield_now();
        }
        serving
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
