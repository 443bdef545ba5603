//! The blocking message programs, over loopback and over streams that misbehave on purpose.

use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use proptest::prelude::*;
use reference::failure::Failure;
use reference::message::client::{send_all, send_message};
use reference::message::server::{print_message, serve};
use rstest::rstest;

/// Standard output as the other end of a pipe sees it.
struct Pipe(Sender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.send(bytes.to_vec()) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Server {
    address: SocketAddr,
    output: Receiver<Vec<u8>>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, output) = channel();
        let thread = thread::spawn(move || serve(&listener, &mut Pipe(sender)));
        Self { address, output, thread }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    fn send(&self, message: &[u8]) {
        send_message(&mut Cursor::new(message), self.connect()).unwrap();
    }

    /// Waits until so many bytes have been printed.
    fn printed(&self, length: usize) -> Vec<u8> {
        let mut printed = Vec::new();
        while printed.len() < length {
            printed.extend(self.output.recv().unwrap());
        }
        printed
    }

    /// Nothing but a closed standard output ends the server.
    fn stop(self) -> Failure {
        let Self { address, output, thread } = self;
        drop(output);
        let mut last = TcpStream::connect(address).unwrap();
        last.write_all(b"!").unwrap();
        thread.join().unwrap().unwrap_err()
    }
}

#[test]
fn serves_one_client_after_another() {
    let server = Server::start();
    let binary: Vec<u8> = (0..=255).cycle().take(20_480).collect();
    server.send(b"no newline at the end");
    assert_eq!(server.printed(21), b"no newline at the end");
    server.send(b"");
    drop(server.connect());
    server.send(&binary);
    assert_eq!(server.printed(20_480), binary);
    assert!(server.stop().is_quiet());
}

#[test]
fn messages_of_clients_at_once_stay_whole() {
    let server = Server::start();
    let address = server.address;
    let clients: Vec<_> = (b'a'..=b'j')
        .map(|letter| {
            thread::spawn(move || {
                let message = vec![letter; 20_000];
                send_message(&mut Cursor::new(message), TcpStream::connect(address).unwrap())
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap().unwrap();
    }
    let mut printed = server.printed(200_000);
    assert!(printed.chunk_by(|a, b| a == b).all(|run| run.len() == 20_000));
    printed.dedup();
    printed.sort_unstable();
    assert_eq!(printed, b"abcdefghij");
}

#[test]
fn a_client_waits_its_turn_while_another_is_silent() {
    let server = Server::start();
    let mut silent = server.connect();
    silent.write_all(b"first ").unwrap();
    assert_eq!(server.printed(6), b"first ");
    server.send(b"second");
    silent.write_all(b"still first ").unwrap();
    assert_eq!(server.printed(12), b"still first ");
    drop(silent);
    assert_eq!(server.printed(6), b"second");
}

/// A stream that follows a script: pieces, and errors between them.
struct Script(Vec<Result<Vec<u8>, ErrorKind>>);

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(step) = self.0.first_mut() else {
            return Ok(0);
        };
        match step {
            Ok(piece) => {
                let count = piece.len().min(buffer.len());
                buffer[..count].copy_from_slice(&piece[..count]);
                piece.drain(..count);
                if piece.is_empty() {
                    drop(self.0.remove(0));
                }
                Ok(count)
            }
            Err(kind) => {
                let error = (*kind).into();
                drop(self.0.remove(0));
                Err(error)
            }
        }
    }
}

#[rstest]
#[case::reset(ErrorKind::ConnectionReset, b"before ")]
#[case::signal(ErrorKind::Interrupted, b"before after")]
fn errors_end_at_most_their_own_message(#[case] kind: ErrorKind, #[case] expected: &[u8]) {
    let script = Script(vec![Ok(b"before ".to_vec()), Err(kind), Ok(b"after".to_vec())]);
    let mut output = Vec::new();
    print_message(script, &mut output).unwrap();
    assert_eq!(output, expected);
}

/// A socket that takes a few bytes at a time, and is now and then interrupted.
struct Reluctant {
    taken: Vec<u8>,
    appetites: Vec<usize>,
    calls: usize,
}

impl Write for Reluctant {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let appetite = self.appetites[self.calls % self.appetites.len()];
        self.calls += 1;
        if appetite == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let count = appetite.min(bytes.len());
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_byte_is_sent_however_little_write_takes(
        message in prop::collection::vec(any::<u8>(), 0..5_000),
        mut appetites in prop::collection::vec(0..700_usize, 0..20),
    ) {
        appetites.push(1);
        let mut socket = Reluctant { taken: Vec::new(), appetites, calls: 0 };
        send_all(&mut socket, &message).unwrap();
        prop_assert_eq!(socket.taken, message);
    }

    #[test]
    fn every_byte_is_printed_however_little_read_brings(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..6_000), 0..10),
    ) {
        let mut output = Vec::new();
        print_message(Script(pieces.iter().cloned().map(Ok).collect()), &mut output).unwrap();
        prop_assert_eq!(output, pieces.concat());
    }
}

#[test]
fn a_socket_that_takes_nothing_is_an_error() {
    let error = send_all(&mut [0_u8; 3].as_mut_slice(), b"four").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
}

/// Input that ends only after the server is known to have gone.
struct EndsAfter<R> {
    input: R,
    gone: Receiver<()>,
}

impl<R: Read> Read for EndsAfter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if count == 0 {
            self.gone.recv().unwrap();
        }
        Ok(count)
    }
}

/// The server closes with unread bytes, which resets the connection. A short message is then already out of the
/// client's hands, a long one is not.
#[rstest]
#[case::noticed_after_the_last_byte(4_096)]
#[case::noticed_in_mid_file(64 << 20)]
fn a_server_that_vanishes_is_noticed(#[case] length: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, gone) = channel();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 1]).unwrap();
        drop(client);
        tell.send(()).unwrap();
    });
    let mut input = EndsAfter { input: io::repeat(b'x').take(length), gone };
    let failure = send_message(&mut input, TcpStream::connect(address).unwrap()).unwrap_err();
    assert!(matches!(failure, Failure::Connection { .. }), "{failure:?}");
    assert_eq!(failure.status(), 1);
    server.join().unwrap();
}

#[test]
fn no_server_is_an_error() {
    // A socket that is bound but does not listen keeps the port from being reused, and refuses.
    let holder = tokio::net::TcpSocket::new_v4().unwrap();
    holder.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    for host in ["127.0.0.1", "::1", "localhost"] {
        let arguments = [host.to_owned(), port.clone()];
        assert_eq!(reference::run("message", "client", &arguments), Some(1));
    }
}
