//! Files that make resolvers ask by DNS at a run's own name server, and nothing else: a machine may ask a service
//! beyond the run's network otherwise, or send some names (`.local`) elsewhere.

use std::path::{Path, PathBuf};

use harness_os::namespace;

/// Shows the calling thread, and the programs that it starts, files by which names are asked for at this run's
/// own name server. `folder` keeps them.
///
/// # Errors
/// If they cannot be written, or mounts of one's own are forbidden.
pub fn lead_here(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let services = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let own = [("/etc/resolv.conf", RESOLVER.to_owned()), ("/etc/nsswitch.conf", by_dns(&services))];
    let mut binds: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (path, text) in own {
        let target = Path::new(path);
        // Without the file, resolvers ask this machine in the usual order.
        if !target.exists() {
            continue;
        }
        let source = folder.join(target.file_name().unwrap_or_default());
        std::fs::write(&source, text).map_err(|error| error.to_string())?;
        binds.push((source, target.to_owned()));
    }
    namespace::enter_private_files(&binds).map_err(|error| error.to_string())
}

/// No search list: a name is asked for as it stands in the program.
const RESOLVER: &str = "nameserver 127.0.0.1\noptions attempts:3 timeout:2\n";

/// The machine's name services, with hosts by file and DNS only.
fn by_dns(services: &str) -> String {
    let others = services.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    others.chain(["hosts: files dns"]).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n", "passwd: files\nhosts: files dns\n")]
    #[case("", "hosts: files dns\n")]
    fn hosts_are_asked_for_by_dns(#[case] machine: &str, #[case] own: &str) {
        assert_eq!(by_dns(machine), own);
    }
}
