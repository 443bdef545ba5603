//! The stage of one run on real sockets: owns the run's namespace, socket table and programs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use harness_os::namespace::NamespaceId;
use harness_os::process;
use harness_os::sniff::Sniffer;
use harness_os::sockets::{self, Diag, SocketEntry, TcpState, Transport};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::Notify;

use super::elsewhere::Elsewhere;
use super::names::Names;
use super::program::WireProgram;
use super::sockets::{WireConnection, WireDatagrams, WireListener};
use crate::run::stage::{
    Attention, Connection, DatagramEnd, Datagrams, Launch, LaunchError, LinkChange, Listener, Program, Stage,
    Stillness, Task, Unsupported,
};
use crate::sandbox::guard::{Excess, Guard, MARKER};
use harness_language::scenario::model::{BackendName, Family, TransportName};
use harness_peers::dns;

/// The kernel's socket table, read at most once a moment.
pub struct Table {
    read: Option<Instant>,
    entries: Vec<SocketEntry>,
}

impl Table {
    /// The table as it is now.
    pub fn fresh(&mut self) -> &[SocketEntry] {
        self.entries = sockets::table().unwrap_or_default();
        self.read = Some(Instant::now());
        &self.entries
    }

    /// The table as it was less than half a millisecond ago.
    pub fn recent(&mut self) -> &[SocketEntry] {
        let old = self.read.is_none_or(|at| at.elapsed() > Duration::from_micros(500));
        if old { self.fresh() } else { &self.entries }
    }
}

/// An address as the socket table prints it: IPv4 never in its mapped form.
pub fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A run on real sockets.
pub struct WireStage {
    began: tokio::time::Instant,
    port: u16,
    namespace: Option<NamespaceId>,
    guard: Guard,
    scratch: PathBuf,
    table: Rc<RefCell<Table>>,
    diag: Rc<Option<Diag>>,
    programs: RefCell<Vec<Rc<WireProgram>>>,
    sniffer: RefCell<Option<Sniffer>>,
    frames: RefCell<Vec<harness_os::sniff::Frame>>,
    /// Bytes of them.
    kept: Cell<usize>,
    pause: Cell<Duration>,
    stir: Rc<Notify>,
    elsewhere: Cell<bool>,
    names: Names,
    private_names: bool,
    /// A scenario is played: nobody is led to where a program was not told to go.
    plays: Cell<bool>,
    attention: Cell<Attention>,
}

/// Bytes of packets that are kept of a run: nobody looks at more.
const FRAMES: usize = 256 << 20;

/// The pause between two looks at the kernel's tables, at first and when nothing comes.
const SHORTEST: Duration = Duration::from_micros(200);
const LONGEST: Duration = Duration::from_millis(4);

impl WireStage {
    /// A stage in the calling thread's namespace.
    pub fn new(port: u16, namespace: Option<NamespaceId>, guard: Guard, scratch: PathBuf, sniff: bool) -> Self {
        let sniffer = if sniff { Sniffer::open().ok() } else { None };
        Self {
            began: tokio::time::Instant::now(),
            port,
            namespace,
            guard,
            scratch,
            table: Rc::new(RefCell::new(Table { read: None, entries: Vec::new() })),
            diag: Rc::new(Diag::open().ok()),
            programs: RefCell::default(),
            sniffer: RefCell::new(sniffer),
            frames: RefCell::default(),
            kept: Cell::new(0),
            pause: Cell::new(SHORTEST),
            stir: Rc::default(),
            elsewhere: Cell::new(false),
            // A port that is taken would be the harness's own doing: names are then unknown, as without a network.
            names: namespace.and_then(|_| Names::serve().ok()).unwrap_or_default(),
            private_names: false,
            plays: Cell::new(false),
            attention: Cell::default(),
        }
    }

    /// The same stage, where programs that look up a name ask at this run's own port 53.
    #[must_use]
    pub fn with_private_names(self, private_names: bool) -> Self {
        Self { private_names, ..self }
    }

    /// From now on a scenario is played: who goes elsewhere than it was told finds nobody. Where a program is only looked at,
    /// every name leads here, so that it is seen where it goes.
    pub fn play(&self) {
        self.plays.set(true);
    }

    /// From now on the programs are looked at like this.
    pub fn attend(&self, attention: Attention) {
        self.attention.set(attention);
    }

    /// What the programs used too much of, if anything.
    pub fn excess(&self) -> Option<Excess> {
        self.guard.excess()
    }

    /// The run's working directory.
    pub fn scratch(&self) -> &std::path::Path {
        &self.scratch
    }

