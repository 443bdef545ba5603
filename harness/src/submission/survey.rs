//! The first meeting: what a program really does with the address that it is given, and what
//! it needs in order to be talked to. What is learned here is used by every later run, and
//! never judged here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use harness_judging::{closely, shown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::cast::{Cast, Framing, Meeting};
use super::observe;
use crate::machine;
use crate::run::patience::Patience;
use crate::run::ports::CHOSEN;
use crate::run::stage::{Connection, DatagramEnd, Ended, Launch, LaunchError, Program, Stage};
use crate::wire::WireStage;
use harness_language::catalogue::Task;
use harness_language::catalogue::model::{Input, Probe, RoleKind};
use harness_language::scenario::model::{OutputKind, TransportName};

/// Bound for a program to show where it is.
const APPEARS: Duration = Duration::from_secs(8);

/// Bound for the last words of a program that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What came of meeting a program.
#[derive(Debug, Clone)]
pub enum Met {
    /// It was met; this was learned.
    As(Box<Meeting>, Seen),
    /// It runs or ran, and was not met: it neither listened nor came.
    Not(Seen),
    /// It does not start.
    NotStartable(String),
    /// The machine's fault.
    Machine(String),
}

/// What was seen of a program, for recognising it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What it printed on standard output.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
    /// What it sent on the network.
    pub network: Vec<u8>,
    /// Where it listened.
    pub listening: Vec<(TransportName, SocketAddr)>,
    /// Where it went.
    pub contacts: Vec<(TransportName, SocketAddr)>,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
    /// Whether it ended the connection by itself after sending.
    pub closed: bool,
}

/// Waits until the programs are still or the time is over.
async fn quiet(stage: &WireStage, at_most: Duration) {
    let mut patience = Patience::for_stillness(stage, at_most);
    while patience.moment(stage).await.is_ok() {}
}

/// Waits for what a program that has ended said last: it may still be on its way, and a child of the program may keep
/// the stream open for ever.
pub(super) async fn hear_out(stage: &WireStage, program: &Rc<dyn Program>) {
    let mut patience = Patience::to_the_end(stage, LAST_WORDS);
    let said_all = || program.stdout().borrow().ended && program.stderr().borrow().ended;
    while !said_all() && patience.moment(stage).await.is_ok() {}
}

/// Meets a role's program on a stage of its own.
///
/// `talk` has it spoken to as the task's probe says; else it is only looked where it is.
pub async fn meet(stage: Rc<WireStage>, cast: &Cast, task: &Task, role: &str, talk: bool) -> Met {
    let probe = task.file.probe.iter().find(|probe| talk && probe.role == role);
    meet_with(stage, cast, task, role, probe).await
}

/// The same, where what is said to the program is given.
pub async fn meet_with(stage: Rc<WireStage>, cast: &Cast, task: &Task, role: &str, probe: Option<&Probe>) -> Met {
    if let Err(error) = machine::write_usual_files(&task.file, cast, stage.scratch()) {
        return Met::Machine(format!("cannot write the task's files: {error}"));
    }
    match cast.kind(role) {
        Some(RoleKind::Server | RoleKind::Relay) => meet_server(&stage, cast, role, probe).await,
        // There is no address to keep to, and nothing to be said before it is judged.
        Some(RoleKind::Client) if task.role(role).is_some_and(|role| !role.is_led()) => {
            Met::As(Box::new(cast.parts[role].meeting.clone()), Seen::default())
        }
        Some(RoleKind::Client) => meet_client(&stage, cast, role, probe).await,
        // There is nowhere to meet it, and nothing to be learned.
        Some(RoleKind::Local) => Met::As(Box::new(cast.parts[role].meeting.clone()), Seen::default()),
        None => Met::NotStartable(format!("the submission has no {role}")),
    }
}

