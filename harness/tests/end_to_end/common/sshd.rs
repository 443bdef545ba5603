//! A real SSH server, with keys and a configuration of its own, for one test.

use std::path::Path;
use std::process::Command;

use super::{skipped, write};

/// What may be true of a server and its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// The user's key is authorized, and the list of known hosts is right.
    Key,
    /// The list of known hosts has another key for the server.
    ChangedHostKey,
    /// The user's key is not authorized.
    WrongKey,
}

/// Whether the server can be started here.
pub fn is_there() -> bool {
    let needed = ["/usr/sbin/sshd", "/usr/bin/ssh-keygen"];
    let missing = needed.into_iter().find(|path| !Path::new(path).exists());
    if let Some(path) = missing {
        skipped(&format!("{path} is not installed"));
    }
    missing.is_none()
}

/// Who runs the tests, and can log in therefore.
pub fn user() -> String {
    let said = Command::new("id").arg("-un").output().expect("id starts");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// The server, to be started in the foreground. It takes keys only, and keeps everything in `folder`, where `home` is the
/// home of whoever connects.
pub fn server(folder: &Path, port: u16, situation: Situation) -> Command {
    for name in ["host", "another", "user", "stranger"] {
        let mut made = Command::new("/usr/bin/ssh-keygen");
        made.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(folder.join(name));
        assert!(made.status().is_ok_and(|status| status.success()), "no key was made");
    }
    let public = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.pub"))).expect("a public key");
    let authorized = public(if situation == Situation::WrongKey { "stranger" } else { "user" });
    write(folder, "authorized_keys", &authorized);
    let known = public(if situation == Situation::ChangedHostKey { "another" } else { "host" });
    let known: Vec<&str> = known.split_whitespace().take(2).collect();
    write(folder, "home/.ssh/known_hosts", &format!("[127.0.0.1]:{port} {}\n", known.join(" ")));
    // Copied with its mode: a key that others can read is not used.
    std::fs::copy(folder.join("user"), folder.join("home/.ssh/id_ed25519")).expect("a key");
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\n",
        at("host"),
        at("authorized_keys")
    );
    write(folder, "sshd_config", &settings);
    // As root it wants this folder, which its package makes at the start of a machine.
    let _ = std::fs::create_dir_all("/run/sshd");
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
    command.stderr(std::process::Stdio::null());
    command
}
