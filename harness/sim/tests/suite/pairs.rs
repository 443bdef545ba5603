//! Two unmodified programs with each other.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{compiled, launch, noise, pair, python, source};
use harness_sim::{Config, DatagramFaults, Exit, Outcome, Schedule, Sys};

fn upper(config: Config, flags: &[&str], careless: bool, bytes: &[u8]) -> crate::common::Outcome {
    let server = launch(&compiled("upper_server", flags), &["5000"]);
    let mut words = vec!["127.0.0.1", "5000"];
    if careless {
        words.push("careless");
    }
    let client = launch(&compiled("upper_client", flags), &words);
    pair(config, server, vec![client], bytes).unwrap()
}

fn expected(bytes: &[u8]) -> Vec<u8> {
    bytes.to_ascii_uppercase()
}

#[test]
fn twenty_kilobytes_dynamic_and_static() {
    let bytes = noise(20_480);
    for flags in [&[][..], &["-static"]] {
        let run = upper(Config::default(), flags, false, &bytes);
        assert_eq!(run.clients, [(Exit::Status(0), expected(&bytes))]);
    }
}

#[test]
fn every_call_short_and_every_byte_there() {
    let bytes = noise(3000);
    for schedule in [Schedule::Fixed(1), Schedule::Random { chance: 1.0, max: None }, Schedule::PerCall(vec![1, 2, 3])]
    {
        let config = Config { reads: schedule.clone(), writes: schedule.clone(), ..Config::default() };
        let run = upper(config, &[], false, &bytes);
        assert_eq!(run.clients, [(Exit::Status(0), expected(&bytes))], "{schedule:?}");
        let cuts = run.sim.calls().iter().filter(|call| call.cut_from.is_some()).count();
        assert!(cuts > 2, "{schedule:?} cut {cuts} calls");
    }
}

#[test]
fn a_fixed_schedule_is_exact() {
    let config = Config { reads: Schedule::Fixed(7), ..Config::default() };
    let run = upper(config, &[], false, &noise(100));
    let reads: Vec<_> = run
        .sim
        .calls()
        .into_iter()
        .filter(|call| call.call == Sys::Recvfrom && call.program.0 == 0)
        .map(|call| call.outcome)
        .collect();
    let sevens = vec![Outcome::Value(7); 14];
    assert_eq!(reads, [sevens, vec![Outcome::Value(2), Outcome::Value(0)]].concat());
}

#[test]
fn a_cut_call_leaves_an_edge() {
    // epoll(7): who reads less than asked for, or writes less than it had, may wait for the next edge.
    let script = "
import select, socket
listener = socket.create_server(('127.0.0.1', 5000))
near = socket.create_connection(('127.0.0.1', 5000))
far, _ = listener.accept()
for end in near, far:
    end.setblocking(False)
writer, reader = select.epoll(), select.epoll()
writer.register(near, select.EPOLLOUT | select.EPOLLET)
reader.register(far, select.EPOLLIN | select.EPOLLET)
left, got = b'0123456789', b''
while left and writer.poll(5):
    left = left[near.send(left):]
while len(got) < 10 and reader.poll(5):
    got += far.recv(64)
print(left, got)
";
    let short = || Schedule::Fixed(3);
    let mut sim =
        harness_sim::Simulation::new(Config { reads: short(), writes: short(), ..Config::default() }).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&python(), &["-c", script])).unwrap();
    let (exit, seen) = sim.run(crate::common::collect(handle, program)).unwrap();
    assert_eq!((exit, String::from_utf8(seen).unwrap().trim()), (Exit::Status(0), "b'' b'0123456789'"));
}

#[test]
fn who_ignores_send_is_caught_and_who_does_not_is_never() {
    let bytes = noise(8192);
    let seeds = std::env::var("HARNESS_SIM_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    for seed in 0..seeds {
        let writes = Schedule::Random { chance: 1.0, max: None };
        let config = Config { seed, writes, ..Config::default() };
        assert_ne!(upper(config.clone(), &[], true, &bytes).clients[0].1, expected(&bytes), "seed {seed}");
        assert_eq!(upper(config, &[], false, &bytes).clients[0].1, expected(&bytes), "seed {seed}");
    }
    assert_eq!(upper(Config::default(), &[], true, &bytes).clients[0].1, expected(&bytes));
}

