//! The task `port-forward`: whoever connects to a local port is, in effect, connected to a port of another host.
//!
//! ```text
//! forward 8080 192.0.2.7 80
//!
//! client  ---- first connection ----  forward  ---- second connection ----  remote side
//! ```
//!
//! A forwarder knows nothing of what it carries. It must not care who speaks first, or whether anybody speaks in turn, or
//! where a line ends. What it has to carry is all that a TCP connection can say, and that is more than its bytes:
//!
//! - **The end of a direction.** A connection is two streams, and each ends by itself. A client that has sent its request
//!   may end its stream and wait for the answer. So an end is passed on as the same end, with `shutdown`, after the last
//!   byte; and the connections are closed when both streams have ended.
//! - **A break.** It is passed on as a break, with a reset. Were the connection closed instead, the other side would see
//!   an end, and take half of a file for the whole.
//! - **"Not so fast."** A side that does not read has its window closed, and its sender is stopped. Here each stream has
//!   one buffer of a fixed size, and is read again only when all that was read before has been sent. So the one side's
//!   closed window closes the other's, and no speed of a sender costs memory.
//!
//! What it cannot carry is a refusal: the client has been accepted before the remote side was asked. If that is not there,
//! to close the client's connection is all that is left to say.
//!
//! The forwarder is asynchronous, like the chat room, for the same reason: five hundred connections are a thousand
//! streams, and a task costs less than a thread. In each, two loops of five lines take turns.

pub mod forward;
