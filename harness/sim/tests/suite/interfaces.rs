//! The network interfaces that programs are shown, whatever way they ask.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{collect, compiled, finished, launch, python};
use harness_os::{interfaces, namespace};
use harness_sim::{Config, Exit, Launch, Outcome, Simulation};

/// What a program on the first host of a run prints.
fn simulated(config: Config, launch: Launch) -> String {
    let mut sim = Simulation::new(config).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch).unwrap();
    let (exit, text) = sim.run(collect(handle, program)).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(exit, Exit::Status(0), "{text}");
    assert!(sim.calls().iter().all(|call| call.outcome != Outcome::Unknown), "{}", sim.trace());
    text
}

/// What it prints on a machine that has what the first host of a run has: a network namespace with a loopback and one
/// card. `None` where there can be none.
fn native(program: &Path) -> Option<String> {
    let program = program.to_owned();
    let look = move || -> Result<String, String> {
        namespace::enter_private_network().map_err(|error| error.to_string())?;
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        interfaces::make("eth0", &[(address("10.0.0.1"), 16), (address("fd00::1"), 64)], true)
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8(finished(&Command::new(program)).stdout).unwrap())
    };
    let seen = std::thread::spawn(look).join().unwrap();
    seen.map_err(|why| println!("skipped: {why}")).ok()
}

/// The kernel lists the files' lines by their hash.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_usual_way_shows_what_it_shows_natively() {
    let program = compiled("interfaces", &[]);
    let Some(native) = native(&program) else { return };
    let seen = simulated(Config::default(), launch(&program, &[]));
    assert_eq!(sorted(&seen), sorted(&native));
}

#[test]
fn a_host_without_ipv6_has_no_such_addresses() {
    let script = "import socket\n\
        print(socket.if_nameindex())\n\
        print([found[4][0] for found in socket.getaddrinfo('localhost', 80, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)])\n\
        print(open('/proc/net/if_inet6').read())";
    let config = Config { ipv6: false, ..Config::default() };
    let seen = simulated(
        config,
        launch(
            &python(),
            &[
                "-c",
                &format!(
                    "try:\n {}\nexcept FileNotFoundError as error: print(error.filename)",
                    script.replace('\n', "\n ")
                ),
            ],
        ),
    );
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines, ["[(1, 'lo'), (2, 'eth0')]", "['127.0.0.1']", "/proc/net/if_inet6"]);
}

fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

/// The same list from every runtime, in its own way.
const BOTH: [&str; 4] = ["lo 127.0.0.1", "lo ::1", "eth0 10.0.0.1", "eth0 fd00::1"];

fn shows_both(text: &str) {
    assert_eq!(sorted(text), sorted(&BOTH.join("\n")));
}

#[test]
fn ip_lists_them() {
    let Some(ip) = tool("ip") else { return };
    let text = simulated(Config::default(), launch(&ip, &["-oneline", "address"]));
    let shown: Vec<String> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {}", words[1], words[3].split('/').next().unwrap())
        })
        .collect();
    shows_both(&shown.join("\n"));
    let one = simulated(Config::default(), launch(&ip, &["-brief", "address", "show", "dev", "lo"]));
    assert_eq!(one.split_whitespace().collect::<Vec<_>>(), ["lo", "UNKNOWN", "127.0.0.1/8", "::1/128"]);
}

#[test]
fn node_lists_them() {
    let Some(node) = tool("node") else { return };
    let script = "for (const [name, all] of Object.entries(require('os').networkInterfaces()))\n\
        for (const one of all) console.log(name, one.address)";
    shows_both(&simulated(Config::default(), launch(&node, &["-e", script])));
}

#[test]
fn go_lists_them() {
    let Some(go) = tool("go") else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("list.go");
    let text = "package main\nimport (\"fmt\"; \"net\")\nfunc main() {\n all, _ := net.Interfaces()\n for _, one := range all {\n\
        \taddresses, _ := one.Addrs()\n\tfor _, a := range addresses { fmt.Println(one.Name, a.(*net.IPNet).IP) }\n }\n}\n";
    std::fs::write(&source, text).unwrap();
    let program = folder.path().join("list");
    let made = finished(Command::new(go).args(["build", "-o"]).arg(&program).arg(&source).current_dir(folder.path()));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    shows_both(&simulated(Config::default(), launch(&program, &[])));
}

#[test]
fn java_lists_them() {
    let (Some(java), Some(_)) = (tool("java"), tool("javac")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("List.java");
    let text = "import java.net.*;\nclass List { public static void main(String[] a) throws Exception {\n\
        for (var one : java.util.Collections.list(NetworkInterface.getNetworkInterfaces()))\n\
        for (var address : java.util.Collections.list(one.getInetAddresses()))\n\
        System.out.println(one.getName() + \" \" + (address instanceof Inet6Address ? six(address) : address.getHostAddress()));\n}\n\
        static String six(InetAddress a) { return a.isLoopbackAddress() ? \"::1\" : \"fd00::\" + a.getAddress()[15]; } }\n";
    std::fs::write(&source, text).unwrap();
    let made = finished(Command::new("javac").arg("-d").arg(folder.path()).arg(&source));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-cp"];
    let words = [&options[..], &[folder.path().to_str().unwrap(), "List"]].concat();
    shows_both(&simulated(Config::default(), launch(&java, &words)));
}
