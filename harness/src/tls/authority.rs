//! The authority of a run: it signs the certificates that the run's peers show.
//!
//! There are two of everything. Ed25519 signs without randomness (RFC 8032), so its certificates and handshakes are
//! the same for one seed; programs that do not know it (Java before 15, LibreSSL) are shown ECDSA with P-256.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, date_time_ymd,
};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{TlsError, provider};
use harness_language::scenario::model::Certificate;

/// How long a certificate holds, before the beginning of the run and after it.
const BEFORE: Duration = Duration::from_secs(30 * DAY);
const AFTER: Duration = Duration::from_secs(60 * DAY);
const DAY: u64 = 86_400;

/// The name in the certificate that is another's.
const SOMEBODY_ELSE: &str = "somebody-else.example";

/// What begins every Ed25519 key in PKCS #8 (RFC 8410, section 7); its 32 bytes follow.
const ED25519_KEY: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The authority of one run.
#[derive(Debug)]
pub struct Authority {
    seed: u64,
    /// What the programs' clocks show when the run begins.
    clock: Duration,
    /// Ed25519, and P-256.
    families: [Family; 2],
}

/// An authority, one that nobody knows, and the key of the servers.
struct Family {
    known: Issuer<'static, KeyPair>,
    root: rcgen::Certificate,
    unknown: Issuer<'static, KeyPair>,
    server: KeyPair,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("algorithm", self.server.algorithm()).finish_non_exhaustive()
    }
}

impl Family {
    fn new(clock: Duration, mut key: impl FnMut() -> Result<KeyPair, TlsError>) -> Result<Self, TlsError> {
        let (ours, theirs, server) = (key()?, key()?, key()?);
        let params = authority("Authority of this run", clock);
        let root = params.self_signed(&ours)?;
        let unknown = Issuer::new(authority("Authority that nobody knows", clock), theirs);
        Ok(Self { known: Issuer::new(params, ours), root, unknown, server })
    }
}

impl Authority {
    /// The authority for this seed; `clock` is what the programs' clocks show.
    ///
    /// # Errors
    /// If the library makes no keys.
    pub fn new(seed: u64, clock: SystemTime) -> Result<Self, TlsError> {
        let clock = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut draw = ChaCha20Rng::seed_from_u64(seed);
        let reproducible = Family::new(clock, || {
            let mut bytes = [0; 48];
            bytes[..16].copy_from_slice(&ED25519_KEY);
            draw.fill_bytes(&mut bytes[16..]);
            let key = PrivatePkcs8KeyDer::from(bytes.as_slice());
            Ok(KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519)?)
        })?;
        let other = Family::new(clock, || Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))?;
        Ok(Self { seed, clock, families: [reproducible, other] })
    }

    /// The certificates that programs are to trust.
    pub fn roots(&self) -> impl Iterator<Item = &rcgen::Certificate> {
        self.families.iter().map(|family| &family.root)
    }

    /// What the programs' clocks show when the run begins, since 1970.
    pub fn clock(&self) -> Duration {
        self.clock
    }

    /// A source of randomness for the `number`-th session of the run.
    pub(super) fn source(&self, number: u64) -> ChaCha20Rng {
        let mut source = ChaCha20Rng::seed_from_u64(self.seed);
        // Stream 0 has made the keys.
        source.set_stream(number + 1);
        source
    }

    /// How a peer that shows such a certificate speaks TLS.
    ///
    /// # Errors
    /// If the library refuses the settings.
    pub(super) fn settings(self: &Arc<Self>, certificate: Certificate) -> Result<rustls::ServerConfig, TlsError> {
        let shown = Shown { authority: Arc::clone(self), certificate };
        let mut settings = rustls::ServerConfig::builder_with_provider(Arc::new(provider::provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        // Nobody comes back to a session of a run.
        settings.session_storage = Arc::new(NoServerSessionStorage {});
        settings.send_tls13_tickets = 0;
        Ok(settings)
    }

    /// The certificate for a server that is called by this name, or by this machine's addresses.
    fn certify(
        &self,
        family: &Family,
        certificate: Certificate,
        called: Option<&str>,
    ) -> Result<CertifiedKey, TlsError> {
        let mut names: Vec<String> = match certificate {
            Certificate::WrongName => vec![SOMEBODY_ELSE.to_owned()],
            _ => called.into_iter().chain(["127.0.0.1", "::1", "localhost"]).map(str::to_owned).collect(),
        };
        names.dedup();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "A server of this run");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(vec![2].into());
        params.not_before = date_time_ymd(1970, 1, 1) + self.clock.saturating_sub(BEFORE);
        params.not_after = date_time_ymd(1970, 1, 1)
            + match certificate {
                Certificate::Expired => self.clock.saturating_sub(Duration::from_secs(DAY)),
                _ => self.clock + AFTER,
            };
        let issuer = if certificate == Certificate::UnknownAuthority { &family.unknown } else { &family.known };
        let signed = params.signed_by(&family.server, issuer)?;
        let chain = vec![CertificateDer::from(signed.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(family.server.serialize_der().into());
        Ok(CertifiedKey::new(chain, any_supported_type(&key)?))
    }
}

/// An authority's own certificate, before it is signed.
fn authority(name: &str, clock: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(vec![1].into());
    params.not_before = date_time_ymd(1970, 1, 1) + clock.saturating_sub(BEFORE);
    params.not_after = date_time_ymd(1970, 1, 1) + (clock + AFTER);
    params
}

/// Chooses what a peer shows.
#[derive(Debug)]
struct Shown {
    authority: Arc<Authority>,
    certificate: Certificate,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let [reproducible, other] = &self.authority.families;
        let knows_ed25519 = hello.signature_schemes().contains(&SignatureScheme::ED25519);
        let family = if knows_ed25519 { reproducible } else { other };
        // A program with a provider's name built in asks for that one (RFC 6066, section 3).
        let certify = |called| self.authority.certify(family, self.certificate, called);
        certify(hello.server_name()).or_else(|_| certify(None)).ok().map(Arc::new)
    }
}
