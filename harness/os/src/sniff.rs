//! Captures of the calling thread's network namespace.
//!
//! Owns one packet socket and the accounting of what it lost; the parsing of frames is in `sniff/parse.rs`. It
//! never sends a frame and never changes an interface.

mod parse;

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeSpec;

pub use parse::{Contact, dns_question, first_contact, tcp_payload};

/// The longest frame that is kept whole. Loopback has an MTU of 65536, and segments that the kernel has not cut
/// yet (GSO) can be longer still.
pub const SNAP_LENGTH: usize = 256 * 1024;
/// Room for frames that were not read yet.
const RECEIVE_BUFFER: usize = 32 * 1024 * 1024;

/// One captured frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it passed, since the capture was opened, by the kernel's wall-clock stamp.
    pub at: Duration,
    /// The Ethernet frame, cut at [`SNAP_LENGTH`].
    pub bytes: Vec<u8>,
}

/// A capture on all interfaces of one network namespace. On loopback, where every frame passes twice, only the
/// outgoing pass is reported.
#[derive(Debug)]
pub struct Sniffer {
    socket: OwnedFd,
    /// Wall-clock time of the opening, since the epoch.
    opened: Duration,
    scratch: Vec<u8>,
    control: Vec<u8>,
    /// The kernel's counter starts anew whenever it is read.
    lost: AtomicU64,
}

impl Sniffer {
    /// Starts a capture in the calling thread's network namespace; it stays there if the thread leaves.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW` in the namespace, `EAFNOSUPPORT` where the kernel has no packet sockets.
    pub fn open() -> io::Result<Self> {
        let opened = since_epoch();
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        // Without CAP_NET_ADMIN only the machine's limit (rmem_max) can be had: better than nothing.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self {
            socket,
            opened,
            scratch: vec![0; SNAP_LENGTH],
            control: nix::cmsg_space!(TimeSpec),
            lost: AtomicU64::new(0),
        })
    }

    /// The next frame, `None` if none is waiting. Poll the descriptor for reading to wait for one.
    ///
    /// # Errors
    /// What recvmsg(2) answers; `ENETDOWN` (an interface went down) is not an error and passed over.
    #[expect(clippy::should_implement_trait, reason = "an iterator that ends at `None` would end too early")]
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut parts = [IoSliceMut::new(&mut self.scratch)];
            let message = match recvmsg::<LinkAddr>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::empty(),
            ) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                Err(error) => return Err(error.into()),
            };
            if message.address.as_ref().is_some_and(is_second_pass) {
                continue;
            }
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            });
            let length = message.bytes;
            return Ok(Some(Frame {
                at: stamp.unwrap_or_else(since_epoch).saturating_sub(self.opened),
                bytes: self.scratch.get(..length).unwrap_or_default().to_vec(),
            }));
        }
    }

    /// Frames the kernel dropped since the opening because they were not read in time. Both passes of a
    /// loopback frame count.
    pub fn lost(&self) -> u64 {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the pointer and the length describe `statistics`, which lives through the call.
        let answer = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &mut length,
            )
        };
        let news = if answer == 0 { u64::from(statistics.tp_drops) } else { 0 };
        self.lost.fetch_add(news, Ordering::Relaxed) + news
    }
}

impl AsFd for Sniffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// True for a loopback frame that is seen for the second time, on its way in.
fn is_second_pass(address: &LinkAddr) -> bool {
    usize::from(address.hatype()) == usize::from(libc::ARPHRD_LOOPBACK) && address.pkttype() != libc::PACKET_OUTGOING
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