async fn launch(
    stage: &WireStage,
    cast: &Cast,
    role: &str,
    address: SocketAddr,
    input_file: Option<Vec<u8>>,
) -> Result<Rc<dyn Program>, Met> {
    // What a relay is to reach is not there when it is first met: it is only looked where it listens.
    let target = if cast.kind(role) == Some(RoleKind::Relay) { address.port() + 1 } else { address.port() };
    let values = BTreeMap::from([
        ("host".to_owned(), address.ip().to_string()),
        ("port".to_owned(), target.to_string()),
        ("local-port".to_owned(), address.port().to_string()),
    ]);
    let invocation = cast.invocation(role, &values, false).map_err(|error| Met::NotStartable(error.to_string()))?;
    let answers = cast.answers(role, &values);
    // What a program asks for comes on the same standard input as its work, and before it.
    let asks_first = !answers.is_empty() && invocation.names_file.is_none();
    let (input_file, afterwards) = if asks_first { (None, input_file) } else { (input_file, None) };
    let launch = Launch {
        name: role.to_owned(),
        role: role.to_owned(),
        invocation,
        stdout: OutputKind::Terminal,
        input_file,
        open_files: 0,
        attached: None,
    };
    let program = stage.launch(launch).await.map_err(|error| match error {
        LaunchError::NotStartable(why) | LaunchError::Unsupported(why) => Met::NotStartable(why),
        LaunchError::Machine(why) => Met::Machine(why),
    })?;
    for line in answers {
        quiet(stage, Duration::from_millis(400)).await;
        let _ = program.type_in(format!("{line}\n").as_bytes()).await;
    }
    if let Some(content) = afterwards {
        quiet(stage, Duration::from_millis(400)).await;
        let _ = program.type_in(&content).await;
        program.end_input();
    }
    Ok(program)
}

fn seen(stage: &WireStage, program: &Rc<dyn Program>) -> Seen {
    let both = [TransportName::Tcp, TransportName::Udp];
    let listening = both
        .into_iter()
        .flat_map(|transport| program.listening(transport).into_iter().map(move |address| (transport, address)));
    Seen {
        stdout: program.stdout().borrow().bytes.clone(),
        stderr: program.stderr().borrow().bytes.clone(),
        listening: listening.collect(),
        contacts: stage.contacts().into_iter().map(|(transport, address, _)| (transport, address)).collect(),
        ended: program.ended(),
        ..Seen::default()
    }
}

async fn meet_server(stage: &Rc<WireStage>, cast: &Cast, role: &str, probe: Option<&Probe>) -> Met {
    let given = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), stage.port());
    let program = match launch(stage, cast, role, given, None).await {
        Ok(program) => program,
        Err(met) => return met,
    };
    let transport = cast.transport(role);
    let mut patience = Patience::new(&**stage, APPEARS);
    let found = loop {
        let listening = program.listening(transport);
        if !listening.is_empty() {
            break listening;
        }
        if program.ended().is_some() {
            hear_out(stage, &program).await;
            return Met::Not(seen(stage, &program));
        }
        if patience.moment(&**stage).await.is_err() {
            quiet(stage, Duration::from_millis(50)).await;
            return Met::Not(seen(stage, &program));
        }
    };
    let mut meeting = Meeting::default();
    let takes = cast.takes_arguments(role);
    let address = found.iter().find(|address| address.port() == given.port()).copied().unwrap_or(found[0]);
    if address.port() != given.port() {
        meeting.fixed_port = Some(address.port());
        meeting.strays = Some(stray_server(role, given.port(), address.port(), takes));
    } else if !takes {
        // It happened to have the very port built in.
        meeting.fixed_port = Some(address.port());
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => {
            meeting.findings.push(format!("the {role} can be reached from its own machine only: it binds {ip}"))
        }
        IpAddr::V6(ip) if ip.is_loopback() => meeting
            .findings
            .push(format!("the {role} listens on {ip} (IPv6) only, so that a client that tries 127.0.0.1 is refused")),
        _ => {}
    }
    let mut seen_now = Seen::default();
    if let Some(probe) = probe
        && let Ok(say) = probe.say.bytes(0)
    {
        let to = reachable(address);
        let reply = match transport {
            TransportName::Tcp => converse_tcp(stage, to, &say, probe, &mut meeting, role).await,
            TransportName::Udp => converse_udp(stage, to, &say).await,
        };
        seen_now.network = reply;
    }
    if cast.kind(role) == Some(RoleKind::Relay) && !cast.takes(role, "port") {
        meeting.target = where_it_goes(stage, reachable(address)).await;
        if let Some(target) = meeting.target {
            meeting.findings.push(format!("the {role} goes to {target} whatever it is told"));
        }
    }
    quiet(stage, Duration::from_millis(150)).await;
    if let Some(prints) = probe.and_then(|probe| probe.prints.as_ref()).and_then(|prints| prints.bytes(0).ok()) {
        let patience = &mut Patience::new(&**stage, Duration::from_millis(1500));
        while !closely::contains(&program.stdout().borrow().bytes, &prints, true)
            && patience.moment(&**stage).await.is_ok()
        {}
    }
    let network = std::mem::take(&mut seen_now.network);
    let seen_now = Seen { network, ..seen(stage, &program) };
    meeting.heard = probe.is_some_and(|probe| observe::shows(probe, &seen_now).is_some());
    Met::As(Box::new(meeting), seen_now)
}

