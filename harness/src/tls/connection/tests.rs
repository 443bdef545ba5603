//! The peers' TLS against the library's client, without sockets.

use std::future::poll_fn;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use rstest::rstest;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::provider;
use super::*;

/// One end of a pipe.
struct Pipe(DuplexStream);

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Connection for Pipe {
    fn reset(self: Box<Self>) {}

    fn unread(&self) -> Option<u64> {
        None
    }

    fn remote(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }
}

/// A client as programs are: it trusts the authority of the run, and nobody else.
fn trusting(authority: &Authority, provider: CryptoProvider) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authority.roots().map(|root| CertificateDer::from(root.der().to_vec())));
    let settings = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    Arc::new(settings.expect("settings").with_root_certificates(roots).with_no_client_auth())
}

/// Shakes hands, says `ping`, reads the answer, and closes. All that came is handed back, and what was said in it.
async fn client(mut stream: DuplexStream, session: &mut ClientConnection) -> Result<(Vec<u8>, Vec<u8>), rustls::Error> {
    let (mut on_the_wire, mut heard, mut asked) = (Vec::new(), Vec::new(), false);
    loop {
        let mut out = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut out).expect("a vector takes everything");
        }
        stream.write_all(&out).await.expect("written");
        if !session.is_handshaking() && !asked {
            asked = true;
            session.writer().write_all(b"ping").expect("taken");
            continue;
        }
        if heard == b"PING" {
            return Ok((on_the_wire, heard));
        }
        let mut buffer = vec![0; 4096];
        let count = stream.read(&mut buffer).await.expect("read");
        assert!(count > 0, "the server ended the connection");
        on_the_wire.extend_from_slice(&buffer[..count]);
        session.read_tls(&mut &buffer[..count]).expect("a slice can be read");
        let processed = session.process_new_packets();
        if let Err(error) = processed {
            let mut alert = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut alert).expect("a vector takes everything");
            }
            stream.write_all(&alert).await.expect("written");
            return Err(error);
        }
        let _ = session.reader().read_to_end(&mut heard);
    }
}

/// A peer that answers in capitals; what came of the handshake.
async fn server(stream: DuplexStream, authority: &Arc<Authority>, shown: Certificate) -> Result<(), Hindrance> {
    let (mut connection, hindrance) =
        TlsConnection::new(Box::new(Pipe(stream)), authority, shown, 0, &[]).expect("TLS is there");
    assert_eq!(hindrance, None);
    poll_fn(|cx| connection.poll_handshake(cx)).await?;
    let mut buffer = [0; 4];
    connection.read_exact(&mut buffer).await.expect("read");
    connection.write_all(&buffer.to_ascii_uppercase()).await.expect("written");
    connection.flush().await.expect("flushed");
    connection.shutdown().await.expect("closed");
    Ok(())
}

type Outcome = (Result<(Vec<u8>, Vec<u8>), rustls::Error>, Result<(), Hindrance>);

fn meet(authority: &Arc<Authority>, shown: Certificate, name: &str, mut session: Option<ClientConnection>) -> Outcome {
    let new = || {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        ClientConnection::new(trusting(authority, ring::default_provider()), name).expect("a client")
    };
    let mut session = session.take().unwrap_or_else(new);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        // A narrow pipe cuts everything into pieces.
        let (ours, theirs) = duplex(100);
        tokio::join!(client(theirs, &mut session), server(ours, authority, shown))
    })
}

/// The library's own check of a certificate's time goes by the clock of this machine.
fn authority() -> Arc<Authority> {
    Arc::new(Authority::new(7, std::time::SystemTime::now()).expect("an authority"))
}

#[rstest]
fn whoever_trusts_the_authority_is_served(
    #[values("127.0.0.1", "::1", "localhost", "smtp.provider.example")] name: &str,
) {
    let (client, server) = meet(&authority(), Certificate::Good, name, None);
    let (_, heard) = client.expect("the client is content");
    assert_eq!((heard, server), (b"PING".to_vec(), Ok(())));
}

#[rstest]
#[case(Certificate::WrongName, "bad certificate")]
#[case(Certificate::UnknownAuthority, "unknown authority")]
#[case(Certificate::Expired, "certificate expired")]
fn a_wrong_certificate_is_wrong(#[case] shown: Certificate, #[case] alert: &'static str) {
    let (client, server) = meet(&authority(), shown, "smtp.provider.example", None);
    assert!(client.is_err());
    assert_eq!(server, Err(Hindrance::Distrust(alert)));
}

#[test]
fn who_does_not_know_ed25519_is_shown_another_certificate() {
    let authority = authority();
    let mut provider = ring::default_provider();
    let known = provider.signature_verification_algorithms.mapping;
    let without: Vec<_> = known.iter().copied().filter(|(scheme, _)| *scheme != SignatureScheme::ED25519).collect();
    provider.signature_verification_algorithms.mapping = Vec::leak(without);
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(trusting(&authority, provider), name).expect("a client");
    let (client, server) = meet(&authority, Certificate::Good, "", Some(session));
    assert!(client.is_ok() && server.is_ok(), "{client:?}, {server:?}");
}

#[test]
fn the_same_seed_is_the_same_session() {
    let wire = |seed: u64| {
        let authority = Arc::new(Authority::new(seed, std::time::SystemTime::now()).expect("an authority"));
        // A client that draws from a seed as well, as programs on the simulated network do.
        let mut source = Some(authority.source(1_000));
        let name = ServerName::try_from("localhost").expect("a name");
        let session = provider::drawing_from(&mut source, || {
            ClientConnection::new(trusting(&authority, provider::provider()), name).expect("a client")
        });
        let (client, _) = meet(&authority, Certificate::Good, "", Some(session));
        client.expect("the client is content").0
    };
    assert_eq!(wire(1), wire(1));
    assert_ne!(wire(1), wire(2));
}

proptest! {
    #[test]
    fn whatever_comes_is_survived(bytes: Vec<u8>) {
        let authority = Arc::new(Authority::new(1, UNIX_EPOCH + Duration::from_secs(1 << 30)).expect("an authority"));
        let (ours, _theirs) = duplex(100);
        let made = TlsConnection::new(Box::new(Pipe(ours)), &authority, Certificate::Good, 0, &bytes);
        prop_assert!(made.is_ok());
    }
}
