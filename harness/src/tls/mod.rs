//! TLS between a peer's connection and its steps: what a peer says and hears stays plain text, and what is on the wire
//! is encrypted. It works without sockets of its own, so it is the same on every backend.
//!
//! The authority that signs the peers' certificates is made for each run ([`authority`]), and the programs of the run
//! are told to trust it and nobody else ([`trust`]). All that the harness draws at random comes from the run's seed
//! (`provider`), so that its side of a session is the same in every run with one seed. The other side is the program's:
//! on the simulated network what it draws with `getrandom` comes from the seed as well, and a session is the same to the
//! byte (seen with OpenSSL, Go, Node and rustls). Java reads `/dev/urandom`, which no run owns: its packets differ in
//! their bytes, and not in their lengths and order, and such a run has no trace to compare.

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
