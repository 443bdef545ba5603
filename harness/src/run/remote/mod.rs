//! A machine that serves SSH during a run: who came to it, how they logged in, what they asked for.
//!
//! The protocol is russh's; the machine's shell is the real `/bin/sh`, in mounts of its own where files below `/proc` are
//! the made ones (`place`), contained as the programs of the run are. Randomness in the protocol is the library's and
//! the system's, so that packets differ from run to run, and only real sockets carry them.

#[cfg(feature = "ssh")]
mod door;
#[cfg(feature = "ssh")]
pub(super) mod keys;
#[cfg(feature = "ssh")]
pub(super) mod place;
#[cfg(feature = "ssh")]
mod session;
#[cfg(feature = "ssh")]
pub(super) mod visit;

use std::cell::RefCell;

use harness_language::scenario::model::Login;
use harness_peers::remote::figures::Figures;

/// The machine of a run.
#[derive(Debug)]
pub struct Remote {
    /// What it is like.
    pub figures: Figures,
    /// In which ways it can be logged in to.
    pub logins: Vec<Login>,
    /// Who came.
    pub visits: RefCell<Visits>,
}

/// What those who came to a machine have done, all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visits {
    /// How many connections there were.
    pub connections: u32,
    /// Ways that were tried, in order, and whether they were let in.
    pub tried: Vec<(Login, bool)>,
    /// What they asked to be run; a shell without a command is empty.
    pub ran: Vec<String>,
    /// What else there is to say of them.
    pub remarks: Vec<String>,
    /// What this machine could not do for them.
    pub faults: Vec<String>,
}

impl Visits {
    /// How somebody was let in.
    pub fn entered_by(&self) -> Option<Login> {
        self.tried.iter().find(|(_, taken)| *taken).map(|(login, _)| *login)
    }

    /// Whether this way was tried.
    pub fn has_tried(&self, login: Login) -> bool {
        self.tried.iter().any(|(tried, _)| *tried == login)
    }

    /// All of it in one line.
    pub fn course(&self) -> String {
        if self.connections == 0 {
            return "nobody has connected".to_owned();
        }
        let name = |login: Login| match login {
            Login::Password => "a password",
            Login::Key => "a key",
        };
        let mut words = vec!["connected".to_owned()];
        for (login, taken) in &self.tried {
            words.push(format!("{} {}", name(*login), if *taken { "was taken" } else { "was refused" }));
        }
        words.extend(self.ran.iter().map(|command| match command.is_empty() {
            true => "a shell was opened".to_owned(),
            false => format!(
                "ran {}",
                harness_judging::shown::quote(harness_judging::shown::beginning(command.as_bytes(), 100))
            ),
        }));
        words.extend(self.remarks.clone());
        words.join(", ")
    }
}