#[test]
fn a_schedule_of_single_calls_repeats_what_a_random_one_did() {
    let bytes = noise(8192);
    let writes = Schedule::Random { chance: 0.5, max: None };
    let random = upper(Config { writes, ..Config::default() }, &[], true, &bytes);
    let cuts = random
        .sim
        .calls()
        .into_iter()
        .filter(|call| call.cut_from.is_some())
        .filter_map(|call| match call.outcome {
            Outcome::Value(length) => Some(((call.socket?, call.nth?), length as usize)),
            _ => None,
        })
        .collect();
    let hash = random.sim.trace_sha256();
    let seen = random.clients;
    drop(random.sim);
    let exact = upper(Config { writes: Schedule::Exactly(cuts), ..Config::default() }, &[], true, &bytes);
    assert_eq!(exact.clients, seen);
    assert_eq!(exact.sim.trace_sha256(), hash);
}

#[test]
fn time_outs_are_virtual() {
    let server = {
        let text = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 5000))\nwhile True: s.sendto(*s.recvfrom(2048))";
        launch(&python(), &["-c", text])
    };
    let datagrams = DatagramFaults { lose: vec![2, 5, 8], ..DatagramFaults::default() };
    let config = Config { datagrams, ..Config::default() };
    let began = Instant::now();
    let client = launch(&compiled("pinger", &[]), &["127.0.0.1", "5000", "6"]);
    let run = pair(config, server, vec![client], b"").unwrap();
    let text = String::from_utf8(run.clients[0].1.clone()).unwrap();
    assert_eq!(text.lines().filter(|line| *line == "1000000 us").count(), 3, "{text}");
    assert_eq!(text.lines().filter(|line| *line == "2000 us").count(), 3, "{text}");
    assert!(text.ends_with("lost 3\n"), "{text}");
    assert!(run.sim.now().since_start() >= Duration::from_secs(3));
    assert!(began.elapsed() < Duration::from_secs(3), "real time {:?}", began.elapsed());
}

#[test]
fn more_connections_than_select_could_hold() {
    let server = launch(&compiled("epoll_server", &[]), &["5000"]);
    let client = launch(&compiled("many", &[]), &["5000", "1200"]);
    let run = pair(Config::default(), server, vec![client], b"").unwrap();
    assert_eq!(run.clients, [(Exit::Status(0), b"1200\n".to_vec())]);
}

#[test]
fn corner_cases_look_as_they_do_natively() {
    let script = source("parity.py");
    let native = crate::common::finished(std::process::Command::new(python()).arg(&script));
    let native = String::from_utf8(native.stdout).unwrap();
    let mut sim = harness_sim::Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&python(), &[script.to_str().unwrap()])).unwrap();
    let (_, seen) = sim.run(crate::common::collect(handle, program)).unwrap();
    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(seen.lines().collect::<Vec<_>>(), native.lines().collect::<Vec<_>>());
}

fn alone(script: &str) -> (String, harness_sim::Simulation) {
    let mut sim = harness_sim::Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("alone").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&python(), &["-c", script])).unwrap();
    let (exit, seen) = sim.run(crate::common::collect(handle, program)).unwrap();
    assert_eq!(exit, Exit::Status(0));
    (String::from_utf8(seen).unwrap(), sim)
}

#[test]
fn a_loop_that_polls_the_clock_ends() {
    let (_, sim) = alone("import time\nstart = time.time()\nwhile time.time() - start < 1: pass");
    assert!((1.0..1.1).contains(&sim.now().since_start().as_secs_f64()), "{}", sim.now());
}

#[test]
fn helpers_run_and_sleep_in_virtual_time() {
    let script = "import subprocess\n\
        print(subprocess.run('echo a; sleep 30; echo b', shell=True, capture_output=True).stdout)\n\
        try: subprocess.run(['sleep', '100'], timeout=3)\n\
        except subprocess.TimeoutExpired: print('late')";
    let (seen, sim) = alone(script);
    assert_eq!(seen, "b'a\\nb\\n'\nlate\n");
    assert_eq!(sim.now().since_start().as_secs(), 33);
}

#[test]
fn names_of_hosts_are_found() {
    let script = "import socket\n\
        print(socket.gethostbyname('alone'))\n\
        try: socket.gethostbyname('nobody.example')\n\
        except socket.gaierror: print('unknown')";
    assert_eq!(alone(script).0, "10.0.0.1\nunknown\n");
}

#[test]
fn alarms_fire_on_time() {
    let script = "import signal, time\n\
        t = time.monotonic()\n\
        signal.signal(signal.SIGALRM, lambda *a: print('alarm', round(time.monotonic() - t, 3)))\n\
        signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)\n\
        time.sleep(1.2)\n\
        signal.setitimer(signal.ITIMER_REAL, 0)\n\
        signal.alarm(2)\n\
        signal.pause()";
    assert_eq!(alone(script).0, "alarm 0.5\nalarm 1.0\nalarm 3.2\n");
}

