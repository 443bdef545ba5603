//! The stage of one run under turmoil.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::program::{Handle, InProcess};
use super::sockets::{SimConnection, SimDatagrams, SimListener};
use crate::run::stage::{
    Connection, DatagramEnd, Datagrams, Launch, LaunchError, LinkChange, Listener, Program, Stage, Stillness, Task,
    Unsupported,
};
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{BackendName, Family};

/// Where a program waits for its host to start it.
pub(super) type Slot = Rc<RefCell<Option<InProcess>>>;

/// What only the simulation's owner can do, between two of its steps.
pub(super) enum Request {
    /// Starts what waits in the host's slot.
    Start(IpAddr),
    /// Stops the host.
    Crash(IpAddr),
}

/// A run in this process.
pub(super) struct TurmoilStage {
    port: u16,
    began: Cell<Option<tokio::time::Instant>>,
    homes: BTreeMap<String, (IpAddr, Slot)>,
    requests: Rc<RefCell<Vec<Request>>>,
}

/// The host that all peers live on.
const PEERS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 77, 1));

impl TurmoilStage {
    /// A stage with a host for every program that the scenario will start.
    pub fn new(scenario: &Scenario, port: u16) -> Self {
        let mut names = scenario.programs();
        names.entry("server".to_owned()).or_insert_with(|| "server".to_owned());
        names.entry(scenario.role.clone()).or_insert_with(|| scenario.role.clone());
        let homes = names
            .into_keys()
            .zip(10u8..)
            .map(|(name, last)| (name, (IpAddr::V4(Ipv4Addr::new(192, 168, 77, last)), Slot::default())));
        Self { port, began: Cell::new(None), homes: homes.collect(), requests: Rc::default() }
    }

    /// Names, addresses and slots of the programs' hosts.
    pub fn hosts(&self) -> Vec<(String, IpAddr, Slot)> {
        self.homes.iter().map(|(name, (home, slot))| (name.clone(), *home, Rc::clone(slot))).collect()
    }

    /// The host that all peers live on.
    pub fn peers_home(&self) -> IpAddr {
        PEERS
    }

    /// The run begins now.
    pub fn begin(&self) {
        self.began.set(Some(tokio::time::Instant::now()));
    }

    /// What was asked for since the last time.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.take()
    }
}

impl Stage for TurmoilStage {
    fn backend(&self) -> BackendName {
        BackendName::Turmoil
    }

    fn now(&self) -> Duration {
        self.began.get().map_or(Duration::ZERO, |began| began.elapsed())
    }

    fn tick(&self) -> Task<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(1)))
    }

    fn pass(&self, duration: Duration) -> Task<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn folder(&self) -> Option<PathBuf> {
        None
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn home(&self, actor: &str) -> IpAddr {
        self.homes.get(actor).map_or(PEERS, |(home, _)| *home)
    }

    fn launch<'a>(&'a self, launch: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>> {
        Box::pin(async move {
            let Some((home, slot)) = self.homes.get(&launch.name) else {
                return Err(LaunchError::Machine(format!("{} has no host in the simulation", launch.name)));
            };
            let address = SocketAddr::new(*home, self.port);
            let (body, handle) = InProcess::new(&launch, address, &self.requests)?;
            *slot.borrow_mut() = Some(body);
            self.requests.borrow_mut().push(Request::Start(*home));
            // The next step of the simulation starts it.
            self.tick().await;
            Ok(Rc::new(handle) as Rc<Handle> as Rc<dyn Program>)
        })
    }

    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let stream = turmoil::net::TcpStream::connect(to).await?;
            Ok(Box::new(SimConnection::new(stream)?) as Box<dyn Connection>)
        })
    }

    fn listen(&self, port: u16, _: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
            Ok(Box::new(SimListener(listener)) as Box<dyn Listener>)
        })
    }

    fn datagrams(&self, end: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>> {
        Box::pin(async move {
            let port = match end {
                DatagramEnd::Bound(port) => port,
                DatagramEnd::To(_) => 0,
            };
            let socket = turmoil::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
            Ok(Box::new(SimDatagrams(socket)) as Box<dyn Datagrams>)
        })
    }

    fn leads_names(&self) -> Result<(), Unsupported> {
        Err(Unsupported("the in-process simulation has no name servers".to_owned()))
    }

    fn stillness(&self) -> Stillness {
        // Virtual time costs nothing: every wait may run to its bound.
        Stillness::Busy
    }

    fn starved(&self) -> Duration {
        Duration::ZERO
    }

    fn link(&self, change: LinkChange, between: &[String; 2]) -> Result<(), Unsupported> {
        let [a, b] = between.each_ref().map(|actor| self.home(actor));
        match change {
            LinkChange::Partition => turmoil::partition(a, b),
            LinkChange::Repair => turmoil::repair(a, b),
            LinkChange::Hold => turmoil::hold(a, b),
            LinkChange::Release => turmoil::release(a, b),
        }
        Ok(())
    }
}
