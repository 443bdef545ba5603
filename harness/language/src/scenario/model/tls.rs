//! A peer that speaks TLS, and what is expected of the program that it speaks with.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a peer shows when TLS begins. Programs are told to trust the authority of the run, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// One that is right: for the server's address and the name that the program asks for, and signed by the authority
    /// of the run. A program that refuses it has authorities of its own, and cannot be judged.
    Good,
    /// One for another name.
    WrongName,
    /// One that an authority has signed which nobody knows.
    UnknownAuthority,
    /// One whose time is over since a day.
    Expired,
}

impl Certificate {
    /// What is wrong with it, in words that follow "whose certificate"; nothing if it is right.
    pub fn fault(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::WrongName => Some("is for another name"),
            Self::UnknownAuthority => Some("was signed by an authority that nobody knows"),
            Self::Expired => Some("has expired"),
        }
    }
}

/// The program speaks TLS with a peer that was told to (`accept` with `tls`): it begins so, or asks for it later. Whether
/// it then trusts the certificate is not asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectTls {
    /// The peer.
    pub peer: String,
    /// Requirements that this step decides; default: all of the scenario, and a failure ends it.
    #[serde(default)]
    pub decides: Vec<String>,
    /// Where this does not come out, the run is skipped for this reason and nothing is failed.
    #[serde(default)]
    pub or_skip: Option<String>,
}
