//! The kernel's tables of TCP and UDP sockets.
//!
//! Owns the text format of `/proc/net/{tcp,tcp6,udp,udp6}` and the link from processes to sockets. It never
//! opens or changes a socket.

mod diag;

pub use diag::{Diag, Queues};

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The protocol of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

/// The state of a connection (RFC 9293 section 3.3.2), as Linux keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    /// Not a connection at all: a UDP socket.
    Open,
    /// LISTEN.
    Listen,
    /// SYN-SENT.
    SynSent,
    /// SYN-RECEIVED: on Linux a request that waits in a listener's queue for the last segment of the handshake.
    SynReceived,
    /// ESTABLISHED. Includes connections that the listener has not accepted yet; their inode is 0.
    Established,
    /// FIN-WAIT-1.
    FinWait1,
    /// FIN-WAIT-2.
    FinWait2,
    /// CLOSE-WAIT: the peer has closed, the program has not.
    CloseWait,
    /// CLOSING.
    Closing,
    /// LAST-ACK.
    LastAck,
    /// TIME-WAIT. Belongs to no process.
    TimeWait,
    /// CLOSED.
    Closed,
}

impl TcpState {
    /// The kernel's number for the state (`include/net/tcp_states.h`).
    fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }
}

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketEntry {
    /// Its protocol.
    pub transport: Transport,
    /// Its own address. IPv4 also for IPv6 sockets that talk IPv4 (`::ffff:a.b.c.d`).
    pub local: SocketAddr,
    /// Its peer's address; unspecified, port 0, if it has none.
    pub remote: SocketAddr,
    /// Its state; always [`TcpState::Open`] for UDP.
    pub state: TcpState,
    /// Bytes received and not read. For a listener: connections waiting to be accepted. A peer's FIN counts as
    /// one byte until the program has read the end. For UDP: memory of the waiting datagrams, overhead included.
    pub unread: u64,
    /// Bytes written and not acknowledged by the peer (for UDP: not sent). SYN and FIN count as one byte each.
    pub unacked: u64,
    /// The socket's inode, 0 where no process holds it.
    pub inode: u64,
}

/// All TCP and UDP sockets in the network namespace of the calling thread, in the kernel's order: TCP over
/// IPv4, TCP over IPv6, UDP over IPv4, UDP over IPv6. Missing IPv6 tables count as empty.
///
/// # Errors
/// If `/proc` is not mounted or one of the tables cannot be read.
pub fn table() -> io::Result<Vec<SocketEntry>> {
    let mut entries = Vec::new();
    // One buffer for all: the kernel hands out at most a page or so per read, whatever is asked for.
    let mut text = Vec::with_capacity(16 * 1024);
    for (file, transport) in
        [("tcp", Transport::Tcp), ("tcp6", Transport::Tcp), ("udp", Transport::Udp), ("udp6", Transport::Udp)]
    {
        text.clear();
        match File::open(format!("/proc/thread-self/net/{file}")) {
            Ok(mut opened) => opened.read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.ends_with('6') => continue,
            Err(error) => return Err(error),
        };
        parse_into(&text, transport, &mut entries);
    }
    Ok(entries)
}

/// Parses one table, its heading line included. Lines in another format are left out.
pub fn parse(text: &[u8], transport: Transport) -> Vec<SocketEntry> {
    let mut entries = Vec::new();
    parse_into(text, transport, &mut entries);
    entries
}

fn parse_into(text: &[u8], transport: Transport, entries: &mut Vec<SocketEntry>) {
    entries.extend(text.split(|byte| *byte == b'\n').skip(1).filter_map(|line| parse_line(line, transport)));
}

/// `sl: LOCAL REMOTE ST TX:RX TR:WHEN RETRANSMITS UID TIMEOUT INODE …` (proc_net_tcp in the kernel's manual).
fn parse_line(line: &[u8], transport: Transport) -> Option<SocketEntry> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = u8::try_from(hexadecimal(fields.next()?)?).ok()?;
    let (unacked, unread) = halves(fields.next()?)?;
    let inode = decimal(fields.nth(4)?)?;
    Some(SocketEntry {
        transport,
        local,
        remote,
        state: match transport {
            Transport::Tcp => TcpState::from_kernel(state)?,
            Transport::Udp => TcpState::Open,
        },
        unread: hexadecimal(unread)?,
        unacked: hexadecimal(unacked)?,
        inode,
    })
}

fn halves(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = field.iter().position(|byte| *byte == b':')?;
    Some((field.get(..colon)?, field.get(colon + 1..)?))
}

/// `ADDRESS:PORT`. The kernel prints the address as 32-bit words of its own byte order, the port as a number.
fn address(field: &[u8]) -> Option<SocketAddr> {
    let (digits, port) = halves(field)?;
    let port = u16::try_from(hexadecimal(port)?).ok()?;
    let word = |digits: &[u8]| Some(u32::try_from(hexadecimal(digits)?).ok()?.to_ne_bytes());
    let ip = match digits.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(digits)?)),
        32 => {
            let mut octets = [0; 16];
            for (target, digits) in octets.chunks_exact_mut(4).zip(digits.chunks_exact(8)) {
                target.copy_from_slice(&word(digits)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, 16)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    number(digits, 10)
}

/// The inodes of all sockets the processes hold, read from their descriptors. Processes that are gone or may
/// not be read add nothing.
pub fn inodes_of(pids: &[i32]) -> BTreeSet<u64> {
    pids.iter()
        .filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok())
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

/// Sockets with something to come from an other end that is closed already: no process holds that one, its program may even
/// have ended, and the kernel goes on sending for it, bytes and then the end of the stream (RFC 9293 section 3.6). Only
/// other ends in the same network namespace are seen.
pub fn expecting_last_bytes(entries: &[SocketEntry]) -> Vec<&SocketEntry> {
    let is_tcp = |entry: &&SocketEntry| entry.transport == Transport::Tcp;
    let closed: BTreeSet<(SocketAddr, SocketAddr)> = entries
        .iter()
        .filter(is_tcp)
        .filter(|entry| entry.inode == 0 && entry.unacked > 0)
        .filter(|entry| matches!(entry.state, TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck))
        .map(|entry| (entry.remote, entry.local))
        .collect();
    entries
        .iter()
        .filter(is_tcp)
        // In any later state the end has come, and with it all that was before it.
        .filter(|entry| matches!(entry.state, TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2))
        .filter(|entry| closed.contains(&(entry.local, entry.remote)))
        .collect()
}

#[cfg(test)]
mod tests;
