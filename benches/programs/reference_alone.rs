//! `reference-alone ROLE ARGUMENTS`: the reference for `message` and nothing around it.
//!
//! `harness reference` finds out at its start what containment the machine allows; this program does not. The
//! difference of the two is the price of that.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    match reference::run("message", &role, &arguments) {
        Some(status) => ExitCode::from(status),
        None => {
            eprintln!("usage: reference-alone server PORT | reference-alone client HOST PORT < FILE");
            ExitCode::from(2)
        }
    }
}
