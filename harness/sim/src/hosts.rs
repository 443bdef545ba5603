//! Hosts of the simulation and the way to them: which address leads where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    pub host: usize,
    /// The destination on the wire.
    pub address: IpAddr,
    /// The program meant its own machine, and is to see it that way.
    pub loopback: bool,
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
