//! A connection becomes one that nobody else can read, with a server that has shown who it is.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::failure::Failure;

/// Whom we trust to say who somebody is: the authorities of this machine, or those in the file that the environment
/// variable `SSL_CERT_FILE` names.
///
/// # Errors
/// If there is no authority that can be read.
pub fn trusted() -> Result<Arc<ClientConfig>, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    let (usable, _) = authorities.add_parsable_certificates(found.certs);
    if usable == 0 {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Failure::Protocol(format!("this machine trusts nobody, so no server can show who it is{why}")));
    }
    let unusable = |error| Failure::Protocol(format!("cannot speak TLS: {error}"));
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    Ok(Arc::new(settings.with_root_certificates(authorities).with_no_client_auth()))
}

/// Does the handshake on a connection on which the client has the next word.
///
/// # Errors
/// If the server is not who it should be, or cannot speak TLS.
pub fn secured<S: Read + Write>(
    mut connection: S,
    host: &str,
    trusted: Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, S>, Failure> {
    let unsafe_with = |why: String| Failure::Protocol(format!("no safe connection with {host}: {why}"));
    // The certificate must be for what the user has written: a name, or an address.
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unsafe_with(error.to_string()))?;
    let mut session = ClientConnection::new(trusted, name).map_err(|error| unsafe_with(error.to_string()))?;
    while session.is_handshaking() {
        // Nothing of the dialogue has been written yet: a server that shows a wrong certificate learns nothing.
        session.complete_io(&mut connection).map_err(|error| unsafe_with(error.to_string()))?;
    }
    Ok(StreamOwned::new(session, connection))
}
