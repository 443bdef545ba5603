//! Processes of a run on the real kernel: what a blocked one shows, and that none gets away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here, helpers included")]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness_os::namespace::NamespaceId;
use harness_os::process::{
    Belonging, Killed, Wait, caught_signals, kill_members, members, set_subreaper, socket_timeouts, threads, tree, view,
};
use nix::sched::{CloneFlags, unshare};

/// Asks again until `condition` gives something, for ten seconds at most.
fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < limit, "not seen in time: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn id(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

/// A child that does not outlive its test, also when that fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// True if the process runs or waits; false if it is gone or a zombie.
fn alive(pid: i32) -> bool {
    members(&Belonging { namespace: None, roots: &[pid], marker: None }).contains(&pid)
}

/// The number the child prints on its first line.
fn printed(child: &mut Child) -> i32 {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().parse().unwrap()
}

/// Not a test of its own: what the child of `a_blocked_receive_shows` runs, started through this same program.
#[test]
fn receiving_child() {
    let Ok(address) = std::env::var("HARNESS_OS_TEST_PEER") else {
        return;
    };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(30_500))).unwrap();
    // The first byte tells the parent which descriptor to look for.
    let fd = u8::try_from(stream.as_raw_fd()).unwrap();
    std::io::Write::write_all(&mut stream, &[fd]).unwrap();
    let _ = stream.read(&mut [0; 16]);
}

#[test]
fn a_blocked_receive_shows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::receiving_child", "--nocapture", "--test-threads=1"])
        .env("HARNESS_OS_TEST_PEER", listener.local_addr().unwrap().to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = id(&child);
    let (mut peer, _) = listener.accept().unwrap();
    let mut fd = [0; 1];
    peer.read_exact(&mut fd).unwrap();
    let fd = i32::from(fd[0]);

    let (thread, call) = until("a thread in recvfrom", || {
        threads(pid).into_iter().find_map(|thread| {
            let call = thread.blocked_in.filter(|call| call.name == "recvfrom")?;
            Some((thread, call))
        })
    });
    assert_eq!((call.wait(), call.descriptor()), (Wait::Forever, Some(fd)));
    assert_eq!(call.describe(), "waits in recv() for data");
    assert_eq!(thread.state, 'S');
    assert!(thread.run_ns > 0 && thread.switches > 0, "{thread:?}");
    let (receive, send) = socket_timeouts(pid, fd).unwrap();
    // The kernel keeps the limit in its own ticks (1 to 10 ms) and rounds up.
    assert!(receive >= Duration::from_millis(30_500) && receive < Duration::from_millis(30_520), "{receive:?}");
    assert_eq!(send, Duration::ZERO);
    assert!(socket_timeouts(pid, 1).is_err(), "standard output is no socket");

    let seen = view(pid).unwrap();
    assert_eq!((seen.pid, seen.ppid), (pid, std::process::id().try_into().unwrap()));
    assert!(seen.descriptors > usize::try_from(fd).unwrap() && seen.peak_memory_bytes > 0 && seen.cpu_ns > 0);
    // Rust programs handle SIGSEGV (11) to report stack overflows.
    assert_ne!(caught_signals(pid) & (1 << 10), 0);

    drop(peer);
    assert!(child.wait().unwrap().success());
    assert_eq!((view(pid), threads(pid), caught_signals(pid)), (None, Vec::new(), 0));
}

#[test]
fn zombie_children_are_counted() {
    // The shell becomes a program that never waits for the child it had as a shell. The child ends only after
    // that, because shells reap early; the count bounds it if that never comes.
    let script = "(n=0; while [ $(cat /proc/$$/comm) != sleep ] && [ $n -lt 9999 ]; do n=$((n+1)); done) &
        echo $!; exec sleep 300";
    let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = id(&child);
    let zombie = printed(&mut child);
    let _ended = Ended(child);
    until("a zombie child", || (view(pid)?.zombies == 1).then_some(()));
    assert!(!alive(zombie));
    assert_eq!(tree(&[pid]), vec![pid]);
}

#[test]
fn a_double_fork_is_found_by_its_environment() {
    set_subreaper().unwrap();
    let value = format!("run-{}", std::process::id());
    let mut child = Command::new("sh")
        .args(["-c", "setsid sh -c 'sleep 300 >/dev/null & echo $!' & exit 0"])
        .env("HARNESS_OS_TEST_RUN", &value)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let orphan = printed(&mut child);
    assert!(child.wait().unwrap().success());
    let run = Belonging { namespace: None, roots: &[], marker: Some(("HARNESS_OS_TEST_RUN", &value)) };
    // Only the sleeper is left once the shells between have ended.
    until("the orphan alone", || (members(&run) == [orphan]).then_some(()));
    let expected = Killed { killed: 1, survivors: Vec::new() };
    assert_eq!(kill_members(&run), expected);
    assert_eq!(view(orphan), None, "killed and reaped");
    assert_eq!(kill_members(&run), Killed::default());
}

#[test]
fn descendants_die_and_the_root_is_left_to_its_owner() {
    let mut child = Command::new("sh")
        .args(["-c", "sh -c 'sleep 300 & echo $!; wait' & wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = id(&child);
    let grandchild = printed(&mut child);
    let found = tree(&[pid]);
    assert!(found.contains(&pid) && found.contains(&grandchild) && found.len() == 3, "{found:?}");
    let run = Belonging { namespace: None, roots: &[pid], marker: None };
    assert_eq!(members(&run), found);
    let killed = kill_members(&run);
    assert_eq!((killed.killed, killed.survivors.len()), (3, 0));
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}

#[test]
fn a_fork_bomb_ends() {
    set_subreaper().unwrap();
    let value = format!("bomb-{}", std::process::id());
    // Each turn leaves an orphan in a session of its own. The count only bounds the harm of a failed test.
    let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); (setsid sleep 300 &); done; sleep 300";
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("HARNESS_OS_TEST_RUN", &value);
    let mut children: Vec<Child> = (0..4).map(|_| command.spawn().unwrap()).collect();
    let roots: Vec<i32> = children.iter().map(id).collect();
    let run = Belonging { namespace: None, roots: &roots, marker: Some(("HARNESS_OS_TEST_RUN", &value)) };
    until("busy forkers", || (members(&run).len() > 20).then_some(()));
    let killed = kill_members(&run);
    assert!(killed.killed >= 20 && killed.survivors.is_empty(), "{killed:?}");
    for child in &mut children {
        assert!(!child.wait().unwrap().success());
    }
}

#[test]
fn a_double_fork_is_found_by_its_network_namespace() {
    set_subreaper().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "setsid env -i sh -c 'sleep 300 >/dev/null & echo $!' & exit 0"]).stdout(Stdio::piped());
    // SAFETY: between fork and exec only one system call is made.
    unsafe {
        command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?));
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: no network namespace here ({error})");
            return;
        }
    };
    let orphan = printed(&mut child);
    assert!(child.wait().unwrap().success());
    let namespace = NamespaceId::of_process(orphan);
    assert!(namespace.is_some() && namespace != NamespaceId::of_thread().ok());
    let run = Belonging { namespace, roots: &[], marker: None };
    until("the orphan alone", || (members(&run) == [orphan]).then_some(()));
    let killed = kill_members(&run);
    assert_eq!((killed.killed, killed.survivors.len()), (1, 0));
    assert_eq!(view(orphan), None, "killed and reaped");
}
