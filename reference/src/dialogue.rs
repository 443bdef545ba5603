//! A client that speaks and listens at the same time, with blocking calls: a thread for each direction.
//!
//! One thread that reads a line from the user, sends it and waits for the reply is the obvious client. It is deaf while
//! it waits for the user: what the server says unasked ("busy"), or that it has gone, comes out only after the next
//! line was typed. With two threads each blocks in its own call, and neither keeps the other waiting.
//!
//! Owns the two threads and how they end together; the protocol is the server's business.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;

/// How long we wait for a reply before the next line is sent anyway, and for the server's close when we are done.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most that is read as one line, in bytes; what is longer is sent in pieces.
const LONGEST_PIECE: u64 = 64 * 1024;

/// Connects to a server given by name or address.
///
/// # Errors
/// If the name is unknown, or none of its addresses accepts.
pub fn connect(host: &str, port: u16) -> Result<TcpStream, Failure> {
    // A name may have several addresses; they are tried in order.
    let server =
        TcpStream::connect((host, port)).map_err(|source| Failure::NoServer { host: host.to_owned(), port, source })?;
    // A line is worth a segment of its own. Otherwise Nagle's algorithm keeps a second short line back until the first
    // is acknowledged, and the other side's delayed acknowledgement makes that 40 ms.
    let _ = server.set_nodelay(true);
    Ok(server)
}

/// The manners of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Dialogue<'a> {
    /// Sent before the user's first line.
    pub opening: &'a [u8],
    /// Wait for some reply before the next line is sent. A server that takes whatever one `recv` brings for one request
    /// is confused by two lines at once; it is wrong, but there is no need to trip it up.
    pub in_turn: bool,
    /// Send a newline after a last line that lacks it.
    pub completes_last_line: bool,
}

impl Dialogue<'_> {
    /// Sends `input` line by line and copies to `output` what comes back, until the input has ended and the server has
    /// closed.
    ///
    /// # Errors
    /// If the server is gone before the input has ended, the input cannot be read, or the output cannot be written.
    /// The thread that reads the input may then still be waiting for a line. Nothing can wake it up; it ends with the
    /// process.
    pub fn hold(
        self,
        mut server: TcpStream,
        input: impl Read + Send + 'static,
        output: &mut impl Write,
    ) -> Result<(), Failure> {
        let broken = |source| Failure::Connection { doing: "waiting for replies", source };
        let upstream = server.try_clone().map_err(broken)?;
        // Empty as long as there is more to say.
        let said_all: Arc<OnceLock<io::Result<()>>> = Arc::default();
        let (tell, replies) = channel();
        let speaker = Speaker { upstream, replies, said_all: Arc::clone(&said_all), in_turn: self.in_turn };
        // Errors of writing are not looked at: whoever breaks the connection is seen by the reader below, too.
        let _ = server.write_all(self.opening);
        let completes_last_line = self.completes_last_line;
        thread::spawn(move || speaker.speak(input, completes_last_line));

        let mut piece = [0; 4096];
        loop {
            match server.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    // At once, although it may be half a line: whoever waits for it sees that something is coming.
                    output.write_all(&piece[..count]).and_then(|()| output.flush()).map_err(Failure::Output)?;
                    let _ = tell.send(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        match said_all.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failure::Input(error.kind().into())),
            None => Err(Failure::Protocol("the server closed the connection".to_owned())),
        }
    }
}

/// The thread that sends.
struct Speaker {
    upstream: TcpStream,
    replies: Receiver<()>,
    said_all: Arc<OnceLock<io::Result<()>>>,
    in_turn: bool,
}

impl Speaker {
    fn speak(mut self, input: impl Read, completes_last_line: bool) {
        let outcome = match self.send_lines(input, completes_last_line) {
            Ok(true) => Ok(()),
            Ok(false) => return, // the server is gone, and the reader knows
            Err(error) => Err(error),
        };
        // First noted, then done: the server's close comes in answer to ours, and the reader must know by then.
        let _ = self.said_all.set(outcome);
        // A half-close: the server learns that we are done, and its last replies still reach us.
        let _ = self.upstream.shutdown(Shutdown::Write);
        loop {
            match self.replies.recv_timeout(PATIENCE) {
                Ok(()) => {}
                // It has nothing more to say and does not close either: we do.
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.upstream.shutdown(Shutdown::Both);
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// True if everything was sent, false if the server takes no more.
    fn send_lines(&mut self, input: impl Read, completes_last_line: bool) -> io::Result<bool> {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.by_ref().take(LONGEST_PIECE).read_until(b'\n', &mut line)? == 0 {
                return Ok(true);
            }
            let ended = line.last() != Some(&b'\n') && (line.len() as u64) < LONGEST_PIECE;
            if ended && completes_last_line {
                line.push(b'\n');
            }
            // Replies that were not waited for do not count for this line.
            while self.replies.try_recv().is_ok() {}
            if self.upstream.write_all(&line).is_err() {
                return Ok(false);
            }
            if ended {
                return Ok(true);
            }
            if self.in_turn && line.last() == Some(&b'\n') {
                match self.replies.recv_timeout(PATIENCE) {
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(false),
                }
            }
        }
    }
}
