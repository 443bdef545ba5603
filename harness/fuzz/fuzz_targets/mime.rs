//! A mail with attachments, and an archive in one.

#![no_main]

use harness_peers::{archive, attachment, message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    drop(attachment::pieces(data));
    drop(attachment::mime_fault(data));
    drop(message::header_lacks(data, Some("anna@example.org"), Some("bert@example.net")));
    drop(message::holds(data, b"text"));
    drop(archive::read(data));
});
