//! The network between programs and peers: its manners, its interfaces, and changes of it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::duration::Limit;

/// The simulated network's manners.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// One-way delay of every packet.
    #[serde(default)]
    pub latency: Option<Limit>,
    /// Further delay of 0 to this much, drawn from the seed.
    #[serde(default)]
    pub jitter: Option<Limit>,
    /// The programs' machine makes no IPv6 sockets (`sim` only).
    #[serde(default)]
    pub no_ipv6: bool,
    /// Datagrams lost, by their number in the run, counted from 1 (`sim` only, as the next two).
    #[serde(default)]
    pub lose: Vec<u32>,
    /// Datagrams delivered twice, likewise.
    #[serde(default)]
    pub duplicate: Vec<u32>,
    /// Datagrams delivered after their successor, likewise; lost where none comes.
    #[serde(default)]
    pub reorder: Vec<u32>,
}

impl Network {
    /// Whether something becomes of single datagrams, which only `sim` can do.
    pub fn has_faults(&self) -> bool {
        [&self.lose, &self.duplicate, &self.reorder].into_iter().any(|numbers| !numbers.is_empty())
    }
}

/// A network interface that is made for a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Interface {
    /// Addresses with the length of their prefix: `"192.0.2.7/24"`, `"2001:db8::7/64"`.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Whether it is up.
    #[serde(default = "yes")]
    pub up: bool,
}

impl Interface {
    /// The addresses and the lengths of their prefixes.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parsed(&self) -> Result<Vec<(std::net::IpAddr, u8)>, String> {
        let parse = |text: &String| -> Option<(std::net::IpAddr, u8)> {
            let (address, prefix) = text.split_once('/')?;
            let (address, prefix): (std::net::IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
            let longest = if address.is_ipv4() { 32 } else { 128 };
            (prefix <= longest).then_some((address, prefix))
        };
        self.addresses.iter().map(|text| parse(text).ok_or_else(|| text.clone())).collect()
    }
}

fn yes() -> bool {
    true
}

/// Two actors.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// The two ends: programs, or `peers` for the harness's side.
    pub between: [String; 2],
}
