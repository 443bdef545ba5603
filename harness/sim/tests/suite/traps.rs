//! What makes a simulation of real programs go wrong, one test for each.
//!
//! The table in the crate's documentation says which test stands for what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::common::{collect, compiled, finished, launch, pair, python};
use harness_sim::net::{TcpListener, any};
use harness_sim::{Config, EPOCH_SECONDS, Exit, Outcome, SimError, Simulation, Stdio, Sys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a Python program on a host of its own prints until it ends.
fn alone(config: Config, script: &str) -> (Result<(Exit, String), SimError>, Simulation) {
    let mut sim = Simulation::new(config).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&python(), &["-c", script])).unwrap();
    let seen = sim.run(collect(handle, program)).map(|(exit, bytes)| (exit, String::from_utf8(bytes).unwrap()));
    (seen, sim)
}

/// The same, of a program that comes to a good end.
fn printed(script: &str) -> String {
    let (exit, text) = alone(Config::default(), script).0.unwrap();
    assert_eq!(exit, Exit::Status(0), "{text}");
    text
}

/// On one processor the maker is hardly ever stopped before it comes to rest; on two it races with what it has made.
#[rstest::rstest]
fn who_makes_a_thread_or_a_process_comes_to_rest_before_that_begins(#[values(true, false)] one_processor: bool) {
    let mut sim = Simulation::new(Config { one_processor, ..Config::default() }).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&compiled("firsts", &[]), &[])).unwrap();
    let (exit, printed) = sim.run(collect(handle, program)).unwrap();
    assert_eq!(exit, Exit::Status(0));
    assert_eq!(String::from_utf8(printed).unwrap(), format!("{}{}\n", "mt".repeat(50), "mp".repeat(20)));
    assert_eq!(sim.slips(), 0);
}

/// The call of a record is the same one when the run stops at it: it is in no record then, and who made it waits in it.
#[test]
fn a_run_stops_at_a_call_and_leaves_it_unanswered() {
    let script = "import socket\n\
                  one, other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                  other.bind(('127.0.0.1', 5000))\n\
                  one.sendto(b'first', ('127.0.0.1', 5000))\n\
                  one.sendto(b'second', ('127.0.0.1', 5000))\n\
                  print(other.recv(10), other.recv(10))\n";
    let (seen, sim) = alone(Config::default(), script);
    assert_eq!(seen.unwrap().1, "b'first' b'second'\n");
    let calls = sim.calls();
    let number = calls.iter().position(|call| call.call == Sys::Sendto && call.asked == 6).unwrap();
    drop(sim);
    let (seen, sim) = alone(Config { stop_at: Some(number), ..Config::default() }, script);
    assert!(matches!(seen, Err(SimError::Stopped { .. })), "{seen:?}");
    assert_eq!(sim.calls(), calls[..number]);
    let waits: Vec<&str> = sim.handle().blocked().iter().map(|it| it.call.name).collect();
    assert_eq!(waits, ["sendto"]);
}

// Asleep is not idle.

#[test]
fn asleep_is_not_idle_at_a_full_pipe() {
    // Sixteen times what a pipe holds, while a time-out of a millisecond of virtual time is running.
    let text = printed(
        "import os, threading, time\n\
         late = []\n\
         timer = threading.Timer(0.001, late.append, [1]); timer.start()\n\
         began = time.monotonic()\n\
         data = b'x' * (1 << 20)\n\
         while data: data = data[os.write(1, data):]\n\
         timer.cancel()\n\
         print(late, time.monotonic() == began)",
    );
    assert_eq!(text.trim_start_matches('x'), "[] True\n");
    assert_eq!(text.len(), (1 << 20) + "[] True\n".len());
}

#[test]
fn asleep_is_not_idle_while_a_helper_works() {
    // The helpers need the better part of a second, and none of it is virtual.
    let text = printed(
        "import subprocess, time\n\
         began = time.monotonic()\n\
         work = 'head -c 60000000 /dev/urandom | sha256sum | wc -l'\n\
         done = subprocess.run(work, shell=True, capture_output=True, timeout=0.01)\n\
         print(done.stdout.split()[0].decode(), time.monotonic() - began < 0.01)",
    );
    assert_eq!(text, "1 True\n");
}

#[test]
fn asleep_is_not_idle_on_a_disk() {
    let text = printed(
        "import os, tempfile, threading, time\n\
         late = []\n\
         timer = threading.Timer(0.001, late.append, [1]); timer.start()\n\
         with tempfile.TemporaryFile() as file:\n\
         \x20   for _ in range(8):\n\
         \x20       file.write(os.urandom(1 << 18)); file.flush(); os.fsync(file.fileno())\n\
         timer.cancel(); print(late)",
    );
    assert_eq!(text, "[]\n");
}

