//! One TCP socket's queues, asked of the kernel directly (sock_diag, `inet_diag_req_v2`).
//!
//! The table in `/proc` lists every socket of a namespace; this asks for one, in microseconds, as often as each
//! segment of a transfer needs. It never lists.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;

/// A connection to the kernel's socket information, in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Diag {
    fd: OwnedFd,
}

/// Bytes in the queues of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queues {
    /// Received and not read; a FIN counts as one.
    pub unread: u32,
    /// Sent and not acknowledged.
    pub unacked: u32,
}

impl Diag {
    /// Opens the connection.
    ///
    /// # Errors
    /// Where the kernel or a sandbox has no netlink.
    pub fn open() -> io::Result<Self> {
        let fd =
            socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
        Ok(Self { fd })
    }

    /// Queues of the TCP socket with these two ends, as that socket sees them; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel does not answer, or in a way that is not understood.
    pub fn tcp(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Queues>> {
        send(self.fd.as_raw_fd(), &request(local, remote), MsgFlags::empty())?;
        let mut answer = [0; 1024];
        let length = recv(self.fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        parse(&answer[..length])
    }
}

fn request(local: SocketAddr, remote: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    bytes[0..4].copy_from_slice(&(REQUEST as u32).to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    let body = &mut bytes[HEADER..];
    body[0] = if local.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 };
    body[1] = libc::IPPROTO_TCP as u8;
    body[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    body[8..10].copy_from_slice(&local.port().to_be_bytes());
    body[10..12].copy_from_slice(&remote.port().to_be_bytes());
    write_address(&mut body[12..28], local.ip());
    write_address(&mut body[28..44], remote.ip());
    // No cookie: any socket with these ends is meant.
    body[48..56].fill(0xff);
    bytes
}

fn write_address(to: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(address) => to[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => to.copy_from_slice(&address.octets()),
    }
}

fn parse(answer: &[u8]) -> io::Result<Option<Queues>> {
    let number = |at: usize| -> io::Result<u32> {
        let bytes = answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_ne_bytes).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let kind = u16::try_from(number(4)? & 0xffff).unwrap_or(0);
    match kind {
        NLMSG_ERROR => match -(number(HEADER)?.cast_signed()) {
            libc::ENOENT => Ok(None),
            errno => Err(io::Error::from_raw_os_error(errno)),
        },
        // inet_diag_msg: 4 bytes, the socket's id of 48 bytes, expires, then the two queues.
        SOCK_DIAG_BY_FAMILY => Ok(Some(Queues { unread: number(HEADER + 56)?, unacked: number(HEADER + 60)? })),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn counts_what_was_not_read() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let diag = Diag::open().unwrap();
            let (local, remote) = (server.local_addr().unwrap(), server.peer_addr().unwrap());
            client.write_all(b"hello").unwrap();
            assert_eq!(diag.tcp(local, remote).unwrap().unwrap().unread, 5);
            server.read_exact(&mut [0; 3]).unwrap();
            assert_eq!(diag.tcp(local, remote).unwrap().unwrap().unread, 2);
        }
    }

    #[test]
    fn no_socket_is_no_error() {
        let diag = Diag::open().unwrap();
        let nowhere = "127.0.0.1:1".parse().unwrap();
        assert_eq!(diag.tcp(nowhere, nowhere).unwrap(), None);
    }
}
