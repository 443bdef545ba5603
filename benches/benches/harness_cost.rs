//! What the harness itself costs: a run, a namespace, the catalogue, a scenario file.
//!
//! The run is `message/twenty-kb` against a good server. The same exchange by hand stands beside it, with the same
//! server and without a harness: the difference is the harness's own part.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::message::{self, TWENTY_KB};
use benches::pair::{self, Start};
use benches::transfer::Server;
use criterion::Criterion;
use harness::run::End;
use harness::run::event::What;
use harness::run::stage::Attention;
use harness::sandbox::guard::Limits;
use harness::submission::open::{self, Request};
use harness::submission::{Cast, reference_casts};
use harness::wire::{self, Setup};
use harness_language::catalogue::{Catalogue, Folder, Task, files};
use harness_language::scenario::Scenario;
use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::problem::Source;
use harness_os::namespace;

const TASK: &str = "message";

fn main() -> Result<(), Box<dyn Error>> {
    // As `harness` does, before there is a second thread.
    let containment = namespace::prepare_process();
    harness_os::process::set_subreaper()?;
    if let Some(why) = &containment.why_not {
        println!("not everything can be measured here: {why}");
    }
    let catalogue = Catalogue::built_in()?;
    let mut criterion = Criterion::default().configure_from_args();
    runs(&mut criterion, &catalogue, containment.network)?;
    namespaces(&mut criterion, containment.network);
    reading(&mut criterion, &catalogue)?;
    criterion.final_summary();
    Ok(())
}

/// A benchmark group with short settings: the whole takes a minute.
fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
) -> criterion::BenchmarkGroup<'c, criterion::measurement::WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group
}

/// A submission whose server is judged. The folder is kept as long as this is.
struct Subject {
    name: &'static str,
    cast: Cast,
    _kept: Kept,
}

enum Kept {
    Submission { _opened: Box<open::Opened> },
    Nothing { _empty: tempfile::TempDir },
}

/// The good C submission where there is a compiler, else the Python one, else the reference.
fn subject(catalogue: &Catalogue, setup: &Setup) -> Result<Subject, Box<dyn Error>> {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/submissions/message/good");
    for (name, needs) in [("c", ["cc", "make"].as_slice()), ("python", &["python3"])] {
        if let Some(missing) = needs.iter().find(|program| !is_installed(program)) {
            println!("skipped: the good {name} submission, because `{missing}` cannot be started here");
            continue;
        }
        let request = Request { target: Some(good.join(name)), tasks: vec![TASK.to_owned()], ..Request::default() };
        let opened = open::open(&request, catalogue, setup)?;
        let cast = opened.casts.get(TASK).cloned().ok_or("the submission has no programs for `message`")?;
        return Ok(Subject { name, cast, _kept: Kept::Submission { _opened: Box::new(opened) } });
    }
    let empty = tempfile::tempdir()?;
    let program = pair::harness_program()?;
    let mut casts = reference_casts(catalogue, &[TASK.to_owned()], &program, empty.path());
    let cast = casts.remove(TASK).ok_or("the reference has no programs for `message`")?;
    Ok(Subject { name: "reference", cast, _kept: Kept::Nothing { _empty: empty } })
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn runs(criterion: &mut Criterion, catalogue: &Catalogue, private_network: bool) -> Result<(), Box<dyn Error>> {
    let task = task(catalogue)?;
    let is_wanted = |scenario: &&Scenario| scenario.id == "twenty-kb" && scenario.role == "server";
    let scenario = task.scenarios().iter().find(is_wanted).ok_or("there is no scenario message/twenty-kb")?;
    let subject = subject(catalogue, &Setup { private_network, private_files: false, sniff: false })?;
    let mut group = group(criterion, &format!("{} of the {} program", scenario.run_id(), subject.name));

    let by_hand = start_by_hand(&subject.cast)?;
    let message = message::text(TWENTY_KB);
    group.bench_function("by hand", |bencher| {
        bencher.iter_custom(|times| match by_hand_often(&by_hand, &message, times, private_network) {
            Ok(elapsed) => elapsed,
            Err(why) => panic!("by hand: {why}"),
        });
    });
    let setups = [
        ("shared loopback", Setup { private_network: false, private_files: false, sniff: false }),
        ("own network", Setup { private_network: true, private_files: true, sniff: false }),
        ("own network, packets kept", Setup { private_network: true, private_files: true, sniff: true }),
    ];
    for (name, setup) in setups.into_iter().filter(|(_, setup)| private_network || !setup.private_network) {
        play(&setup, scenario, &subject.cast)?;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                if let Err(why) = play(&setup, scenario, &subject.cast) {
                    panic!("{name}: {why}");
                }
            });
        });
    }
    group.finish();
    Ok(())
}

