//! How the programs of a run come to trust its authority: files, and the environment that names them.
//!
//! There is no one place where all runtimes look. OpenSSL (and with it C, Python, Ruby, PHP, curl), Go and Rust's native
//! roots take `SSL_CERT_FILE` in place of the system's authorities; Node adds `NODE_EXTRA_CA_CERTS` to its own; Java has
//! a store, which is given as a property. A program that looks nowhere, because it has authorities built in, refuses
//! every certificate of a run, also the right one: nothing can be said about it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::authority::Authority;
use crate::submission::toolchain;

/// Variables that name a file with certificates in PEM.
const FILES: [&str; 5] =
    ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"];

/// Writes the authority's certificates into `folder`, and says by which environment programs trust it.
///
/// # Errors
/// If a file cannot be written.
pub fn lend(authority: &Authority, folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let (certificates, store) = (folder.join("certificates"), folder.join("authority.jks"));
    fs::create_dir_all(&certificates)?;
    let file = certificates.join("authority.pem");
    fs::write(&file, authority.roots().map(rcgen::Certificate::pem).collect::<String>())?;
    let roots: Vec<&[u8]> = authority.roots().map(|root| root.der().as_ref()).collect();
    let made = u64::try_from(authority.clock().as_millis()).unwrap_or_default();
    fs::write(&store, java_store(&roots, made))?;
    let text = |path: &Path| path.display().to_string();
    let mut environment: BTreeMap<String, String> =
        FILES.iter().map(|name| ((*name).to_owned(), text(&file))).collect();
    environment.insert("SSL_CERT_DIR".to_owned(), text(&certificates));
    let java = format!(
        "{} -Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=JKS",
        toolchain::JAVA_OPTIONS,
        text(&store)
    );
    environment.insert("JAVA_TOOL_OPTIONS".to_owned(), java);
    Ok(environment)
}

/// Certificates as a key store in Java's own form (`sun.security.provider.JavaKeyStore`): numbers are big-endian, and
/// texts have their length before them, in two bytes. A digest over the password ends it, which is not looked at where
/// no password is given.
fn java_store(certificates: &[&[u8]], made: u64) -> Vec<u8> {
    const MAGIC: u32 = 0xfeed_feed;
    const VERSION: u32 = 2;
    const TRUSTED: u32 = 2;
    const DIGEST: usize = 20;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let text = |text: &str| [&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes(), text.as_bytes()].concat();
    let mut store = [MAGIC.to_be_bytes(), VERSION.to_be_bytes(), number(certificates.len())].concat();
    for (index, certificate) in certificates.iter().enumerate() {
        store.extend(TRUSTED.to_be_bytes());
        store.extend(text(&format!("authority-{}", index + 1)));
        store.extend(made.to_be_bytes());
        store.extend(text("X.509"));
        store.extend(number(certificate.len()));
        store.extend_from_slice(certificate);
    }
    store.extend([0; DIGEST]);
    store
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn every_runtime_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new(1, UNIX_EPOCH).expect("an authority");
        let environment = lend(&authority, folder.path()).expect("written");
        for name in FILES {
            let pem = fs::read_to_string(&environment[name]).expect(name);
            assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2, "{name}");
        }
        assert!(environment["JAVA_TOOL_OPTIONS"].contains("-Xmx"), "the usual options stay");
    }

    #[test]
    fn the_store_of_java_has_a_length_before_everything() {
        let store = java_store(&[b"abc"], 5);
        assert_eq!(store[..12], [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(&store[16..29], b"\x00\x0bauthority-1");
        assert_eq!(&store[29..37], 5u64.to_be_bytes());
        assert_eq!(&store[37..51], b"\x00\x05X.509\x00\x00\x00\x03abc");
        assert_eq!(store.len(), 51 + 20);
    }
}
