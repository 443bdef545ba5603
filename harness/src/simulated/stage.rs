//! The stage of one run on the simulated network: hosts, programs, what they will do next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness_sim::net::{TcpListener, TcpStream, UdpSocket, any};
use harness_sim::{EPOCH_SECONDS, Handle, HostId, Outlook, SimError, Simulation};
use tokio::sync::Notify;

use super::program::SimulatedProgram;
use super::sockets::{SimulatedConnection, SimulatedDatagrams, SimulatedListener};
use crate::run::calls::Runtime;
use crate::run::stage::{
    Attention, Connection, DatagramEnd, Datagrams, Launch, LaunchError, LinkChange, Listener, Program, Stage,
    Stillness, Task, Unsupported,
};
use crate::sandbox::guard::Guard;
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{BackendName, Family, Step};

/// The port that everybody is given.
const PORT: u16 = 23_456;

/// Connections that wait for a peer to accept them.
const BACKLOG: i32 = 512;

/// Steps of virtual time between two looks, at first and when nothing comes.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(4);

/// A run on the simulated network.
pub(super) struct SimulatedStage {
    handle: Handle,
    /// The host that peers live on.
    peers: HostId,
    /// Hosts of programs by name; without any, everybody lives on the peers' host.
    hosts: BTreeMap<String, HostId>,
    scratch: PathBuf,
    guard: Rc<Guard>,
    stir: Rc<Notify>,
    attention: Attention,
    pause: Cell<Duration>,
    programs: RefCell<Vec<(String, Rc<SimulatedProgram>)>>,
    /// Role whose program is to be interrupted, and in which of its waits.
    interrupts: Option<(String, usize)>,
}

impl SimulatedStage {
    /// A stage with all hosts that the scenario needs.
    ///
    /// Everybody shares one machine, as on real sockets, where a program that serves or knows only
    /// 127.0.0.1 can be met; a scenario about the network between them gets a machine for each
    /// role, and one for the peers.
    ///
    /// # Errors
    /// If the simulation has begun already.
    pub fn new(
        sim: &mut Simulation,
        scenario: &Scenario,
        scratch: PathBuf,
        guard: Rc<Guard>,
        attention: Attention,
    ) -> Result<Self, SimError> {
        let peers = sim.add_host("peers")?;
        let mut hosts = BTreeMap::new();
        if apart(scenario) {
            let mut by_role: BTreeMap<String, HostId> = BTreeMap::new();
            for (name, role) in scenario.programs() {
                let host = match by_role.get(&role) {
                    Some(host) => *host,
                    None => sim.add_host(&role)?,
                };
                by_role.insert(role, host);
                hosts.insert(name, host);
            }
        }
        sim.set_default_host(peers);
        let interrupts = scenario.forced.interrupts.map(|nth| (scenario.role.clone(), nth as usize));
        Ok(Self {
            handle: sim.handle(),
            peers,
            hosts,
            scratch,
            guard,
            stir: Rc::default(),
            attention,
            pause: Cell::new(SHORTEST),
            programs: RefCell::default(),
            interrupts,
        })
    }

    /// Whether a wait was to be broken off and none came.
    pub fn lacks_interrupt(&self) -> bool {
        self.interrupts.is_some() && !self.handle.has_interrupted()
    }

    /// Goes on reading what programs print, in a second run of the simulation.
    pub fn drain_again(&self) {
        self.programs.borrow().iter().for_each(|(_, program)| program.drain_again(&self.guard, &self.stir));
    }

    /// Whether a program takes its keys from where the seed does not reach: Java's libraries read `/dev/urandom`.
    pub fn draws_elsewhere(&self) -> bool {
        self.programs.borrow().iter().any(|(_, program)| program.runtime() == Some(Runtime::Java))
    }

    fn host(&self, actor: &str) -> HostId {
        self.hosts.get(actor).copied().unwrap_or(self.peers)
    }

    /// Where a peer that wants to reach this address has to be: on the program's machine, if only
    /// that leads there.
    fn near(&self, to: SocketAddr) -> HostId {
        // Where all share one machine there is nothing to find out, and looking costs a reading of every descriptor.
        if self.hosts.is_empty() || !to.ip().is_loopback() {
            return self.peers;
        }
        let programs = self.programs.borrow();
        let mut serving = programs.iter().filter(|(_, program)| {
            let mut served = [true, false].into_iter().flat_map(|tcp| self.handle.addresses(program.id(), tcp));
            served.any(|address| address.port() == to.port())
        });
        serving.next().map_or(self.peers, |(name, _)| self.host(name))
    }
}

