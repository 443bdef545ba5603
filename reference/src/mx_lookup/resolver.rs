//! Asking a name server: over UDP, again if nothing comes, and over TCP if the answer is too long.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::message::{self, Answer, Kind};

/// The port of name servers.
const PORT: u16 = 53;

/// How long one try may take. A server that has to ask others first needs a second or two.
const TRY: Duration = Duration::from_secs(3);

/// How often every server is asked.
const ROUNDS: u32 = 2;

/// The file in which a system names its name servers.
const CONFIGURATION: &str = "/etc/resolv.conf";

/// Name servers, in the order in which they are asked.
#[derive(Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
}

impl Resolver {
    /// The name servers of this system.
    pub fn of_system() -> Self {
        let text = std::fs::read_to_string(CONFIGURATION).unwrap_or_default();
        Self::new(servers(&text).into_iter().map(|ip| (ip, PORT).into()).collect())
    }

    /// These name servers.
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Asks for the records of a name.
    ///
    /// # Errors
    /// If no server gives an answer: the reason of the last.
    pub fn ask(&self, name: &str, kind: Kind) -> io::Result<Answer> {
        let mut reason = ErrorKind::NotFound.into();
        for _ in 0..ROUNDS {
            for server in &self.servers {
                // The number is new for each try. It keeps a late answer, or a forged one, from being taken for ours.
                let question = message::question(number()?, name, kind);
                match exchange(*server, &question) {
                    // Another server may be able to do what this one could not.
                    Ok(answer) if answer.code == 0 || answer.code == message::NO_SUCH_NAME => return Ok(answer),
                    Ok(answer) => {
                        reason = io::Error::other(format!("the name server answers with code {}", answer.code))
                    }
                    Err(error) => reason = error,
                }
            }
        }
        Err(reason)
    }
}

/// The addresses in lines such as `nameserver 192.0.2.53`; without any, this host itself is meant.
pub fn servers(configuration: &str) -> Vec<IpAddr> {
    let found: Vec<IpAddr> = configuration
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        // A link-local address has the name of its interface behind a percent sign, which we leave to others.
        .filter_map(|rest| rest.trim().parse().ok())
        .collect();
    if found.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { found }
}

/// A number that nobody can guess.
fn number() -> io::Result<u16> {
    let mut bytes = [0; 2];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn exchange(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let answer = by_datagram(server, question)?;
    if answer.truncated { by_connection(server, question) } else { Ok(answer) }
}

fn by_datagram(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // A connected datagram socket gets nothing from anybody else, and is told when nobody listens there.
    socket.connect(server)?;
    socket.send(question)?;
    let end = Instant::now() + TRY;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            // The read time-out has two names.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        };
        // What is no answer to this question is as if it had not come.
        if let Some(answer) = message::answer(&buffer[..length], question) {
            return Ok(answer);
        }
    }
}

/// Over TCP each message has its length before it: a stream has no ends of messages (RFC 1035, section 4.2.2).
fn by_connection(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let mut connection = TcpStream::connect_timeout(&server, TRY)?;
    connection.set_read_timeout(Some(TRY))?;
    let mut request = (question.len() as u16).to_be_bytes().to_vec();
    request.extend(question);
    // Both in one write: some servers want the length and the message in one segment.
    connection.write_all(&request)?;
    let mut length = [0; 2];
    connection.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut reply)?;
    message::answer(&reply, question)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the name server's answer makes no sense"))
}
