//! The loopback interface of a fresh network namespace: bringing it up, and routing every address to it.
//!
//! Owns three requests to the kernel, each on fixed buffers and without allocation, so that a forked child may
//! make them too. It never enters a namespace itself.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

/// `lo` is interface 1 of every network namespace (LOOPBACK_IFINDEX in the kernel).
const LO: u32 = 1;

/// Sets IFF_UP on `lo`; the kernel then adds 127.0.0.1 and, with IPv6, ::1 by itself.
pub(crate) fn bring_up() -> Result<(), Errno> {
    let fd = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: ifreq is plain data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    // SAFETY: SIOCGIFFLAGS reads the name and writes the flags of one ifreq, which outlives the call.
    let got = unsafe { libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFFLAGS as libc::Ioctl, &raw mut request) };
    Errno::result(got)?;
    // SAFETY: SIOCGIFFLAGS has filled in the flags member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which outlives the call.
    let set = unsafe { libc::ioctl(fd.as_raw_fd(), libc::SIOCSIFFLAGS as libc::Ioctl, &raw mut request) };
    Errno::result(set).map(drop)
}

/// Makes every address of `family` (AF_INET or AF_INET6) one of this host's own: the equivalent of
/// `ip route add local default dev lo`. Addresses with a longer match, such as 127.0.0.0/8, keep their own route.
pub(crate) fn make_every_address_local(family: AddressFamily) -> Result<(), Errno> {
    let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let request = new_route(family as u8);
    sendto(fd.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    acknowledged(&fd)
}

/// RTM_NEWROUTE as in rtnetlink(7): message header, rtmsg, one RTA_OIF attribute, all in the machine's byte order.
fn new_route(family: u8) -> [u8; 36] {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let mut message = [0_u8; 36];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        message[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    // nlmsghdr: length, type, flags, sequence number, port
    put(&36_u32.to_ne_bytes());
    put(&libc::RTM_NEWROUTE.to_ne_bytes());
    put(&(flags as u16).to_ne_bytes());
    put(&1_u32.to_ne_bytes());
    put(&0_u32.to_ne_bytes());
    // rtmsg: family, destination and source prefix lengths (0: everything), tos, table, protocol, scope, type, flags
    let table = libc::RT_TABLE_LOCAL;
    let (scope, kind) = (libc::RT_SCOPE_HOST, libc::RTN_LOCAL);
    put(&[family, 0, 0, 0, table, libc::RTPROT_BOOT, scope, kind]);
    put(&0_u32.to_ne_bytes());
    // rtattr: length, type, value
    put(&8_u16.to_ne_bytes());
    put(&libc::RTA_OIF.to_ne_bytes());
    put(&LO.to_ne_bytes());
    message
}

/// Reads the kernel's NLMSG_ERROR, whose error number is 0 for "done" and negative otherwise.
fn acknowledged(fd: &OwnedFd) -> Result<(), Errno> {
    let mut answer = [0_u8; 512];
    let length = loop {
        match recv(fd.as_fd().as_raw_fd(), &mut answer, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let kind = answer.get(4..6).and_then(|b| b.try_into().ok());
    let error = answer.get(16..20).and_then(|b| b.try_into().ok());
    match (kind.map(u16::from_ne_bytes), error.map(i32::from_ne_bytes)) {
        (Some(kind), Some(error)) if length >= 20 && i32::from(kind) == libc::NLMSG_ERROR => match error {
            0 => Ok(()),
            errno => Err(Errno::from_raw(-errno)),
        },
        _ => Err(Errno::EBADMSG),
    }
}