// Programs that compute.

#[test]
fn computing_costs_no_virtual_time() {
    let text = printed("import time\nt = time.monotonic()\nsum(range(5_000_000))\nprint(time.monotonic() - t < 0.001)");
    assert_eq!(text, "True\n");
}

#[test]
fn a_program_that_computes_for_ever_is_ended_by_its_budget() {
    let config = Config { cpu_budget: Duration::from_millis(300), ..Config::default() };
    let (seen, sim) = alone(config, "while True: pass");
    assert!(matches!(seen, Err(SimError::CpuBudget { .. })), "{seen:?}");
    assert!(sim.now().since_start() < Duration::from_secs(1));
}

#[test]
fn a_loop_over_a_call_that_gets_nowhere_costs_virtual_time() {
    let (seen, sim) = alone(
        Config::default(),
        "import socket, time\n\
         one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('', 5000)); one.setblocking(False)\n\
         end = time.monotonic() + 2\n\
         while time.monotonic() < end:\n\
         \x20   try: one.recv(1)\n\
         \x20   except BlockingIOError: pass\n\
         print('done')",
    );
    assert_eq!(seen.unwrap().1, "done\n");
    assert!((2.0..2.2).contains(&sim.now().since_start().as_secs_f64()), "{}", sim.now());
}

// Descriptors.

#[test]
fn descriptors_of_900_sockets_fit_into_a_set_of_select() {
    let text = printed(
        "import select, socket\n\
         listener = socket.create_server(('', 5000), backlog=500)\n\
         all = []\n\
         for _ in range(450):\n\
         \x20   all += [socket.create_connection(('127.0.0.1', 5000)), listener.accept()[0]]\n\
         print(max(one.fileno() for one in all) < 1024, len(select.select([], all, [])[1]))",
    );
    assert_eq!(text, "True 900\n");
}

#[test]
fn descriptors_of_2000_connections() {
    let server = launch(&compiled("epoll_server", &[]), &["5000"]);
    let client = launch(&compiled("many", &[]), &["5000", "2000"]);
    let run = pair(Config::default(), server, vec![client], b"").unwrap();
    assert_eq!(run.clients, [(Exit::Status(0), b"2000\n".to_vec())]);
}

#[test]
fn a_descriptor_means_the_same_after_dup_fork_and_exec() {
    let text = printed(
        "import os, socket, subprocess, sys\n\
         listener = socket.create_server(('', 5000))\n\
         client = socket.create_connection(('127.0.0.1', 5000)); server = listener.accept()[0]\n\
         copy = os.dup(client.fileno()); os.write(copy, b'dup '); os.close(copy)\n\
         if os.fork() == 0: client.send(b'fork '); os._exit(0)\n\
         os.wait()\n\
         subprocess.run([sys.executable, '-c', 'import sys; sys.stdout.write(\"exec\")'], stdout=client)\n\
         client.close()\n\
         print(server.makefile().read())",
    );
    assert_eq!(text, "dup fork exec\n");
}

// Where addresses lead.

#[test]
fn localhost_is_a_programs_own_listener_first_and_then_its_peer() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let (host, peer) = (sim.add_host("program").unwrap(), sim.add_host("peer").unwrap());
    let handle = sim.handle();
    let script = "import socket\n\
        listener = socket.create_server(('', 5000))\n\
        with socket.create_connection(('localhost', 5000)) as one:\n\
        \x20   listener.accept()[0].sendall(b'own'); print(one.recv(9).decode())\n\
        listener.close()\n\
        with socket.create_connection(('localhost', 5000)) as one: print(one.recv(9).decode())";
    let (exit, text) = sim
        .run(async {
            let listener = TcpListener::bind(peer, any(false, 5000), 5).unwrap();
            let program = handle.spawn(host, launch(&python(), &["-c", script])).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"peer").await.unwrap();
            collect(handle, program).await
        })
        .unwrap();
    assert_eq!((exit, String::from_utf8(text).unwrap().as_str()), (Exit::Status(0), "own\npeer\n"));
}

#[test]
fn local_sockets_pass() {
    let text = printed(
        "import array, os, socket, tempfile, threading\n\
         with tempfile.TemporaryDirectory() as folder:\n\
         \x20   listener = socket.socket(socket.AF_UNIX); listener.bind(folder + '/s'); listener.listen()\n\
         \x20   client = socket.socket(socket.AF_UNIX); client.connect(folder + '/s')\n\
         \x20   server = listener.accept()[0]; client.send(b'local'); print(server.recv(9).decode())\n\
         \x20   inet = socket.create_server(('', 5000))\n\
         \x20   socket.send_fds(client, [b'x'], [inet.fileno()])\n\
         \x20   passed = socket.socket(fileno=socket.recv_fds(server, 1, 1)[1][0])\n\
         \x20   print(passed.getsockname())",
    );
    assert_eq!(text, "local\n('0.0.0.0', 5000)\n");
}

