//! Two machines in small: a server in one network namespace, the harness in another, a veth pair
//! between them. Needs root and `ip`; elsewhere it says that it was skipped.

use std::process::{Child, Command, Stdio};

use crate::common::{HARNESS, folder, installed, skipped, wait_until};

/// A namespace that goes away with the test, also when the test panics.
struct Namespace(String);

impl Namespace {
    fn new(side: &str) -> Result<Self, String> {
        let name = format!("harness-{side}-{}", std::process::id());
        ip(&["netns", "add", &name])?;
        Ok(Self(name))
    }

    /// A command inside it; `ip` becomes the program, so that the child is the program.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.0]);
    }
}

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Two namespaces, 10.77.0.1 and 10.77.0.2, joined by a cable.
fn two_machines() -> Result<(Namespace, Namespace), String> {
    let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
    let cable = ["link", "add", "cable", "netns", &near.0, "type", "veth", "peer", "name", "cable", "netns", &far.0];
    ip(&cable)?;
    for (machine, address) in [(&near, "10.77.0.1/24"), (&far, "10.77.0.2/24")] {
        ip(&["-n", &machine.0, "addr", "add", address, "dev", "cable"])?;
        ip(&["-n", &machine.0, "link", "set", "lo", "up"])?;
        ip(&["-n", &machine.0, "link", "set", "cable", "up"])?;
    }
    Ok((near, far))
}

#[test]
fn a_server_on_another_machine_is_graded() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("network namespaces with a cable between them need root");
    }
    if !installed("ip") {
        return;
    }
    let (near, far) = match two_machines() {
        Ok(machines) => machines,
        Err(why) => return skipped(&why),
    };
    let server = far
        .command(HARNESS)
        .args(["reference", "uppercase-tcp", "server", "5000"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Running(server);
    // Port 5000 is 1388 in hexadecimal, and 0A is the state LISTEN. Until the child has entered its
    // namespace its table is ours, so the name must be the server's too.
    let proc = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", server.0.id())).unwrap_or_default();
    wait_until("the server listens", || {
        let tables = proc("net/tcp") + &proc("net/tcp6");
        proc("comm").trim() == "harness"
            && tables.lines().any(|line| {
                let mut columns = line.split_whitespace().skip(1);
                columns.next().is_some_and(|local| local.ends_with(":1388")) && columns.nth(1) == Some("0A")
            })
    });
    let folder = folder();
    let output = near
        .command(HARNESS)
        .args(["--attach", "server=10.77.0.2:5000", "--task", "uppercase-tcp"])
        .args(["--requirement", "uppercase-tcp.letters", "--no-progress"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("uppercase-tcp: 3 of 3 points, passed\n"), "{said}");
}
