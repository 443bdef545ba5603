//! `harness doctor`: what this machine and build can do, and how to get the rest.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use harness_os::confine::landlock_version;
use harness_os::namespace::{self, Containment};
use harness_os::sniff::Sniffer;

use super::{Exit, term};
use crate::sandbox;
use crate::simulated;
use crate::submission::toolchain;

/// Languages and what runs or builds them.
const TOOLS: [(&str, &[&str]); 8] = [
    ("Python", &["python3"]),
    ("C", &["cc", "make"]),
    ("Java", &["javac", "java"]),
    ("Go", &["go"]),
    ("Node", &["node"]),
    ("Rust", &["rustc"]),
    ("netcat", &["nc"]),
    ("socat", &["socat"]),
];

/// Prints what was found.
pub fn run(containment: &Containment) -> Exit {
    let mut text = String::new();
    let _ = writeln!(text, "harness {} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, kernel());
    let _ = writeln!(text, "\nBackends");
    let network = match (containment.network, &containment.why_not) {
        (true, _) => "yes: every run has a network of its own, nothing reaches outside".to_owned(),
        (false, Some(why)) => {
            format!("no ({why}): programs share this machine's loopback; built-in foreign addresses cannot be met")
        }
        (false, None) => "no: programs share this machine's loopback".to_owned(),
    };
    let _ = writeln!(text, "  wire     real sockets; network namespaces: {network}");
    let _ = writeln!(text, "  turmoil  in-process simulation of the reference: yes");
    let simulates = simulated::possible().map_or_else(|why| format!("no ({why})"), |()| "yes".to_owned());
    let _ = writeln!(text, "  sim      simulated network for any program, in virtual time: {simulates}");
    let _ =
        writeln!(text, "           descriptors of programs (pidfd_getfd): {}", copies(simulated::copies_descriptors()));
    let ssh = if cfg!(feature = "ssh") { "yes" } else { "no: build with --features remote" };
    let _ = writeln!(text, "\nPeers that a build may leave out\n  SSH      {ssh}");
    let _ = writeln!(text, "\nInsight");
    let seen = std::fs::read_to_string("/proc/self/task/self/syscall")
        .or_else(|_| std::fs::read_to_string("/proc/thread-self/syscall"));
    let _ = writeln!(
        text,
        "  what a program is blocked in: {}",
        if seen.is_ok() { "yes" } else { "no (/proc/PID/syscall cannot be read)" }
    );
    let _ = writeln!(
        text,
        "  the line in which a C, C++ or Rust program crashes or waits: {}",
        if looks_into_programs() { "yes" } else { "no (ptrace is not allowed here)" }
    );
    let captures = if containment.network { sniffs() } else { Err("needs a network namespace".to_owned()) };
    let _ = writeln!(
        text,
        "  packet captures: {}",
        captures.map_or_else(|why| format!("no ({why})"), |()| "yes".to_owned())
    );
    let _ = writeln!(text, "\nContainment of programs");
    let missing = sandbox::missing(containment.network, containment.files);
    let version = landlock_version().map_or_else(|| "none".to_owned(), |version| format!("version {version}"));
    let whole = "complete: they reach neither the network nor other files and processes, and end with their run";
    let _ = writeln!(text, "  {} (Landlock: {version})", if missing.is_empty() { whole } else { "not complete" });
    for gap in &missing {
        let _ = writeln!(text, "  no: {gap}");
    }
    let _ = writeln!(text, "\nLanguages and tools");
    for (language, tools) in TOOLS {
        let missing: Vec<&str> =
            tools.iter().filter(|tool| toolchain::find(tool, Path::new("/")).is_none()).copied().collect();
        let found = match missing.as_slice() {
            [] => "yes".to_owned(),
            missing => format!("no: {} not found on PATH; such submissions are not gradable here", missing.join(", ")),
        };
        let _ = writeln!(text, "  {language:8} {found}");
    }
    if !containment.network {
        let _ = writeln!(
            text,
            "\nTo allow network namespaces: run as root, or set kernel.unprivileged_userns_clone=1 (Debian) or\n\
             kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), or start the container with --cap-add SYS_ADMIN."
        );
    }
    term::print(&text);
    Exit::Passed
}

/// What follows from whether descriptors can be copied.
fn copies(possible: Result<(), String>) -> String {
    match possible {
        Ok(()) => "yes".to_owned(),
        Err(why) => format!(
            "no ({why}).\n           \
             A program that waits in poll or select for a local socket, an eventfd or a signalfd is never told that\n           \
             it is ready; everything else works. To allow it, start the container with --cap-add SYS_PTRACE, or\n           \
             with a seccomp profile that lists pidfd_getfd."
        ),
    }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Whether a program of our own can be stopped and looked at.
fn looks_into_programs() -> bool {
    let cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut cat) = cat else { return false };
    let pid = i32::try_from(cat.id()).unwrap_or_default();
    let seen = !harness_os::process::snapshots(pid).is_empty();
    // It ends with its input.
    drop(cat.stdin.take());
    let _ = cat.wait();
    seen
}

/// Whether packets can be seen in a namespace of our own.
fn sniffs() -> Result<(), String> {
    let look = || -> Result<(), String> {
        namespace::enter_private_network().map_err(|error| error.to_string())?;
        Sniffer::open().map(drop).map_err(|error| error.to_string())
    };
    std::thread::spawn(look).join().unwrap_or_else(|_| Err("the attempt came to a sudden end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_said_with_the_way_out() {
        insta::assert_snapshot!(copies(Err("Operation not permitted (os error 1)".to_owned())), @"
        no (Operation not permitted (os error 1)).
                   A program that waits in poll or select for a local socket, an eventfd or a signalfd is never told that
                   it is ready; everything else works. To allow it, start the container with --cap-add SYS_PTRACE, or
                   with a seccomp profile that lists pidfd_getfd.
        ");
        assert_eq!(copies(Ok(())), "yes");
    }
}
