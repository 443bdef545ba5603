//! Network interfaces made for a run, in the calling thread's own network namespace.
//!
//! Owns: making one, giving it addresses, and showing it where programs look. They are bridges without members, because every kernel that can
//! have containers can have bridges, and one system call makes one; a program that lists interfaces sees no
//! difference. They go when the namespace goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::error::OsError;
use crate::namespace::keep_mounts_private;

/// Longest name that the kernel takes, in bytes.
pub const LONGEST_NAME: usize = libc::IFNAMSIZ - 1;

/// "Make a bridge of this name", from `<linux/sockios.h>`; the libc crate leaves it out.
const SIOCBRADDBR: libc::c_ulong = 0x89a0;

/// `struct in6_ifreq` of `<linux/ipv6.h>`, which the C library's headers leave out.
#[repr(C)]
struct AddressRequest {
    address: libc::in6_addr,
    prefix: u32,
    index: libc::c_int,
}

/// Makes an interface with these addresses (each with the length of its prefix), up or down.
///
/// # Errors
/// When the name is too long or taken, when the kernel has no bridges, or when the thread may not make any:
/// outside a namespace of its own an ordinary user may not.
pub fn make(name: &str, addresses: &[(IpAddr, u8)], up: bool) -> Result<(), OsError> {
    let failed = |what: &str| {
        let attempt = format!("{what} of the interface {name}");
        move |errno: Errno| OsError::new(attempt.clone(), errno)
    };
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(failed("use the name")(Errno::ENAMETOOLONG));
    }
    let control = datagram_socket(AddressFamily::Inet).map_err(failed("open a socket for the set-up"))?;
    let request = named(name);
    // SAFETY: SIOCBRADDBR reads one name of IFNAMSIZ bytes; `ifr_name` is that, zero-terminated.
    let made = unsafe { libc::ioctl(control.as_raw_fd(), SIOCBRADDBR as libc::Ioctl, request.ifr_name.as_ptr()) };
    Errno::result(made).map_err(failed("make a bridge in place"))?;
    if up {
        set_up(&control, name).map_err(failed("bring up the link"))?;
    }
    for (address, prefix) in addresses {
        match address {
            IpAddr::V4(address) => add_ipv4(&control, name, *address, *prefix),
            IpAddr::V6(address) => add_ipv6(&control, name, *address, *prefix),
        }
        .map_err(failed("set an address"))?;
    }
    if !up {
        set_down(&control, name).map_err(failed("take down the link"))?;
    }
    Ok(())
}

/// Shows the calling thread, and the programs it starts from now on, its own network namespace in
/// `/sys/class/net`: a sysfs shows the namespace of whoever mounted it. The thread gets mounts of its own for this;
/// the rest of the machine sees nothing of it.
///
/// # Errors
/// When mount namespaces are forbidden, or when the thread may not mount a sysfs: only who may administer its
/// network namespace may, and in a container often nobody.
pub fn show_in_sys() -> Result<(), OsError> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| OsError::new("create a mount namespace", errno))?;
    keep_mounts_private().map_err(|errno| OsError::new("make the mounts of a namespace private", errno))?;
    // As restricted as can be: the kernel grants nothing that the mount in its place did not grant.
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("sysfs"), "/sys", Some("sysfs"), flags, None::<&str>)
        .map_err(|errno| OsError::new("show a network namespace in /sys", errno))
}

fn datagram_socket(family: AddressFamily) -> nix::Result<OwnedFd> {
    socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
}

fn named(name: &str) -> libc::ifreq {
    // SAFETY: ifreq is plain data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes().take(LONGEST_NAME)) {
        *place = byte as libc::c_char;
    }
    request
}

/// One request about an interface by its name.
fn ask(control: &OwnedFd, what: libc::c_ulong, request: &mut libc::ifreq) -> nix::Result<()> {
    // SAFETY: every request used here reads or writes one ifreq, which outlives the call.
    Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), what as libc::Ioctl, std::ptr::from_mut(request)) })
        .map(drop)
}

