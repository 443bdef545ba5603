//! A client's commands to the file server (RFC 959): in pieces as at once.

#![no_main]

use harness_peers::dialogue::play;
use harness_peers::ftp::{Server, Site};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u8, &[u8])| {
    let (size, dialogue) = data;
    let local = std::net::Ipv4Addr::LOCALHOST;
    let server = || {
        Server::new(
            Site { data: (local, 20_000).into(), client: local.into(), user: None, password: None },
            Vec::new(),
            None,
        )
    };
    let at_once = play(&mut server(), dialogue, dialogue.len().max(1));
    let in_pieces = play(&mut server(), dialogue, usize::from(size).max(1));
    assert_eq!(at_once, in_pieces);
});
