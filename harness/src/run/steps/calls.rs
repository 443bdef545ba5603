//! Expectations about the calls that programs make, decided from their record.

use harness_judging::shown;
use harness_verdict::{Skip, Undecided};

use super::super::calls::{self, Finding, Kind, SocketCall};
use super::super::event::What;
use super::super::stage::Program;
use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::{BackendName, ExpectCallSizes, ExpectIoModel, IoModel};

/// Buffers of this size, in bytes, are what sheets name as small.
const SMALL: u64 = 4096;

impl Director {
    /// The calls of a program; a backend that lets programs call the kernel has none.
    fn calls_of(&self, program: &dyn Program) -> Result<Vec<SocketCall>, Halt> {
        program.socket_calls().ok_or_else(|| {
            Halt::Skipped(Skip { by: Undecided::Backends(vec![BackendName::Sim]), why: calls::UNSEEN.to_owned() })
        })
    }

    pub(super) fn expect_call_sizes(&mut self, step: &ExpectCallSizes) -> Done {
        for (_, actor) in self.actors.programs_named(&step.program) {
            let role = shown::doer(&actor.role);
            let calls = self.calls_of(&*actor.program)?;
            let Some(largest) = calls::largest(&calls) else {
                return Err(Halt::skipped(format!("the {role} has read and written nothing on a socket")));
            };
            let asked = largest.asked;
            if asked > step.at_most {
                let (what, buffer) = match largest.kind {
                    Kind::Read => (format!("{} asks for {asked} bytes at once", largest.name), "reads into a buffer"),
                    _ => (format!("{} is handed {asked} bytes at once", largest.name), "writes from a buffer"),
                };
                return Err(Failure {
                    expected: format!("no read or write on a socket asks for more than {} bytes", step.at_most),
                    reason: format!(
                        "the {role} {buffer} of {asked} bytes ({what}): a message may be of any size, and the buffers \
                         that it passes through are to stay small"
                    ),
                    actual: what,
                    ..Failure::default()
                }
                .into());
            }
            if asked <= SMALL {
                self.note(
                    "harness",
                    What::Finding(format!("the {role} never asks for more than {asked} bytes at once")),
                );
            }
        }
        Ok(())
    }

    pub(super) fn expect_io_model(&mut self, step: &ExpectIoModel) -> Done {
        for (_, actor) in self.actors.programs_named(&step.program) {
            let role = shown::doer(&actor.role);
            let calls = self.calls_of(&*actor.program)?;
            match calls::io_model(&calls, step.model, actor.program.runtime()) {
                Finding::Held => {}
                Finding::Unclear(why) => return Err(Halt::skipped(why)),
                Finding::Broken { actual, reason } => {
                    let expected = match step.model {
                        IoModel::OneThread => {
                            format!("one thread of the {role} serves all sockets, as they become ready")
                        }
                        IoModel::OneProcess => format!("one process of the {role} serves all sockets"),
                        IoModel::PerClient => format!("the {role} gives each client a thread or a process"),
                        IoModel::Blocking => format!("the {role} uses blocking sockets"),
                    };
                    return Err(Failure {
                        expected,
                        actual,
                        reason: format!("{role}: {reason}"),
                        ..Failure::default()
                    }
                    .into());
                }
            }
        }
        Ok(())
    }
}