    /// Everything that was on the wire so far, where the machine lets us see it.
    pub fn frames(&self) -> std::cell::Ref<'_, Vec<harness_os::sniff::Frame>> {
        if let Some(sniffer) = self.sniffer.borrow_mut().as_mut() {
            let mut frames = self.frames.borrow_mut();
            while let Ok(Some(frame)) = sniffer.next() {
                // The rest is taken, too: else it would wait in the kernel.
                if self.kept.get() < FRAMES {
                    self.kept.set(self.kept.get() + frame.bytes.len() + size_of_val(&frame));
                    frames.push(frame);
                }
            }
        }
        self.frames.borrow()
    }

    /// Names that programs looked up.
    pub fn names(&self) -> Vec<String> {
        self.names.asked()
    }

    /// Addresses that programs tried to reach, in the order they did.
    pub fn contacts(&self) -> Vec<(TransportName, SocketAddr, Vec<u8>)> {
        self.frames()
            .iter()
            .filter_map(|frame| harness_os::sniff::first_contact(&frame.bytes))
            // What the run's own name server answers is nobody's attempt to reach somebody.
            .filter(|contact| contact.transport == Transport::Tcp || contact.source.port() != dns::PORT)
            .map(|contact| {
                let transport = match contact.transport {
                    Transport::Tcp => TransportName::Tcp,
                    Transport::Udp => TransportName::Udp,
                };
                (transport, contact.destination, contact.payload)
            })
            .collect()
    }

    /// Kills everything that the run has started and waits until it is gone.
    ///
    /// # Errors
    /// If something survives: its pids.
    pub async fn strike(&self) -> Result<(), Vec<i32>> {
        let programs = self.programs.borrow().clone();
        let roots: Vec<i32> =
            programs.iter().filter(|program| !program.is_reaped()).map(|program| program.pid()).collect();
        let killed = process::kill_members(&process::Belonging {
            namespace: self.namespace,
            roots: &roots,
            marker: Some((MARKER, self.guard.marker())),
        });
        for program in &programs {
            program.reap().await;
        }
        if killed.survivors.is_empty() { Ok(()) } else { Err(killed.survivors) }
    }

    fn living(&self) -> Vec<i32> {
        let programs = self.programs.borrow();
        let roots: Vec<i32> =
            programs.iter().filter(|program| !program.is_reaped()).map(|program| program.pid()).collect();
        if roots.is_empty() { Vec::new() } else { process::tree(&roots) }
    }
}

impl Stage for WireStage {
    fn backend(&self) -> BackendName {
        BackendName::Wire
    }

    fn is_over(&self) {
        drop(self.frames());
        self.sniffer.take();
    }

