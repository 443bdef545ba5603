//! Hosts of the simulation and the way to them: which address leads where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::interfaces::{LOOPBACK_PREFIX, PREFIX_V4, PREFIX_V6, mask};

/// One simulated machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub name: String,
    pub v4: Ipv4Addr,
    pub v6: Ipv6Addr,
    /// Further addresses that lead here: those that programs have built in.
    pub aliases: Vec<IpAddr>,
    pub sockets_made: u32,
    pub crashed: bool,
}

/// Where a destination leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None`: the address is of the own link, and nobody there has it.
    pub host: Option<usize>,
    /// The destination on the wire.
    pub address: IpAddr,
    /// The program meant its own machine, and is to see it that way.
    pub loopback: bool,
}

/// Whom an address means that is everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Everybody {
    /// Every host of the link, the sender among them.
    OnLink,
    /// Whoever listens on the sender's own loopback.
    Here,
}

impl Host {
    pub fn new(index: usize, name: &str) -> Self {
        let (high, low) = ((index / 250) as u8, (index % 250) as u8 + 1);
        Self {
            name: name.to_owned(),
            v4: Ipv4Addr::new(10, 0, high, low),
            v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, index as u16 + 1),
            aliases: Vec::new(),
            sockets_made: 0,
            crashed: false,
        }
    }

    pub fn address(&self, v6: bool) -> IpAddr {
        if v6 { self.v6.into() } else { self.v4.into() }
    }

    /// The address under which the host meets itself on the wire, so that such packets are delayed and
    /// captured like all others.
    pub fn mirror(&self, v6: bool) -> IpAddr {
        if v6 {
            let mut parts = self.v6.segments();
            parts[1] = 1;
            Ipv6Addr::from(parts).into()
        } else {
            let parts = self.v4.octets();
            Ipv4Addr::new(100, 64, parts[2], parts[3]).into()
        }
    }

    pub fn has(&self, address: IpAddr) -> bool {
        address == IpAddr::V4(self.v4) || address == IpAddr::V6(self.v6) || self.aliases.contains(&address)
    }

    /// Whether and how an address means everybody (RFC 919 section 7): that of the card's network, which is a /16, that
    /// of no network in particular, which leaves by the card, and that of the loopback's.
    pub fn everybody(&self, address: IpAddr) -> Option<Everybody> {
        let IpAddr::V4(address) = address else { return None };
        let directed = self.v4 | !mask(PREFIX_V4);
        let here = Ipv4Addr::LOCALHOST | !mask(LOOPBACK_PREFIX);
        if address.is_broadcast() || address == directed {
            Some(Everybody::OnLink)
        } else {
            (address == here).then_some(Everybody::Here)
        }
    }

    /// Whether an address is of the network that the card is in.
    pub fn on_link(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address & mask(PREFIX_V4) == self.v4 & mask(PREFIX_V4),
            IpAddr::V6(address) => {
                let network = |address: Ipv6Addr| u128::from(address) >> (128 - PREFIX_V6);
                network(address) == network(self.v6)
            }
        }
    }

    pub fn is_mirror(&self, address: IpAddr) -> bool {
        address == self.mirror(address.is_ipv6())
    }
}

/// An IPv4 address that is written as an IPv6 one, as what it is.
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The loopback address of a family.
pub(crate) fn loopback(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}

/// The unspecified address of a family.
pub(crate) fn unspecified(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_differ_from_addresses_and_from_each_other() {
        let hosts: Vec<_> = (0..600).map(|index| Host::new(index, "x")).collect();
        let mut seen = std::collections::BTreeSet::new();
        for host in &hosts {
            for v6 in [false, true] {
                assert!(seen.insert(host.address(v6)));
                assert!(seen.insert(host.mirror(v6)));
            }
        }
    }
}
