//! What a run is given: its seed, its network, its forced short calls, its bounds.

use std::time::Duration;

use crate::schedule::Schedule;

/// What happens to datagrams on the way. Each chance is a probability between 0 and 1. Connections lose
/// nothing: a lost segment shows as the delay that its retransmission costs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DatagramFaults {
    /// Chance that a datagram is lost.
    pub loss: f64,
    /// Chance that it arrives twice.
    pub duplicate: f64,
    /// Chance that it is held back by `reorder_by`, so that later ones overtake it.
    pub reorder: f64,
    /// How long a reordered datagram is held back.
    pub reorder_by: Duration,
    /// Datagrams lost for certain, by their number among all datagrams of the run, counted from 1.
    pub lose: Vec<u64>,
    /// Datagrams that arrive twice, likewise.
    pub twice: Vec<u64>,
    /// Datagrams that arrive right after the next one that arrives, likewise.
    pub overtaken: Vec<u64>,
}

/// Everything that decides a run. Two runs of the same programs with equal configurations are the same run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Decides every draw.
    pub seed: u64,
    /// One-way time of a packet between two hosts.
    pub latency: Duration,
    /// Greatest time added at random to the latency of one packet. Segments of one connection keep their order.
    pub jitter: Duration,
    /// Chance that a segment has to be sent again, which costs it `retransmission`.
    pub segment_loss: f64,
    /// What a lost segment costs (RFC 6298 section 2: at least one second until the first sample; Linux uses
    /// 200 ms after that).
    pub retransmission: Duration,
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// What happens to datagrams.
    pub datagrams: DatagramFaults,
    /// Forced short reads of programs, on streams.
    pub reads: Schedule,
    /// Forced short writes of programs, on streams.
    pub writes: Schedule,
    /// Whether programs can make IPv6 sockets; where not, `socket` fails with EAFNOSUPPORT, as on a kernel
    /// without IPv6.
    pub ipv6: bool,
    /// The run ends when its clock reaches this.
    pub limit: Duration,
    /// Processor time that a thread may use between two calls that the simulation sees. The one bound that
    /// depends on the machine.
    pub cpu_budget: Duration,
    /// Keep the supervisor and its programs on one processor, which makes a trap several times cheaper.
    pub one_processor: bool,
    /// Keep every packet, to be looked at afterwards. What identifies the run is the same without.
    pub keep_packets: bool,
    /// A name that is another one in every run, such as that of a temporary folder. Where it is sent, it does not
    /// count for what identifies the run; its length does.
    pub unnamed: String,
    /// The run stops when this call is to be answered, counted from 0 in the record ([`crate::Simulation::calls`]), and
    /// leaves it unanswered: whoever made it can be looked at in it.
    pub stop_at: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            segment_loss: 0.0,
            retransmission: Duration::from_millis(200),
            mtu: 1500,
            datagrams: DatagramFaults::default(),
            reads: Schedule::Whole,
            writes: Schedule::Whole,
            ipv6: true,
            limit: Duration::from_secs(3600),
            cpu_budget: Duration::from_secs(10),
            one_processor: true,
            keep_packets: true,
            unnamed: String::new(),
            stop_at: None,
        }
    }
}
