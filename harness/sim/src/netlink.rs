//! What the kernel answers who asks it by netlink for interfaces, addresses and routes (netlink(7), rtnetlink(7)).
//!
//! Owns the bytes of questions and answers. Of everything else there is nothing: a list is empty, a change is not
//! allowed, another question is not supported, and each is said as the kernel says it.

use std::net::IpAddr;

use crate::interfaces::{Interface, mask};

const HEADER: usize = 16;

/// Bytes of one datagram that messages are collected in.
const DATAGRAM: usize = 3072;

const LINK: u16 = libc::RTM_NEWLINK;
const ADDRESS: u16 = libc::RTM_NEWADDR;
const ROUTE: u16 = libc::RTM_NEWROUTE;

// Attributes of an interface (`<linux/if_link.h>`); the libc crate leaves them out.
const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_QDISC: u16 = 6;
const IFLA_TXQLEN: u16 = 13;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKMODE: u16 = 17;
const IFLA_GROUP: u16 = 27;
const IFLA_ALT_IFNAME: u16 = 53;

/// Types below this are control messages.
const FIRST: u16 = 16;

/// Which of the four things one can do with a kind of object the low bits of a type say.
const GET: u16 = 2;

const DUMP: u16 = libc::NLM_F_DUMP as u16;

/// Last field of an address's validity: for ever.
const FOR_EVER: u32 = u32::MAX;

