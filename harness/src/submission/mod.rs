//! Submissions: finding the programs, building them, meeting them for the first time.

pub mod archive;
pub mod build;
pub mod cast;
pub mod casting;
pub mod discover;
pub mod evidence;
pub mod findings;
pub mod fingerprint;
pub mod folder;
pub mod forms;
pub mod intake;
pub mod manifest;
pub mod observe;
pub mod open;
pub mod providers;
pub mod survey;
pub mod toolchain;
mod ways;

pub use cast::{Cast, Command, Framing, INPUT_FILE, Invocation, Meeting, Part, parts_of};

use std::collections::BTreeMap;
use std::path::Path;

use crate::{answers, sandbox};
use harness_language::catalogue::Catalogue;

/// The cast of the kit's own model answers: this very program, started as `reference TASK ROLE`.
pub fn reference_casts(catalogue: &Catalogue, tasks: &[String], program: &Path, root: &Path) -> BTreeMap<String, Cast> {
    sandbox::open_model_answers(program);
    let mut casts: BTreeMap<String, Cast> = BTreeMap::new();
    for answer in answers::all() {
        let Some(task) = catalogue.task(answer.task) else { continue };
        let Some(role) = task.role(answer.role) else { continue };
        if !tasks.is_empty() && !tasks.iter().any(|id| id == answer.task) {
            continue;
        }
        let own =
            [program.display().to_string(), "reference".to_owned(), answer.task.to_owned(), answer.role.to_owned()];
        let words = own.into_iter().chain(role.arguments.split_whitespace().map(str::to_owned)).collect();
        let cast =
            casts.entry(answer.task.to_owned()).or_insert_with(|| Cast { root: root.to_owned(), ..Cast::default() });
        let mut part = Part::new(role, Command { words, ..Command::default() });
        // The model answers need no first conversation: they understand the likeliest way.
        if let Some(framing) = task.meetings().get(answer.role).and_then(|meeting| meeting.framings.first()) {
            part.meeting.framing = (*framing).into();
        }
        cast.parts.insert(answer.role.to_owned(), part);
    }
    casts
}

/// The task, role and arguments of a command that starts a model answer.
pub fn reference_role(words: &[String]) -> Option<(String, String, Vec<String>)> {
    match words {
        [_, reference, task, role, arguments @ ..] if reference == "reference" => {
            Some((task.clone(), role.clone(), arguments.to_vec()))
        }
        _ => None,
    }
}
