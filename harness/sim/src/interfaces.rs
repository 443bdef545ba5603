//! The network interfaces of a simulated host, as programs are shown them: a loopback and one card.
//!
//! Owns which there are, with which addresses, and the text of the files that list them. `netlink.rs` answers who asks
//! by netlink, `calls/interfaces.rs` who asks by `ioctl` or opens such a file.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::hosts::Host;

/// Largest packet of a loopback, in bytes (Linux).
const LOOPBACK_MTU: u32 = 65_536;

/// Length of the network's prefix on the card: every host of a run is on the same link.
pub(crate) const PREFIX_V4: u8 = 16;
pub(crate) const PREFIX_V6: u8 = 64;

/// Length of the loopback's prefix.
pub(crate) const LOOPBACK_PREFIX: u8 = 8;

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub address: IpAddr,
    /// Length of the network's prefix, in bits.
    pub prefix: u8,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Counted from 1.
    pub index: u32,
    pub name: &'static str,
    pub loopback: bool,
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// Hardware address.
    pub hardware: [u8; 6],
    pub addresses: Vec<Assigned>,
}

impl Interface {
    /// As netdevice(7) has them: up, running and connected, and what kind it is.
    pub fn flags(&self) -> u32 {
        let kind = if self.loopback { libc::IFF_LOOPBACK } else { libc::IFF_BROADCAST | libc::IFF_MULTICAST };
        (libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOWER_UP | kind) as u32
    }

    /// Kind of hardware (`<linux/if_arp.h>`).
    pub fn hardware_kind(&self) -> u16 {
        if self.loopback { libc::ARPHRD_LOOPBACK } else { libc::ARPHRD_ETHER }
    }

    /// The first IPv4 address: the one that a question without an address is about.
    pub fn first_v4(&self) -> Option<(Ipv4Addr, u8)> {
        self.addresses.iter().find_map(|one| match one.address {
            IpAddr::V4(address) => Some((address, one.prefix)),
            IpAddr::V6(_) => None,
        })
    }

    /// The address that means everybody on the same link as this one.
    pub fn broadcast(&self, address: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
        (!self.loopback && prefix < 31).then(|| Ipv4Addr::from(u32::from(address) | !u32::from(mask(prefix))))
    }
}

/// The bits of an IPv4 network's prefix.
pub(crate) fn mask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

/// The interfaces of a host. Addresses that only lead to it, because programs have them built in, are on its card.
pub(crate) fn of_host(host: &Host, mtu: u32, ipv6: bool) -> Vec<Interface> {
    let with = |address: IpAddr, v4: u8, v6: u8| Assigned { address, prefix: if address.is_ipv4() { v4 } else { v6 } };
    let seen = |one: &Assigned| ipv6 || one.address.is_ipv4();
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let own = [host.v4.into(), host.v6.into()];
    let card = own.map(|address| with(address, PREFIX_V4, PREFIX_V6)).into_iter();
    let [.., second, third] = host.v4.octets();
    vec![
        Interface {
            index: 1,
            name: "lo",
            loopback: true,
            mtu: LOOPBACK_MTU,
            hardware: [0; 6],
            addresses: loopback.map(|address| with(address, LOOPBACK_PREFIX, 128)).into_iter().filter(seen).collect(),
        },
        Interface {
            index: 2,
            name: "eth0",
            loopback: false,
            mtu,
            // Locally administered, and the host's own.
            hardware: [2, 0, 10, 0, second, third],
            addresses: card.chain(host.aliases.iter().map(|address| with(*address, 32, 128))).filter(seen).collect(),
        },
    ]
}

/// What a file of `/proc/net` that lists interfaces holds; nothing for any other.
pub(crate) fn file(name: &str, interfaces: &[Interface]) -> Option<String> {
    match name {
        "if_inet6" => Some(addresses_v6(interfaces)),
        "dev" => Some(counters(interfaces)),
        "route" => Some(routes(interfaces)),
        _ => None,
    }
}

/// `/proc/net/if_inet6`: address, index, prefix, scope, flags (permanent), name.
fn addresses_v6(interfaces: &[Interface]) -> String {
    let mut text = String::new();
    for one in interfaces {
        for assigned in &one.addresses {
            let IpAddr::V6(address) = assigned.address else { continue };
            let scope = if one.loopback { 0x10 } else { 0 };
            let (number, index, prefix) = (u128::from(address), one.index, assigned.prefix);
            let _ = writeln!(text, "{number:032x} {index:02x} {prefix:02x} {scope:02x} 80 {:>8}", one.name);
        }
    }
    text
}

/// `/proc/net/dev`: nothing was counted.
fn counters(interfaces: &[Interface]) -> String {
    let mut text = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier \
        compressed\n"
        .to_owned();
    for one in interfaces {
        let _ = writeln!(text, "{:>6}:{}", one.name, " 0".repeat(16));
    }
    text
}

/// `/proc/net/route`: the networks that the interfaces are in.
fn routes(interfaces: &[Interface]) -> String {
    let mut text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n".to_owned();
    for one in interfaces.iter().filter(|one| !one.loopback) {
        let Some((address, prefix)) = one.first_v4() else { continue };
        // As the kernel's words lie in memory.
        let word = |bits: u32| bits.swap_bytes();
        let (own, bits) = (u32::from(address), u32::from(mask(prefix)));
        let _ = writeln!(
            text,
            "{}\t{:08X}\t00000000\t0001\t0\t0\t0\t{:08X}\t0\t0\t0",
            one.name,
            word(own & bits),
            word(bits)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(ipv6: bool) -> Vec<Interface> {
        let mut host = Host::new(6, "x");
        host.aliases.push(Ipv4Addr::new(192, 0, 2, 7).into());
        of_host(&host, 1500, ipv6)
    }

    #[test]
    fn a_host_has_a_loopback_and_a_card_with_all_its_addresses() {
        let seen = |ipv6| -> Vec<Vec<String>> {
            let text = |one: &Assigned| format!("{}/{}", one.address, one.prefix);
            both(ipv6).iter().map(|one| one.addresses.iter().map(text).collect()).collect()
        };
        assert_eq!(seen(true), [vec!["127.0.0.1/8", "::1/128"], vec!["10.0.0.7/16", "fd00::7/64", "192.0.2.7/32"]]);
        assert_eq!(seen(false), [vec!["127.0.0.1/8"], vec!["10.0.0.7/16", "192.0.2.7/32"]]);
        let card = &both(true)[1];
        assert_eq!(card.broadcast(Ipv4Addr::new(10, 0, 0, 7), 16), Some(Ipv4Addr::new(10, 0, 255, 255)));
        assert_eq!(card.broadcast(Ipv4Addr::new(192, 0, 2, 7), 32), None);
    }

    #[test]
    fn files_are_as_the_kernel_writes_them() {
        let interfaces = both(true);
        assert_eq!(
            file("if_inet6", &interfaces).as_deref(),
            Some(
                "00000000000000000000000000000001 01 80 10 80       lo\n\
                 fd000000000000000000000000000007 02 40 00 80     eth0\n"
            )
        );
        let routes = file("route", &interfaces).unwrap_or_default();
        assert!(routes.ends_with("\neth0\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"), "{routes}");
        let counted = file("dev", &interfaces).unwrap_or_default();
        assert!(counted.contains("\n    lo: 0 0 ") && counted.contains("\n  eth0: 0 0 "), "{counted}");
        assert_eq!(file("tcp", &interfaces), None);
    }
}
