//! What moves beside a dialogue: data on a connection of their own, which a server wants opened, and what came of it.

use std::net::SocketAddr;

/// What a server wants done before the dialogue goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// Data come from the program, until it ends their connection.
    Take(Door),
    /// These data go to the program, and then their connection is ended.
    Give(Door, Vec<u8>),
    /// Nothing moves: a program that has connected for data is sent away.
    Nothing,
}

/// How a connection for data comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The program connects to the peer.
    Passive,
    /// The peer connects to the program, which listens here.
    Active(SocketAddr),
}

/// What a server wants of the connection on which data come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More data.
    GoOn,
    /// To close it.
    Close,
    /// To abort it.
    Reset,
}

/// How a connection for data ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// With the end of the stream.
    Whole,
    /// As the server wanted it ([`Flow`]).
    Cut,
    /// The program aborted it.
    Reset,
    /// There never was one: why.
    NotOpened(String),
    /// Nothing moved any more: why it was given up.
    GaveUp(String),
}
