//! The wire: packets under way, what delays them and what becomes of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Config;
use crate::handle::HostId;
use crate::packet::{Packet, Payload};
use crate::random::{Draw, Purpose};
use crate::record::{Fate, PacketRecord};
use crate::time::VirtualTime;
use crate::trace::Trace;

/// Time that a packet of a host to itself takes.
const OWN_HOST: Duration = Duration::from_micros(10);

/// Bytes of datagrams that may be under way: what more there is finds the queues on its way full. A program that sends
/// without end and never waits would fill the memory else, as no time passes meanwhile.
const DATAGRAMS_UNDER_WAY: usize = 64 << 20;

/// What is kept for a datagram besides its bytes.
const KEPT_WITH_IT: usize = 256;

/// A packet under way.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay {
    pub to: usize,
    pub packet: Packet,
    /// The sender meant its own machine.
    pub loopback: bool,
    /// How often a first segment was turned away by a full queue.
    pub attempts: u32,
}

type Flow = (SocketAddr, SocketAddr);

/// All packets under way, in order of arrival.
#[derive(Debug)]
pub(crate) struct Wire {
    queue: BTreeMap<(VirtualTime, u64), UnderWay>,
    sequence: u64,
    datagrams: u64,
    /// Bytes of datagrams in the queue.
    datagrams_under_way: usize,
    flows: HashMap<Flow, (u64, VirtualTime)>,
    cut: BTreeSet<(usize, usize)>,
    /// Ways on which datagrams wait, too, and are not lost.
    jammed: BTreeSet<(usize, usize)>,
    held: Vec<(usize, UnderWay)>,
    /// Datagrams that wait for the next one to overtake them.
    overtaken: Vec<UnderWay>,
    /// What the run is known by.
    pub trace: Trace,
}

impl Wire {
    /// An empty wire.
    pub fn new(config: &Config) -> Self {
        Self {
            queue: BTreeMap::new(),
            sequence: 0,
            datagrams: 0,
            datagrams_under_way: 0,
            flows: HashMap::new(),
            cut: BTreeSet::new(),
            jammed: BTreeSet::new(),
            held: Vec::new(),
            overtaken: Vec::new(),
            trace: Trace::new(config.keep_packets, &config.unnamed),
        }
    }

    /// Sends a packet from one host to another. Both addresses are as the receiver is to see them.
    pub fn send(&mut self, config: &Config, now: VirtualTime, from: usize, under_way: UnderWay) {
        let packet = &under_way.packet;
        let flow = (packet.from(), packet.to());
        let (count, last) = self.flows.get(&flow).copied().unwrap_or_default();
        self.flows.insert(flow, (count + 1, last));
        let keys = [address_key(flow.0), address_key(flow.1), count];
        let own = from == under_way.to;
        let mut record = PacketRecord {
            at: now,
            from: HostId(from),
            to: Some(HostId(under_way.to)),
            fate: Fate::Lost,
            packet: packet.clone(),
        };
        let datagram = matches!(packet.payload, Payload::Udp(_));
        if datagram {
            self.datagrams += 1;
        }
        if datagram && self.datagrams_under_way + self.held.len() * KEPT_WITH_IT > DATAGRAMS_UNDER_WAY {
            self.trace.add(record);
            return;
        }
        if self.cut.contains(&(from, under_way.to)) {
            // A connection sends again until the way is open; a datagram is gone.
            if matches!(packet.payload, Payload::Tcp(_)) || self.jammed.contains(&(from, under_way.to)) {
                record.fate = Fate::Held;
                self.held.push((from, under_way));
            }
            self.trace.add(record);
            return;
        }
        let mut time = if own { OWN_HOST } else { config.latency };
        if !own && !config.jitter.is_zero() {
            let jitter = Draw::new(config.seed, Purpose::Jitter, &keys).below(config.jitter.as_nanos() as u64 + 1);
            time += Duration::from_nanos(jitter);
        }
        let mut copies = 1;
        if datagram && !own {
            let faults = &config.datagrams;
            let lost = faults.lose.contains(&self.datagrams)
                || Draw::new(config.seed, Purpose::Loss, &keys).chance(faults.loss);
            if lost {
                self.trace.add(record);
                return;
            }
            if faults.overtaken.contains(&self.datagrams) {
                record.fate = Fate::Held;
                self.trace.add(record);
                self.overtaken.push(under_way);
                return;
            }
            if Draw::new(config.seed, Purpose::Reorder, &keys).chance(faults.reorder) {
                time += faults.reorder_by;
            }
            if faults.twice.contains(&self.datagrams)
                || Draw::new(config.seed, Purpose::Duplicate, &keys).chance(faults.duplicate)
            {
                copies = 2;
            }
        } else if !own
            && config.segment_loss > 0.0
            && Draw::new(config.seed, Purpose::Loss, &keys).chance(config.segment_loss)
        {
            time += config.retransmission;
        }
        let mut arrives = now + time;
        if !datagram {
            arrives = arrives.max(last);
            self.flows.insert(flow, (count + 1, arrives));
        }
        record.fate = Fate::Arrives(arrives);
        for _ in 0..copies {
            self.trace.add(record.clone());
            self.enqueue(arrives, under_way.clone());
        }
        if datagram && !own {
            for late in std::mem::take(&mut self.overtaken) {
                self.enqueue(arrives, late);
            }
        }
    }

    /// Puts a packet back for a later arrival (a first segment that found a full queue).
    pub fn enqueue(&mut self, arrives: VirtualTime, under_way: UnderWay) {
        self.sequence += 1;
        self.datagrams_under_way += size(&under_way);
        self.queue.insert((arrives, self.sequence), under_way);
    }

    /// The next packet that has arrived by `now`.
    pub fn arrived(&mut self, now: VirtualTime) -> Option<UnderWay> {
        let entry = self.queue.first_entry()?;
        let arrived = (entry.key().0 <= now).then(|| entry.remove())?;
        self.datagrams_under_way -= size(&arrived);
        Some(arrived)
    }

    /// When the next packet arrives.
    pub fn next(&self) -> Option<VirtualTime> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Holds back everything on the way from one host to another.
    pub fn jam(&mut self, from: usize, to: usize) {
        self.jammed.insert((from, to));
        self.cut.insert((from, to));
    }

    /// Cuts the way from one host to another.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Opens the way again; what connections sent meanwhile leaves after one retransmission time.
    pub fn heal(&mut self, config: &Config, now: VirtualTime, from: usize, to: usize) {
        self.cut.remove(&(from, to));
        self.jammed.remove(&(from, to));
        let (go, stay) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(source, under_way)| *source == from && under_way.to == to);
        self.held = stay;
        let go: Vec<(usize, UnderWay)> = go;
        for (source, under_way) in go {
            self.send(config, now + config.retransmission, source, under_way);
        }
    }
}

/// Bytes that are kept for a datagram under way; a connection has a window.
fn size(under_way: &UnderWay) -> usize {
    match &under_way.packet.payload {
        Payload::Udp(datagram) => datagram.data.len() + KEPT_WITH_IT,
        _ => 0,
    }
}

/// A word that stands for an address in draws.
pub(crate) fn address_key(address: SocketAddr) -> u64 {
    let ip = match address.ip() {
        std::net::IpAddr::V4(v4) => u64::from(u32::from(v4)),
        std::net::IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            (bits >> 64) as u64 ^ bits as u64
        }
    };
    ip << 16 ^ u64::from(address.port())
}