#[test]
fn nothing_reaches_the_real_network() {
    // Whatever the user may do: neither unknown addresses nor raw, packet or other sockets.
    let text = printed(
        "import errno, socket\n\
         def attempt(name, *what):\n\
         \x20   try: socket.socket(*what); print(name, 'made')\n\
         \x20   except OSError as error: print(name, errno.errorcode[error.errno])\n\
         attempt('raw', socket.AF_INET, socket.SOCK_RAW, 1)\n\
         attempt('packet', socket.AF_PACKET, socket.SOCK_RAW)\n\
         attempt('vsock', 40, socket.SOCK_STREAM)\n\
         attempt('bluetooth', 31, socket.SOCK_RAW)\n\
         try: socket.create_connection(('192.0.2.1', 80), 5)\n\
         except OSError as error: print(errno.errorcode[error.errno])",
    );
    assert_eq!(text, "raw EPERM\npacket EAFNOSUPPORT\nvsock EAFNOSUPPORT\nbluetooth EAFNOSUPPORT\nENETUNREACH\n");
}

#[test]
fn a_built_in_address_leads_to_the_peer() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let (host, peer) = (sim.add_host("program").unwrap(), sim.add_host("peer").unwrap());
    sim.add_address(peer, "147.232.22.1".parse().unwrap());
    let handle = sim.handle();
    let script = "import socket\none = socket.create_connection(('147.232.22.1', 5000))\n\
        print(one.getpeername()); one.sendall(b'x')";
    let (text, got) = sim
        .run(async {
            let listener = TcpListener::bind(peer, any(false, 5000), 5).unwrap();
            let program = handle.spawn(host, launch(&python(), &["-c", script])).unwrap();
            let (mut stream, _): (_, SocketAddr) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            (collect(handle, program).await.1, got)
        })
        .unwrap();
    assert_eq!((text, got), (b"('147.232.22.1', 5000)\n".to_vec(), b"x".to_vec()));
}

#[test]
fn addresses_of_nobody_are_those_of_the_one_machine_that_there_is() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("all").unwrap();
    sim.set_default_host(host);
    let handle = sim.handle();
    // One goes to an address that it has built in, one listens at another, and is found there.
    let goes = "import socket\none = socket.create_connection(('147.232.22.1', 5000))\n\
        print(one.getpeername()); one.sendall(b'x')";
    let listens = "import socket\nhome = ('10.0.37.251', 6000)\nserver = socket.socket(); server.bind(home)\n\
        server.listen(1)\none = socket.create_connection(home); server.accept(); print(server.getsockname())";
    let (went, got, listened) = sim
        .run(async {
            let listener = TcpListener::bind(host, any(false, 5000), 5).unwrap();
            let program = handle.spawn(host, launch(&python(), &["-c", goes])).unwrap();
            let (mut stream, _): (_, SocketAddr) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            let went = collect(handle, program).await.1;
            let program = handle.spawn(host, launch(&python(), &["-c", listens])).unwrap();
            (went, got, collect(handle, program).await.1)
        })
        .unwrap();
    assert_eq!((went, got), (b"('147.232.22.1', 5000)\n".to_vec(), b"x".to_vec()));
    assert_eq!(String::from_utf8(listened).unwrap(), "('10.0.37.251', 6000)\n");
}

#[test]
fn who_was_told_where_to_go_finds_nobody_elsewhere() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("all").unwrap();
    sim.set_default_host(host);
    let handle = sim.handle();
    let script = "import socket\nserver = socket.create_server(('', 5000))\n\
        for name in ('server.example', '147.232.22.1', socket.gethostname(), 'all'):\n\
        \x20   try: socket.create_connection((name, 5000)); print('met')\n\
        \x20   except socket.gaierror: print('no such name')\n\
        \x20   except OSError as error: print(error.strerror)\n\
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.connect(('8.8.8.8', 80)); print(udp.getsockname()[0])";
    let told = |told_host| harness_sim::Launch { told_host, ..launch(&python(), &["-c", script]) };
    let printed = sim
        .run(async {
            let program = handle.spawn(host, told(true)).unwrap();
            let strict = collect(handle, program).await.1;
            let program = handle.spawn(host, told(false)).unwrap();
            [strict, collect(handle, program).await.1].map(|text| String::from_utf8(text).unwrap())
        })
        .unwrap();
    assert_eq!(printed[0], "no such name\nNetwork is unreachable\nmet\nmet\n10.0.0.1\n");
    assert_eq!(printed[1], "met\nmet\nmet\nmet\n10.0.0.1\n");
}

