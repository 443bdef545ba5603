//! A question, over UDP and TCP.

#![no_main]

use harness_peers::dns::{Carrier, Zone, answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for carrier in [Carrier::Udp, Carrier::Tcp] {
        drop(answer(&Zone::new(), data, carrier));
    }
});