/// A question, without its header.
struct Question<'a> {
    whole: &'a [u8],
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// The answers to everything in one datagram, each a datagram. `port` is the asking socket's; `strict` is its wish that
/// what a question names beyond the family restricts the list.
pub(crate) fn answer(request: &[u8], interfaces: &[Interface], port: u32, strict: bool) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = request;
    while let Some(question) = first(rest) {
        reply(&question, interfaces, port, strict, &mut out);
        rest = rest.get(question.whole.len().next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

fn first(bytes: &[u8]) -> Option<Question<'_>> {
    let length = word(bytes, 0)? as usize;
    let whole = bytes.get(..length).filter(|whole| whole.len() >= HEADER)?;
    let half = |at: usize| Some(u16::from_ne_bytes(whole.get(at..at + 2)?.try_into().ok()?));
    Some(Question { whole, kind: half(4)?, flags: half(6)?, sequence: word(whole, 8)?, body: &whole[HEADER..] })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn reply(question: &Question<'_>, interfaces: &[Interface], port: u32, strict: bool, out: &mut Vec<Vec<u8>>) {
    // Control messages and what is no request are nobody's to answer.
    if question.kind < FIRST || question.flags & libc::NLM_F_REQUEST as u16 == 0 {
        return;
    }
    let subject = question.kind & !3;
    let wanted = Wanted { family: question.body.first().copied().unwrap_or(0), strict };
    let multi = |kind, body| message(question, kind, libc::NLM_F_MULTI as u16, port, body);
    if question.kind & 3 != GET {
        return out.push(refusal(question, libc::EPERM, port));
    }
    if question.flags & DUMP == DUMP {
        let messages: Vec<Vec<u8>> = match subject {
            LINK => interfaces.iter().map(|one| multi(LINK, link(one))).collect(),
            ADDRESS => wanted.addresses(question, interfaces).into_iter().map(|body| multi(ADDRESS, body)).collect(),
            ROUTE => wanted.routes(interfaces).into_iter().map(|body| multi(ROUTE, body)).collect(),
            _ => Vec::new(),
        };
        let mut datagram = Vec::new();
        for message in messages {
            if datagram.len() + message.len() > DATAGRAM {
                out.push(std::mem::take(&mut datagram));
            }
            datagram.extend(message);
        }
        if !datagram.is_empty() {
            out.push(datagram);
        }
        return out.push(multi(libc::NLMSG_DONE as u16, vec![0; 4]));
    }
    match subject {
        LINK => match named(question, interfaces) {
            Some(one) => {
                out.push(message(question, LINK, 0, port, link(one)));
                if question.flags & libc::NLM_F_ACK as u16 != 0 {
                    out.push(refusal(question, 0, port));
                }
            }
            None => out.push(refusal(question, libc::ENODEV, port)),
        },
        _ => out.push(refusal(question, libc::EOPNOTSUPP, port)),
    }
}

fn message(question: &Question<'_>, kind: u16, flags: u16, port: u32, body: Vec<u8>) -> Vec<u8> {
    let length = HEADER + body.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(question.sequence.to_ne_bytes());
    bytes.extend(port.to_ne_bytes());
    bytes.extend(body);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// The end of a question: an error together with what was asked, or 0 and its header.
fn refusal(question: &Question<'_>, errno: i32, port: u32) -> Vec<u8> {
    let mut body = (-errno).to_ne_bytes().to_vec();
    body.extend(if errno == 0 { &question.whole[..HEADER] } else { question.whole });
    message(question, libc::NLMSG_ERROR as u16, 0, port, body)
}

/// Appends an attribute (rtnetlink(7)).
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The attributes behind a fixed part.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let half = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let (length, kind) = (usize::from(half(0)?), half(2)?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The interface that a question is about: by index, or by name.
fn named<'a>(question: &Question<'_>, interfaces: &'a [Interface]) -> Option<&'a Interface> {
    let index = word(question.body, 4)?;
    let name = || {
        attributes(question.body.get(16..)?)
            .find(|(kind, _)| *kind == IFLA_IFNAME || *kind == IFLA_ALT_IFNAME)
            .map(|(_, value)| value.split(|byte| *byte == 0).next().unwrap_or_default())
    };
    match index {
        0 => name().and_then(|name| interfaces.iter().find(|one| one.name.as_bytes() == name)),
        _ => interfaces.iter().find(|one| one.index == index),
    }
}

/// `struct ifinfomsg` and what there is to say of an interface.
fn link(one: &Interface) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend(one.hardware_kind().to_ne_bytes());
    body.extend(one.index.to_ne_bytes());
    body.extend(one.flags().to_ne_bytes());
    body.extend([0; 4]);
    attribute(&mut body, IFLA_IFNAME, &terminated(one.name));
    attribute(&mut body, IFLA_TXQLEN, &1000u32.to_ne_bytes());
    // RFC 2863: a loopback does not know; everything else is up.
    attribute(&mut body, IFLA_OPERSTATE, &[if one.loopback { 0 } else { 6 }]);
    attribute(&mut body, IFLA_LINKMODE, &[0]);
    attribute(&mut body, IFLA_MTU, &one.mtu.to_ne_bytes());
    attribute(&mut body, IFLA_GROUP, &[0; 4]);
    attribute(&mut body, IFLA_QDISC, &terminated("noqueue"));
    attribute(&mut body, IFLA_ADDRESS, &one.hardware);
    attribute(&mut body, IFLA_BROADCAST, &[if one.loopback { 0 } else { 0xff }; 6]);
    body
}

fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

/// What a list is to hold.
struct Wanted {
    family: u8,
    strict: bool,
}

impl Wanted {
    fn takes(&self, address: IpAddr) -> bool {
        self.family == libc::AF_UNSPEC as u8 || self.family == family(address)
    }

    fn addresses(&self, question: &Question<'_>, interfaces: &[Interface]) -> Vec<Vec<u8>> {
        // A shorter question has no such field.
        let index = word(question.body, 4).filter(|index| self.strict && *index != 0);
        // As the kernel: one family after the other.
        let mut found = Vec::new();
        for v6 in [false, true] {
            for one in interfaces.iter().filter(|one| index.is_none_or(|index| one.index == index)) {
                for assigned in one.addresses.iter().filter(|assigned| assigned.address.is_ipv6() == v6) {
                    if self.takes(assigned.address) {
                        found.push(address(one, assigned.address, assigned.prefix));
                    }
                }
            }
        }
        found
    }

    /// The networks that the interfaces are in; there is no way out of them.
    fn routes(&self, interfaces: &[Interface]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for one in interfaces.iter().filter(|one| !one.loopback) {
            for assigned in one.addresses.iter().filter(|assigned| assigned.prefix < 32 || assigned.address.is_ipv6()) {
                if self.takes(assigned.address) {
                    found.push(route(one, assigned.address, assigned.prefix));
                }
            }
        }
        found
    }
}

/// `struct ifaddrmsg` and what there is to say of an address.
fn address(one: &Interface, address: IpAddr, prefix: u8) -> Vec<u8> {
    let scope = if one.loopback { libc::RT_SCOPE_HOST } else { libc::RT_SCOPE_UNIVERSE };
    let mut body = vec![family(address), prefix, libc::IFA_F_PERMANENT as u8, scope];
    body.extend(one.index.to_ne_bytes());
    let bytes = octets(address);
    attribute(&mut body, libc::IFA_ADDRESS, &bytes);
    if let IpAddr::V4(v4) = address {
        attribute(&mut body, libc::IFA_LOCAL, &bytes);
        if let Some(broadcast) = one.broadcast(v4, prefix) {
            attribute(&mut body, libc::IFA_BROADCAST, &broadcast.octets());
        }
        attribute(&mut body, libc::IFA_LABEL, &terminated(one.name));
    }
    attribute(&mut body, libc::IFA_FLAGS, &libc::IFA_F_PERMANENT.to_ne_bytes());
    let validity = [FOR_EVER, FOR_EVER, 0, 0].map(u32::to_ne_bytes).concat();
    attribute(&mut body, libc::IFA_CACHEINFO, &validity);
    body
}

/// `struct rtmsg` of a network on a link.
fn route(one: &Interface, address: IpAddr, prefix: u8) -> Vec<u8> {
    const MAIN: u8 = libc::RT_TABLE_MAIN;
    let network = match address {
        IpAddr::V4(v4) => (u32::from(v4) & u32::from(mask(prefix))).to_be_bytes().to_vec(),
        IpAddr::V6(v6) => {
            let bits = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            (u128::from(v6) & bits).to_be_bytes().to_vec()
        }
    };
    let mut body =
        vec![family(address), prefix, 0, 0, MAIN, libc::RTPROT_KERNEL, libc::RT_SCOPE_LINK, libc::RTN_UNICAST];
    body.extend([0; 4]);
    attribute(&mut body, libc::RTA_TABLE, &u32::from(MAIN).to_ne_bytes());
    attribute(&mut body, libc::RTA_DST, &network);
    if address.is_ipv4() {
        attribute(&mut body, libc::RTA_PREFSRC, &octets(address));
    }
    attribute(&mut body, libc::RTA_OIF, &one.index.to_ne_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;
    use crate::interfaces::of_host;

    fn ask(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = (HEADER as u32 + body.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes
    }

    /// Types and bodies of the messages of all answers; each carries the number of the question and the port.
    fn answers(request: &[u8], strict: bool) -> Vec<(u16, Vec<u8>)> {
        let interfaces = of_host(&Host::new(0, "x"), 1500, true);
        let mut found = Vec::new();
        for datagram in answer(request, &interfaces, 99, strict) {
            let mut rest = &datagram[..];
            while let Some(message) = first(rest) {
                assert_eq!((message.sequence, word(message.whole, 12)), (7, Some(99)));
                found.push((message.kind, message.body.to_vec()));
                rest = &rest[message.whole.len().next_multiple_of(4)..];
            }
            assert!(rest.is_empty());
        }
        found
    }

    #[test]
    fn lists_end_with_a_message_of_their_own() {
        let kinds = |kind, family| -> Vec<u16> {
            answers(&ask(kind, DUMP, &[family]), false).into_iter().map(|(kind, _)| kind).collect()
        };
        let done = libc::NLMSG_DONE as u16;
        assert_eq!(kinds(libc::RTM_GETLINK, 0), [LINK, LINK, done]);
        assert_eq!(kinds(libc::RTM_GETADDR, 0), [ADDRESS, ADDRESS, ADDRESS, ADDRESS, done]);
        assert_eq!(kinds(libc::RTM_GETADDR, libc::AF_INET6 as u8), [ADDRESS, ADDRESS, done]);
        assert_eq!(kinds(libc::RTM_GETROUTE, libc::AF_INET as u8), [ROUTE, done]);
        assert_eq!(kinds(libc::RTM_GETNEIGH, 0), [done]);
    }

    #[test]
    fn a_strict_question_names_its_interface() {
        let mut body = vec![0, 0, 0, 0];
        body.extend(1u32.to_ne_bytes());
        let request = ask(libc::RTM_GETADDR, DUMP, &body);
        assert_eq!(answers(&request, true).len(), 3);
        assert_eq!(answers(&request, false).len(), 5);
    }

    #[test]
    fn one_interface_is_found_by_name_or_by_index() {
        let by_name = |name: &str| {
            let mut body = vec![0; 16];
            attribute(&mut body, IFLA_IFNAME, &terminated(name));
            answers(&ask(libc::RTM_GETLINK, 0, &body), false)
        };
        let found = by_name("eth0");
        assert_eq!((found.len(), found[0].0, word(&found[0].1, 4)), (1, LINK, Some(2)));
        let missing = by_name("wlan0");
        assert_eq!((missing[0].0, word(&missing[0].1, 0)), (2, Some((-libc::ENODEV) as u32)));
        let mut by_index = vec![0; 16];
        by_index[4] = 1;
        assert_eq!(answers(&ask(libc::RTM_GETLINK, libc::NLM_F_ACK as u16, &by_index), false).len(), 2);
    }

    #[test]
    fn changes_are_not_allowed_and_noise_is_passed_over() {
        let refused = answers(&ask(libc::RTM_NEWADDR, 0, &[0; 8]), false);
        assert_eq!((refused[0].0, word(&refused[0].1, 0)), (2, Some((-libc::EPERM) as u32)));
        for noise in [&[][..], &[1], &[0; 16], &[255; 40]] {
            assert!(answer(noise, &[], 1, false).is_empty());
        }
    }
}
