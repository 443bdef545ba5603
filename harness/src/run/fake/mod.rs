//! A stage without processes and without a kernel: programs are asynchronous blocks, the network is in memory, and time
//! is a number. For tests of the director, of waiting and of steps, as tables.

mod network;
mod program;
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use harness_language::scenario::model::{BackendName, Family};
use network::Network;
use program::{FakeProgram, Script};

use super::stage::{
    Connection, DatagramEnd, Datagrams, Launch, LaunchError, LinkChange, Listener, Program, Stage, Stillness, Task,
    Unsupported,
};

/// What a moment takes.
const TICK: Duration = Duration::from_millis(4);

/// The port that everybody is given.
const PORT: u16 = 5000;

/// The time of the run.
type Clock = Rc<Cell<Duration>>;

/// Something that depends on the time.
type Of<T> = Box<dyn Fn(Duration) -> T>;

/// The stage.
struct FakeStage {
    clock: Clock,
    network: Network,
    script: Script,
    programs: RefCell<Vec<Rc<FakeProgram>>>,
    folder: Option<tempfile::TempDir>,
    /// What the programs are doing; as it is, if nothing is said.
    stillness: Option<Of<Stillness>>,
    /// Time lost to others.
    starved: Of<Duration>,
    /// Whether everything has arrived.
    arrived: Of<bool>,
    /// How often somebody has looked at what the programs do.
    looks: Cell<u32>,
}

impl FakeStage {
    fn new(script: Script) -> Self {
        Self {
            clock: Rc::default(),
            network: Network::default(),
            script,
            programs: RefCell::default(),
            folder: None,
            stillness: None,
            starved: Box::new(|_| Duration::ZERO),
            arrived: Box::new(|_| true),
            looks: Cell::new(0),
        }
    }
}

impl Stage for FakeStage {
    fn backend(&self) -> BackendName {
        BackendName::Sim
    }

    fn now(&self) -> Duration {
        self.clock.get()
    }

    fn tick(&self) -> Task<'_, ()> {
        self.pass(TICK)
    }

    fn pass(&self, duration: Duration) -> Task<'_, ()> {
        Box::pin(async move {
            // A loop over this must not starve the others.
            tokio::task::yield_now().await;
            self.clock.set(self.clock.get() + duration);
        })
    }

    fn folder(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().to_owned())
    }

    fn port(&self) -> u16 {
        PORT
    }

    fn home(&self, _: &str) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    fn launch<'a>(&'a self, launch: Launch) -> Task<'a, Result<Rc<dyn Program>, LaunchError>> {
        let program = match self.script.refuses {
            Some(why) => Err(LaunchError::NotStartable(why.to_owned())),
            None => {
                let args = launch.invocation.words.into_iter().skip(1).collect();
                let before = u32::try_from(self.programs.borrow().len()).unwrap_or(u32::MAX);
                let program = FakeProgram::start(&self.script, &self.network, &self.clock, args, before);
                let program = Rc::new(program);
                self.programs.borrow_mut().push(Rc::clone(&program));
                if let Some(input) = launch.input_file {
                    let typed = program.type_in(&input);
                    drop(typed);
                    program.end_input();
                }
                Ok(program as Rc<dyn Program>)
            }
        };
        Box::pin(async { program })
    }

    fn connect(&self, to: SocketAddr) -> Task<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async move { Ok(Box::new(self.network.connect(to)?) as Box<dyn Connection>) })
    }

    fn listen(&self, port: u16, _: Option<Family>) -> Task<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(self.network.listen(port)?) as Box<dyn Listener>) })
    }

    fn datagrams(&self, end: DatagramEnd) -> Task<'_, io::Result<Box<dyn Datagrams>>> {
        let port = match end {
            DatagramEnd::Bound(port) => port,
            DatagramEnd::To(_) => 0,
        };
        Box::pin(async move { Ok(Box::new(self.network.datagrams(port)?) as Box<dyn Datagrams>) })
    }

    fn stillness(&self) -> Stillness {
        self.looks.set(self.looks.get() + 1);
        match &self.stillness {
            Some(stillness) => stillness(self.now()),
            None if self.programs.borrow().iter().any(|program| program.pauses()) => Stillness::Timed,
            None => Stillness::Forever(self.network.moves()),
        }
    }

    fn has_arrived(&self) -> bool {
        (self.arrived)(self.now())
    }

    fn starved(&self) -> Duration {
        (self.starved)(self.now())
    }

    fn link(&self, _: LinkChange, _: &[String; 2]) -> Result<(), Unsupported> {
        Err(Unsupported("the made-up stage has no links".to_owned()))
    }
}
