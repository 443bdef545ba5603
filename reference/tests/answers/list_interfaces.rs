//! The list of interfaces: this host's, and made ones.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};

use reference::list_interfaces::interfaces::{Address, Entry, Interface, list, put_together};
use rstest::rstest;

use crate::support::words;

const TASK: &str = "list-interfaces";

#[test]
#[cfg(target_os = "linux")]
fn the_names_are_those_of_the_kernel() {
    let mut kernel = BTreeSet::new();
    for entry in std::fs::read_dir("/sys/class/net").unwrap() {
        let entry = entry.unwrap();
        // The folder may hold settings as well (`bonding_masters`), which are plain files.
        if std::fs::metadata(entry.path()).unwrap().is_dir() {
            kernel.insert(entry.file_name().into_string().unwrap());
        }
    }
    let listed = list().unwrap();
    assert_eq!(listed.len(), kernel.len(), "each once: {listed:?}");
    for Interface { name, is_up, .. } in listed {
        assert!(kernel.contains(&name), "{name} is none of {kernel:?}");
        let flags = std::fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap();
        let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap();
        assert_eq!(is_up, flags & 1 == 1, "{name}");
    }
}

#[test]
fn each_address_is_one_of_this_host() {
    // Of interfaces that are up: what is configured on others is out of use.
    let up = list().unwrap().into_iter().filter(|interface| interface.is_up);
    let addresses: Vec<_> = up.flat_map(|interface| interface.addresses).collect();
    let loopback = Address { ip: [127, 0, 0, 1].into(), prefix: Some(8) };
    assert!(addresses.contains(&loopback), "{addresses:?}");
    for Address { ip, prefix } in addresses {
        assert!(prefix.is_some_and(|prefix| prefix <= if ip.is_ipv4() { 32 } else { 128 }), "{ip} {prefix:?}");
        // Only an address of one's own can be bound. Those of a link need the link's number as well.
        if !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            TcpListener::bind((ip, 0)).unwrap();
        }
    }
}

/// What the system knows: a label, whether it is up, and an address with its prefix, or none.
fn entry(label: &str, is_up: bool, address: Option<(&str, u32)>) -> Entry {
    let address = address.map(|(ip, prefix)| Address { ip: ip.parse().unwrap(), prefix: Some(prefix) });
    Entry { label: label.to_owned(), is_up, address }
}

#[rstest]
#[case::several_addresses(
    &[entry("eth0", true, None), entry("eth0", true, Some(("192.0.2.7", 24))), entry("eth0", true, Some(("2001:db8::7", 64)))],
    "eth0            up 192.0.2.7/24 2001:db8::7/64"
)]
#[case::down_with_an_address(&[entry("eth0", false, Some(("192.0.2.7", 24)))], "eth0            down 192.0.2.7/24")]
#[case::up_without_an_address(&[entry("eth0", true, None)], "eth0            up")]
#[case::nothing_known(&[], "eth0            down")]
#[case::label(
    &[entry("eth0:1", true, Some(("192.0.2.8", 24)))],
    "eth0            up 192.0.2.8/24"
)]
#[case::come_too_late(&[entry("eth01", true, Some(("192.0.2.9", 24)))], "eth0            down")]
fn what_is_known_is_put_together(#[case] entries: &[Entry], #[case] line: &str) {
    let interfaces = put_together(words(&["eth0"]), entries.to_vec());
    assert_eq!(interfaces.iter().map(ToString::to_string).collect::<Vec<_>>(), [line]);
}

#[test]
fn a_name_without_anything_keeps_its_place() {
    let names = ["lo", "down0", "eth0"];
    let interfaces = put_together(words(&names), [entry("eth0", true, None), entry("lo", true, None)]);
    let listed: Vec<_> = interfaces.iter().map(|interface| (&*interface.name, interface.is_up)).collect();
    assert_eq!(listed, [("lo", true), ("down0", false), ("eth0", true)]);
}

#[test]
fn it_takes_no_arguments() {
    assert_eq!(reference::run(TASK, "interfaces", &[]), Some(0));
    assert_eq!(reference::run(TASK, "interfaces", &words(&["eth0"])), Some(2));
}