#[test]
fn one_seed_is_one_trace_under_load() {
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let bytes = noise(20_480);
    let run = |seed| {
        let cut = Schedule::Random { chance: 0.4, max: None };
        let jitter = Duration::from_millis(20);
        let config = Config { seed, jitter, reads: cut.clone(), writes: cut, ..Config::default() };
        upper(config, &[], false, &bytes).sim.trace_sha256()
    };
    let first = run(1);
    assert!((0..20).all(|_| run(1) == first));
    let others: std::collections::BTreeSet<_> = (2..22).map(run).collect();
    assert_eq!(others.len(), 20);
    assert!(!others.contains(&first));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for thread in load {
        thread.join().unwrap();
    }
}

// Tools as they are.

#[test]
fn curl_fetches_a_file_from_pythons_server_with_every_read_short() {
    let Some(curl) = ["/usr/bin/curl", "/usr/local/bin/curl"].iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: curl is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = noise(20_480);
    std::fs::write(folder.path().join("file.bin"), &file).unwrap();
    for reads in [Schedule::Fixed(1), Schedule::Random { chance: 1.0, max: None }] {
        let config = Config { reads, ..Config::default() };
        let mut server = launch(&python(), &["-m", "http.server", "8000"]);
        server.directory = folder.path().to_owned();
        let client = launch(Path::new(curl), &["--silent", "--fail", "http://server:8000/file.bin"]);
        let run = pair(config, server, vec![client], b"").unwrap();
        let (exit, got) = &run.clients[0];
        assert_eq!(*exit, Exit::Status(0));
        assert!(*got == file, "{} of {} bytes, or other ones", got.len(), file.len());
        assert!(run.sim.calls().iter().filter(|call| call.cut_from.is_some()).count() > 10);
    }
}

#[test]
fn resolvers_find_the_names_of_a_run() {
    let script = source("resolve.py");
    let mut sim = harness_sim::Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("program").unwrap();
    sim.add_host("mail.example").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(&python(), &[script.to_str().unwrap()])).unwrap();
    let (exit, text) = sim.run(crate::common::collect(handle, program)).unwrap();
    let expected = "gethostbyname 10.0.0.2\nAF_INET ['10.0.0.2']\nAF_INET6 ['fd00::2']\n\
        AF_UNSPEC ['10.0.0.2', 'fd00::2']\nunknown True\nlocalhost True\n";
    assert_eq!((exit, String::from_utf8(text).unwrap().as_str()), (Exit::Status(0), expected));
}

#[test]
fn dig_finds_the_names_of_a_run() {
    let Some(dig) = ["/usr/bin/dig", "/usr/local/bin/dig"].iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: dig is not installed");
        return;
    };
    let mut sim = harness_sim::Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("program").unwrap();
    sim.add_host("mail.example").unwrap();
    let handle = sim.handle();
    let program =
        sim.spawn(host, launch(Path::new(dig), &["+short", "+noedns", "@127.0.0.53", "mail.example"])).unwrap();
    let (exit, text) = sim.run(crate::common::collect(handle, program)).unwrap();
    assert_eq!((exit, String::from_utf8(text).unwrap().as_str()), (Exit::Status(0), "10.0.0.2\n"));
}

#[test]
fn sshpass_types_a_password_and_ends_with_its_child() {
    // It waits in pselect for the child's terminal, and for SIGCHLD, which it blocks outside that call.
    let Some(sshpass) = ["/usr/bin/sshpass", "/usr/local/bin/sshpass"].iter().find(|path| Path::new(path).exists())
    else {
        println!("skipped: sshpass is not installed");
        return;
    };
    let child = "exec </dev/tty; printf 'password: ' >/dev/tty; read word; sleep 3; echo \"got $word\"; exit 7";
    let mut sim = harness_sim::Simulation::new(Config::default()).unwrap();
    let host = sim.add_host("program").unwrap();
    let handle = sim.handle();
    let program = sim.spawn(host, launch(Path::new(sshpass), &["-p", "secret", "/bin/sh", "-c", child])).unwrap();
    let (exit, text) = sim.run(crate::common::collect(handle, program)).unwrap();
    assert_eq!((exit, String::from_utf8(text).unwrap().as_str()), (Exit::Status(7), "got secret\n"));
    assert_eq!(sim.now().since_start().as_secs(), 3);
}
