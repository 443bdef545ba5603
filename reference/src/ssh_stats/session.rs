//! One session with a machine: who it is, who we are, and one command.
//!
//! Owns everything that is about SSH (RFC 4251 to 4254), which the library speaks.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle, Handler};
use russh::keys::known_hosts::{check_known_hosts_path, learn_known_hosts_path};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Disconnect};
use tokio::net::TcpStream;

use super::sshstats::{Order, password};
use crate::failure::Failure;

/// For how long a machine may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Largest output that is taken, in bytes.
const LARGEST: usize = 1 << 20;

/// Logs in, has a command run, and returns what it printed.
///
/// # Errors
/// If there is no SSH server, if it is not the known one, if it refuses the login, or if the command fails.
pub async fn ask(order: &Order<'_>, command: &str) -> Result<String, Failure> {
    let no_server = |source| Failure::NoServer { host: order.host.to_owned(), port: order.port, source };
    let connection = TcpStream::connect((order.host, order.port)).await.map_err(no_server)?;
    let config = client::Config { inactivity_timeout: Some(PATIENCE), ..client::Config::default() };
    let guard = Guard { host: order.host.to_owned(), port: order.port };
    let mut session =
        client::connect_stream(Arc::new(config), connection, guard).await.map_err(|trouble| match trouble {
            Trouble::Machine(failure) => failure,
            Trouble::Library(error) => {
                Failure::Protocol(format!("no SSH server at {} port {}: {error}", order.host, order.port))
            }
        })?;
    log_in(&mut session, order.user).await?;
    let text = run(&session, command).await?;
    // What the machine makes of our goodbye changes nothing any more.
    let _ = session.disconnect(Disconnect::ByApplication, "", "").await;
    Ok(text)
}

/// Where keys and known hosts are.
fn folder() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".ssh"))
}

/// Tries the key if there is one, then a password.
async fn log_in(session: &mut Handle<Guard>, user: &str) -> Result<(), Failure> {
    let broken = |error: russh::Error| Failure::Protocol(format!("the machine ended the session: {error}"));
    if let Some(key) = folder().map(|folder| folder.join("id_ed25519")).filter(|path| path.exists()) {
        match load_secret_key(&key, None) {
            Ok(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
                if session.authenticate_publickey(user, key).await.map_err(broken)?.success() {
                    return Ok(());
                }
            }
            // One that is locked, or of another kind, is no reason to give up.
            Err(error) => note(&format!("{} is of no use: {error}", key.display())),
        }
    }
    let word = password()?;
    if session.authenticate_password(user, word).await.map_err(broken)?.success() {
        return Ok(());
    }
    Err(Failure::Protocol(format!("the machine refused the login of {user}")))
}

/// Has a command run, and reads its output to the end.
async fn run(session: &Handle<Guard>, command: &str) -> Result<String, Failure> {
    let broken = |error: russh::Error| Failure::Protocol(format!("the machine ended the session: {error}"));
    let mut channel = session.channel_open_session().await.map_err(broken)?;
    channel.exec(true, command).await.map_err(broken)?;
    let (mut output, mut complaint, mut status) = (Vec::new(), Vec::new(), None);
    // The status may come before the last of the output: only the end of the channel is the end.
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } if output.len() + data.len() <= LARGEST => output.extend_from_slice(&data),
            ChannelMsg::Data { .. } => return Err(Failure::Protocol("the output has no end".to_owned())),
            ChannelMsg::ExtendedData { data, .. } if complaint.len() + data.len() <= LARGEST => {
                complaint.extend_from_slice(&data);
            }
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::Failure => return Err(Failure::Protocol("the machine runs no commands".to_owned())),
            _ => {}
        }
    }
    match status {
        Some(0) => Ok(String::from_utf8_lossy(&output).into_owned()),
        Some(status) => {
            let complaint = String::from_utf8_lossy(&complaint);
            Err(Failure::Protocol(format!("over there the command ended with status {status}: {}", complaint.trim())))
        }
        None => Err(Failure::Protocol("the machine ended the session in the middle of it".to_owned())),
    }
}

/// Looks at the machine's key before anything is said to it.
struct Guard {
    host: String,
    port: u16,
}

/// Why there is no session.
#[derive(Debug)]
enum Trouble {
    /// The machine is not the one that we know.
    Machine(Failure),
    /// Anything else.
    Library(russh::Error),
}

impl From<russh::Error> for Trouble {
    fn from(error: russh::Error) -> Self {
        Self::Library(error)
    }
}

impl Handler for Guard {
    type Error = Trouble;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Trouble> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else {
            return Err(Trouble::Machine(Failure::Protocol(format!(
                "{} shows a certificate, and nobody has told us whose certificates count",
                self.host
            ))));
        };
        let list = folder().map(|folder| folder.join("known_hosts")).unwrap_or_default();
        match check_known_hosts_path(&self.host, self.port, key, &list) {
            Ok(true) => Ok(true),
            Ok(false) => {
                // The first time there is nothing to compare with. Whoever wants to be sure compares this by telephone.
                note(&format!("{} is not known yet; its key is {}", self.host, key.fingerprint(HashAlg::Sha256)));
                self.remember(key, &list);
                Ok(true)
            }
            Err(russh::keys::Error::KeyChanged { line }) => Err(Trouble::Machine(Failure::Protocol(format!(
                "the key of {} is not the one in line {line} of {}: not logging in",
                self.host,
                list.display()
            )))),
            Err(error) => Err(Trouble::Machine(Failure::Protocol(format!("cannot read {}: {error}", list.display())))),
        }
    }
}

impl Guard {
    fn remember(&self, key: &russh::keys::PublicKey, list: &Path) {
        if let Err(error) = learn_known_hosts_path(&self.host, self.port, key, list) {
            note(&format!("cannot write to {}: {error}", list.display()));
        }
    }
}

/// Something for the user that is no result.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "sshstats: {text}");
}
