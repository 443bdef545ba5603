//! Names in a run's own world: every name leads to the machine that the run is played on, and who asked for
//! which is remembered. A program with `mail.example.com` built in meets the harness's peer, and nothing of it
//! reaches the real one. Once a program of the run is told where to go, no other name is known, as on the simulated
//! network: who goes elsewhere finds nobody.
//!
//! This is the name server; `resolver.rs` makes the programs ask it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use harness_os::sniff::dns_question;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use harness_peers::dns::PORT;

/// Longest question without extensions (RFC 1035, section 4.2.1).
const LONGEST: usize = 512;

/// Seconds for which an answer holds.
const LIFETIME: u32 = 60;

/// "No such name" (RFC 1035, section 4.1.1).
const NO_SUCH_NAME: u8 = 3;

/// Record types (RFC 1035, section 3.2.2; RFC 3596, section 2.1).
const A: u16 = 1;
const AAAA: u16 = 28;

/// A run's name server.
#[derive(Default)]
pub struct Names {
    asked: Rc<RefCell<Vec<String>>>,
    told: Rc<Cell<bool>>,
    serving: RefCell<Option<(JoinHandle<()>, Rc<UdpSocket>)>>,
}

impl Names {
    /// Opens the name server of the calling thread's network; it answers as long as the run's tasks are driven.
    ///
    /// # Errors
    /// If its port is taken.
    pub fn serve() -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT))
            .or_else(|_| std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)))?;
        socket.set_nonblocking(true)?;
        let socket = Rc::new(UdpSocket::from_std(socket)?);
        let names = Self::default();
        let (asked, told, asking) = (Rc::clone(&names.asked), Rc::clone(&names.told), Rc::clone(&socket));
        let serving = tokio::task::spawn_local(async move {
            let mut buffer = [0; LONGEST];
            let mut by_ipv4 = BTreeSet::new();
            while let Ok((length, from)) = asking.recv_from(&mut buffer).await {
                if let Some(reply) = answer(&buffer[..length], told.get(), &mut by_ipv4, &asked) {
                    let _ = asking.send_to(&reply, from).await;
                }
            }
        });
        names.serving.replace(Some((serving, socket)));
        Ok(names)
    }

    /// Answers no more, and gives its socket to the peer that answers instead. The port is not closed and opened
    /// again: a child that another thread is just starting may still hold a copy, and the port would be taken.
    pub async fn give_way(&self) -> Option<UdpSocket> {
        let (serving, socket) = self.serving.take()?;
        serving.abort();
        // The task's hold on the socket ends with it.
        let _ = serving.await;
        Rc::into_inner(socket)
    }

    /// A program has been told where to go.
    pub fn told(&self) {
        self.told.set(true);
    }

    /// Names that addresses were asked for, each once, in the order they were; without the machine's own.
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().iter().filter(|name| !is_own(name)).cloned().collect()
    }
}

/// Whether a name is this machine's.
fn is_own(name: &str) -> bool {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.eq_ignore_ascii_case(own.trim()) || name == "localhost"
}

/// The answer to a query, if it is one: this machine's address. Who asks for both kinds of address, as most
/// resolvers do, is given the IPv4 one alone, because that is where most servers of a lab listen. Where somebody was
/// `told` where to go, there is no name but the machine's own.
fn answer(query: &[u8], told: bool, by_ipv4: &mut BTreeSet<String>, asked: &RefCell<Vec<String>>) -> Option<Vec<u8>> {
    let name = dns_question(query)?;
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    end += 1;
    let question = query.get(12..end + 4)?;
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let known = !told || is_own(&name);
    let address = match kind {
        _ if !known => None,
        A => {
            by_ipv4.insert(name.clone());
            Some(Ipv4Addr::LOCALHOST.octets().to_vec())
        }
        AAAA if !by_ipv4.contains(&name) => Some(Ipv6Addr::LOCALHOST.octets().to_vec()),
        _ => None,
    };
    if matches!(kind, A | AAAA) && !asked.borrow().contains(&name) {
        asked.borrow_mut().push(name);
    }
    let mut reply = query[..2].to_vec();
    // An answer, recursion as desired and available (RFC 1035, section 4.1.1).
    reply.extend([0x80 | query[2] & 0x01, 0x80 | if known { 0 } else { NO_SUCH_NAME }]);
    reply.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    reply.extend_from_slice(question);
    if let Some(address) = address {
        // The name stands at byte 12 (compression: RFC 1035, section 4.1.4).
        reply.extend([0xc0, 0x0c]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(LIFETIME.to_be_bytes());
        reply.extend((address.len() as u16).to_be_bytes());
        reply.extend(address);
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut query = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(label.len() as u8);
            query.extend(label.as_bytes());
        }
        query.push(0);
        query.extend(kind.to_be_bytes());
        query.extend([0, 1]);
        query
    }

    #[test]
    fn every_name_leads_here() {
        let (mut seen, asked) = (BTreeSet::new(), RefCell::default());
        let reply = answer(&query("mail.example.com", A), false, &mut seen, &asked).unwrap();
        assert_eq!(reply[..12], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(reply[reply.len() - 4..], [127, 0, 0, 1]);
        // The other kind: no error, and no address.
        let reply = answer(&query("mail.example.com", AAAA), false, &mut seen, &asked).unwrap();
        assert_eq!(reply[3] & 0x0f, 0);
        assert_eq!(reply[7], 0);
        // Who asks for IPv6 only gets it.
        let reply = answer(&query("six.example.com", AAAA), false, &mut seen, &asked).unwrap();
        assert_eq!(reply[reply.len() - 16..], Ipv6Addr::LOCALHOST.octets());
        assert_eq!(asked.into_inner(), ["mail.example.com", "six.example.com"]);
    }

    #[test]
    fn who_was_told_where_to_go_finds_nobody_elsewhere() {
        let (mut seen, asked) = (BTreeSet::new(), RefCell::default());
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        for (name, error, answers) in [("mail.example.com", NO_SUCH_NAME, 0), ("localhost", 0, 1), (own.trim(), 0, 1)] {
            let reply = answer(&query(name, A), true, &mut seen, &asked).unwrap();
            assert_eq!((reply[3] & 0x0f, reply[7]), (error, answers), "{name}");
        }
        assert_eq!(asked.borrow()[0], "mail.example.com", "it was asked for all the same");
    }

    #[rstest]
    #[case::empty(&[])]
    #[case::cut_off(&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, b'm'])]
    #[case::an_answer(&[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1])]
    fn what_is_no_query_is_left_alone(#[case] packet: &[u8]) {
        assert_eq!(answer(packet, false, &mut BTreeSet::new(), &RefCell::default()), None);
    }
}
