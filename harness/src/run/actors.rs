//! Who is on stage: programs, peers and groups of peers, by name.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use harness_judging::shown;

use super::stage::{Connection, Datagrams, Launch, Listener, Program, Vitals};

/// A program and how it was started.
pub struct ProgramActor {
    /// The program.
    pub program: Rc<dyn Program>,
    /// Its role.
    pub role: String,
    /// To start it again.
    pub launch: Launch,
    /// Length of its standard output when something was last typed: what came before is prompt.
    pub prompt_end: Cell<usize>,
    /// Where it was found to listen when it came up.
    pub found: RefCell<Vec<SocketAddr>>,
    /// The address that it was given and the one it was led to.
    pub given: SocketAddr,
    /// What it was told otherwise than usual.
    pub with: BTreeMap<String, String>,
}

impl ProgramActor {
    /// What it is called in a sentence, by the name that it has in the scenario.
    pub fn noun(&self, name: &str) -> String {
        shown::program(name, &self.role)
    }
}

/// A peer.
#[derive(Default)]
pub struct PeerActor {
    /// Its connection, while there is one.
    pub connection: Option<Box<dyn Connection>>,
    /// Its listening socket.
    pub listener: Option<Rc<dyn Listener>>,
    /// The port at which it has listened last; it is still asked for there when it listens no more.
    pub listened: Option<u16>,
    /// Its UDP socket.
    pub datagrams: Option<Rc<dyn Datagrams>>,
    /// Where its datagrams go: the program's address, or who sent last.
    pub correspondent: Option<SocketAddr>,
    /// Everything it has sent.
    pub sent: Vec<u8>,
    /// What it has sent in its last step of sending.
    pub said_last: Vec<u8>,
    /// When pings came to it, and what became of each.
    pub pings: Vec<Pinged>,
    /// The mail that it has taken.
    pub mailbox: Option<super::Mailbox>,
    /// What is known of TLS on its connection, if it can speak that.
    pub encryption: Option<super::Encryption>,
    /// The session in which its mailbox was read.
    pub session: Option<super::Session>,
    /// Where it takes connections for data, if it takes files.
    pub data_listener: Option<Rc<dyn Listener>>,
    /// The files that it has taken.
    pub depot: Option<super::Depot>,
    /// The machine that it is.
    pub remote: Option<Rc<super::remote::Remote>>,
    /// The database server that it is.
    pub database: Option<super::Database>,
    /// Everything it has received and not yet handed to a step.
    pub received: Vec<u8>,
    /// Whether the program has ended its direction.
    pub end_seen: bool,
    /// Whether the program has aborted the connection.
    pub reset_seen: bool,
    /// Whether it did so while the peer was sending: what was under way has not been read.
    pub cut_off: bool,
}

impl PeerActor {
    /// What it is called in a sentence: its name may be a word like any other.
    pub fn noun(&self, name: &str) -> String {
        let serves = self.listened.is_some() || !self.pings.is_empty();
        format!("the {} \"{name}\"", if serves { "server" } else { "client" })
    }

    /// How the program ended the connection, as the end of a sentence; empty if it did not.
    pub fn how_it_ended(&self) -> &'static str {
        match (self.reset_seen, self.end_seen) {
            (true, _) => "; then the program aborted the connection",
            (false, true) => "; then the program closed the connection",
            (false, false) => "",
        }
    }
}

/// A ping that came to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinged {
    /// When it came, on the run's clock.
    pub at: Duration,
    /// After how long the reply left; nothing if there was none.
    pub answered: Option<Duration>,
}

/// A peer that steps share.
pub type Peer = Rc<RefCell<PeerActor>>;

/// Everybody.
#[derive(Default)]
pub struct Actors {
    /// Programs by name.
    pub programs: BTreeMap<String, Rc<ProgramActor>>,
    /// Peers by name.
    pub peers: BTreeMap<String, Peer>,
    /// Names of the members of each group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The peer that listens last: where clients are led by default.
    pub listening: Option<String>,
    /// Measurements by name.
    pub measured: BTreeMap<String, Vitals>,
}

impl Actors {
    /// What a program has asked a peer for, which others have and the peer has not.
    pub fn unserved(&self) -> Option<String> {
        self.peers.values().find_map(|peer| peer.borrow().session.as_ref()?.unserved().map(str::to_owned))
    }

    /// The peers that a name means: one, or all of a group.
    pub fn peers_named(&self, name: &str) -> Vec<(String, Peer)> {
        let names = self.groups.get(name).cloned().unwrap_or_else(|| vec![name.to_owned()]);
        names.into_iter().filter_map(|name| self.peers.get(&name).map(|peer| (name.clone(), Rc::clone(peer)))).collect()
    }

    /// The programs that a name means: one, or all copies.
    pub fn programs_named(&self, name: &str) -> Vec<(String, Rc<ProgramActor>)> {
        let names = self.groups.get(name).cloned().unwrap_or_else(|| vec![name.to_owned()]);
        names
            .into_iter()
            .filter_map(|name| self.programs.get(&name).map(|program| (name.clone(), Rc::clone(program))))
            .collect()
    }

    /// A new peer of this name, or the one that is there.
    pub fn peer(&mut self, name: &str) -> Peer {
        Rc::clone(self.peers.entry(name.to_owned()).or_default())
    }
}
