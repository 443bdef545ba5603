//! The program that lists the interfaces.
//!
//! Protocol: none; it asks the system it runs on. This file shows how two answers of the system are put together.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nameindex};
use nix::sys::socket::SockaddrStorage;

use crate::arguments::BadArguments;
use crate::failure::Failure;

/// Runs `interfaces`: a line for each.
///
/// # Errors
/// Any argument, or a system that does not answer.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(BadArguments::Count { expected: 0, found: arguments.len() }.into());
    }
    let interfaces = list().map_err(Failure::Interfaces)?;
    let mut output = io::stdout().lock();
    interfaces
        .iter()
        .try_for_each(|interface| writeln!(output, "{interface}"))
        .and_then(|()| output.flush())
        .map_err(Failure::Output)
}

/// An interface, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Whether it is switched on.
    pub is_up: bool,
    /// Its IP addresses.
    pub addresses: Vec<Address>,
}

/// An address, and how many of its bits are those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address itself.
    pub ip: IpAddr,
    /// The length of the network's part in bits, where there is one.
    pub prefix: Option<u32>,
}

/// One of the things that the system knows of an interface.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name of the interface, or the label of the address.
    pub label: String,
    /// Whether the interface is switched on.
    pub is_up: bool,
    /// An IP address, if that is what it is about.
    pub address: Option<Address>,
}

/// All interfaces, in the system's order.
///
/// # Errors
/// If the system does not answer.
pub fn list() -> io::Result<Vec<Interface>> {
    let names = if_nameindex()?;
    // The system says "bytes"; in practice names are ASCII.
    let names = names.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect();
    Ok(put_together(names, getifaddrs()?.map(|entry| read(&entry))))
}

fn read(entry: &InterfaceAddress) -> Entry {
    let prefix = entry.netmask.as_ref().and_then(ip_of).map(|mask| match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    });
    Entry {
        label: entry.interface_name.clone(),
        is_up: entry.flags.contains(InterfaceFlags::IFF_UP),
        address: entry.address.as_ref().and_then(ip_of).map(|ip| Address { ip, prefix }),
    }
}

/// The IP address in a socket address. There are other kinds, such as that of the hardware.
fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// Gives each interface what is known of it. One of which nothing is known is an interface all the same, and entries that
/// belong to none are left out: interfaces come and go, also between our two questions.
pub fn put_together(names: Vec<String>, entries: impl IntoIterator<Item = Entry>) -> Vec<Interface> {
    let mut interfaces: Vec<_> =
        names.into_iter().map(|name| Interface { name, is_up: false, addresses: Vec::new() }).collect();
    for entry in entries {
        // A label is the interface's name, a colon and something more. No name has a colon.
        let name = entry.label.split(':').next().unwrap_or_default();
        if let Some(interface) = interfaces.iter_mut().find(|interface| interface.name == name) {
            interface.is_up |= entry.is_up;
            interface.addresses.extend(entry.address);
        }
    }
    interfaces
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Linux has names of up to 15 characters: the states stand in a column.
        write!(f, "{:<15} {}", self.name, if self.is_up { "up" } else { "down" })?;
        self.addresses.iter().try_for_each(|address| write!(f, " {address}"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.ip),
            None => write!(f, "{}", self.ip),
        }
    }
}
