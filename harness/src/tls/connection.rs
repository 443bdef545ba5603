//! A peer's connection with TLS in it: a connection like any other for whoever uses it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rand_chacha::ChaCha20Rng;
use rustls::{AlertDescription, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::TlsError;
use super::authority::Authority;
use super::provider::drawing_from;
use crate::run::stage::Connection;
use harness_language::scenario::model::Certificate;

/// The most that goes into one record, in bytes (RFC 8446, section 5.1).
const RECORD: usize = 1 << 14;

/// Why a handshake has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// The program has refused the certificate, with this alert (RFC 8446, section 6.2).
    Distrust(&'static str),
    /// The program has ended the connection.
    Left,
    /// The two cannot agree, or what came is no TLS.
    Broken(String),
}

impl std::fmt::Display for Hindrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Distrust(alert) => write!(f, "the program refuses the certificate (alert: {alert})"),
            Self::Left => f.write_str("the program ends the connection in the middle of the handshake"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl From<rustls::Error> for Hindrance {
    fn from(error: rustls::Error) -> Self {
        let rustls::Error::AlertReceived(alert) = &error else { return Self::Broken(error.to_string()) };
        match alert {
            AlertDescription::UnknownCA => Self::Distrust("unknown authority"),
            AlertDescription::BadCertificate => Self::Distrust("bad certificate"),
            AlertDescription::CertificateUnknown => Self::Distrust("certificate unknown"),
            AlertDescription::CertificateExpired => Self::Distrust("certificate expired"),
            AlertDescription::UnsupportedCertificate => Self::Distrust("unsupported certificate"),
            other => Self::Broken(format!("the program breaks the handshake off (alert: {other:?})")),
        }
    }
}

/// The server's end of a connection that speaks TLS.
pub struct TlsConnection {
    inner: Box<dyn Connection>,
    session: ServerConnection,
    /// What the session draws from; lent to the algorithms while they are at work.
    source: Option<ChaCha20Rng>,
    /// Decrypted, and not read yet.
    incoming: Vec<u8>,
    /// Encrypted, and not sent yet.
    outgoing: Vec<u8>,
    /// Nothing more will come.
    ended: bool,
    /// The end of this side was announced.
    closed: bool,
}

impl TlsConnection {
    /// The `number`-th session of a run begins on this connection, on which the program has the next word; `early` is
    /// what was read of that already.
    ///
    /// # Errors
    /// If TLS cannot be offered at all.
    pub fn new(
        inner: Box<dyn Connection>,
        authority: &Arc<Authority>,
        certificate: Certificate,
        number: u64,
        early: &[u8],
    ) -> Result<(Self, Option<Hindrance>), TlsError> {
        let mut source = Some(authority.source(number));
        let settings = Arc::new(authority.settings(certificate)?);
        let session = drawing_from(&mut source, || ServerConnection::new(settings))?;
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        let mut new = Self { inner, session, source, incoming, outgoing, ended: false, closed: false };
        let hindrance = new.take_in(early).err().map(Hindrance::from);
        Ok((new, hindrance))
    }

    /// What the two have agreed on, once they have: `TLS 1.3`.
    pub fn version(&self) -> &'static str {
        match self.session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        }
    }

    /// The name by which the program calls the server (SNI), if it says one.
    pub fn called(&self) -> Option<&str> {
        self.session.server_name()
    }

    /// Goes on with the handshake until it is over. May be dropped and called again.
    ///
    /// # Errors
    /// If it comes to nothing.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Hindrance>> {
        loop {
            if let Poll::Ready(Err(_)) = self.poll_send(cx) {
                return Poll::Ready(Err(Hindrance::Left));
            }
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_take_in(cx)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(Err(Hindrance::Left)),
                Err(error) => {
                    // What is left to say is why (an alert).
                    let _ = self.poll_send(cx);
                    let source = error.downcast::<rustls::Error>();
                    return Poll::Ready(Err(source.map_or(Hindrance::Left, Hindrance::from)));
                }
            }
        }
    }

    /// Reads from the wire once; false at the end.
    fn poll_take_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = [0; RECORD];
        let mut came = ReadBuf::new(&mut buffer);
        ready!(Pin::new(&mut *self.inner).poll_read(cx, &mut came))?;
        if came.filled().is_empty() {
            return Poll::Ready(Ok(false));
        }
        let taken = self.take_in(came.filled());
        Poll::Ready(taken.map(|()| true).map_err(|error| io::Error::new(ErrorKind::InvalidData, error)))
    }

    /// Decrypts what was on the wire.
    fn take_in(&mut self, mut bytes: &[u8]) -> Result<(), rustls::Error> {
        while !bytes.is_empty() {
            // A slice is always readable, and the session's own buffer is emptied below before it is full.
            if self.session.read_tls(&mut bytes).is_err() {
                return Err(rustls::Error::General("a record is too long".to_owned()));
            }
            let session = &mut self.session;
            let processed = drawing_from(&mut self.source, || session.process_new_packets());
            self.collect();
            self.ended |= processed?.peer_has_closed();
            let mut buffer = [0; RECORD];
            let mut reader = self.session.reader();
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                self.incoming.extend_from_slice(&buffer[..count]);
            }
        }
        Ok(())
    }

    /// Takes over what the session wants on the wire.
    fn collect(&mut self) {
        while self.session.wants_write() && self.session.write_tls(&mut self.outgoing).is_ok() {}
    }

    /// Sends what is to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let count = ready!(Pin::new(&mut *self.inner).poll_write(cx, &self.outgoing))?;
            self.outgoing.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.incoming.is_empty() && !self.ended {
            // Who ends the connection without saying so in TLS has ended it, too: most programs do.
            let came = ready!(self.poll_take_in(cx));
            let _ = self.poll_send(cx)?;
            self.ended |= !came?;
        }
        let count = self.incoming.len().min(buffer.remaining());
        buffer.put_slice(&self.incoming[..count]);
        self.incoming.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let record = &bytes[..bytes.len().min(RECORD)];
        self.session.writer().write_all(record)?;
        self.collect();
        // What does not fit now goes out before the next.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(record.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closed, true) {
            self.session.send_close_notify();
            self.collect();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut *self.inner).poll_shutdown(cx)
    }
}

impl Connection for TlsConnection {
    fn reset(self: Box<Self>) {
        self.inner.reset();
    }

    fn unread(&self) -> Option<u64> {
        self.inner.unread()
    }

    fn remote(&self) -> SocketAddr {
        self.inner.remote()
    }

    fn local(&self) -> Option<SocketAddr> {
        self.inner.local()
    }
}

#[cfg(test)]
mod tests;
