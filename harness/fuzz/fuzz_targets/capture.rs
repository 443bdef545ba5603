//! pcap and pcapng, down to conversations.

#![no_main]

use harness::capture::{conversation, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(contents) = read::contents(data) else { return };
    let (packets, _) = conversation::packets(&contents.packets);
    drop(conversation::conversations(&packets));
});
