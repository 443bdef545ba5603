//! The task `chat-room`: every line goes to everybody else.
//!
//! ```text
//! anna's client sends   anna             her name, the first line
//! anna gets             * you are anna, 2 are here
//! bert gets             * anna has joined, 2 are here
//! anna's client sends   hello
//! bert gets             anna: hello
//! bert gets             * anna has left, 1 is here
//! ```
//!
//! A name that is taken gets a number, and its user is told: two people of one name could not be told apart, and whoever
//! comes back after a broken connection must not be kept out by its own ghost.
//!
//! What to look at: one line in means a line out to each of perhaps 2 000 clients, and some of them read slowly or not
//! at all. A server that writes to one socket after the other waits for the slowest, and with it everybody waits. So each
//! client has a queue, and a task of its own that empties the queue into the socket. Three things follow.
//!
//! - The queue is **bounded**. A client that never reads would otherwise collect every line of the evening in our memory.
//! - When a queue is **full**, the sender of the line waits, for a bounded time: a burst is no reason to lose a line, and
//!   a sender that is too fast for the others is slowed down.
//! - When the time is over, the client that did not read is **disconnected**, and the room is told. To drop lines instead
//!   would leave it with a conversation with holes, of which it does not know.
//!
//! The price: while a client keeps its queue full and yet takes a line now and then, the room goes at its pace.
//!
//! The server is asynchronous, all clients on one thread: a task costs a few hundred bytes, where a thread costs a stack;
//! and since tasks take turns only where the text says `await`, the table of clients needs no lock. A line is stored
//! once, and the queues share it.

pub mod client;
pub mod server;

mod room;
