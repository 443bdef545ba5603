//! The echo server for many clients in one thread.
//!
//! Protocol: every byte comes back to its sender; when the client has closed its side and has got everything, the
//! server closes, too.

use crate::arguments;
use crate::failure::Failure;
use crate::readiness::{self, Session};
use crate::threads::listen;

/// Runs `server HOST PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or an address that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    readiness::serve::<Echo>(&listen(host, port)?)
}

/// An echo remembers nothing.
#[derive(Debug, Default)]
pub struct Echo;

impl Session for Echo {
    fn receive(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(piece);
    }

    fn end(&mut self, _output: &mut Vec<u8>) {}
}
