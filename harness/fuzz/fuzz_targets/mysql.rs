//! A client's packets to the database server, and what they say in SQL.

#![no_main]

use harness_peers::database::Account;
use libfuzzer_sys::fuzz_target;

/// A login of a client that needs no password: what comes behind it is the fuzzer's.
const LOGIN: &[u8] = b"\x24\x00\x00\x01\x00\x82\x08\x00\x00\x00\x00\x01\x21\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\0\0\0";

fuzz_target!(|data: &[u8]| {
    let Ok(mut server) = harness_peer_mysql::open(Account::default(), &["Ada".to_owned()], None) else { return };
    server.meet(1, [7; 20]);
    drop(server.receive(1, data));
    server.gone(1);
    server.meet(2, [7; 20]);
    drop(server.receive(2, LOGIN));
    let length = u32::try_from(data.len() + 1).unwrap_or(0).to_le_bytes();
    let query = [&length[..3], &[0, 3], data].concat();
    drop(server.receive(2, &query));
    server.gone(2);
});
