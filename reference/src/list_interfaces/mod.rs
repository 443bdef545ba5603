//! The task `list-interfaces`: all network interfaces of this host, by name, with their addresses.
//!
//! ```text
//! lo              up 127.0.0.1/8 ::1/128
//! eth0            up 192.0.2.7/24 2001:db8::7/64 fe80::1/64
//! eth1            down
//! ```
//!
//! The names are in nobody's hands but the system's: `eth0` here is `enp3s0`, `wlan0` or `en0` elsewhere, and a cable or a
//! virtual machine makes another while we look. So they are asked for. What to look at is whom to ask:
//!
//! - **The host's own name**, looked up, gives some address of some interface, often 127.0.1.1. It is not about interfaces.
//! - **`ioctl` with `SIOCGIFCONF`**, which is in most books, gives interfaces that have an IPv4 address. One that is down,
//!   or has IPv6 only, is not there.
//! - **`getifaddrs`** gives addresses: an interface appears as often as it has some. On Linux each appears once more with
//!   the address of its hardware, and only so does one without any other address; other systems need not do that. What it
//!   gives for a name can be the label of an address, such as `eth0:1`, which is no interface.
//! - **`if_nameindex`** gives the interfaces, each once, up or down. It gives nothing else.
//!
//! So the names are those of the last, and what is known of each comes from the one before. On Linux `/sys/class/net` has
//! the same names, and the tests compare.
//!
//! An interface that is **up** has been switched on by its administrator. Whether a cable is plugged in is another question.

pub mod interfaces;
