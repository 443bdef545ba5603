//! A class in shares, as a real Slurm and GNU parallel start them: the gradebook is that of one run, byte for byte.
//!
//! The cluster is one machine in namespaces of its own: it opens no port here, and all its processes end with the
//! first of them.

use std::path::Path;
use std::process::Command as Program;

use crate::common::classes::{WANTED, hand_in, is_repeatable, same};
use crate::common::{BOUND, HARNESS, folder, harness, run, script, skipped};
use assert_cmd::Command;

/// Starts a one-node cluster in the folder `$1` and runs the rest of the words in it. As the first process of a
/// namespace it takes all others with it when it ends.
const CLUSTER: &str = r#"#!/bin/sh
set -eu
dir=$1
processors=$2
shift 2
ip link set lo up
# Where nothing but 127.0.0.1 is configured, Slurm cannot even look up `localhost` (AI_ADDRCONFIG). A dummy interface
# does it too, where the kernel has one.
ip addr add 198.51.100.1/32 dev lo
# slurmd 22.05 does not start without it, although nothing in it is used.
[ -n "$(ls /sys/fs/cgroup)" ] || mount -t tmpfs none /sys/fs/cgroup
mkdir "$dir/state" "$dir/spool"
mungekey --create --keyfile="$dir/munge.key"
munged --force --foreground --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
  --log-file="$dir/munged.log" --seed-file="$dir/munged.seed" >"$dir/munged.out" 2>&1 &
cat >"$dir/slurm.conf" <<END
ClusterName=lab
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
NodeName=localhost CPUs=$processors
PartitionName=all Nodes=localhost Default=YES State=UP
END
export SLURM_CONF="$dir/slurm.conf"
munge=$!
until [ -S "$dir/munge.socket" ]; do kill -0 $munge; done
slurmctld -D -c >"$dir/slurmctld.out" 2>&1 &
controller=$!
slurmd -D -N localhost >"$dir/slurmd.out" 2>&1 &
node=$!
until [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; do kill -0 $controller $node; done
"$@"
"#;

/// Whether a program is there, also where only root looks; says so if not.
fn is_there(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// A small class: right and wrong programs, and an empty folder.
fn class(home: &Path) {
    for (student, program) in [("ada", "good/python"), ("bob", "bad/first-letter-only"), ("carl", "good/python")] {
        hand_in(&home.join("class").join(student), program);
    }
    std::fs::write(home.join("class/carl/mine.txt"), "not the same files\n").expect("a file");
    std::fs::create_dir(home.join("class/dora")).expect("a folder");
}

fn grade(home: &Path, out: &str) -> Command {
    let mut command = harness(home);
    command.timeout(BOUND * 5).args(["class", "class", "--out", out]).args(WANTED);
    command
}

#[test]
fn a_real_slurm_grades_the_shares() {
    let tools = ["slurmctld", "slurmd", "sbatch", "sinfo", "munged", "mungekey", "unshare", "ip"];
    if !tools.into_iter().all(is_there) || !is_repeatable() {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        return skipped("a cluster in namespaces of its own needs root");
    }
    let home = folder();
    let at = |name: &str| home.path().join(name);
    let namespaces = ["--pid", "--fork", "--kill-child", "--net", "--mount", "--mount-proc"];
    if !Program::new("unshare").args(namespaces).args(["ip", "link"]).output().is_ok_and(|it| it.status.success()) {
        return skipped("namespaces are forbidden here");
    }
    class(home.path());
    run(&mut grade(home.path(), "whole"), 0);
    run(grade(home.path(), "shares").arg("--slurm=3"), 0);

    script(home.path(), "cluster.sh", CLUSTER);
    std::fs::create_dir(at("cluster")).expect("a folder");
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).to_string();
    let mut cluster = Command::new("unshare");
    cluster.current_dir(home.path()).timeout(BOUND * 5).args(namespaces).arg(at("cluster.sh")).arg(at("cluster"));
    cluster.args([processors.as_str(), "sbatch", "--wait"]).arg(at("shares/class.sbatch"));
    let ended = cluster.output().expect("unshare starts");
    let logs = || {
        let names = ["slurmctld.out", "slurmd.out", "munged.out"];
        names.map(|name| {
            format!("--- {name}\n{}", std::fs::read_to_string(at("cluster").join(name)).unwrap_or_default())
        })
    };
    assert!(ended.status.success(), "{ended:?}\n{}", logs().join("\n"));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("Submitted batch job"), "{ended:?}");

    run(harness(home.path()).args(["merge", "shares"]), 0);
    std::fs::remove_file(at("shares/class.sbatch")).expect("the job script");
    same(&at("shares"), &at("whole"));
}

#[test]
fn gnu_parallel_grades_the_shares() {
    if !is_there("parallel") || !is_repeatable() {
        return;
    }
    let home = folder();
    class(home.path());
    run(&mut grade(home.path(), "whole"), 0);
    let mut parallel = Command::new("parallel");
    // As the README has it. Its remark on citations wants a terminal or this.
    parallel.current_dir(home.path()).timeout(BOUND * 5).args([
        "--will-cite",
        "--jobs",
        "2",
        HARNESS,
        "class",
        "class",
    ]);
    parallel.args(["--out", "shares"]).args(WANTED).args(["--shard", "{}/4", ":::", "1", "2", "3", "4"]);
    let ended = run(&mut parallel, 0);
    assert_eq!(crate::common::stdout(&ended).matches("share ").count(), 4, "{ended:?}");
    run(harness(home.path()).args(["merge", "shares"]), 0);
    same(&home.path().join("shares"), &home.path().join("whole"));
}