// Clocks.

#[test]
fn a_peers_timers_are_on_the_runs_clock() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let script = "import time\nfor _ in range(3): time.sleep(10); print(time.monotonic(), flush=True)";
    sim.run(async {
        let began = handle.now().since_start();
        let program = handle.spawn(host, launch(&python(), &["-c", script])).unwrap();
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert_eq!(handle.now().since_start() - began, Duration::from_secs(25));
        handle.settled().await;
        let text = handle.take_output(program, harness_sim::Stream::Output);
        assert_eq!(text.split(|byte| *byte == b'\n').count(), 3, "two lines and what follows them");
        handle.exited(program).await;
        assert_eq!(handle.now().since_start() - began, Duration::from_secs(30));
    })
    .unwrap();
}

#[test]
fn the_date_is_fixed() {
    // Certificates that are valid in a run must be valid in every run.
    let script = "import time, subprocess\n\
        print(int(time.time()), subprocess.run(['date', '+%s'], capture_output=True).stdout.strip().decode())";
    assert_eq!(printed(script), format!("{EPOCH_SECONDS} {EPOCH_SECONDS}\n"));
}

#[test]
fn time_outs_of_a_lock_are_in_the_same_time_as_those_of_a_socket() {
    let text = printed(
        "import queue, select, socket, threading, time\n\
         one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('', 5000))\n\
         def wait(act):\n\
         \x20   began = time.monotonic(); act(); return round(time.monotonic() - began, 2)\n\
         def on_queue():\n\
         \x20   try: queue.Queue().get(timeout=1.5)\n\
         \x20   except queue.Empty: pass\n\
         print(wait(on_queue), wait(lambda: threading.Event().wait(2)), wait(lambda: select.select([one], [], [], 2.5)))",
    );
    assert_eq!(text, "1.5 2.0 2.5\n");
}

// Terminals and helpers.

#[test]
fn a_terminal_is_one_and_its_end_is_an_end() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let pty = harness_os::terminal::Pty::open_raw().unwrap();
    // What is asked for at a controlling terminal would be asked of whoever grades.
    let script = "import os, sys\n\
        try:\n    os.open('/dev/tty', os.O_RDWR)\n    asks = True\n\
        except OSError:\n    asks = False\n\
        print(sys.stdout.isatty(), sys.stderr.isatty(), asks)";
    let mut wish = launch(&python(), &["-c", script]);
    wish.stdout = Stdio::Pair { program: pty.slave, ours: Some(pty.master) };
    let program = sim.spawn(host, wish).unwrap();
    let (exit, text) = sim.run(collect(handle, program)).unwrap();
    assert_eq!((exit, String::from_utf8(text).unwrap().trim_end()), (Exit::Status(0), "True False False"));
}

#[test]
fn helpers_are_told_from_the_program_itself() {
    let script = "import socket, subprocess\n\
        one = socket.create_server(('', 5000))\n\
        print(subprocess.run(['sh', '-c', 'ls / | grep -c etc'], capture_output=True).stdout)";
    let (seen, sim) = alone(Config::default(), script);
    assert_eq!(seen.unwrap().1, "b'1\\n'\n");
    let on_sockets: Vec<u32> =
        sim.calls().into_iter().filter(|call| call.socket.is_some()).map(|call| call.process).collect();
    assert!(!on_sockets.is_empty() && on_sockets.iter().all(|process| *process == 0), "{on_sockets:?}");
    assert!(sim.calls().iter().any(|call| call.process > 0), "the helpers' calls are recorded as theirs");
}

#[test]
fn what_starts_beside_a_run_keeps_nothing_of_it_open() {
    // A child of another thread has copies of this process's descriptors for a while. A socket that the program has closed
    // would live on in them, and its number would still be taken for the socket's.
    let program = compiled("numbers", &[]);
    let path = program.to_str().unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                finished(&Command::new("true"));
            }
        });
        let mut sim = Simulation::new(Config::default()).unwrap();
        let host = sim.add_host("alone").unwrap();
        let handle = sim.handle();
        let program = sim.spawn(host, launch(&program, &[path])).unwrap();
        let seen = sim.run(collect(handle, program));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(seen.unwrap(), (Exit::Status(0), b"done\n".to_vec()));
    });
}

