//! The chat room's server.
//!
//! Protocol: see the module's page. This file shows a task for each client that reads and writes at the same time.

use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::lines::{self, LineBuffer, without_return};
use crate::network::{Listener, Network, concerns_one_client};

use super::room::{Line, Place, Room, line};

/// The longest line, in bytes.
const LONGEST_LINE: usize = 8 * 1024;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// How many queued lines are sent in one call, at most.
const BATCH: usize = 1024;

/// How much time is between two calls that send to the same client, for each client in the room: about twice what such a
/// call takes. With 2 000 clients it is 40 ms, which nobody sees on a screen.
const BEAT: Duration = Duration::from_micros(20);

/// How long a client that leaves may take to read the rest of its queue.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs `server PORT` until it is stopped from outside. Must run inside a `LocalSet`.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub async fn run(network: impl Network, arguments: &[String], _io: &mut Io) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let listener = network.listen(port).await.map_err(|source| Failure::Listen { port, source })?;
    serve(listener).await
}

/// Accepts clients and gives each a task of its own.
///
/// # Errors
/// If the listener is of no more use; never because of a client.
pub async fn serve(listener: impl Listener) -> Result<(), Failure> {
    let room = Rc::new(Room::default());
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Tasks of clients that have left are cleared away, or the set would grow for ever.
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(client) => {
                    clients.spawn_local(converse(client, Rc::clone(&room)));
                }
                Err(error) if concerns_one_client(&error) => {}
                Err(error) if clients.is_empty() => return Err(Failure::Serve(error)),
                // Out of descriptors, most likely: the next one waits in the backlog until somebody has left.
                Err(_) => {
                    clients.join_next().await;
                }
            }
        }
    }
}

/// One client, from its name to its leaving.
async fn converse(client: impl AsyncRead + AsyncWrite + Unpin, room: Rc<Room>) {
    let (reader, mut writer) = tokio::io::split(client);
    let mut lines = Lines { reader, buffer: LineBuffer::new(LONGEST_LINE) };
    // Whoever connects and says nothing waits here, and is not in the room yet.
    let Some(lines::Line::Whole(wanted)) = lines.next_line().await else { return };
    let wanted = wanted.trim_ascii();
    if wanted.is_empty() || wanted.len() > LONGEST_NAME {
        let _ = writer.write_all(b"* that cannot be a name; the first line is yours\n").await;
        return;
    }
    let (place, queue) = room.enter(wanted);
    let name = place.name.as_slice();
    let taken: &[u8] = if name == wanted { b"" } else { b"that name is taken, " };
    place.tell(line(&[b"* ", taken, b"you are ", name, b", ", place.count().as_bytes()]));

    // Three things may end it, and all are waited for at once. What sends is made before the `select` and outlives it: a
    // future that `select` drops is stopped where it is, and this one may have half of a line sent.
    let mut sending = pin!(send_all(queue, writer, &room));
    let ended = tokio::select! {
        biased;
        () = place.expelled.notified() => Ended::Expelled,
        () = &mut sending => Ended::Broken,
        () = pass_on(&mut lines, &place) => Ended::Left,
    };
    match ended {
        Ended::Expelled => place.leave(b"did not read and was disconnected").await,
        Ended::Broken => place.leave(b"has left").await,
        // What was queued up to now still reaches it, if it reads.
        Ended::Left => {
            let _ = tokio::join!(place.leave(b"has left"), timeout(FAREWELL, sending));
        }
    }
}

/// How a client's stay ended.
enum Ended {
    /// It did not read.
    Expelled,
    /// The connection broke while something was sent.
    Broken,
    /// It has closed its side, or the connection broke.
    Left,
}

/// Passes on what the client says, until it says no more.
async fn pass_on(lines: &mut Lines<impl AsyncRead + AsyncWrite + Unpin>, place: &Place) {
    place.publish(line(&[b"* ", &place.name, b" has joined, ", place.count().as_bytes()])).await;
    while let Some(said) = lines.next_line().await {
        match said {
            // A blank line is no message.
            lines::Line::Whole(said) if said.trim_ascii().is_empty() => {}
            lines::Line::Whole(said) => place.publish(line(&[&place.name, b": ", without_return(&said)])).await,
            lines::Line::TooLong => place.tell(line(&[b"* that line is too long"])),
        }
    }
}

/// Sends what is queued, until the connection breaks, or the queue is closed; then it closes our side as well.
///
/// Calls are what costs: a line to each of 2 000 clients is 2 000 of them. So a line that follows closely on another waits
/// for the next beat, and as many as have come by then are sent in one call. The first after a pause is sent at once.
async fn send_all(mut queue: Receiver<Line>, mut writer: WriteHalf<impl AsyncRead + AsyncWrite + Unpin>, room: &Room) {
    let mut next_beat = Instant::now();
    while let Some(first) = queue.recv().await {
        if Instant::now() < next_beat {
            sleep_until(next_beat).await;
        }
        let mut batch = first.to_vec();
        for _ in 1..BATCH {
            let Ok(next) = queue.try_recv() else { break };
            batch.extend_from_slice(&next);
        }
        if writer.write_all(&batch).await.is_err() {
            return;
        }
        next_beat = Instant::now() + BEAT * u32::try_from(room.len()).unwrap_or(u32::MAX);
    }
    let _ = writer.shutdown().await;
}

/// The lines of an asynchronous stream.
struct Lines<S> {
    reader: ReadHalf<S>,
    buffer: LineBuffer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    /// Waits for the next line; `None` when the stream has ended or is broken, which is the same to a chat room.
    async fn next_line(&mut self) -> Option<lines::Line> {
        let mut piece = [0; 4096];
        loop {
            if let Some(line) = self.buffer.next_line() {
                return Some(line);
            }
            match self.reader.read(&mut piece).await {
                Ok(0) => return self.buffer.last_line(),
                Ok(count) => self.buffer.push(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}
