//! The walls round a submission's programs: a stranger's code on somebody's machine.
//!
//! Owns what is open to them ([`paths`]), how much they may use ([`guard`]) and what is said where the machine lacks
//! the means ([`missing`]). The means themselves are the kernel's, in `harness_os`: network namespaces (`namespace`),
//! mounts of a run's own (`rooms`), Landlock, a filter of system calls, privileges (`confine`).
//!
//! Two layers keep files apart, because each has a gap that the other closes. Landlock works wherever it is compiled
//! in, without root and without namespaces, and is what closes *reading*; it knows nothing of modes and times of files
//! and of sockets in the file system. A mount namespace shuts those, and gives every run a `/tmp` of its own. What is
//! open for reading is a list: the system's folders and the homes of the tools that programs are started with, wherever
//! they are installed. What is not on it does not exist for a program, also what nobody thought of hiding.
//!
//! Amounts are watched from outside and not set as limits of the kernel: a limit on addresses ends Java, Go and Node,
//! which reserve far more than they use; a limit on data counts 8 MiB for each thread's stack; a limit on processes
//! counts all of a user's, and none of root's.

pub mod guard;
pub mod leftovers;
pub mod links;
mod paths;
mod words;

pub use paths::{grant, of_build, of_run, of_shell, open_model_answers, rooms, rooms_of};
pub use words::leads_out;

use std::sync::OnceLock;

use harness_os::confine::{LANDLOCK_SIGNALS, landlock_version};
use harness_os::namespace;

use crate::wire::Setup;
use harness_language::scenario::model::BackendName;

/// What this machine does not keep from a program, each in a sentence; empty where the walls are complete.
pub fn missing(private_network: bool, private_files: bool) -> Vec<String> {
    let mut missing = Vec::new();
    if !private_network {
        missing.push("programs on real sockets can reach this machine's network (no network namespaces)".to_owned());
    }
    let landlock = landlock_version();
    match landlock {
        None => missing.push(
            "programs can read what you can read, other submissions among it, and trace and signal your processes (no \
             Landlock: it takes Linux 5.13, and landlock among the kernel's lsm=)"
                .to_owned(),
        ),
        Some(version) if version < LANDLOCK_SIGNALS => missing.push(format!(
            "programs can signal your other processes by number (Landlock {version}: signals are kept inside from \
             Linux 6.12 on)"
        )),
        Some(_) => {}
    }
    let why = match (private_files, furnishes()) {
        (true, Ok(())) => return missing,
        (true, Err(why)) => why.as_str(),
        (false, _) => "no mount namespaces",
    };
    missing.push(match landlock {
        None => format!("programs can write wherever you can write ({why})"),
        Some(_) => format!(
            "programs can change modes and times of your files, meet daemons at their sockets and leave shared memory, and \
             they have no /tmp ({why})"
        ),
    });
    missing
}

/// The same as a remark for a report's reader; nothing where nothing is missing.
pub fn remark(setup: &Setup, backend: BackendName) -> Option<String> {
    let missing = match backend {
        // The programs of this one are part of the harness.
        BackendName::Turmoil => Vec::new(),
        // Here every call to the network is answered by the harness.
        BackendName::Sim => missing(true, setup.private_files),
        BackendName::Wire => missing(setup.private_network, setup.private_files),
    };
    (!missing.is_empty()).then(|| format!("not contained on this machine: {}", missing.join("; ")))
}

/// Whether a run's own view of the machine's files can be made here; found out once, in a thread that ends with it.
///
/// # Errors
/// What forbids it.
pub fn furnishes() -> &'static Result<(), String> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    TRIED.get_or_init(|| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let rooms = paths::rooms_of(&[folder.path()], folder.path());
        let attempt = || -> Result<(), String> {
            namespace::enter_private_files(&[]).map_err(|error| error.to_string())?;
            rooms.furnish().and_then(|()| rooms.shut()).map_err(|error| error.to_string())
        };
        std::thread::scope(|scope| scope.spawn(attempt).join())
            .unwrap_or_else(|_| Err("the attempt came to a sudden end".to_owned()))
    })
}