#[test]
fn memory_is_the_programs_own() {
    // The high-water mark of a child starts as its parent's: that must not count.
    let ballast = vec![1u8; 300 << 20];
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let peak = sim
        .run(async {
            let server = handle.spawn(host, launch(&compiled("upper_server", &[]), &["5000"])).unwrap();
            handle.listening(server).await;
            let process = handle.process(server).unwrap();
            harness_os::process::view(process).unwrap().peak_memory_bytes
        })
        .unwrap();
    assert!(ballast.iter().all(|byte| *byte == 1));
    assert!((1..50 << 20).contains(&peak), "{peak} bytes");
}

// Signals and calls that are not known.

#[test]
fn a_signal_is_taken_before_time_goes_on() {
    // Every process of a program, also one that has closed its input and one that blocks the signal in one thread.
    let script = "import os, signal, socket, threading, time\n\
        os.close(0)\n\
        signal.signal(signal.SIGINT, lambda *_: (print('taken', time.monotonic() - began < 5.001, flush=True), os._exit(3)))\n\
        threading.Thread(target=lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]), time.sleep(60)), daemon=True).start()\n\
        listener = socket.create_server(('', 5000))\n\
        began = time.monotonic(); listener.accept()";
    for _ in 0..10 {
        let mut sim = Simulation::new(Config::default()).unwrap();
        let host = sim.add_host("alone").unwrap();
        let handle = sim.handle();
        let (exit, text) = sim
            .run(async {
                let server = handle.spawn(host, launch(&python(), &["-c", script])).unwrap();
                handle.listening(server).await;
                tokio::time::sleep(Duration::from_secs(5)).await;
                handle.signal_all(server, 2);
                collect(handle, server).await
            })
            .unwrap();
        assert_eq!((exit, String::from_utf8(text).unwrap().as_str()), (Exit::Status(3), "taken True\n"));
        assert_eq!(sim.now().since_start(), Duration::from_secs(5));
    }
}

#[test]
fn a_childs_end_breaks_off_its_parents_wait() {
    let text = printed(
        "import os, signal, socket, time\n\
         signal.signal(signal.SIGCHLD, lambda *_: print('child', round(time.monotonic() - began, 3)))\n\
         one = socket.create_server(('', 5000)); one.settimeout(9)\n\
         began = time.monotonic()\n\
         if os.fork() == 0: time.sleep(2); os._exit(0)\n\
         try: one.accept()\n\
         except TimeoutError: print('late', round(time.monotonic() - began, 3))",
    );
    assert_eq!(text, "child 2.0\nlate 9.0\n");
}

#[test]
fn a_process_is_dead_when_its_last_thread_has_ended() {
    // The child's first thread ends at once, which the kernel shows as a dead process with living threads.
    let text = printed(
        "import ctypes, os, threading, time\n\
         began = time.monotonic()\n\
         def work():\n\
         \x20   time.sleep(3); os.write(1, b'worker\\n'); os._exit(7)\n\
         child = os.fork()\n\
         if child == 0:\n\
         \x20   threading.Thread(target=work).start(); ctypes.CDLL(None).syscall(60, 0)\n\
         _, status = os.waitpid(child, 0)\n\
         print(os.waitstatus_to_exitcode(status), round(time.monotonic() - began, 3))",
    );
    assert_eq!(text, "worker\n7 3.0\n");
}

#[test]
fn a_shell_that_waits_for_children_with_threads_gets_to_its_end() {
    // dash asks, sleeps in sigsuspend, and asks again: all of it where no call is held.
    let child = "import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()";
    let script = format!(
        "import subprocess, sys\n\
        script = 'for i in 1 2 3 4 5; do echo $(\"$0\" -c \"$1\"); done'\n\
        print(subprocess.run(['sh', '-c', script, sys.executable, {child:?}], capture_output=True, text=True).stdout.split())"
    );
    assert_eq!(printed(&script), "['1', '1', '1', '1', '1']\n");
}

#[test]
fn io_uring_is_refused_and_unknown_calls_are_reported() {
    let mut sim = Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&compiled("strange", &[]), &[])).unwrap();
    sim.run(handle.exited(program)).unwrap();
    let unknown = sim.calls().into_iter().filter(|call| call.outcome == Outcome::Unknown);
    assert_eq!(unknown.map(|call| call.call).collect::<Vec<_>>(), [Sys::Semtimedop]);
    drop(sim);
    let script = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n\
        print(libc.syscall(425, 8, ctypes.create_string_buffer(120)), ctypes.get_errno())";
    // io_uring_setup has the same number on every architecture; 38 is ENOSYS.
    assert_eq!(printed(script), "-1 38\n");
}
