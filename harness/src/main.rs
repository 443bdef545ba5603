//! The `harness` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // What is graded is not to grade, nor to hand in a model answer for its own.
    if harness_os::confine::is_marked() {
        return harness::cli::refuse_inside_a_run();
    }
    // A model answer is a program like any other: it starts at once and needs no containment.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "reference") {
        return harness::cli::reference();
    }
    // Namespaces of an ordinary user must be prepared before there is a second thread.
    let containment = harness_os::namespace::prepare_process();
    harness::sandbox::leftovers::begin();
    let code = harness::cli::main(containment);
    harness::sandbox::leftovers::end();
    code
}
