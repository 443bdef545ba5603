//! A thread for each client: the accept loop that the blocking servers share.
//!
//! Each thread is written as if its client were the only one. It blocks when the client has nothing to say, and the
//! system runs another. The price is a stack for every client, a few thousand clients at most, and locks around
//! everything that they share.
//!
//! Owns accepting and counting; what a client gets is the caller's.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::failure::Failure;
use crate::network::concerns_one_client;

/// Listens on `host`, a name or an address of this machine.
///
/// The standard library sets SO_REUSEADDR on Unix, so that a server that was stopped can start again at once although
/// connections of the old one are still in TIME_WAIT. Two living servers still cannot have the same port. (That would
/// be SO_REUSEPORT. Python programs that write `SO_REUSEADDR | SO_REUSEPORT` get it by accident: the second copy starts
/// without a word, and takes every other client.)
///
/// # Errors
/// If the address is not ours, or the port is taken.
pub fn listen(host: &str, port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((host, port)).map_err(|source| Failure::ListenOn { host: host.to_owned(), port, source })
}

/// The clients that are being served.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    present: Mutex<usize>,
    one_left: Condvar,
}

/// Counts a client for as long as its thread has this, however the thread ends.
struct Presence(Clients);

impl Drop for Presence {
    fn drop(&mut self) {
        *self.0.count() -= 1;
        self.0.0.one_left.notify_all();
    }
}

impl Clients {
    /// Nothing that holds this lock can panic in mid-change, so a poisoned lock still guards a good number.
    fn count(&self) -> MutexGuard<'_, usize> {
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Presence {
        *self.count() += 1;
        Presence(self.clone())
    }

    /// Gives each client of `listener` a thread that runs `serve_one`. The connection is closed when that returns.
    ///
    /// # Errors
    /// If the listener is of no more use; never because of a client.
    pub fn serve(
        &self,
        listener: &TcpListener,
        serve_one: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let serve_one = Arc::new(serve_one);
        loop {
            let error = match listener.accept() {
                Ok((client, _)) => {
                    // Replies are short, and are sent when they are ready: see `dialogue::connect`.
                    let _ = client.set_nodelay(true);
                    let presence = self.enter();
                    let serve_one = Arc::clone(&serve_one);
                    let thread = thread::Builder::new().spawn(move || {
                        let _presence = presence;
                        // A connection that breaks is the end of this thread, and of nothing else.
                        let _ = serve_one(client);
                    });
                    match thread {
                        Ok(_) => continue,
                        // No memory for a thread: the client was closed with the closure that held it.
                        Err(error) => error,
                    }
                }
                Err(error) if concerns_one_client(&error) => continue,
                Err(error) => error,
            };
            // We are out of descriptors or threads, most likely. To ask again at once would fail again and burn the
            // CPU. The next client waits in the backlog until one of the present ones has left.
            let present = self.count();
            if *present == 0 {
                return Err(Failure::Serve(error));
            }
            let before = *present;
            drop(
                self.0
                    .one_left
                    .wait_while(present, |present| *present >= before)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }
}
