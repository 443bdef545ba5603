//! The server for both families: two listening sockets, and a thread that accepts at each.
//!
//! Protocol: that of [`crate::echo_commands`]. This file shows how the two sockets are made.

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};

use crate::arguments::Options;
use crate::echo_commands::server::{converse, served_folder};
use crate::failure::Failure;
use crate::threads::Clients;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 128;

/// Runs `server --port PORT` in the folder that is served, until it is stopped from outside.
///
/// # Errors
/// Bad arguments, a port that cannot be had, or a working directory that is gone.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let port = Options::read(arguments, &["port"])?.port()?;
    let folder = served_folder()?;
    let (listeners, absent) = listen(port, make_socket).map_err(|source| Failure::Listen { port, source })?;
    for (family, reason) in absent {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "server: {family} is not served: {reason}");
    }
    serve(listeners, &folder)
}

/// A family that cannot be served, and why.
type Absent = (&'static str, io::Error);

/// A listening socket for each family that this machine has, and what it has not. `make` makes a socket of a family.
///
/// # Errors
/// If the port is taken in either family, or there is no family at all.
pub fn listen(port: u16, make: impl Fn(Domain) -> io::Result<Socket>) -> io::Result<(Vec<TcpListener>, Vec<Absent>)> {
    let families = [
        ("IPv4", Domain::IPV4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        ("IPv6", Domain::IPV6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
    ];
    let mut listeners = Vec::new();
    let mut absent = Vec::new();
    for (family, domain, address) in families {
        // No such socket: the system was built or started without the family.
        let socket = match make(domain) {
            Ok(socket) => socket,
            Err(error) => {
                absent.push((family, error));
                continue;
            }
        };
        match bind(&socket, domain, address) {
            Ok(()) => listeners.push(socket.into()),
            // No such address: the family is there and switched off.
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => absent.push((family, error)),
            Err(error) => return Err(error),
        }
    }
    match absent.pop() {
        Some((_, error)) if listeners.is_empty() => Err(error),
        last => {
            absent.extend(last);
            Ok((listeners, absent))
        }
    }
}

/// A TCP socket of a family.
///
/// # Errors
/// If this machine has no such family.
pub fn make_socket(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

fn bind(socket: &Socket, domain: Domain, address: SocketAddr) -> io::Result<()> {
    if domain == Domain::IPV6 {
        // Before `bind`, because that is when the port is taken in one family or in both.
        socket.set_only_v6(true)?;
    }
    // A restarted server gets its port back although connections of the old one are in TIME_WAIT. Not on Windows, where
    // the option of this name lets anybody take the port away.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)
}

/// Accepts at every listener, in a thread for each: while one waits for a client, so can the other.
///
/// # Errors
/// If a listener is of no more use. The other would go on, but half a server is worse than none.
pub fn serve(listeners: Vec<TcpListener>, folder: &Path) -> Result<(), Failure> {
    let clients = Clients::default();
    let (tell, ended) = channel();
    for listener in listeners {
        let (tell, clients, folder) = (tell.clone(), clients.clone(), folder.to_owned());
        thread::spawn(move || tell.send(clients.serve(&listener, move |client| converse(client, &folder))));
    }
    // Without ours, the channel ends when the last of the threads does.
    drop(tell);
    ended.recv().unwrap_or(Ok(()))
}
