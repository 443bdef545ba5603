//! Files that make resolvers ask by DNS at a run's own name server, and nothing else: a machine may ask a service
//! beyond the run's network otherwise, or send some names (`.local`) elsewhere. And one that names the run's folder as
//! its user's home, for programs that do not ask `$HOME` where that is, such as `ssh` and Java.

use std::path::{Path, PathBuf};

use harness_os::namespace;

use crate::machine::Scratch;
use crate::sandbox;

/// Shows the calling thread, and the programs that it starts, files by which names are asked for at this run's
/// own name server, and the run's folder is the user's home; and of the machine's other files what a run is to see.
///
/// # Errors
/// If they cannot be written, or mounts of one's own are forbidden.
pub fn lead_here(scratch: &Scratch) -> Result<(), String> {
    let (folder, home) = (scratch.beside("etc"), scratch.folder());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let services = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = [
        ("/etc/resolv.conf", RESOLVER.to_owned()),
        ("/etc/nsswitch.conf", by_dns(&services)),
        ("/etc/passwd", at_home(&users, nix::unistd::getuid().as_raw(), home)),
    ];
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
    namespace::enter_private_files(&[]).map_err(|error| error.to_string())?;
    let rooms = sandbox::furnishes().is_ok().then(|| sandbox::rooms(scratch));
    if let Some(rooms) = &rooms {
        rooms.furnish().map_err(|error| error.to_string())?;
    }
    namespace::show(&binds).map_err(|error| error.to_string())?;
    rooms.map_or(Ok(()), |rooms| rooms.shut()).map_err(|error| error.to_string())
}

/// No search list: a name is asked for as it stands in the program.
const RESOLVER: &str = "nameserver 127.0.0.1\noptions attempts:3 timeout:2\n";

/// The machine's name services, with hosts by file and DNS only.
fn by_dns(services: &str) -> String {
    let others = services.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    others.chain(["hosts: files dns"]).map(|line| format!("{line}\n")).collect()
}

/// The list of users with another home for one of them (passwd(5)).
fn at_home(users: &str, id: u32, home: &Path) -> String {
    let id = id.to_string();
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(':').collect();
        let home = home.to_string_lossy();
        // A folder's name that cannot stand in the list leaves it as it is.
        if fields.len() == 7 && fields[2] == id && !home.contains([':', '\n']) {
            fields[5] = &home;
        }
        format!("{}\n", fields.join(":"))
    };
    users.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "root:x:0:0:root:/tmp/run:/bin/sh\nanna:x:1000:1000:,,,:/home/anna:/bin/bash\n")]
    #[case(1000, "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:,,,:/tmp/run:/bin/bash\n")]
    #[case(7, "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:,,,:/home/anna:/bin/bash\n")]
    fn the_user_is_at_home_in_the_run(#[case] id: u32, #[case] own: &str) {
        let users = "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:,,,:/home/anna:/bin/bash\n";
        assert_eq!(at_home(users, id, Path::new("/tmp/run")), own);
    }

    #[rstest]
    #[case("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n", "passwd: files\nhosts: files dns\n")]
    #[case("", "hosts: files dns\n")]
    fn hosts_are_asked_for_by_dns(#[case] machine: &str, #[case] own: &str) {
        assert_eq!(by_dns(machine), own);
    }
}
