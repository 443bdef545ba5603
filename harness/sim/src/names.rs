//! Names of hosts, for programs that ask a name server.
//!
//! A datagram to port 53 of an address where nobody serves that port is answered by the simulation itself: `A`
//! and `AAAA` for the names of hosts (RFC 1035 section 4, RFC 3596). All other names lead to the default host, where
//! there is one: a program with `mail.example.com` built in meets the peers. Without one, and for a program that was told
//! where to go ([`crate::Launch::told_host`]), there is "no such name".

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::config::Config;
use crate::handle::HostId;
use crate::hosts::{Host, unmapped};
use crate::packet::{Datagram, Packet, Payload};
use crate::record::{Fate, PacketRecord};
use crate::sockets::{Net, SocketId};
use crate::wire::UnderWay;

const PORT: u16 = 53;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
const NO_SUCH_NAME: u8 = 3;
const LIFETIME: u32 = 60;

impl Net {
    /// Whether a datagram to this address is a question to the simulation.
    pub fn asks_for_name(&self, host: usize, to: SocketAddr) -> bool {
        if to.port() != PORT {
            return false;
        }
        let bound = |index: usize| self.ports.contains_key(&(index, false, PORT));
        let ip = unmapped(to.ip());
        if ip.is_loopback() || ip.is_unspecified() {
            return !(0..self.hosts.len()).any(bound);
        }
        match self.route(host, false, to) {
            Ok(route) => !route.host.is_some_and(bound),
            Err(_) => true,
        }
    }

    /// Answers a question and puts both datagrams on the wire.
    pub fn answer_name(&mut self, id: SocketId, port: u16, to: SocketAddr, question: &[u8]) {
        let Ok(host) = self.socket(id).map(|socket| socket.host) else { return };
        let server = SocketAddr::new(unmapped(to.ip()), PORT);
        let own = SocketAddr::new(self.hosts[host].address(server.is_ipv6()), port);
        let packet = |from: SocketAddr, to: SocketAddr, data: Bytes| Packet {
            source: from.ip(),
            destination: to.ip(),
            ttl: 64,
            payload: Payload::Udp(Datagram { source_port: from.port(), destination_port: to.port(), data }),
        };
        let Config { latency, .. } = self.config;
        let now = self.now;
        self.wire.trace.add(PacketRecord {
            at: now,
            from: HostId(host),
            to: None,
            fate: Fate::Arrives(now + latency),
            packet: packet(own, server, Bytes::copy_from_slice(question)),
        });
        let default = self.default_for(id).and_then(|index| self.hosts.get(index));
        let machine = (self.machine.as_str(), &self.hosts[host]);
        let Some(answer) = answer(&self.hosts, machine, default, &mut self.asked_for_v4, question) else { return };
        let back = packet(server, own, Bytes::from(answer));
        let arrives = now + latency + latency;
        self.wire.trace.add(PacketRecord {
            at: now + latency,
            from: HostId(host),
            to: Some(HostId(host)),
            fate: Fate::Arrives(arrives),
            packet: back.clone(),
        });
        self.wire.enqueue(arrives, UnderWay { to: host, packet: back, loopback: false, attempts: 0 });
    }
}

/// The answer to a question with one name; `None` for what is no question. `own` is the machine's name, as programs are
/// told it by the system, and the host of the one that asks.
///
/// Who asks for both kinds of address of a name that only leads to the default host is given the IPv4 one alone,
/// because that is where most servers of a lab listen.
fn answer(
    hosts: &[Host],
    own: (&str, &Host),
    default: Option<&Host>,
    asked_for_v4: &mut BTreeSet<String>,
    question: &[u8],
) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if length > 63 {
            return None;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let word = |at: usize| Some(u16::from_be_bytes(question.get(at..at + 2)?.try_into().ok()?));
    let (kind, class) = (word(at)?, word(at + 2)?);
    if question.get(2)? & 0x80 != 0 || word(4)? != 1 {
        return None;
    }
    let name = labels.join(".");
    let known = hosts.iter().find(|host| host.name.eq_ignore_ascii_case(&name));
    // The name of an address (`1.0.0.10.in-addr.arpa`) is nobody's.
    let of_machine = || own.0.eq_ignore_ascii_case(&name).then_some(own.1);
    let host = known.or_else(of_machine).or(default.filter(|_| !name.ends_with(".arpa")));
    if known.is_none() && kind == TYPE_A {
        asked_for_v4.insert(name.clone());
    }
    let data = host.filter(|_| class == CLASS_IN).and_then(|host| match kind {
        TYPE_A => Some(host.v4.octets().to_vec()),
        TYPE_AAAA if !asked_for_v4.contains(&name) => Some(host.v6.octets().to_vec()),
        _ => None,
    });
    let mut out = Vec::with_capacity(at + 40);
    out.extend(&question[..2]);
    // Response, recursion as desired and available.
    out.push(0x80 | question[2] & 0x01);
    out.push(0x80 | if host.is_none() { NO_SUCH_NAME } else { 0 });
    out.extend([0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
    out.extend(&question[12..at + 4]);
    if let Some(data) = data {
        // The name is the one of the question.
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend(class.to_be_bytes());
        out.extend(LIFETIME.to_be_bytes());
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, kind: u16) -> Vec<u8> {
        let mut question = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(label.len() as u8);
            question.extend(label.bytes());
        }
        question.push(0);
        question.extend(kind.to_be_bytes());
        question.extend([0, 1]);
        question
    }

    #[test]
    fn finds_a_host_whatever_the_case() {
        let hosts = [Host::new(0, "server"), Host::new(1, "Mail.Example")];
        let found = answer(&hosts, ("lab7", &hosts[1]), None, &mut BTreeSet::new(), &ask("mail.EXAMPLE", TYPE_A))
            .expect("an answer");
        assert_eq!(found[3] & 15, 0);
        assert!(found.ends_with(&[0, 4, 10, 0, 0, 2]));
        let own =
            answer(&hosts, ("lab7", &hosts[1]), None, &mut BTreeSet::new(), &ask("LAB7", TYPE_A)).expect("an answer");
        assert!(own.ends_with(&[0, 4, 10, 0, 0, 2]));
        let missing =
            answer(&hosts, ("lab7", &hosts[1]), None, &mut BTreeSet::new(), &ask("nobody", TYPE_A)).expect("an answer");
        assert_eq!(missing[3] & 15, NO_SUCH_NAME);
        assert_eq!(answer(&hosts, ("lab7", &hosts[1]), None, &mut BTreeSet::new(), &[0; 5]), None);
    }

    #[test]
    fn leads_every_full_name_to_the_default_host() {
        let hosts = [Host::new(0, "peers"), Host::new(1, "server")];
        let led = |name| {
            let answer = answer(&hosts, ("lab7", &hosts[1]), hosts.first(), &mut BTreeSet::new(), &ask(name, TYPE_A))
                .expect("an answer");
            (answer[3] & 15, answer[answer.len() - 4..].to_vec())
        };
        assert_eq!(led("myserver.local"), (0, vec![10, 0, 0, 1]));
        assert_eq!(led("server"), (0, vec![10, 0, 0, 2]));
        assert_eq!(led("7.0.0.10.in-addr.arpa").0, NO_SUCH_NAME);
    }
}