/// The address that a relay dials when somebody has come and said something.
async fn where_it_goes(stage: &WireStage, relay: SocketAddr) -> Option<SocketAddr> {
    let before = stage.contacts().len();
    let mut client = stage.connect(relay).await.ok()?;
    let _ = client.write_all(b"knock knock\n").await;
    let mut patience = Patience::new(stage, Duration::from_millis(1500));
    loop {
        let contacts = stage.contacts();
        let dialled = contacts.iter().skip(before).find(|(kind, to, _)| *kind == TransportName::Tcp && *to != relay);
        if let Some((_, address, _)) = dialled {
            return Some(*address);
        }
        patience.moment(stage).await.ok()?;
    }
}

fn stray_server(role: &str, given: u16, found: u16, takes_arguments: bool) -> String {
    if found == given.swap_bytes() {
        let (told, listens) = in_words(given, found);
        format!(
            "the {role} was told {told} and listens on {listens}: these are the same two bytes in the other order, \
             as when htons() is left out"
        )
    } else if takes_arguments {
        let (told, _) = in_words(given, found);
        format!("the {role} was told {told} and listens on port {found}")
    } else {
        format!("the {role} takes no port: {found} is built in")
    }
}

/// Two ports in a sentence: what the kernel chose for this one time is no number for a report.
fn in_words(given: u16, found: u16) -> (String, String) {
    match given {
        CHOSEN.. => ("a port".to_owned(), "another port".to_owned()),
        _ => (format!("port {given}"), format!("port {found}")),
    }
}

/// Whether a program complains that it cannot find a host by its name.
pub fn lacks_a_name(said: &[u8]) -> bool {
    let said = String::from_utf8_lossy(said).to_lowercase();
    // By the C library, Python, Java, Node and Go.
    let complaints = ["name or service", "name resolution", "gaierror", "unknownhost", "enotfound", "no such host"];
    complaints.iter().any(|complaint| said.contains(complaint))
}

/// An address at which a socket bound to this one is reached.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

/// Most bytes that are taken from a program at a first meeting: one that sends without end is met as well.
const MOST_HEARD: usize = 1024 * 1024;

