//! An ordinary user's way to containment, in a process with one thread: hence no test harness around it.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::thread;

use harness_os::namespace::{NamespaceId, enter_private_files, enter_private_network, prepare_process};
use nix::sys::prctl::set_dumpable;
use nix::unistd::{Gid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};

fn main() {
    if geteuid().is_root() {
        let (user, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
        setgroups(&[group]).expect("give up root's groups");
        setresgid(group, group, group).expect("give up root's group");
        setresuid(user, user, user).expect("give up root");
        // Giving up root made /proc/self root's; a program started by an ordinary user does not have that.
        set_dumpable(true).expect("own /proc/self again");
    }
    let identity = (geteuid(), getegid());
    let outside = NamespaceId::of_thread().expect("a network namespace");

    // A process with a second thread must be left alone.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let second = thread::spawn(move || held.recv());
    let refused = prepare_process();
    drop(hold);
    let _ = second.join();
    if refused.network {
        println!("this user may create namespaces as it is");
    } else {
        let reason = refused.why_not.expect("a reason");
        println!("with two threads: {reason}");
        assert!(reason.contains("2 threads"), "{reason}");
    }
    // A joined thread leaves the kernel's table a moment after the join; nothing else tells when.
    while std::fs::read_dir("/proc/self/task").expect("/proc").count() > 1 {
        thread::yield_now();
    }

    let containment = prepare_process();
    println!("with one thread: {containment:?}");
    assert_eq!((geteuid(), getegid()), identity, "the process keeps its identity");
    if !containment.network {
        assert!(containment.why_not.is_some());
        println!("skipped: {:?}", containment.why_not);
        return;
    }
    assert_eq!(prepare_process(), containment, "a second call finds the same");

    let body = move || {
        let inside = enter_private_network().expect("a private network");
        assert_ne!(inside, outside);
        let listener = TcpListener::bind("0.0.0.0:8000").expect("a port of its own");
        TcpStream::connect("192.0.2.7:8000").expect("any address");
        listener.accept().expect("a connection");
        match TcpListener::bind("0.0.0.0:80") {
            Ok(_) => println!("port 80 is free"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        }
        if containment.files {
            let hosts = ("/proc/self/limits".into(), "/etc/hosts".into());
            enter_private_files(&[hosts]).expect("files of its own");
            let seen = std::fs::read_to_string("/etc/hosts").expect("the file in its place");
            assert!(seen.contains("Max open files"), "{seen}");
        }
        (inside, listener)
    };
    let (one, other) = (thread::spawn(body), thread::spawn(body));
    let (one, other) = (one.join().expect("a thread"), other.join().expect("a thread"));
    assert_ne!(one.0, other.0);
    assert_eq!(NamespaceId::of_thread().expect("a namespace"), outside);
    println!("ok: two threads, two networks, as user {}", identity.0);
}
