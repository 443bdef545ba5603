//! A network of two machines as a run has it, made of the kernel's own network namespaces.

use std::path::Path;
use std::process::Command;

use super::finished;

/// What the shell ends with when the network is there and a program on it has failed.
const FAILED: i32 = 70;

/// Two namespaces with a cable between them: the first two hosts of a run. All of it goes when its last program ends.
const CABLE: &str = "
    mount -t tmpfs none /run && mkdir /run/netns && ip netns add far &&
    ip link add eth0 type veth peer name eth0 netns far &&
    ip link set lo up && ip address add 10.0.0.1/16 broadcast + dev eth0 && ip link set eth0 up &&
    ip -n far link set lo up && ip -n far link set eth0 up || exit 1";

/// What a program prints there, started by a shell, in which `$0` is the program, and `far` runs something on the second
/// machine. `None`, with the reason printed, where there can be no such network.
pub fn on_a_link(program: &Path, script: &str) -> Option<String> {
    let script = format!("{CABLE}\nfar() {{ nsenter --net=/run/netns/far \"$@\"; }}\n({script}) || exit {FAILED}");
    // Who may not make namespaces as he is may as the root of a user namespace of his own.
    for flags in ["-nm", "-rnm"] {
        let words = ["-c", "exec unshare \"$@\"", "sh", flags, "sh", "-c", &script];
        let ended = finished(Command::new("sh").args(words).arg(program));
        if ended.status.success() || ended.status.code() == Some(FAILED) {
            return Some(String::from_utf8_lossy(&ended.stdout).into_owned());
        }
        println!("unshare {flags}: {}, {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim());
    }
    println!("skipped: this machine allows no network of namespaces here");
    None
}
