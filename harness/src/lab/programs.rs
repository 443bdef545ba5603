//! Small programs for comparison: each makes exactly the calls that an experiment is about, and
//! says on its standard output what each of them returned.
//!
//! They run as `harness reference lab NAME ARGUMENTS`. They are written to be looked at while they
//! run and not to be handed in: most of them do on purpose what a model answer does not.

use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use harness_language::catalogue::model::RoleKind;
use harness_language::scenario::model::TransportName;

/// For how long a UDP program waits for a reply.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most that one call receives, in bytes.
const BUFFER: usize = 4096;

/// A program.
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub usage: &'static str,
    /// What kind of program it is.
    pub kind: RoleKind,
    /// What it speaks.
    pub transport: TransportName,
    body: fn(&[String]) -> io::Result<()>,
}

/// All programs.
pub static PROGRAMS: &[Program] = &[
    program("udp-connected", "HOST PORT", RoleKind::Client, TransportName::Udp, |words| udp_client(words, true)),
    program("udp-unconnected", "HOST PORT", RoleKind::Client, TransportName::Udp, |words| udp_client(words, false)),
    program("udp-from", "HOST PORT SOURCE-PORT", RoleKind::Client, TransportName::Udp, |words| {
        udp_client(words, false)
    }),
    program("udp-server", "PORT", RoleKind::Server, TransportName::Udp, udp_server),
    program("tcp-client", "HOST PORT [SOURCE-PORT]", RoleKind::Client, TransportName::Tcp, tcp_client),
    program("tcp-server", "PORT", RoleKind::Server, TransportName::Tcp, |words| tcp_server(words, true)),
    program("no-reuse-address", "PORT", RoleKind::Server, TransportName::Tcp, |words| tcp_server(words, false)),
    program("one-recv", "PORT", RoleKind::Server, TransportName::Tcp, one_recv),
];

const fn program(
    name: &'static str,
    usage: &'static str,
    kind: RoleKind,
    transport: TransportName,
    body: fn(&[String]) -> io::Result<()>,
) -> Program {
    Program { name, usage, kind, transport, body }
}

/// A program by name.
pub fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

/// Runs a program on this process's standard streams and returns its exit status; nothing if there
/// is no such program.
pub fn run(name: &str, arguments: &[String]) -> Option<u8> {
    let program = find(name)?;
    match (program.body)(arguments) {
        Ok(()) => Some(0),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let _ = writeln!(io::stderr(), "usage: {name} {} ({error})", program.usage);
            Some(2)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{name}: {error}");
            Some(1)
        }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn port(words: &[String], at: usize) -> io::Result<u16> {
    words.get(at).and_then(|word| word.parse().ok()).ok_or_else(|| wrong("a port is a number up to 65535"))
}

fn server(words: &[String]) -> io::Result<SocketAddr> {
    let host = words.first().ok_or_else(|| wrong("a host is missing"))?;
    let mut found = (host.as_str(), port(words, 1)?).to_socket_addrs()?;
    found.next().ok_or_else(|| wrong("the host has no address"))
}

/// Prints a line at once, also into a pipe.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// Sends each line in a datagram and waits a while for the reply; errors end nothing.
fn udp_client(words: &[String], connected: bool) -> io::Result<()> {
    let to = server(words)?;
    let source = if words.len() > 2 { port(words, 2)? } else { 0 };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, source))?;
    if connected {
        socket.connect(to)?;
    }
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; BUFFER];
    for line in io::stdin().lock().lines() {
        let line = line?;
        let sent = if connected { socket.send(line.as_bytes()) } else { socket.send_to(line.as_bytes(), to) };
        if let Err(error) = sent {
            say(&format!("send failed: {error}"))?;
            continue;
        }
        let came =
            if connected { socket.recv(&mut buffer) } else { socket.recv_from(&mut buffer).map(|(length, _)| length) };
        match came {
            Ok(length) => say(&text(&buffer[..length]))?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                say(&format!("no reply within {} s", PATIENCE.as_secs()))?;
            }
            Err(error) => say(&format!("recv failed: {error}"))?,
        }
    }
    Ok(())
}

/// Answers every datagram in capitals.
fn udp_server(words: &[String]) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port(words, 0)?))?;
    let mut buffer = [0; BUFFER];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        buffer[..length].make_ascii_uppercase();
        // A reply that cannot be sent is a lost one, and the client has to live with those anyway.
        let _ = socket.send_to(&buffer[..length], from);
    }
}

/// Connects, from a port of its own choice if it is given one, sends a line and prints the reply.
fn tcp_client(words: &[String]) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if words.len() > 2 {
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port(words, 2)?)).into())?;
    }
    socket.connect(&server(words)?.into())?;
    let mut stream = TcpStream::from(socket);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    stream.write_all(line.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    say(&text(&reply))
}

fn listener(words: &[String], reuse: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if reuse {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port(words, 0)?)).into())?;
    socket.listen(16)?;
    Ok(socket)
}

/// Serves one client after the other: what comes is printed and goes back in capitals.
fn tcp_server(words: &[String], reuse: bool) -> io::Result<()> {
    let socket = listener(words, reuse)?;
    let mut buffer = [0; BUFFER];
    loop {
        let (client, _) = socket.accept()?;
        let mut client = TcpStream::from(client);
        loop {
            match client.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    say(&format!("recv() returned {length} bytes: {}", text(&buffer[..length])))?;
                    buffer[..length].make_ascii_uppercase();
                    if client.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            }
        }
    }
}

/// Takes what one call yields for the whole message.
fn one_recv(words: &[String]) -> io::Result<()> {
    let socket = listener(words, true)?;
    let mut buffer = [0; BUFFER];
    loop {
        let (client, _) = socket.accept()?;
        let length = TcpStream::from(client).read(&mut buffer).unwrap_or(0);
        say(&format!("recv() returned {length} bytes: {}", text(&buffer[..length])))?;
    }
}
