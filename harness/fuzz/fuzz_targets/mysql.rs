//! A client's packets to the database server, and what they say in SQL.

#![no_main]

use harness_peer_mysql::server::{Account, Server};
use harness_peer_mysql::session::Session;
use libfuzzer_sys::fuzz_target;

/// A login of a client that needs no password: what comes behind it is the fuzzer's.
const LOGIN: &[u8] = b"\x24\x00\x00\x01\x00\x82\x08\x00\x00\x00\x00\x01\x21\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\0\0\0";

fuzz_target!(|data: &[u8]| {
    let account = Account { user: None, password: None };
    let Ok(mut server) = Server::new(account, &["Ada".to_owned()], None) else { return };
    let mut raw = Session::new(1, [7; 20]);
    drop(raw.receive(&mut server, data));
    raw.gone(&mut server);
    let mut session = Session::new(2, [7; 20]);
    drop(session.receive(&mut server, LOGIN));
    let length = u32::try_from(data.len() + 1).unwrap_or(0).to_le_bytes();
    let query = [&length[..3], &[0, 3], data].concat();
    drop(session.receive(&mut server, &query));
    session.gone(&mut server);
});
