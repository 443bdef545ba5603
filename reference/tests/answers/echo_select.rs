//! The echo server in one thread, over loopback.

use std::io::{Cursor, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use proptest::prelude::*;
use reference::dialogue::Dialogue;
use reference::echo_select::server::Echo;
use reference::readiness;

use crate::support::{Client, PATIENCE, start};

fn serve(listener: TcpListener) {
    readiness::serve::<Echo>(&listener).unwrap();
}

const CLIENT: Dialogue<'_> = Dialogue { opening: b"", in_turn: true, completes_last_line: false };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_comes_back_after_an_early_half_close(
        bytes in prop::collection::vec(any::<u8>(), 0..300_000),
    ) {
        let socket = TcpStream::connect(start(serve)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut writer = socket.try_clone().unwrap();
        let to_send = bytes.clone();
        let sender = thread::spawn(move || {
            writer.write_all(&to_send).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        // Reading begins when everything is sent, or when the server takes no more.
        if bytes.len() < 50_000 {
            sender.join().unwrap();
        }
        let mut echo = Vec::new();
        (&socket).read_to_end(&mut echo).unwrap();
        prop_assert!(echo == bytes);
    }

    #[test]
    fn the_client_adds_nothing(bytes in prop::collection::vec(any::<u8>(), 0..100_000)) {
        let mut output = Vec::new();
        CLIENT.hold(TcpStream::connect(start(serve)).unwrap(), Cursor::new(bytes.clone()), &mut output).unwrap();
        prop_assert!(output == bytes);
    }
}

#[test]
fn each_line_comes_back_to_its_sender() {
    let address = start(serve);
    let mut clients: Vec<_> = (0..100).map(|_| Client::connect(address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("this is {number}\n"));
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        assert_eq!(client.line(), format!("this is {number}"));
    }
    for client in clients {
        assert_eq!(client.finish(), b"");
    }
}

#[test]
fn a_client_that_never_reads_and_one_that_resets_stop_nobody() {
    let address = start(serve);
    let stalled = Client::connect(address);
    stalled.socket().set_nonblocking(true).unwrap();
    while stalled.socket().write(&[b'x'; 60_000]).is_ok() {}
    let mut rude = Client::connect(address);
    rude.send("anything\n");
    rude.reset();
    assert_eq!(Client::connect(address).ask("hello"), "hello");
}

#[test]
fn what_was_kept_back_comes_when_the_client_reads_at_last() {
    let mut stalled = Client::connect(start(serve));
    stalled.socket().set_nonblocking(true).unwrap();
    let mut sent = 0;
    while let Ok(count) = stalled.socket().write(&[b'x'; 60_000]) {
        sent += count;
    }
    stalled.socket().set_nonblocking(false).unwrap();
    assert!(stalled.exactly(sent).iter().all(|&byte| byte == b'x'));
    assert_eq!(stalled.ask("and a line"), "and a line");
}