/// Plays the run. A run in which the good program does not pass is not worth timing.
fn play(setup: &Setup, scenario: &Scenario, cast: &Cast) -> Result<(), String> {
    let (record, frames) = wire::play(setup, scenario, cast, 1, Attention::None, &Limits::PATIENT);
    if record.end != End::Played {
        return Err(format!("the run ended with {:?}", record.end));
    }
    if let Some(judgement) = record.events.iter().find_map(|event| match &event.what {
        What::Judged(judgement) if !judgement.held => Some(judgement),
        _ => None,
    }) {
        return Err(format!("{}: {}", judgement.decides.join(", "), judgement.reason));
    }
    black_box(frames);
    Ok(())
}

/// The command of the cast's server, to be started without the harness.
fn start_by_hand(cast: &Cast) -> Result<Start, Box<dyn Error>> {
    let values =
        BTreeMap::from([("host".to_owned(), "127.0.0.1".to_owned()), ("port".to_owned(), "{port}".to_owned())]);
    let invocation = cast.invocation("server", &values, false)?;
    let folder: PathBuf = cast.root.join(&invocation.cwd);
    Ok(Start::new(invocation.words).inside(&folder))
}

/// How long that many exchanges by hand take. They have one network to themselves, which is not timed: on a loopback
/// that is shared, reading the machine's large socket table would be measured, too.
fn by_hand_often(server: &Start, message: &[u8], times: u64, private_network: bool) -> Result<Duration, String> {
    let exchanges = || -> Result<Duration, String> {
        if private_network {
            namespace::enter_private_network().map_err(|error| error.to_string())?;
        }
        let began = Instant::now();
        for _ in 0..times {
            play_by_hand(server, message).map_err(|error| error.to_string())?;
        }
        Ok(began.elapsed())
    };
    let ended = thread::scope(|scope| scope.spawn(exchanges).join());
    ended.unwrap_or_else(|_| Err("the thread came to a sudden end".to_owned()))
}

/// Start the server, wait until it listens, send, take what it prints, stop it.
fn play_by_hand(server: &Start, message: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut server = Server::start(server)?;
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port()))?;
    connection.write_all(message)?;
    drop(connection);
    server.take(message.len(), |piece| {
        black_box(piece);
    })?;
    Ok(())
}

fn namespaces(criterion: &mut Criterion, allowed: bool) {
    let mut group = group(criterion, "namespace");
    // A namespace belongs to a thread, so a thread alone is what to compare with.
    group.bench_function("a thread alone", |bencher| bencher.iter(|| thread::spawn(|| black_box(1)).join().is_ok()));
    if allowed {
        group.bench_function("a thread with a network of its own", |bencher| {
            bencher.iter(|| match thread::spawn(namespace::enter_private_network).join() {
                Ok(Ok(entered)) => entered,
                Ok(Err(error)) => panic!("{error}"),
                Err(_) => panic!("the thread came to a sudden end"),
            });
        });
    } else {
        println!("skipped: namespaces are not allowed here");
    }
    group.finish();
}

fn reading(criterion: &mut Criterion, catalogue: &Catalogue) -> Result<(), Box<dyn Error>> {
    let scenarios: usize = catalogue.tasks.iter().map(|task| task.scenarios().len()).sum();
    println!("the catalogue has {} tasks with {scenarios} scenarios", catalogue.tasks.len());
    let mut group = group(criterion, "reading");
    group.bench_function("the built-in catalogue, all of it", |bencher| {
        bencher.iter(|| match Catalogue::built_in() {
            Ok(catalogue) => catalogue.tasks.iter().map(|task| task.scenarios().len()).sum::<usize>(),
            Err(error) => panic!("{error}"),
        });
    });
    let embedded = Folder::embedded(&files::SCENARIOS, "scenarios");
    let folder = find(&embedded, TASK)?;
    let own = find(folder, "openings")?;
    let names: Vec<String> =
        own.files().map(|(name, _)| name.strip_suffix(".toml").unwrap_or(name).to_owned()).collect();
    let opening = |name: &str| own.file(&format!("{name}.toml")).map(Arc::clone);
    let file = &task(catalogue)?.file;
    let parameters: Parameters =
        file.parameters.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let roles: Vec<&str> = file.roles.iter().map(|role| role.name.as_str()).collect();
    for (id, label) in [("twenty-kb", "a scenario of 5 steps"), ("sequential", "a scenario with 20 openings")] {
        let source = folder.file(&format!("{id}.toml")).ok_or("a scenario file is missing")?;
        let setting = Setting {
            task: TASK,
            id,
            prefix: "",
            parameters: &parameters,
            roles: &roles,
            opening: &opening,
            openings: &names,
        };
        let read = |source: &Arc<Source>| load::scenarios(source, &setting).map_err(|problems| problems.render(false));
        read(source)?;
        group.bench_function(label, |bencher| bencher.iter(|| read(black_box(source)).is_ok()));
    }
    group.finish();
    Ok(())
}

fn task(catalogue: &Catalogue) -> Result<&Task, Box<dyn Error>> {
    catalogue.task(TASK).ok_or_else(|| "the catalogue has no task `message`".into())
}

fn find<'f>(folder: &'f Folder, name: &str) -> Result<&'f Folder, Box<dyn Error>> {
    folder.folders().iter().find(|sub| sub.name == name).ok_or_else(|| format!("there is no folder {name}").into())
}
