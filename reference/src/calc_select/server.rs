//! The calculator for many clients in one thread.
//!
//! Protocol: one expression a line, one answer a line. An expression takes microseconds, whatever it is, and so nobody
//! waits long for another's: see the limits in [`crate::calculator::expression`].

use crate::arguments;
use crate::calculator::Session;
use crate::failure::Failure;
use crate::readiness;
use crate::threads::listen;

/// Runs `server HOST PORT` until it is stopped from outside.
///
/// # Errors
/// Bad arguments, or an address that cannot be had.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    readiness::serve::<Session>(&listen(host, port)?)
}

impl readiness::Session for Session {
    fn receive(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        Session::receive(self, piece, output);
    }

    fn end(&mut self, output: &mut Vec<u8>) {
        Session::end(self, output);
    }
}
