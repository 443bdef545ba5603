//! The algorithms that the peers speak TLS with, and where they draw from.
//!
//! The library asks one place for randomness, and that place is the same for all connections: a connection lends it its
//! own source while it is at work ([`drawing_from`]). Runs have a thread each, and so has the place.

use std::cell::RefCell;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, ring,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::{PublicKey, StaticSecret};

thread_local! {
    static SOURCE: RefCell<Option<ChaCha20Rng>> = const { RefCell::new(None) };
}

/// Lets everything that `act` does with the algorithms draw from this source, which is `None` only meanwhile.
pub(super) fn drawing_from<T>(source: &mut Option<ChaCha20Rng>, act: impl FnOnce() -> T) -> T {
    SOURCE.set(source.take());
    let outcome = act();
    *source = SOURCE.take();
    outcome
}

/// The usual algorithms; key exchange with X25519 draws from the lent source as well. A client that knows the curves
/// of NIST only is served, too, and not reproducible.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![&X25519, ring::kx_group::SECP256R1, ring::kx_group::SECP384R1],
        secure_random: &Lent,
        ..ring::default_provider()
    }
}

/// The source that was lent.
#[derive(Debug)]
struct Lent;

impl SecureRandom for Lent {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        SOURCE.with_borrow_mut(|source| {
            source.as_mut().ok_or(GetRandomFailed)?.fill_bytes(bytes);
            Ok(())
        })
    }
}

/// Key exchange with X25519 (RFC 7748, section 6.1; in TLS: RFC 8446, section 7.4.2).
#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        Lent.fill(&mut secret)?;
        let secret = StaticSecret::from(secret);
        let public = PublicKey::from(&secret).to_bytes();
        Ok(Box::new(Exchange { secret, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// A key exchange that has begun.
struct Exchange {
    secret: StaticSecret,
    public: [u8; 32],
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        let refused = || Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);
        let theirs: [u8; 32] = theirs.try_into().map_err(|_| refused())?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(theirs));
        // A point of small order gives zeros, whatever our secret is (RFC 8446, section 7.4.2).
        if !shared.was_contributory() {
            return Err(refused());
        }
        Ok(SharedSecret::from(shared.as_bytes().as_slice()))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
