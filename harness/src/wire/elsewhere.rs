//! A program that somebody else has started: in another terminal, on another machine. Only its
//! side of the network can be seen.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use crate::run::stage::{Appetite, Ended, Output, Program, Task, Vitals};
use harness_language::scenario::model::{SignalName, TransportName};
use harness_os::process::BlockedCall;

/// A program by its address.
pub(super) struct Elsewhere {
    address: SocketAddr,
    silence: RefCell<Output>,
}

impl Elsewhere {
    /// The program at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, silence: RefCell::default() }
    }
}

impl Program for Elsewhere {
    fn stdout(&self) -> &RefCell<Output> {
        &self.silence
    }

    fn stderr(&self) -> &RefCell<Output> {
        &self.silence
    }

    fn type_in<'a>(&'a self, _: &'a [u8]) -> Task<'a, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn end_input(&self) {}

    fn ended(&self) -> Option<Ended> {
        None
    }

    fn signal(&self, _: SignalName) {}

    fn crash(&self) -> Task<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn listening(&self, _: TransportName) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn blocked_in(&self) -> Vec<BlockedCall> {
        Vec::new()
    }

    fn vitals(&self) -> Option<Vitals> {
        None
    }

    fn appetite(&self, _: &Appetite) -> Option<f64> {
        None
    }

    fn appetite_now(&self) -> Appetite {
        Appetite::default()
    }

    fn is_elsewhere(&self) -> bool {
        true
    }
}