fn change_flags(control: &OwnedFd, name: &str, change: impl Fn(libc::c_short) -> libc::c_short) -> nix::Result<()> {
    let mut request = named(name);
    ask(control, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: SIOCGIFFLAGS has filled in the flags member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = change(flags);
    ask(control, libc::SIOCSIFFLAGS, &mut request)
}

fn set_up(control: &OwnedFd, name: &str) -> nix::Result<()> {
    change_flags(control, name, |flags| flags | libc::IFF_UP as libc::c_short)
}

/// Setting an IPv4 address brings an interface up.
fn set_down(control: &OwnedFd, name: &str) -> nix::Result<()> {
    change_flags(control, name, |flags| flags & !(libc::IFF_UP as libc::c_short))
}

fn ipv4(address: Ipv4Addr) -> libc::sockaddr {
    // SAFETY: both are plain data, for which all zeroes is a valid value, and of the same size.
    let mut inner: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    inner.sin_family = libc::AF_INET as libc::sa_family_t;
    inner.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
    // SAFETY: sockaddr_in is a sockaddr by the sockets interface (POSIX.1, <netinet/in.h>).
    unsafe { std::mem::transmute(inner) }
}

fn add_ipv4(control: &OwnedFd, name: &str, address: Ipv4Addr, prefix: u8) -> nix::Result<()> {
    let mut request = named(name);
    request.ifr_ifru.ifru_addr = ipv4(address);
    ask(control, libc::SIOCSIFADDR, &mut request)?;
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    let mut request = named(name);
    request.ifr_ifru.ifru_netmask = ipv4(Ipv4Addr::from_bits(mask));
    ask(control, libc::SIOCSIFNETMASK, &mut request)
}

fn add_ipv6(control: &OwnedFd, name: &str, address: Ipv6Addr, prefix: u8) -> nix::Result<()> {
    let mut request = named(name);
    ask(control, libc::SIOCGIFINDEX, &mut request)?;
    // SAFETY: SIOCGIFINDEX has filled in the index member of the union.
    let index = unsafe { request.ifr_ifru.ifru_ifindex };
    let socket = datagram_socket(AddressFamily::Inet6)?;
    let address = libc::in6_addr { s6_addr: address.octets() };
    let mut request = AddressRequest { address, prefix: prefix.into(), index };
    // SAFETY: on an IPv6 socket SIOCSIFADDR reads one in6_ifreq, which outlives the call.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFADDR as libc::Ioctl, &raw mut request) };
    Errno::result(set).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace;

    #[test]
    fn an_interface_is_there_and_is_listed() {
        let listed = std::thread::spawn(|| -> Option<Vec<String>> {
            if namespace::enter_private_network().is_err() {
                eprintln!("skipped: this machine allows no network namespaces here");
                return None;
            }
            let addresses = [("192.0.2.7".parse().unwrap(), 24), ("2001:db8::7".parse().unwrap(), 64)];
            make("lab-seven", &addresses, true).unwrap();
            make("lab-down", &[], false).unwrap();
            let mut names: Vec<String> = nix::ifaddrs::getifaddrs()
                .unwrap()
                .map(|found| {
                    let address = found.address.and_then(|it| it.as_sockaddr_in().map(|it| it.ip().to_string()));
                    format!("{} {}", found.interface_name, address.unwrap_or_default())
                })
                .collect();
            names.sort();
            names.dedup();
            Some(names)
        })
        .join()
        .unwrap();
        let Some(listed) = listed else { return };
        for expected in ["lab-seven 192.0.2.7", "lab-down ", "lo 127.0.0.1"] {
            assert!(listed.iter().any(|found| found == expected), "{expected} in {listed:?}");
        }
    }

    #[test]
    fn an_interface_is_there_in_sys() {
        let shown = std::thread::spawn(|| -> Option<Vec<String>> {
            let prepared = namespace::enter_private_network().map(drop).and_then(|()| show_in_sys());
            if let Err(error) = prepared {
                eprintln!("skipped: {error}");
                return None;
            }
            make("lab-seven", &[], false).unwrap();
            let entries = std::fs::read_dir("/sys/class/net").unwrap();
            Some(entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
        })
        .join()
        .unwrap();
        let Some(shown) = shown else { return };
        assert!(shown.iter().any(|name| name == "lab-seven"), "{shown:?}");
        let outside: Vec<_> = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten().collect();
        assert!(outside.iter().all(|entry| entry.file_name() != "lab-seven"), "{outside:?}");
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        assert!(make("an-interface-with-a-long-name", &[], true).is_err());
    }
}
