//! What a program that crashed left on standard error.

#![no_main]

use harness::crash::trace;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|said: &str| {
    drop(trace::read(said, true));
    drop(trace::read(said, false));
    drop(trace::dump(said));
});
