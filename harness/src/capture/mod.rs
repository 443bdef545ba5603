//! Packet captures: written for every run that keeps them, and read again, our own as well as
//! those that students hand in.
//!
//! Reading goes one way: [`read`] takes packets out of a file, [`packet`] understands each of
//! them, [`conversation`] joins them into connections and dialogues, [`exchange`] compares those
//! with what a task's sheet asks for, [`show`] says it.

pub mod conversation;
pub mod exchange;
mod loopback;
mod offload;
pub mod packet;
pub mod read;
pub mod show;
mod stream;
#[cfg(test)]
mod tests;
mod write;

pub use loopback::show_as_loopback;
pub use offload::complete;
pub use write::write;

use pcap_file::DataLink;

/// What every packet of a capture begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header, as on a network interface.
    Ethernet,
    /// The IP header itself, as on the simulated network.
    RawIp,
    /// Linux's "cooked" header (`tcpdump -i any`), version 1.
    Cooked,
    /// Linux's "cooked" header, version 2.
    Cooked2,
    /// The address family in four bytes: BSD's and macOS's loopback.
    Family,
}

impl Link {
    /// The link types that can be read, as Wireshark calls them.
    pub const KNOWN: &'static str = "Ethernet, Linux cooked v1 and v2, raw IP, BSD loopback/null";

    fn of(link: DataLink) -> Option<Self> {
        // OpenBSD's own numbers for raw IP are 12 and 14.
        Some(match link {
            DataLink::ETHERNET => Self::Ethernet,
            DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 | DataLink::Unknown(12 | 14) => Self::RawIp,
            DataLink::LINUX_SLL => Self::Cooked,
            DataLink::LINUX_SLL2 => Self::Cooked2,
            DataLink::NULL | DataLink::LOOP => Self::Family,
            _ => return None,
        })
    }

    fn number(self) -> DataLink {
        match self {
            Self::Ethernet => DataLink::ETHERNET,
            Self::RawIp => DataLink::RAW,
            Self::Cooked => DataLink::LINUX_SLL,
            Self::Cooked2 => DataLink::LINUX_SLL2,
            Self::Family => DataLink::NULL,
        }
    }
}
