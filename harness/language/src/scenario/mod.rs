//! The scenario language: the model, how files become it, and where errors point.

pub mod bytes;
mod check;
pub mod duration;
pub mod http;
pub mod load;
pub mod model;
pub mod problem;
#[cfg(test)]
mod tests;
pub mod xmlrpc;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Payload;
pub use check::leaves_the_folder;
use model::{BackendName, Forced, Interface, Network, Pairing, Step};

/// A scenario ready to run: one row of one file, parameters filled in, openings inlined.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The task.
    pub task: String,
    /// The file's name without ending, with `common-` before it for a shared one.
    pub id: String,
    /// One line.
    pub title: String,
    /// Requirements that it decides, as `task.requirement`.
    pub decides: Vec<String>,
    /// Requirements whose failure explains a failure here, as `task.requirement`.
    pub needs: Vec<String>,
    /// The role that it judges.
    pub role: String,
    /// Who plays the other side.
    pub pairing: Pairing,
    /// The row of its table.
    pub row: Option<String>,
    /// Where it can be played.
    pub backends: BTreeSet<BackendName>,
    /// Placeholders whose values are secret besides those of the role.
    pub secrets: Vec<String>,
    /// Bound of the whole run.
    pub limit: Duration,
    /// Takes seconds of processor time.
    pub heavy: bool,
    /// Forced short counts.
    pub forced: Forced,
    /// The simulated network's manners.
    pub network: Network,
    /// Files in the working directory.
    pub files: BTreeMap<String, Payload>,
    /// Empty folders in the working directory.
    pub folders: Vec<String>,
    /// Files in the folder above it.
    pub files_above: BTreeMap<String, Payload>,
    /// Symbolic links in the working directory, and what they point to.
    pub links: BTreeMap<String, String>,
    /// Interfaces of the programs' machine besides `lo`.
    pub interfaces: BTreeMap<String, Interface>,
    /// The steps; no `perform` is left.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// The name of a run in reports: `task/scenario#role`, with the row in brackets.
    pub fn run_id(&self) -> String {
        let row = self.row.as_ref().map(|row| format!("[{row}]")).unwrap_or_default();
        format!("{}/{}#{}{row}", self.task, self.id, self.role)
    }

    /// Every program that the scenario starts, by its name, and the role of each.
    pub fn programs(&self) -> BTreeMap<String, String> {
        fn collect(steps: &[Step], found: &mut BTreeMap<String, String>) {
            for step in steps {
                match step {
                    Step::Start(start) => {
                        let name = start.name.clone().unwrap_or_else(|| start.program.clone());
                        let names = match start.count {
                            Some(count) => (1..=count).map(|index| format!("{name}-{index}")).collect(),
                            None => vec![name],
                        };
                        found.extend(names.into_iter().map(|name| (name, start.program.clone())));
                    }
                    Step::Repeat(repeat) => collect(&repeat.steps, found),
                    _ => {}
                }
            }
        }
        let mut found = BTreeMap::new();
        collect(&self.steps, &mut found);
        found
    }

    /// Its steps, those of repetitions among them.
    pub fn all_steps(&self) -> Vec<&Step> {
        fn flat<'s>(steps: &'s [Step], all: &mut Vec<&'s Step>) {
            for step in steps {
                match step {
                    Step::Repeat(repeat) => flat(&repeat.steps, all),
                    other => all.push(other),
                }
            }
        }
        let mut steps = Vec::new();
        flat(&self.steps, &mut steps);
        steps
    }

    /// Whether a peer of the harness says something to a program, or listens to one.
    pub fn converses(&self) -> bool {
        let steps = self.all_steps();
        let programs = self.programs();
        let mut partners: BTreeSet<&str> = BTreeSet::new();
        for step in &steps {
            match step {
                Step::Connect(connect) if programs.contains_key(&connect.to) => drop(partners.insert(&connect.peer)),
                // Somebody other than a peer comes to it only if a program does.
                Step::Accept(accept) if self.judges_a_caller() => {
                    partners.insert(accept.name.as_deref().unwrap_or(&accept.peer));
                }
                Step::Listen(listen) if self.judges_a_caller() && listen.in_the_way_of.is_none() => {
                    partners.insert(&listen.peer);
                }
                _ => {}
            }
        }
        steps.iter().any(|step| {
            let talks = matches!(step, Step::Send(_) | Step::Receive(_) | Step::AnswerPings(_) | Step::Ping(_));
            talks && step.peer().is_some_and(|peer| partners.contains(peer))
        })
    }

    /// Whether a peer can speak TLS.
    pub fn encrypts(&self) -> bool {
        fn encrypts(steps: &[Step]) -> bool {
            steps.iter().any(|step| match step {
                Step::Accept(accept) => accept.tls.is_some(),
                Step::Repeat(repeat) => encrypts(&repeat.steps),
                _ => false,
            })
        }
        encrypts(&self.steps)
    }

    /// Whether a peer is the run's name server.
    pub fn serves_names(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::ServeNames(_)))
    }

    /// Whether the judged program is one that comes to peers, as far as the steps show.
    fn judges_a_caller(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step, Step::Listen(listen) if listen.in_the_way_of.is_some()))
    }

    /// Every role that the scenario starts a program of.
    pub fn roles(&self) -> BTreeSet<&str> {
        fn collect<'s>(steps: &'s [Step], roles: &mut BTreeSet<&'s str>) {
            for step in steps {
                match step {
                    Step::Start(start) => {
                        roles.insert(&start.program);
                    }
                    Step::Repeat(repeat) => collect(&repeat.steps, roles),
                    _ => {}
                }
            }
        }
        let mut roles = BTreeSet::from([self.role.as_str()]);
        collect(&self.steps, &mut roles);
        roles
    }
}
