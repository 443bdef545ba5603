//! Where less is allowed: as an ordinary user, in an unprivileged user namespace, under Docker's default rules.
//!
//! Each test starts this very file again in such a place and has it play [`every_kind_of_program`] there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::common::{collect, compiled, finished, launch, noise, pair, source};
use harness_sim::{Config, Exit, Launch, Outcome, Schedule, Simulation};

/// Set in the second start: where the programs are that the first one has compiled.
const FOLDER: &str = "HARNESS_SIM_PROGRAMS";

/// An interpreter that every user may execute.
const PYTHON: &str = "/usr/bin/python3";

/// Status by which `container.py` says that the place is not to be had here.
const ABSENT: i32 = 77;

fn play(folder: &Path) {
    let input = noise(20_480);
    let expected = [(Exit::Status(0), input.to_ascii_uppercase())];
    let config = Config { reads: Schedule::Fixed(700), ..Config::default() };
    for kind in ["", "-static"] {
        let program = |name: &str, words: &[&str]| launch(&folder.join(format!("{name}{kind}")), words);
        let (server, client) = (program("upper_server", &["5000"]), program("upper_client", &["127.0.0.1", "5000"]));
        let run = pair(config.clone(), server, vec![client], &input).unwrap();
        assert_eq!(run.clients, expected, "C {kind}");
        let unknown = run.sim.calls().into_iter().filter(|call| call.outcome == Outcome::Unknown).count();
        assert_eq!(unknown, 0, "C {kind}");
    }
    // Files into sockets from where the file is, from an offset, of a copy: what it has to be natively is in `parity`.
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&folder.join("messages"), &[])).unwrap();
    let (exit, seen) = sim.run(collect(handle, program)).unwrap();
    drop(sim);
    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(exit, Exit::Status(0), "{seen}");
    let sums = "sendfile from where the file is: 5000 \ncame: 5000 bytes, sum 191800732\n\
        it has moved on to: 5100 \nand is read on from there: 10 \n\
        sendfile from an offset: 5000 \ncame: 5000 bytes, sum 161419612\noffset 20000, file at 5110\n\
        to the end: 14890 \ncame: 14890 bytes, sum 2892794035\nbeyond it: 0 \n";
    assert!(seen.contains(sums), "{seen}");
    if !Path::new(PYTHON).exists() {
        println!("skipped: there is no {PYTHON}");
        return;
    }
    // A server that waits for its input and its connections at once, and sends a file.
    let script = folder.join("mixed.py").to_str().unwrap().to_owned();
    let python = |words: &[&str]| -> Launch { launch(Path::new(PYTHON), &[&[script.as_str()], words].concat()) };
    let run = pair(Config::default(), python(&["server"]), vec![python(&["client"])], b"typed\n").unwrap();
    let (exit, seen) = &run.clients[0];
    assert_eq!((*exit, String::from_utf8_lossy(seen).as_ref()), (Exit::Status(0), "input: typed\nfile: 50000 bytes\n"));
}

#[test]
fn every_kind_of_program() {
    match std::env::var_os(FOLDER) {
        Some(folder) => play(Path::new(&folder)),
        None => play(prepared().path()),
    }
}

/// A folder that everybody may read, with the programs in it.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let all = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    all(folder.path());
    for flags in [&[][..], &["-static"]] {
        for name in ["upper_server", "upper_client"] {
            let target = folder.path().join(format!("{name}{}", flags.concat()));
            std::fs::copy(compiled(name, flags), &target).unwrap();
            all(&target);
        }
    }
    std::fs::copy(compiled("messages", &[]), folder.path().join("messages")).unwrap();
    all(&folder.path().join("messages"));
    std::fs::copy(source("mixed.py"), folder.path().join("mixed.py")).unwrap();
    all(&folder.path().join("mixed.py"));
    folder
}

fn in_a_place(rules: &[&str]) {
    if !Path::new(PYTHON).exists() {
        println!("skipped: there is no {PYTHON}");
        return;
    }
    let folder = prepared();
    // The build's own folder may be closed to other users.
    let own = folder.path().join("places");
    std::fs::copy(std::env::current_exe().unwrap(), &own).unwrap();
    let output = finished(
        Command::new(PYTHON)
            .arg(source("container.py"))
            .args(rules)
            .arg("--")
            .arg(&own)
            .args(["--exact", "places::every_kind_of_program", "--nocapture"])
            .current_dir(folder.path())
            .env(FOLDER, folder.path()),
    );
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(ABSENT) {
        println!("skipped: {said}");
        return;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{rules:?}: {said}");
}

#[test]
fn as_an_ordinary_user() {
    in_a_place(&["user"]);
}

#[test]
fn in_an_unprivileged_user_namespace() {
    in_a_place(&["user", "namespace"]);
}

#[test]
fn under_dockers_default_rules() {
    in_a_place(&["user", "docker"]);
}
