//! TLS between a peer's connection and its steps: what a peer says and hears stays plain text, and what is on the wire
//! is encrypted. It works without sockets of its own, so it is the same on every backend.
//!
//! The authority that signs the peers' certificates is made for each run ([`authority`]), and the programs of the run
//! are told to trust it and nobody else ([`trust`]). All that the harness draws at random comes from the run's seed
//! ([`provider`]), so that its side of a session is the same in every run with one seed. What a program draws itself is
//! its own: where its library takes from the processor what no run owns (OpenSSL does, from the cycle counter), packets
//! differ from run to run in their bytes, and not in their lengths and times.

pub mod authority;
pub mod connection;
mod provider;
pub mod trust;

/// Why TLS cannot be offered in a run: never a program's doing.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A key or a certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library for TLS refused its settings.
    #[error("cannot set up TLS: {0}")]
    Settings(#[from] rustls::Error),
}
