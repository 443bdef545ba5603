//! The task `uppercase-udp`: a datagram with a sentence goes to the server, a datagram in capitals comes back.
//!
//! UDP keeps messages apart, so nothing has to mark the end of a sentence: one datagram is one sentence, and arrives
//! whole. In exchange it promises nothing else. A datagram may be lost, come twice or come late, and nobody is told.
//!
//! What to look at: the server has one socket for all clients and keeps nothing between two datagrams; each datagram
//! brings its sender's address along, and the reply goes there. The client never waits without a bound: a reply that
//! does not come looks exactly like a reply that is late.
//!
//! Only `a` to `z` change. Every other byte comes back as it was.

pub mod client;
pub mod server;

/// The most that a datagram carries over IPv4, in bytes: 65 535 less the IP header (20) and the UDP header (8).
const LARGEST_DATAGRAM: usize = 65_507;