/// Reads what comes until the other side is silent, or has sent more than any lab asks for. A judgement rests on a silence before `whole` has come, so that one
/// has to last.
async fn listen_for(
    stage: &WireStage,
    connection: &mut dyn Connection,
    enough: usize,
    whole: &[u8],
    at_most: Duration,
) -> (Vec<u8>, bool) {
    let mut patience = Patience::new(stage, at_most);
    if whole.is_empty() {
        patience.hurry();
    }
    let mut all = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while all.len() < enough.min(MOST_HEARD) {
        tokio::select! {
            biased;
            came = connection.read(&mut buffer) => match came {
                Ok(0) | Err(_) => return (all, true),
                Ok(count) => {
                    let looked_at = all.len().saturating_sub(whole.len());
                    all.extend_from_slice(&buffer[..count]);
                    patience.renew(stage);
                    if memchr::memmem::find(&all[looked_at..], whole).is_some() {
                        patience.hurry();
                    }
                }
            },
            over = patience.moment(stage) => if over.is_err() { break },
        }
    }
    (all, false)
}

/// Says something to a server: first as it is, then with a line end, then with the end of the
/// stream, until it answers.
async fn converse_tcp(
    stage: &WireStage,
    to: SocketAddr,
    say: &[u8],
    probe: &Probe,
    meeting: &mut Meeting,
    role: &str,
) -> Vec<u8> {
    let mut connection = match stage.connect(to).await {
        Ok(connection) => connection,
        // A wildcard IPv6 socket may be for IPv6 only or for both.
        Err(_) => match stage.connect(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), to.port())).await {
            Ok(connection) => connection,
            Err(_) => return Vec::new(),
        },
    };
    let wait = Duration::from_millis(700);
    let line = say.strip_suffix(b"\n").unwrap_or(say);
    if probe.replies.is_none() {
        let _ = connection.write_all(say).await;
        let _ = connection.shutdown().await;
        return listen_for(stage, &mut *connection, usize::MAX, b"", wait).await.0;
    }
    let (greeting, _) = listen_for(stage, &mut *connection, usize::MAX, b"", Duration::from_millis(60)).await;
    if !greeting.is_empty() {
        meeting
            .findings
            .push(format!("the {role} greets a client before it is spoken to: {}", shown::quote(&greeting)));
    }
    let _ = connection.write_all(line).await;
    let (mut reply, mut ended) = listen_for(stage, &mut *connection, line.len(), b"", wait).await;
    if reply.is_empty() && !ended {
        meeting.framing = Framing::Line;
        let _ = connection.write_all(b"\n").await;
        (reply, ended) = listen_for(stage, &mut *connection, line.len(), b"", wait).await;
        if reply.is_empty() && !ended {
            meeting.framing = Framing::End;
            let _ = connection.shutdown().await;
            (reply, _) = listen_for(stage, &mut *connection, usize::MAX, b"", wait).await;
        }
        match (reply.is_empty(), meeting.framing) {
            (true, _) => {
                meeting.framing = Framing::Bare;
                meeting.mute = true;
            }
            (false, Framing::Line) => {
                meeting.findings.push(format!("the {role} expects a newline at the end of a message"))
            }
            (false, _) => {
                meeting.findings.push(format!("the {role} answers only when the client has ended its direction"))
            }
        }
    }
    reply
}

async fn converse_udp(stage: &WireStage, to: SocketAddr, say: &[u8]) -> Vec<u8> {
    let Ok(socket) = stage.datagrams(DatagramEnd::To(to)).await else { return Vec::new() };
    if socket.send_to(say, to).await.is_err() {
        return Vec::new();
    }
    let mut patience = Patience::new(stage, Duration::from_millis(1500));
    loop {
        tokio::select! {
            biased;
            came = socket.receive() => return came.map(|(bytes, _)| bytes).unwrap_or_default(),
            over = patience.moment(stage) => if over.is_err() { return Vec::new() },
        }
    }
}

