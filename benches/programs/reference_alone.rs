//! `reference-alone TASK ROLE ARGUMENTS`: a model answer, and nothing around it.
//!
//! `harness reference` finds out at its start what containment the machine allows; this program does not. The
//! difference of the two is the price of that.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (task, role) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let arguments: Vec<String> = arguments.collect();
    match reference::run(&task, &role, &arguments) {
        Some(status) => ExitCode::from(status),
        None => {
            eprintln!("usage: reference-alone TASK ROLE [ARGUMENTS]   such as: reference-alone message server 5000");
            ExitCode::from(2)
        }
    }
}