    fn attention(&self) -> Attention {
        self.attention.get()
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn tick(&self) -> Task<'_, ()> {
        Box::pin(async {
            // Something that comes from a program ends the pause; nothing coming lengthens it.
            let pause = self.pause.get();
            let came = tokio::select! {
                biased;
                () = self.stir.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
            // The runtime looks at the sockets in between: what came before this moment is known after it.
            tokio::task::yield_now().await;
            self.pause.set(if came { SHORTEST } else { (pause * 2).min(LONGEST) });
        })
    }

    fn pass(&self, duration: Duration) -> Task<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.scratch.clone())
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn home(&self, _: &str) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    fn launch<'a>(&'a self, launch: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>> {
        Box::pin(async move {
            if let Some(address) = launch.attached {
                self.elsewhere.set(true);
                return Ok(Rc::new(Elsewhere::new(address)) as Rc<dyn Program>);
            }
            if self.plays.get() && launch.invocation.names_host {
                self.names.told();
            }
            let program = Rc::new(WireProgram::launch(
                launch,
                &self.scratch,
                &self.guard,
                &self.table,
                &self.stir,
                self.began,
                self.attention.get(),
            )?);
            self.programs.borrow_mut().push(Rc::clone(&program));
            self.pause.set(SHORTEST);
            Ok(program as Rc<dyn Program>)
        })
    }

    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            let stream = socket.connect(to).await?;
            Ok(Box::new(WireConnection::new(stream, &self.diag, self.guard.sent())?) as Box<dyn Connection>)
        })
    }

    fn listen(&self, port: u16, family: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = bind(port, family)?;
            Ok(Box::new(WireListener::new(listener, &self.diag, self.guard.sent())) as Box<dyn Listener>)
        })
    }

    fn datagrams(&self, end: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>> {
        Box::pin(async move {
            if end == DatagramEnd::Bound(dns::PORT)
                && let Some(socket) = self.names.give_way().await
            {
                return Ok(Box::new(WireDatagrams { socket, sent: self.guard.sent() }) as Box<dyn Datagrams>);
            }
            let socket = match end {
                DatagramEnd::Bound(port) => match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).await {
                    Ok(socket) => socket,
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                    Err(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?,
                },
                DatagramEnd::To(to) if to.is_ipv4() => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?,
                DatagramEnd::To(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await?,
            };
            Ok(Box::new(WireDatagrams { socket, sent: self.guard.sent() }) as Box<dyn Datagrams>)
        })
    }

    fn leads_names(&self) -> Result<(), Unsupported> {
        if self.private_names {
            return Ok(());
        }
        let why = "programs here ask the machine's own name server: this needs network and mount namespaces";
        Err(Unsupported(why.to_owned()))
    }

    fn stillness(&self) -> Stillness {
        if self.elsewhere.get() {
            return Stillness::Timed;
        }
        let living = self.living();
        let mut reading: u64 = 17;
        let mut timed = false;
        for pid in &living {
            // An alarm that a program has set is invisible until it rings.
            const ALARM: u64 = 1 << 13;
            if process::caught_signals(*pid) & ALARM != 0 {
                timed = true;
            }
            for thread in process::threads(*pid) {
                let Some(call) = thread.blocked_in.as_ref().filter(|_| thread.state == 'S') else {
                    return Stillness::Busy;
                };
                if keeps_house(&thread.name) {
                    continue;
                }
                match call.wait() {
                    process::Wait::Forever => {}
                    process::Wait::Timed => timed = true,
                    process::Wait::NotAWait => return Stillness::Busy,
                }
                match own_bound(*pid, call) {
                    Bound::None => {}
                    Bound::Time => timed = true,
                    Bound::Us => return Stillness::Busy,
                }
                reading = reading
                    .wrapping_mul(1_000_003)
                    .wrapping_add(thread.tid as u64)
                    .wrapping_mul(31)
                    .wrapping_add(thread.switches);
            }
        }
        if timed {
            return Stillness::Timed;
        }
        // Data under way to anybody may still wake somebody.
        let own = sockets::inodes_of(&living);
        let mut table = self.table.borrow_mut();
        let entries = table.fresh();
        let under_way = entries.iter().any(|entry| {
            let theirs = own.contains(&entry.inode);
            let opening = matches!(entry.state, TcpState::SynSent | TcpState::SynReceived);
            entry.transport == Transport::Tcp
                && entry.state != TcpState::Listen
                && (theirs && entry.unacked > 0 || opening)
        });
        if under_way || last_bytes_under_way(entries) { Stillness::Busy } else { Stillness::Forever(reading) }
    }

    fn has_arrived(&self) -> bool {
        let mut table = self.table.borrow_mut();
        let entries = table.fresh();
        // A connection whose handshake the machine has not completed is in no listener's queue yet.
        !entries.iter().any(|entry| entry.state == TcpState::SynReceived) && !last_bytes_under_way(entries)
    }

    fn starved(&self) -> Duration {
        let waited: u64 = self
            .living()
            .iter()
            .map(|pid| process::threads(*pid).iter().map(|thread| thread.wait_ns).max().unwrap_or(0))
            .max()
            .unwrap_or(0);
        // A harness that has to wait for a processor keeps the program waiting.
        Duration::from_nanos(waited) + own_wait()
    }

    fn link(&self, _: LinkChange, _: &[String; 2]) -> Result<(), Unsupported> {
        Err(Unsupported("real sockets have no partitions: this needs the simulated network".to_owned()))
    }
}

/// Whether a waiting thread is one that a Java machine has for itself: it wakes up some twenty times a second, and never
/// for the program. Names are those of OpenJDK 17, cut off after fifteen bytes as the kernel does.
fn keeps_house(thread: &str) -> bool {
    const OWN: [&str; 12] = [
        "VM Periodic Tas",
        "VM Thread",
        "Monitor Deflati",
        "C1 CompilerThre",
        "C2 CompilerThre",
        "Service Thread",
        "Sweeper thread",
        "Notification Th",
        "Common-Cleaner",
        "GC Thread#",
        "G1 ",
        "Signal Dispatch",
    ];
    OWN.iter().any(|own| thread.starts_with(own))
}

/// Whether something is still to come to the harness from a connection that a program has closed, or left behind when it
/// ended. What the harness has closed itself goes to a program's and does not count.
fn last_bytes_under_way(entries: &[SocketEntry]) -> bool {
    let expecting = sockets::expecting_last_bytes(entries);
    // The harness may hold many descriptors: they are looked through only where it matters.
    if expecting.is_empty() {
        return false;
    }
    let ours = sockets::inodes_of(&[i32::try_from(std::process::id()).unwrap_or(0)]);
    expecting.iter().any(|entry| ours.contains(&entry.inode))
}

/// Time that the calling thread, which plays the run, has waited for a processor; nothing where the kernel does
/// not count it (proc_pid_schedstat(5): nanoseconds run, nanoseconds waited, number of turns).
fn own_wait() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

/// What may end a wait that looks endless.
enum Bound {
    /// Nothing but the other side.
    None,
    /// A time-out of the socket.
    Time,
    /// The harness, which reads what the program prints.
    Us,
}

/// What a blocked call's descriptor says about the end of the wait.
fn own_bound(pid: i32, call: &process::BlockedCall) -> Bound {
    const NOT_A_SOCKET: i32 = 88;
    let transfers = ["recv", "read", "send", "write", "accept"].iter().any(|name| call.name.starts_with(name));
    let Some(descriptor) = call.descriptor().filter(|_| transfers) else { return Bound::None };
    match process::socket_timeouts(pid, descriptor) {
        Ok((receive, send)) if receive.is_zero() && send.is_zero() => Bound::None,
        Ok(_) => Bound::Time,
        // A terminal or a pipe: its output is drained as fast as this machine allows.
        Err(error) if error.raw_os_error() == Some(NOT_A_SOCKET) && call.name.starts_with("write") => Bound::Us,
        Err(error) if error.raw_os_error() == Some(NOT_A_SOCKET) => Bound::None,
        Err(_) => Bound::Time,
    }
}

/// Listens for one internet protocol, or for IPv4 and IPv6 alike, or for IPv4 where there is no IPv6.
fn bind(port: u16, family: Option<Family>) -> io::Result<TcpListener> {
    let open = |address: SocketAddr| -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A dead program's TIME_WAIT must not keep the harness from its port.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(512)
    };
    match family {
        Some(Family::Ipv4) => return open(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        Some(Family::Ipv6) => return open(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)),
        None => {}
    }
    match open(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(_) => open(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
    }
}

/// Addresses at which any of these processes listens or is bound.
pub(super) fn listening(table: &Rc<RefCell<Table>>, pids: &[i32], transport: TransportName) -> Vec<SocketAddr> {
    let mut table = table.borrow_mut();
    let candidates: Vec<(SocketAddr, u64)> = table
        .recent()
        .iter()
        .filter(|entry| match transport {
            TransportName::Tcp => entry.transport == Transport::Tcp && entry.state == TcpState::Listen,
            TransportName::Udp => {
                entry.transport == Transport::Udp && entry.remote.port() == 0 && entry.local.port() != 0
            }
        })
        .map(|entry| (entry.local, entry.inode))
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let own: BTreeSet<u64> = sockets::inodes_of(pids);
    let mut found: Vec<SocketAddr> =
        candidates.into_iter().filter(|(_, inode)| own.contains(inode)).map(|(local, _)| local).collect();
    found.sort_by_key(|address| (!address.is_ipv4(), address.port()));
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::sandbox::guard::{self, Bounds, Limits};

    fn stage(folder: &tempfile::TempDir) -> WireStage {
        let guard = Guard::new(&guard::marker(), folder.path(), Bounds::of_run(&Limits::default()));
        WireStage::new(0, None, guard, folder.path().to_owned(), false)
    }

    #[tokio::test]
    async fn a_copy_of_a_listener_that_is_gone_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let sent = stage(&folder).guard.sent();
        let listener = bind(0, None).unwrap();
        let port = listener.local_addr().unwrap().port();
        // As a child has it between fork and exec.
        let copy = std::os::fd::AsFd::as_fd(&listener).try_clone_to_owned().unwrap();
        drop(WireListener::new(listener, &Rc::new(None), sent));
        let refused = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(bind(port, None).is_ok(), "the port can be had again");
        drop(copy);
    }

    async fn has_come(listener: &TcpListener) -> bool {
        tokio::select! {
            biased;
            came = listener.accept() => came.is_ok(),
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn what_came_before_a_moment_is_known_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = stage(&folder);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        assert!(!has_come(&listener).await);
        let _client = std::net::TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        // Output that was taken in already: the moment has no need to wait for anything.
        stage.stir.notify_one();
        stage.tick().await;
        assert!(has_come(&listener).await);
    }

    #[tokio::test]
    async fn what_a_closed_connection_has_to_say_has_not_arrived() {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = stage(&folder);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut client = std::net::TcpStream::connect(address).expect("a connection");
        let _unread = listener.accept().expect("a connection");
        client.set_nonblocking(true).expect("a socket");
        while client.write(&[b'x'; 64 * 1024]).is_ok() {}
        drop(client);
        assert!(!stage.has_arrived());
        assert_eq!(stage.stillness(), Stillness::Busy);
    }
}
