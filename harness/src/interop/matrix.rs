//! The result as data: what `--format json` prints and `interop.json` holds.

use schemars::JsonSchema;
use serde::Serialize;

use super::blame::{Fault, Outcome};
use super::speech::Speech;

/// Version of this format.
pub const SCHEMA: u32 = 1;

/// All tasks.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Interop {
    /// Version of this format.
    pub schema: u32,
    /// The harness's version.
    pub harness: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The backend that was chosen.
    pub backend: String,
    /// Whether every pair works.
    pub all_work: bool,
    /// By task.
    pub tasks: Vec<TaskMatrix>,
    /// Submissions that take no part.
    pub left_out: Vec<LeftOut>,
}

/// A submission that takes no part.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// One task: who takes part, and every pair.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TaskMatrix {
    /// The task's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The scenarios that every pair plays.
    pub scenarios: Vec<Situation>,
    /// Everyone who has a program for it, the model answers first: the place is the number in the table.
    pub submissions: Vec<String>,
    /// Clients, the model answer first.
    pub clients: Vec<Player>,
    /// Servers, the model answer first.
    pub servers: Vec<Player>,
    /// Every client with every server, by client.
    pub pairs: Vec<Pair>,
    /// What fails though both sides work with the model answers, put together by what the sides do.
    pub disagreements: Vec<Disagreement>,
}

/// A scenario that every pair plays.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Situation {
    /// Its id in the task.
    pub id: String,
    /// What happens in it.
    pub title: String,
    /// What reasons call the client's copies, where that is another name.
    pub client_is_called: Vec<String>,
}

/// One side that takes part.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Player {
    /// The submission's name.
    pub name: String,
    /// How it comes out with the model answer of the other side.
    pub with_reference: Outcome,
    /// How it comes out with its own other half, if it has one.
    pub with_own: Option<Outcome>,
    /// Why only its own other half understands it, where that is known.
    pub own_language: Option<String>,
    /// What was noticed when it was first met.
    pub findings: Vec<String>,
}

/// A client with a server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Pair {
    /// Whose client.
    pub client: String,
    /// Whose server.
    pub server: String,
    /// How it came out.
    pub status: Outcome,
    /// At whose side the failure is.
    pub fault: Option<Fault>,
    /// The run that tells most.
    pub scenario: String,
    /// What was expected there.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// Why it does not work, in one sentence.
    pub reason: String,
    /// Length of its runs in milliseconds of virtual time; 0 on real sockets.
    pub virtual_ms: u64,
}

/// Pairs of sound programs that do not work together, for one and the same reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Disagreement {
    /// Client and server of each pair; the first is the one that is shown.
    pub pairs: Vec<[String; 2]>,
    /// Whose clients.
    pub clients: Vec<String>,
    /// Whose servers.
    pub servers: Vec<String>,
    /// What the clients do, in words.
    pub client_does: String,
    /// What the servers do, in words.
    pub server_does: String,
    /// What is said between the first pair's client and the model server, where it works.
    pub client_with_reference: Option<Speech>,
    /// What is said between the model client and the first pair's server, where it works.
    pub server_with_reference: Option<Speech>,
    /// What is said between the two.
    pub together: Option<Speech>,
    /// Why the run of these two failed.
    pub reason: String,
}

impl TaskMatrix {
    /// A pair by the names of its sides.
    pub fn pair(&self, client: &str, server: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.client == client && pair.server == server)
    }

    /// Pairs of two submissions: those with a model answer are the control.
    pub fn of_submissions(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| pair.client != super::REFERENCE && pair.server != super::REFERENCE)
    }

    /// How many pairs of submissions came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.of_submissions().filter(|pair| pair.status == outcome).count()
    }
}
