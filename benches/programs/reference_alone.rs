//! `reference-alone [chat-room] ROLE ARGUMENTS`: the reference for `message`, or for `chat-room`, and nothing around it.
//!
//! `harness reference` finds out at its start what containment the machine allows; this program does not. The
//! difference of the two is the price of that.

use std::process::ExitCode;

fn main() -> ExitCode {
    const CHAT: &str = "chat-room";
    let mut arguments = std::env::args().skip(1).peekable();
    let task = arguments.next_if(|word| word == CHAT).map_or("message", |_| CHAT);
    let role = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    match reference::run(task, &role, &arguments) {
        Some(status) => ExitCode::from(status),
        None => {
            eprintln!("usage: reference-alone server PORT | reference-alone client HOST PORT < FILE");
            eprintln!("       reference-alone chat-room server PORT");
            ExitCode::from(2)
        }
    }
}