/// Whether a scenario is about the network between programs and peers.
pub(super) fn apart(scenario: &Scenario) -> bool {
    fn links(steps: &[Step]) -> bool {
        steps.iter().any(|step| match step {
            Step::Partition(_) | Step::Repair(_) | Step::Hold(_) | Step::Release(_) => true,
            Step::Repeat(repeat) => links(&repeat.steps),
            _ => false,
        })
    }
    let network = &scenario.network;
    links(&scenario.steps) || network.latency.is_some() || network.jitter.is_some() || network.has_faults()
}

impl Stage for SimulatedStage {
    fn backend(&self) -> BackendName {
        BackendName::Sim
    }

    fn is_over(&self) {
        self.handle.close_record();
    }

    fn attention(&self) -> Attention {
        self.attention
    }

    fn now(&self) -> Duration {
        self.handle.now().since_start()
    }

    fn clock(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS) + self.now()
    }

    fn tick(&self) -> Task<'_, ()> {
        Box::pin(async {
            let pause = self.pause.get();
            let came = tokio::select! {
                biased;
                () = self.stir.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
            self.pause.set(if came { SHORTEST } else { (pause * 2).min(LONGEST) });
            self.handle.settled().await;
            // What a program did before it spoke or ended has then arrived, too.
            if came && matches!(self.handle.outlook(), Outlook::Packet(_)) {
                tokio::time::sleep(SHORTEST).await;
                self.handle.settled().await;
            }
        })
    }

    fn pass(&self, duration: Duration) -> Task<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.scratch.clone())
    }

    fn port(&self) -> u16 {
        PORT
    }

    fn home(&self, actor: &str) -> IpAddr {
        if self.hosts.is_empty() {
            return Ipv4Addr::LOCALHOST.into();
        }
        self.handle.address(self.host(actor), false).unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    fn launch<'a>(&'a self, launch: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>> {
        Box::pin(async move {
            if launch.attached.is_some() {
                let why = "a program that runs elsewhere cannot be met on the simulated network";
                return Err(LaunchError::Unsupported(why.to_owned()));
            }
            let (name, role, host) = (launch.name.clone(), launch.role.clone(), self.host(&launch.name));
            let program = Rc::new(SimulatedProgram::launch(
                self.handle,
                host,
                launch,
                &self.scratch,
                &self.guard,
                &self.stir,
                self.attention,
            )?);
            if let Some((judged, nth)) = &self.interrupts
                && *judged == role
            {
                self.handle.interrupt_nth(program.id(), *nth);
            }
            self.programs.borrow_mut().push((name, Rc::clone(&program)));
            self.pause.set(SHORTEST);
            Ok(program as Rc<dyn Program>)
        })
    }

    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(self.near(to), to).await?;
            Ok(Box::new(SimulatedConnection::new(stream, self.guard.sent())?) as Box<dyn Connection>)
        })
    }

    fn listen(&self, port: u16, family: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let address = match family {
                None => any(true, port),
                Some(Family::Ipv4) => any(false, port),
                Some(Family::Ipv6) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port),
            };
            let listener = TcpListener::bind(self.peers, address, BACKLOG)?;
            Ok(Box::new(SimulatedListener { listener, sent: self.guard.sent() }) as Box<dyn Listener>)
        })
    }

    fn datagrams(&self, end: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>> {
        Box::pin(async move {
            let (socket, both) = match end {
                DatagramEnd::Bound(port) => (UdpSocket::bind(self.peers, any(true, port))?, true),
                DatagramEnd::To(to) => (UdpSocket::bind(self.near(to), any(to.is_ipv6(), 0))?, false),
            };
            Ok(Box::new(SimulatedDatagrams { socket, both, sent: self.guard.sent() }) as Box<dyn Datagrams>)
        })
    }

    fn stillness(&self) -> Stillness {
        match self.handle.outlook() {
            Outlook::Running | Outlook::Packet(_) => Stillness::Busy,
            Outlook::Timer(_) => Stillness::Timed,
            Outlook::Nothing => Stillness::Forever(self.handle.traps()),
        }
    }

    fn starved(&self) -> Duration {
        // Virtual time waits for the programs.
        Duration::ZERO
    }

    fn link(&self, change: LinkChange, between: &[String; 2]) -> Result<(), Unsupported> {
        let [a, b] = between.each_ref().map(|actor| self.host(actor));
        match change {
            LinkChange::Partition => self.handle.partition(a, b),
            LinkChange::Hold => self.handle.hold(a, b),
            LinkChange::Repair | LinkChange::Release => self.handle.heal(a, b),
        }
        Ok(())
    }
}
