//! HTTP messages as peers receive them (RFC 9112): taken out of a stream, and judged.
//!
//! Sans-I/O: bytes and what became of the connection go in, a verdict comes out. `httparse` reads well-formed
//! heads; what browsers bear with beyond that is let pass here, one thing at a time.

mod body;
mod judge;
mod message;
mod shown;
mod xmlrpc;

pub use judge::{Judged, Wanted, difference, judge};

/// What has become of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// More may come.
    Open,
    /// The other side has ended its direction.
    Ended,
    /// The other side has aborted it.
    Aborted,
    /// It is open, but nothing more will come in time.
    Silent,
}

impl Stream {
    /// Whether no more bytes will come.
    pub fn is_over(self) -> bool {
        self != Self::Open
    }
}