async fn meet_client(stage: &Rc<WireStage>, cast: &Cast, role: &str, probe: Option<&Probe>) -> Met {
    let transport = cast.transport(role);
    let known = cast.parts[role].meeting.clone();
    let port = known.fixed_port.unwrap_or_else(|| stage.port());
    let given = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), stage.port());
    let say = probe.and_then(|probe| probe.say.bytes(0).ok()).unwrap_or_else(|| b"a line to begin with\n".to_vec());
    let line = say.strip_suffix(b"\n").unwrap_or(&say);
    let input = cast.parts[role].input;
    let (tcp, udp) = match transport {
        TransportName::Tcp => match stage.listen(port, None).await {
            Ok(listener) => (Some(listener), None),
            Err(error) => return Met::Machine(format!("cannot listen on port {port}: {error}")),
        },
        TransportName::Udp => match stage.datagrams(DatagramEnd::Bound(port)).await {
            Ok(socket) => (None, Some(socket)),
            Err(error) => return Met::Machine(format!("cannot open UDP port {port}: {error}")),
        },
    };
    let input_file = (matches!(input, Input::File | Input::Text)).then(|| say.clone());
    let program = match launch(stage, cast, role, given, input_file).await {
        Ok(program) => program,
        Err(met) => return met,
    };
    if input == Input::Lines {
        quiet(stage, Duration::from_millis(400)).await;
        let _ = program.type_in(&say).await;
    }
    let mut patience = Patience::new(&**stage, APPEARS);
    let mut network = Vec::new();
    let mut closed = false;
    let came = loop {
        tokio::select! {
            biased;
            Ok(mut connection) = async { match &tcp { Some(listener) => listener.accept().await, None => std::future::pending().await } } => {
                let (bytes, ended) = listen_for(stage, &mut *connection, usize::MAX, line, Duration::from_millis(1500)).await;
                network = bytes;
                closed = ended;
                if let (false, Some(answer)) = (ended, probe.and_then(|probe| probe.answer.as_ref()).and_then(|answer| answer.bytes(0).ok())) {
                    let _ = connection.write_all(&answer).await;
                    let _ = connection.shutdown().await;
                    quiet(stage, Duration::from_millis(700)).await;
                }
                break true;
            }
            Ok((bytes, from)) = async { match &udp { Some(socket) => socket.receive().await, None => std::future::pending().await } } => {
                network = bytes;
                if let (Some(socket), Some(answer)) = (&udp, probe.and_then(|probe| probe.answer.as_ref()).and_then(|answer| answer.bytes(0).ok())) {
                    let _ = socket.send_to(&answer, from).await;
                    quiet(stage, Duration::from_millis(700)).await;
                }
                break true;
            }
            over = patience.moment(&**stage) => {
                let gone_elsewhere = stage.contacts().iter().any(|(kind, address, _)| *kind == transport && address.port() != port && !harness_own(address, port));
                let nothing_more = patience.nothing_more(&**stage, program.ended().is_some());
                if over.is_err() || nothing_more || gone_elsewhere {
                    break false;
                }
            }
        }
    };
    if program.ended().is_some() {
        hear_out(stage, &program).await;
    }
    let mut seen_now = Seen { network, closed, ..seen(stage, &program) };
    let mut meeting = known;
    meeting.names = stage.names();
    meeting.sent = seen_now.network.clone();
    let asked = meeting.names.clone();
    let stray_client = |given, found, takes_arguments| stray_client(role, given, found, &asked, takes_arguments);
    if !came {
        let elsewhere = stage
            .contacts()
            .into_iter()
            .find(|(kind, address, _)| *kind == transport && address.port() != port && address.port() != 53);
        seen_now.contacts = stage.contacts().into_iter().map(|(kind, address, _)| (kind, address)).collect();
        let Some((_, address, _)) = elsewhere else { return Met::Not(seen_now) };
        meeting.fixed_port = Some(address.port());
        meeting.fixed_host = Some(address.ip());
        meeting.strays = Some(stray_client(given, address, cast.takes_arguments(role)));
        return Met::As(Box::new(meeting), seen_now);
    }
    if let Some((_, address)) = seen_now
        .contacts
        .iter()
        .find(|(kind, address)| *kind == transport && address.port() == port && !address.ip().is_loopback())
    {
        meeting.fixed_host = Some(address.ip());
        meeting.strays.get_or_insert_with(|| stray_client(given, *address, cast.takes_arguments(role)));
    }
    if cast.takes_arguments(role) && !meeting.names.is_empty() {
        // It was told an address, which nobody needs to look up.
        let at = SocketAddr::new(given.ip(), port);
        meeting.strays.get_or_insert_with(|| stray_client(given, at, true));
    }
    if cast.parts[role].command.asks_for_its_address() {
        meeting.findings.push(format!("the {role} asks for the address that others take from their command line"));
    }
    if !cast.takes_arguments(role) && cast.parts[role].command.stdin.is_empty() {
        let at = SocketAddr::new(meeting.fixed_host.unwrap_or(given.ip()), port);
        meeting.fixed_port = Some(port);
        meeting.strays.get_or_insert_with(|| stray_client(given, at, false));
    }
    if !seen_now.network.is_empty() && probe.is_some() {
        learn_framing(&mut meeting, role, &say, &seen_now.network);
        let plain = meeting.private.is_none() && meeting.suffix.is_empty();
        meeting.heard = plain && closely::contains(&seen_now.network, line, false);
    }
    Met::As(Box::new(meeting), seen_now)
}

