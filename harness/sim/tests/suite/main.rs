//! The simulated network under real programs. One test binary: the crate is linked once.

mod common;
mod faults;
mod interfaces;
mod languages;
mod pairs;
mod parity;
mod peers;
mod places;
mod traps;
