//! A method response.

#![no_main]

use harness_peers::xmlrpc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| drop(xmlrpc::reply(data)));
