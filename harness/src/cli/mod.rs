//! The command line: flags, exit codes, and who is called for what.

mod arguments;
mod bench;
mod capture;
mod check;
mod class;
mod diff;
mod doctor;
mod evidence;
mod exit;
mod explain;
mod fixture;
mod grading;
mod handout;
mod interop;
mod lab;
mod last;
mod list;
mod merge;
mod new;
mod origin;
mod package;
mod peer;
mod present;
mod replay;
mod schema;
mod selftest;
mod strangers;
mod term;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use harness_os::namespace::Containment;

use arguments::{Cli, Verb};
pub use exit::Exit;

use crate::answers;
use harness_language::scenario::problem::nearest;

/// For a program of a run that has started this one.
pub fn refuse_inside_a_run() -> ExitCode {
    term::say("harness: this is a program of a run, and in a run the harness does nothing");
    Exit::Usage.code()
}

/// Runs `harness reference …` and nothing else.
pub fn reference() -> ExitCode {
    match Cli::try_parse() {
        Ok(Cli { verb: Some(Verb::Reference(arguments)), .. }) => reference_program(&arguments).code(),
        Ok(_) => Exit::Usage.code(),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { Exit::Usage.code() } else { Exit::Passed.code() }
        }
    }
}

/// Runs the command line of this process.
pub fn main(containment: Containment) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let printed = error.print();
            if wrong {
                return Exit::Usage.code();
            }
            term::written(printed);
            return term::outcome(Exit::Passed).code();
        }
    };
    stop_programs_with_us();
    if let Err(error) = harness_os::process::set_subreaper() {
        term::say(&format!("harness: orphaned processes cannot be followed here: {error}"));
    }
    let outcome = match cli.verb {
        Some(Verb::Grade(arguments)) => grading::run(&arguments, &containment),
        None => grading::run(&cli.grade, &containment),
        Some(Verb::List(arguments)) => list::run(&arguments),
        Some(Verb::Explain(arguments)) => explain::run(&arguments),
        Some(Verb::Handout(arguments)) => handout::run(&arguments),
        Some(Verb::Check(arguments)) => check::run(&arguments),
        Some(Verb::Schema(arguments)) => schema::run(&arguments),
        Some(Verb::Selftest(arguments)) => selftest::run(&arguments, &containment),
        Some(Verb::Fixture(arguments)) => fixture::run(&arguments),
        Some(Verb::Doctor) => doctor::run(&containment),
        Some(Verb::Reference(arguments)) => reference_program(&arguments),
        Some(Verb::Peer(arguments)) => peer::run(&arguments),
        Some(Verb::Bench(arguments)) => bench::run(&arguments, &containment),
        Some(Verb::Replay(arguments)) => replay::run(&arguments, &containment),
        Some(Verb::Present(arguments)) => present::run(&arguments),
        Some(Verb::Capture(arguments)) => capture::run(&arguments),
        Some(Verb::Lab(arguments)) => lab::run(&arguments, &containment),
        Some(Verb::Class(arguments)) => class::run(&arguments, &containment),
        Some(Verb::Merge(arguments)) => merge::run(&arguments),
        Some(Verb::Diff(arguments)) => diff::run(&arguments),
        Some(Verb::New(arguments)) => new::run(&arguments),
        Some(Verb::Package(arguments)) => package::run(&arguments),
        Some(Verb::Interop(arguments)) => interop::run(&arguments, &containment),
        Some(Verb::Strangers(arguments)) => strangers::run(&arguments, &containment),
    };
    term::outcome(outcome).code()
}

/// An interrupted harness leaves no program behind.
fn stop_programs_with_us() {
    use nix::sys::signal::{SigSet, Signal};
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    // Blocked here and so in every later thread: the one below takes them in turn.
    if signals.thread_block().is_err() {
        return;
    }
    std::thread::spawn(move || {
        if let Ok(signal) = signals.wait() {
            if !crate::sandbox::leftovers::stop() {
                let me = i32::try_from(std::process::id()).unwrap_or(0);
                harness_os::process::kill_members(&harness_os::process::Belonging {
                    namespace: None,
                    roots: &[me],
                    marker: None,
                });
            }
            std::process::exit(128 + signal as i32);
        }
    });
}

/// Plays a model answer in this process, on its own standard streams.
fn reference_program(arguments: &arguments::Reference) -> Exit {
    if arguments.task == crate::lab::load::TASK
        && let Some(status) = crate::lab::programs::run(&arguments.role, &arguments.arguments)
    {
        return Exit::Program(status);
    }
    match answers::run(&arguments.task, &arguments.role, &arguments.arguments) {
        Some(status) => Exit::Program(status),
        None if answers::all().is_empty() => {
            term::say(&format!("harness: {}", answers::NONE));
            Exit::Usage
        }
        None => {
            let asked = format!("{} {}", arguments.task, arguments.role);
            let known: Vec<String> =
                answers::all().iter().map(|answer| format!("{} {}", answer.task, answer.role)).collect();
            let near = nearest(&asked, known.iter().map(String::as_str));
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            term::say(&format!("harness: there is no reference for {asked}{near}; there are: {}", known.join(", ")));
            Exit::Usage
        }
    }
}
