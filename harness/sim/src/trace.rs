//! What identifies a run: a running hash over its packets, and the packets themselves where they are wanted.

use std::net::IpAddr;

use memchr::memmem::Finder;
use sha2::{Digest, Sha256};

use crate::packet::{Packet, Payload};
use crate::record::{Fate, PacketRecord};

/// Bytes of packets that are kept: nobody looks at more.
const KEPT: usize = 256 << 20;

/// The packets of a run so far. A transfer of hundreds of megabytes is hashed as it passes and not kept, unless
/// somebody is to see it.
#[derive(Debug)]
pub(crate) struct Trace {
    keep: bool,
    unnamed: Option<Finder<'static>>,
    hash: Sha256,
    count: usize,
    kept: usize,
    records: Vec<PacketRecord>,
}

/// Bytes that a packet carries.
fn bytes(packet: &Packet) -> usize {
    match &packet.payload {
        Payload::Tcp(segment) => segment.data.len(),
        Payload::Udp(datagram) => datagram.data.len(),
        Payload::PortUnreachable(about) => bytes(about),
    }
}

impl Trace {
    /// Nothing yet. Of `unnamed`, where it is sent, the hash knows only that it was.
    pub fn new(keep: bool, unnamed: &str) -> Self {
        let unnamed = (!unnamed.is_empty()).then(|| Finder::new(unnamed).into_owned());
        Self { keep, unnamed, hash: Sha256::new(), count: 0, kept: 0, records: Vec::new() }
    }

    /// Takes in the next packet.
    pub fn add(&mut self, record: PacketRecord) {
        self.count += 1;
        self.hash.update(record.at.as_nanos().to_le_bytes());
        let (fate, arrives) = match record.fate {
            Fate::Arrives(at) => (0u8, at.as_nanos()),
            Fate::Lost => (1, 0),
            Fate::Held => (2, 0),
        };
        self.hash.update([fate]);
        self.hash.update(arrives.to_le_bytes());
        take_in(&mut self.hash, &record.packet, self.unnamed.as_ref());
        if self.keep && self.kept < KEPT {
            self.kept += size_of::<PacketRecord>() + bytes(&record.packet);
            self.records.push(record);
        }
    }

    /// How many packets there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The packets, in the order of sending; empty when they are not kept.
    pub fn records(&self) -> &[PacketRecord] {
        &self.records
    }

    /// SHA-256 of everything so far, as hexadecimal digits.
    pub fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every field of a packet, each with a fixed length or a length of its own before it.
fn take_in(hash: &mut Sha256, packet: &Packet, unnamed: Option<&Finder<'_>>) {
    let mut head = Vec::with_capacity(80);
    for address in [packet.source, packet.destination] {
        match address {
            IpAddr::V4(v4) => head.extend(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => head.extend(v6.octets()),
        }
    }
    head.push(packet.ttl);
    let data = match &packet.payload {
        Payload::Tcp(segment) => {
            let flags = segment.flags;
            let bits = [flags.fin, flags.syn, flags.rst, flags.psh, flags.ack]
                .into_iter()
                .enumerate()
                .fold(0u8, |bits, (place, set)| bits | u8::from(set) << place);
            head.extend([6, bits]);
            head.extend(segment.source_port.to_le_bytes());
            head.extend(segment.destination_port.to_le_bytes());
            head.extend(segment.sequence.to_le_bytes());
            head.extend(segment.acknowledgment.to_le_bytes());
            head.extend(segment.window.to_le_bytes());
            &segment.data
        }
        Payload::Udp(datagram) => {
            head.push(17);
            head.extend(datagram.source_port.to_le_bytes());
            head.extend(datagram.destination_port.to_le_bytes());
            &datagram.data
        }
        Payload::PortUnreachable(about) => {
            head.push(1);
            hash.update(&head);
            return take_in(hash, about, unnamed);
        }
    };
    head.extend((data.len() as u64).to_le_bytes());
    hash.update(&head);
    let Some(unnamed) = unnamed else { return hash.update(data) };
    let mut from = 0;
    for at in unnamed.find_iter(data) {
        hash.update(&data[from..at]);
        hash.update(vec![b'_'; unnamed.needle().len()]);
        from = at + unnamed.needle().len();
    }
    hash.update(&data[from..]);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::handle::HostId;
    use crate::packet::Datagram;
    use crate::time::VirtualTime;

    fn record(data: &'static [u8], fate: Fate) -> PacketRecord {
        PacketRecord {
            at: VirtualTime::START,
            from: HostId(0),
            to: Some(HostId(1)),
            fate,
            packet: Packet {
                source: "10.0.0.1".parse().expect("address"),
                destination: "10.0.0.2".parse().expect("address"),
                ttl: 64,
                payload: Payload::Udp(Datagram { source_port: 1, destination_port: 2, data: Bytes::from_static(data) }),
            },
        }
    }

    fn hash(keep: bool, records: &[PacketRecord]) -> String {
        let mut trace = Trace::new(keep, "run-a1b2");
        for record in records {
            trace.add(record.clone());
        }
        assert_eq!(trace.count(), records.len());
        assert_eq!(trace.records().len(), if keep { records.len() } else { 0 });
        trace.sha256()
    }

    #[test]
    fn the_hash_depends_on_contents_fates_and_cuts_and_not_on_keeping() {
        let arrives = Fate::Arrives(VirtualTime::START);
        let one = hash(true, &[record(b"ab", arrives), record(b"c", arrives)]);
        assert_eq!(one, hash(false, &[record(b"ab", arrives), record(b"c", arrives)]));
        assert_ne!(one, hash(false, &[record(b"a", arrives), record(b"bc", arrives)]));
        assert_ne!(one, hash(false, &[record(b"ab", arrives), record(b"c", Fate::Lost)]));
        assert_ne!(one, hash(false, &[record(b"c", arrives), record(b"ab", arrives)]));
    }

    #[test]
    fn a_name_that_is_another_one_each_time_does_not_count() {
        let arrives = Fate::Arrives(VirtualTime::START);
        let sent = |data| hash(false, &[record(data, arrives)]);
        assert_eq!(sent(b"/tmp/run-a1b2/x run-a1b2"), sent(b"/tmp/________/x ________"));
        assert_ne!(sent(b"/tmp/run-a1b2/x"), sent(b"/tmp/run-a1b3/x"));
        assert_ne!(sent(b"/tmp/run-a1b2/x"), sent(b"/tmp/run-a1b2/y"));
    }
}
