//! A simulated network, through turmoil. Owns the mapping to `turmoil::net`, and bridges what it lacks: a look-up
//! without side effects, and `send` and `recv` on a connected UDP socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use super::{Connection, Datagrams, Listener, Network};

/// The network of the simulated host that we run on.
///
/// A simulation has one IP version and does not tell a host which, so this is for IPv4, turmoil's default. An IPv6
/// address is then what it would be on a real host without IPv6: not available.
#[derive(Debug, Clone, Copy)]
pub struct Turmoil;

/// A simulated UDP socket and the peer it is connected to, if any.
pub struct SimulatedUdp {
    socket: UdpSocket,
    peer: Option<SocketAddr>,
}

impl Network for Turmoil {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Datagrams = SimulatedUdp;

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let ip = match host.parse() {
            Ok(ip) => ip,
            Err(_) if host == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Err(_) => look_up(host).await?,
        };
        if ip.is_ipv6() {
            let message = format!("{ip}: this simulated host has IPv4 only");
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        Ok(vec![SocketAddr::new(ip, port)])
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let addresses = self.resolve(host, port).await?;
        TcpStream::connect(addresses[0]).await
    }

    async fn bind(&self, port: u16) -> io::Result<SimulatedUdp> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
        Ok(SimulatedUdp { socket, peer: None })
    }

    async fn bind_to_peer(&self, peer: SocketAddr) -> io::Result<SimulatedUdp> {
        let SimulatedUdp { socket, .. } = self.bind(0).await?;
        socket.connect(peer).await?;
        Ok(SimulatedUdp { socket, peer: Some(peer) })
    }
}

/// `turmoil::lookup` invents an address for a name that it does not know. Trying to listen on the name's address does
/// not: it is refused, because only the unspecified and the loopback addresses can be bound, but with a different
/// error if the name is unknown.
async fn look_up(host: &str) -> io::Result<IpAddr> {
    match TcpListener::bind((host, 0)).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(turmoil::lookup(host)),
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        TcpListener::accept(self).await.map(|(stream, _)| stream)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

impl Connection for TcpStream {
    // turmoil resets a connection in which something is unread, and closes any other. It has no call for more.
    fn reset(self) {}
}

impl Datagrams for SimulatedUdp {
    async fn send_to(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<()> {
        self.socket.send_to(datagram, peer).await.map(drop)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(buffer).await
    }

    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let peer = self.peer.ok_or(io::ErrorKind::NotConnected)?;
        self.send_to(datagram, peer).await
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Only the peer's datagrams get here: the simulated socket is connected too.
        self.recv_from(buffer).await.map(|(length, _)| length)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
