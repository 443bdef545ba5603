//! Why a program ends before its work is done, and what its user is told.
//!
//! Owns the wording and the exit statuses that all model answers share; never prints anything itself.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::arguments::BadArguments;

/// The reason for which a program gave up.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line makes no sense.
    #[error(transparent)]
    Arguments(#[from] BadArguments),
    /// The port is taken, or needs a privilege.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The address is not one of this machine's, or its port is taken, or needs a privilege.
    #[error("cannot listen on {host} port {port}: {source}")]
    ListenOn {
        /// The host as the user wrote it.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The listening socket itself is of no more use.
    #[error("cannot serve any further client: {0}")]
    Serve(#[source] io::Error),
    /// The name is unknown, or nobody listens there.
    #[error("no server at {host} port {port}: {source}")]
    NoServer {
        /// The host as the user wrote it.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The service was not there in all the time that was given.
    #[error("{host} port {port} could not be reached within {} s: {source}", limit.as_secs())]
    TimeOver {
        /// The host as the user wrote it.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// The time that was given.
        limit: Duration,
        /// Why the last try failed.
        source: io::Error,
    },
    /// The connection broke in the middle of the work.
    #[error("the connection broke while {doing}: {source}")]
    Connection {
        /// What the program was doing, as in "sending the message".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No name server told what was asked.
    #[error("cannot look up {name}: {source}")]
    LookUp {
        /// The name.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The peer, or the user, did not keep to the protocol of the lab.
    #[error("{0}")]
    Protocol(String),
    /// The system does not say which interfaces it has.
    #[error("cannot list the network interfaces: {0}")]
    Interfaces(#[source] io::Error),
    /// The working directory, whose files are to be served, is not there.
    #[error("cannot use the working directory: {0}")]
    Folder(#[source] io::Error),
    /// A file that the user named cannot be read.
    #[error("cannot read {name}: {source}")]
    File {
        /// The file as the user named it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input: {0}")]
    Input(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
}

impl Failure {
    /// The exit status: 2 for a wrong command line, which is the custom of Unix tools, and 1 for everything else.
    pub fn status(&self) -> u8 {
        match self {
            Self::Arguments(_) => 2,
            _ => 1,
        }
    }

    /// True if nobody wants to hear about it: the reader of standard output has gone, as in `client … | head -1`.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
