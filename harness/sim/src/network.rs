//! The seam between the simulation and a model of TCP.
//!
//! Owns the trait and its vocabulary. Datagrams, names, options, wakers and everything else that a socket is
//! live above it; latency and faults of packets live below it, on the wire.

use std::net::{IpAddr, SocketAddr};

use crate::packet::Packet;

/// A listener of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// A connection of the model, from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The handshake runs.
    Opening,
    /// Data can flow.
    Open,
    /// The handshake was answered with a reset.
    Refused,
    /// The other end reset the connection.
    Reset,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes.
    Data(usize),
    /// Nothing yet.
    Nothing,
    /// The other end finished sending and everything was read.
    End,
}

/// What the arrival of a packet changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    /// This connection has new data, room, state or error.
    pub changed: Option<ConnectionId>,
    /// This listener has a finished handshake: the connection and the address it comes from.
    pub accepted: Option<(ListenerId, ConnectionId, SocketAddr)>,
    /// This connection is over on both sides; true when this side closed first, so that its port is to rest in
    /// TIME_WAIT.
    pub finished: Option<(ConnectionId, bool)>,
    /// The packet asked this listener for a connection.
    pub knocked: Option<ListenerId>,
}

/// A model of TCP: connections between hosts, as packets.
///
/// Ports and addresses are the caller's: it has checked that they are free and local. Nothing here waits and
/// nothing here knows the time.
pub trait TcpModel {
    /// Adds a host with these addresses and returns its index, counted from 0.
    fn add_host(&mut self, addresses: &[IpAddr]) -> usize;

    /// Listens on a port, for one address family.
    ///
    /// # Errors
    /// An `errno`.
    fn listen(&mut self, host: usize, v6: bool, port: u16) -> Result<ListenerId, i32>;

    /// The connection between these two ends, own side first.
    fn connection_at(&self, host: usize, local: SocketAddr, remote: SocketAddr) -> Option<ConnectionId>;

    /// Whether a connection from this port that its owner closed first is not over yet.
    fn lingers(&self, host: usize, port: u16) -> bool;

    /// Stops listening; connections that nobody accepted are the caller's to abort.
    fn close_listener(&mut self, listener: ListenerId);

    /// Opens a connection and sends its first segment.
    ///
    /// # Errors
    /// An `errno`.
    fn connect(&mut self, host: usize, local: SocketAddr, remote: SocketAddr) -> Result<ConnectionId, i32>;

    /// How far the connection is.
    fn stage(&self, connection: ConnectionId) -> Stage;

    /// The two ends, own side first.
    fn ends(&self, connection: ConnectionId) -> Option<(SocketAddr, SocketAddr)>;

    /// Bytes that can be read at once, and whether the end of the stream is known to follow them.
    fn readable(&self, connection: ConnectionId) -> (usize, bool);

    /// Whether the other end has finished sending.
    fn peer_finished(&self, connection: ConnectionId) -> bool;

    /// Whether there is room for at least one byte.
    fn writable(&self, connection: ConnectionId) -> bool;

    /// Whether every byte that was written has been acknowledged.
    fn drained(&self, connection: ConnectionId) -> bool;

    /// Reads into `buffer`; with `peek` the bytes stay.
    fn receive(&mut self, connection: ConnectionId, buffer: &mut [u8], peek: bool) -> Received;

    /// Takes as much of `data` as there is room for and returns how much that was (0: no room).
    fn send(&mut self, connection: ConnectionId, data: &[u8]) -> usize;

    /// Ends this side's sending.
    fn shutdown(&mut self, connection: ConnectionId);

    /// The owner is done: FIN after what was written, or RST when data lies unread (RFC 2525 section 2.17).
    fn close(&mut self, connection: ConnectionId);

    /// The owner breaks the connection off with RST.
    fn abort(&mut self, connection: ConnectionId);

    /// The other end's host is back and does not know the connection: it answers what is sent again with RST.
    fn is_forgotten(&mut self, connection: ConnectionId);

    /// Takes the packets that were produced since the last call.
    fn egress(&mut self, out: &mut Vec<Packet>);

    /// Hands a packet to a host. A first segment enters the queue of this listener; without one it is refused.
    fn deliver(&mut self, host: usize, packet: Packet, listener: Option<ListenerId>) -> Arrival;
}
