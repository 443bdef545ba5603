//! A peer's connection gets TLS: at once, if the program begins so, or when it asks for it.

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harness_judging::shown;
use tokio::io::AsyncReadExt;

use super::super::event::{Excerpt, What};
use super::super::patience::Patience;
use super::super::stage::{Connection, Stillness};
use super::super::{Director, Done, Failure, Halt};
use crate::tls::authority::Authority;
use crate::tls::connection::{Hindrance, TlsConnection};
use crate::tls::trust;
use harness_language::scenario::model::{Certificate, ExpectTls};

/// What every TLS connection begins with: a record with a handshake in it (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// For how long the programs have to wait before a connection counts as one on which the server speaks first.
const WAITS: Duration = Duration::from_millis(120);

/// The same where nobody sees what the program does: as long as a packet may take from another machine.
const UNSEEN: Duration = Duration::from_secs(1);

/// Bound for a program to say its first word, or to wait.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Bound for a handshake.
const HANDSHAKES: Duration = Duration::from_secs(10);

/// What a program says of a certificate that it does not trust, in small letters: Python, OpenSSL, Go, Node, Java, curl.
const DISTRUST: [&str; 5] = ["certificate", "cert_", "x509", "self-signed", "pkix"];

/// What is known of TLS on a peer's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// What the peer shows.
    pub certificate: Certificate,
    /// What came of it, once the program wanted TLS.
    pub outcome: Option<Result<(), Hindrance>>,
}

impl Encryption {
    /// Whether what is said now is encrypted.
    pub fn is_on(&self) -> bool {
        self.outcome == Some(Ok(()))
    }

    /// Whether the program wanted it, and it did not come about.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Some(Err(_)))
    }
}

impl Director {
    /// Makes the run's authority, and lets the programs trust it.
    pub(in crate::run) fn prepare_tls(&mut self) -> Done {
        if !self.scenario.encrypts() {
            return Ok(());
        }
        let harness = |error: &dyn std::fmt::Display| Halt::Harness(format!("TLS cannot be offered: {error}"));
        let authority = Authority::new(self.seed, self.stage.clock()).map_err(|error| harness(&error))?;
        // Where the backend has no files, its programs speak no TLS.
        if let Some(beside) = self.stage.folder().as_deref().and_then(Path::parent) {
            self.trust = trust::lend(&authority, &beside.join("trust")).map_err(|error| harness(&error))?;
        }
        self.authority = Some(Arc::new(authority));
        Ok(())
    }

    /// A connection that has just come gets TLS if the program begins with it; else what it has said is kept, and the
    /// certificate for when it asks.
    pub(super) async fn meet_with_tls(
        &mut self,
        name: &str,
        mut connection: Box<dyn Connection>,
        certificate: Certificate,
    ) -> Result<Box<dyn Connection>, Halt> {
        let peer = self.actors.peer(name);
        peer.borrow_mut().encryption = Some(Encryption { certificate, outcome: None });
        let said = self.first_word(&mut *connection).await;
        if said.first() == Some(&HANDSHAKE) {
            return self.encrypt(name, connection, &said).await;
        }
        if !said.is_empty() {
            self.note(name, What::Received(Excerpt::of(&said)));
            peer.borrow_mut().received = said;
        }
        Ok(connection)
    }

    /// What the program says before it is spoken to; nothing if it waits.
    async fn first_word(&self, connection: &mut dyn Connection) -> Vec<u8> {
        let mut buffer = vec![0; 16 * 1024];
        let mut patience = Patience::to_the_end(&*self.stage, FIRST_WORD);
        let mut waits_since = None;
        let is_seen = self.actors.programs.values().all(|actor| !actor.program.is_elsewhere());
        let enough = if is_seen { WAITS } else { UNSEEN };
        loop {
            let over = tokio::select! {
                biased;
                came = connection.read(&mut buffer) => {
                    buffer.truncate(came.unwrap_or(0));
                    return buffer;
                }
                over = patience.moment(&*self.stage) => over.is_err(),
            };
            let now = self.stage.now();
            waits_since = match self.stage.stillness() {
                Stillness::Busy => None,
                Stillness::Timed | Stillness::Forever(_) => waits_since.or(Some(now)),
            };
            let waits = waits_since.is_some_and(|since| now.saturating_sub(since) >= enough);
            if over || waits {
                return Vec::new();
            }
        }
    }

