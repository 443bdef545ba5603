//! A client's commands to the mailbox (RFC 9051): in pieces as at once.

#![no_main]

use harness_peers::dialogue::play;
use harness_peers::imap::{Manners, Server};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u8, &[u8])| {
    let (size, dialogue) = data;
    let server = || Server::new(&[b"Subject: a\r\n\r\nb\r\n".to_vec()], Vec::new(), Manners::default());
    let at_once = play(&mut server(), dialogue, dialogue.len().max(1));
    let in_pieces = play(&mut server(), dialogue, usize::from(size).max(1));
    assert_eq!(at_once, in_pieces);
});