/// Whether an address is one that the harness itself has opened.
fn harness_own(address: &SocketAddr, port: u16) -> bool {
    address.port() == port || address.port() == 53
}

fn stray_client(role: &str, given: SocketAddr, found: SocketAddr, names: &[String], takes_arguments: bool) -> String {
    let place = match names {
        [] => found.to_string(),
        names => format!("{} port {}", names.join(" and "), found.port()),
    };
    if found.port() == given.port().swap_bytes() {
        let (told, goes) = in_words(given.port(), found.port());
        format!(
            "the {role} was told {told} and goes to {goes}: the same two bytes in the other order, as when htons() is left out"
        )
    } else if takes_arguments {
        let told = if given.port() < CHOSEN { given.to_string() } else { "another address".to_owned() };
        format!("the {role} was told {told} and goes to {place}")
    } else {
        format!("the {role} takes no address: {place} is built in")
    }
}

/// How a TLS client begins: a record of type 22, of version 3 (RFC 8446, section 5.1).
const HANDSHAKE: [u8; 2] = [22, 3];

/// Whether what a client sends is what it was given, or something that only its own server
/// can read.
fn learn_framing(meeting: &mut Meeting, role: &str, say: &[u8], sent: &[u8]) {
    let line = say.strip_suffix(b"\n").unwrap_or(say);
    let rest = sent.strip_prefix(line);
    if sent.starts_with(&HANDSHAKE) {
        meeting.private = Some(format!(
            "the {role} begins with a TLS handshake, and what follows is encrypted; the sheet's protocol is plain text"
        ));
        return;
    }
    match rest {
        Some(b"" | b"\n" | b"\r\n") => {}
        Some(rest) if rest.iter().all(|byte| matches!(byte, 0 | b'\n' | b'\r')) => {
            meeting.suffix = rest.to_vec();
            let zeros = match rest.iter().filter(|byte| **byte == 0).count() {
                1 => "a zero byte".to_owned(),
                many => format!("{many} zero bytes"),
            };
            meeting.findings.push(format!("the {role} sends {zeros} after the text"));
        }
        // Only a beginning came: a fault, but not a language of its own.
        _ if line.starts_with(sent) => {}
        _ if memchr::memmem::find(sent, line).is_some_and(|at| at > 0) => {
            let at = memchr::memmem::find(sent, line).unwrap_or(0);
            meeting.private = Some(format!(
                "the {role} sends {} before the text, which only its own other half can read",
                shown::quote(&sent[..at.min(40)])
            ));
        }
        _ => {}
    }
}