    /// TLS begins on a peer's connection; `early` was read of it already. What came of it is noted with the peer; the
    /// connection that is handed back is of no more use if nothing did.
    pub(super) async fn encrypt(
        &mut self,
        name: &str,
        connection: Box<dyn Connection>,
        early: &[u8],
    ) -> Result<Box<dyn Connection>, Halt> {
        let peer = self.actors.peer(name);
        let certificate = peer.borrow().encryption.as_ref().map(|encryption| encryption.certificate);
        let (Some(authority), Some(certificate)) = (self.authority.clone(), certificate) else {
            return Err(Halt::Harness(format!("{name} is to speak TLS and has no certificate: `accept` gives it one")));
        };
        let number = self.sessions;
        self.sessions += 1;
        let (mut connection, hindrance) = TlsConnection::new(connection, &authority, certificate, number, early)
            .map_err(|error| Halt::Harness(error.to_string()))?;
        let outcome = match hindrance {
            Some(hindrance) => Err(hindrance),
            None => self.shake_hands(&mut connection).await,
        };
        let text = match &outcome {
            Ok(()) => {
                let called = connection.called().map_or(String::new(), |called| format!(", which calls it {called}"));
                format!(
                    "{} begins with the program{called}: from here on the wire carries it encrypted",
                    connection.version()
                )
            }
            Err(why) => format!("TLS does not come about: {why}"),
        };
        self.note(name, What::Tls(text));
        peer.borrow_mut().encryption = Some(Encryption { certificate, outcome: Some(outcome.clone()) });
        match outcome {
            Err(Hindrance::Distrust(alert)) if certificate == Certificate::Good => Err(self.distrusted(alert)),
            _ => Ok(Box::new(connection)),
        }
    }

    async fn shake_hands(&self, connection: &mut TlsConnection) -> Result<(), Hindrance> {
        let mut patience = Patience::new(&*self.stage, HANDSHAKES);
        loop {
            tokio::select! {
                biased;
                outcome = poll_fn(|cx| connection.poll_handshake(cx)) => return outcome,
                over = patience.moment(&*self.stage) => if let Err(why) = over {
                    return Err(Hindrance::Broken(format!("the handshake is not finished: {}", self.explain(&why))));
                },
            }
        }
    }

    /// Nothing can be said of a program that does not trust the right certificate.
    fn distrusted(&self, why: &str) -> Halt {
        let role = shown::doer(&self.scenario.role);
        Halt::NotGradable(format!(
            "the {role} refuses the right certificate ({why}): it does not trust the authority of this run, as where \
             authorities are built in. The file that SSL_CERT_FILE names has it (handout, \"Whom to trust\")"
        ))
    }

    /// Some programs look at a certificate only when TLS has begun, and leave without a word: then what they print tells
    /// why. `spoke` says whether the program has said anything over TLS.
    pub(super) fn check_trust(&self, peer: &str, spoke: bool) -> Done {
        let encryption = self.actors.peers.get(peer).and_then(|peer| peer.borrow().encryption.clone());
        let is_about_trust = encryption.is_some_and(|it| {
            let left = it.outcome == Some(Err(Hindrance::Left)) || it.is_on() && !spoke;
            it.certificate == Certificate::Good && left
        });
        if !is_about_trust {
            return Ok(());
        }
        for actor in self.actors.programs.values() {
            let (stdout, stderr) = (actor.program.stdout().borrow(), actor.program.stderr().borrow());
            let said = String::from_utf8_lossy(&[stdout.bytes.as_slice(), &stderr.bytes].concat()).to_lowercase();
            // The options that every Java program repeats name the store.
            let own = said.lines().filter(|line| !line.starts_with("picked up java_tool_options"));
            if own.into_iter().any(|line| DISTRUST.iter().any(|word| line.contains(word))) {
                return Err(self.distrusted("without an alert, and it says so"));
            }
        }
        Ok(())
    }

    pub(super) fn expect_tls(&mut self, step: &ExpectTls) -> Done {
        let encryption = self.actors.peers.get(&step.peer).and_then(|peer| peer.borrow().encryption.clone());
        let Some(encryption) = encryption else {
            return Err(Halt::Harness(format!("{} offers no TLS: give it a certificate with `accept`", step.peer)));
        };
        if encryption.outcome.is_some() {
            return Ok(());
        }
        Err(Failure {
            expected: format!("TLS on the connection with {}", step.peer),
            actual: "none: all that was said was said in clear".to_owned(),
            reason: format!("the program neither begins with TLS nor asks {} for it", step.peer),
            ..Failure::default()
        }
        .into())
    }
}
