//! What the kernel grants and refuses, tried on this machine.

mod captures;
mod confine;
mod namespace;
mod processes;
mod spawn;
