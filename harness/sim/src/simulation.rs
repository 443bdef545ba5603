//! The simulation as its user holds it: made, given hosts and programs, run together with the peers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use harness_os::forking;
use harness_os::trap::{Affinity, Bell, Filter, Poller, TrapCommand, TrapError, reap_killed, set_nonblocking, signal};

use crate::config::Config;
use crate::driver::Step;
use crate::error::SimError;
use crate::handle::{Handle, HostId, ProgramId};
use crate::launch::{Launch, Stdio};
use crate::process::{Input, Output, Program};
use crate::record::{CallRecord, PacketRecord};
use crate::sockets::Net;
use crate::time::VirtualTime;
use crate::turmoil::Turmoil;
use crate::world::{World, install, uninstall};

/// One simulation. A thread holds at most one at a time; dropping it ends every program that still runs.
pub struct Simulation {
    world: Rc<RefCell<World>>,
    affinity: Option<Affinity>,
}

impl Simulation {
    /// An empty network.
    ///
    /// # Errors
    /// [`SimError::Occupied`] when this thread has a simulation already; otherwise when the supervisor is out of
    /// descriptors.
    pub fn new(config: Config) -> Result<Self, SimError> {
        let model = Box::new(Turmoil::new(config.mtu));
        let one_processor = config.one_processor;
        let world = World {
            net: Net::new(config, model),
            filter: Filter::simulation(),
            poller: Poller::new()?,
            bell: Bell::new()?,
            programs: Vec::new(),
            processes: BTreeMap::new(),
            threads: BTreeMap::new(),
            by_tid: Default::default(),
            threads_met: 0,
            running: Default::default(),
            ending: Default::default(),
            held: BTreeMap::new(),
            fresh: Default::default(),
            retry: Default::default(),
            native: Default::default(),
            deadlines: Default::default(),
            watchers: BTreeMap::new(),
            placeholders: Default::default(),
            kept: BTreeMap::new(),
            epolls: BTreeMap::new(),
            epolls_made: 0,
            silent: None,
            epoll_members: BTreeMap::new(),
            netlinks: BTreeMap::new(),
            timer_sockets: BTreeMap::new(),
            calls: Vec::new(),
            traps: 0,
            slips: 0,
            closed: None,
            stopped: None,
            signals_expected: false,
            output_expected: false,
            touched: false,
            driver: None,
            settled_wakers: Vec::new(),
            epoch: None,
            interruption: None,
        };
        world.watch_bell()?;
        let world = Rc::new(RefCell::new(world));
        if !install(&world) {
            return Err(SimError::Occupied);
        }
        // Programs inherit it. Without it a trap costs a wake-up of another processor.
        let affinity = one_processor.then(Affinity::pin_here).flatten();
        Ok(Self { world, affinity })
    }

    /// Adds a host with an IPv4 and an IPv6 address of its own.
    ///
    /// # Errors
    /// [`SimError::Started`] after the first program or socket.
    pub fn add_host(&mut self, name: &str) -> Result<HostId, SimError> {
        let mut world = self.world.borrow_mut();
        if world.net.started {
            return Err(SimError::Started);
        }
        Ok(HostId(world.net.add_host(name)))
    }

    /// Makes a further address lead to a host, such as one that a program has built in.
    pub fn add_address(&mut self, host: HostId, address: IpAddr) {
        if let Some(host) = self.world.borrow_mut().net.hosts.get_mut(host.0) {
            host.aliases.push(address);
        }
    }

    /// Where addresses lead that belong to nobody. Without it they are unreachable.
    pub fn set_default_host(&mut self, host: HostId) {
        self.world.borrow_mut().net.default_host = Some(host.0);
    }

    /// Starts a program before the run; peers start them with [`Handle::spawn`].
    ///
    /// # Errors
    /// When it cannot be executed or the kernel refuses the filter.
    pub fn spawn(&mut self, host: HostId, launch: Launch) -> Result<ProgramId, SimError> {
        self.world.borrow_mut().launch(host, launch)
    }

    /// What peers use while the simulation runs.
    pub fn handle(&self) -> Handle {
        Handle::new()
    }

    /// Drives the programs together with `peers` until that future is done. It runs on a single-threaded tokio
    /// runtime whose clock is virtual (resolution 1 ms); `tokio::task::spawn_local` works in it.
    ///
    /// # Errors
    /// When virtual time reaches its limit or a program its processor budget, and when the kernel interface fails.
    pub fn run<F: Future>(&mut self, peers: F) -> Result<F::Output, SimError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(SimError::Runtime)?;
        let local = tokio::task::LocalSet::new();
        let world = Rc::clone(&self.world);
        let result = runtime.block_on(local.run_until(async move {
            let start = tokio::time::Instant::now();
            let now = world.borrow().net.now;
            // A second run goes on where the first ended.
            let passed = now.floor_to_millisecond().since_start();
            world.borrow_mut().epoch = Some(start.checked_sub(passed).unwrap_or(start));
            let mut peers = pin!(peers);
            let mut driver = pin!(drive(Rc::clone(&world)));
            poll_fn(|cx| {
                if let Poll::Ready(output) = peers.as_mut().poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                match driver.as_mut().poll(cx) {
                    Poll::Ready(error) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }));
        self.world.borrow_mut().epoch = None;
        result
    }

    /// Virtual time.
    pub fn now(&self) -> VirtualTime {
        self.world.borrow().net.now
    }

    /// Every call that was answered, in order, until the record was closed.
    pub fn calls(&self) -> Vec<CallRecord> {
        let world = self.world.borrow();
        let count = world.closed.as_ref().map_or(world.calls.len(), |closed| closed.calls);
        world.calls[..count].to_vec()
    }

    /// Every packet of the wire, in order of sending; none unless [`Config::keep_packets`] is set.
    pub fn packets(&self) -> Vec<PacketRecord> {
        let world = self.world.borrow();
        let records = world.net.wire.trace.records();
        let count = world.closed.as_ref().map_or(records.len(), |closed| closed.packets);
        let mut records = records[..count].to_vec();
        // The answer of the name server is recorded together with its question.
        records.sort_by_key(|record| record.at);
        records
    }

    /// How many packets there were, kept or not.
    pub fn packet_count(&self) -> usize {
        self.world.borrow().net.wire.trace.count()
    }

    /// How often a program was stopped to be answered.
    pub fn traps(&self) -> u64 {
        self.world.borrow().traps
    }

    /// How often virtual time went on although a thread was running, because it had used a fifth of its processor
    /// budget without a call. A run with any is not repeatable.
    pub fn slips(&self) -> u64 {
        let world = self.world.borrow();
        world.closed.as_ref().map_or(world.slips, |closed| closed.slips)
    }

    /// The record as text: packets, then calls, one a line. Equal for equal runs.
    pub fn trace(&self) -> String {
        use std::fmt::Write;
        let world = self.world.borrow();
        let mut text = String::new();
        for packet in world.net.wire.trace.records() {
            let _ = writeln!(text, "{packet}");
        }
        for call in &world.calls {
            let _ = writeln!(text, "{call}");
        }
        text
    }

    /// SHA-256 of the packets with their contents and times, as hexadecimal digits. Two runs are the same run
    /// when these are equal.
    pub fn trace_sha256(&self) -> String {
        let world = self.world.borrow();
        world.closed.as_ref().map_or_else(|| world.net.wire.trace.sha256(), |closed| closed.sha256.clone())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let taken = {
            let mut world = self.world.borrow_mut();
            for process in world.processes.values() {
                signal(process.pidfd.as_fd(), libc::SIGKILL);
            }
            for program in &world.programs {
                if program.exit.is_none() {
                    // Killed for certain; the wait is bounded by the kernel's own work.
                    reap_killed(program.root);
                }
            }
            let config = Config::default();
            std::mem::replace(&mut world.net, Net::new(config, Box::new(Turmoil::new(1500))))
        };
        uninstall();
        drop(taken);
        if let Some(affinity) = self.affinity {
            affinity.restore();
        }
    }
}

/// Runs the programs for ever; returns only with an error.
async fn drive(world: Rc<RefCell<World>>) -> SimError {
    loop {
        let step = match world.borrow_mut().step() {
            Ok(step) => step,
            Err(error) => return error,
        };
        let stirred = {
            let mut world = world.borrow_mut();
            let woken = std::mem::take(&mut world.net.peers_woken);
            std::mem::take(&mut world.touched) | woken
        };
        if stirred {
            tokio::task::yield_now().await;
            continue;
        }
        let Step::Idle(next) = step else {
            continue;
        };
        if world.borrow_mut().break_off() {
            continue;
        }
        let settled = std::mem::take(&mut world.borrow_mut().settled_wakers);
        if !settled.is_empty() {
            for waker in settled {
                waker.wake();
            }
            tokio::task::yield_now().await;
            continue;
        }
        if let Some(error) = wait_for(&world, next).await {
            return error;
        }
    }
}

/// Lets virtual time go on to `next`, or to where a peer acts before that.
async fn wait_for(world: &Rc<RefCell<World>>, next: Option<VirtualTime>) -> Option<SimError> {
    let (limit, epoch) = {
        let world = world.borrow();
        (VirtualTime::START + world.net.config.limit, world.epoch)
    };
    let target = next.unwrap_or(limit).min(limit);
    let epoch = epoch?;
    let mut sleep = pin!(tokio::time::sleep_until(epoch + target.floor_to_millisecond().since_start()));
    let reached = poll_fn(|cx| {
        if std::mem::take(&mut world.borrow_mut().touched) {
            return Poll::Ready(false);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        world.borrow_mut().driver = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
    let mut world = world.borrow_mut();
    world.sync_clock();
    if reached {
        world.net.now = world.net.now.max(target);
        if world.net.now >= limit {
            return Some(SimError::TimeLimit { at: world.net.now, blocked: world.blocked() });
        }
    }
    None
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SimError> {
    let (reader, writer) = std::io::pipe().map_err(|source| TrapError::Kernel { what: "making a pipe", source })?;
    Ok((reader.into(), writer.into()))
}

fn null() -> Result<OwnedFd, SimError> {
    let file = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|source| TrapError::Kernel { what: "opening /dev/null", source })?;
    Ok(file.into())
}

fn bytes(text: OsString) -> Vec<u8> {
    text.into_vec()
}

impl World {
    /// Starts a program.
    pub fn launch(&mut self, host: HostId, launch: Launch) -> Result<ProgramId, SimError> {
        self.net.started = true;
        let mut input = Input::default();
        let stdin = match launch.stdin {
            Stdio::Null => null()?,
            Stdio::Pipe => {
                let (reader, writer) = pipe()?;
                set_nonblocking(writer.as_fd());
                input.descriptor = Some(writer);
                reader
            }
            Stdio::Pair { program, ours } => {
                if let Some(ours) = &ours {
                    set_nonblocking(ours.as_fd());
                }
                input.descriptor = ours;
                program
            }
        };
        if input.descriptor.is_some() {
            input.far = stdin.try_clone().ok();
            input.identity = identity(&stdin);
        }
        let mut outputs = [Output::default(), Output::default()];
        let mut given = Vec::new();
        for (wish, output) in [launch.stdout, launch.stderr].into_iter().zip(&mut outputs) {
            let end = match wish {
                Stdio::Null => null()?,
                Stdio::Pipe => {
                    let (reader, writer) = pipe()?;
                    set_nonblocking(reader.as_fd());
                    output.descriptor = Some(reader);
                    writer
                }
                Stdio::Pair { program, ours } => {
                    if let Some(ours) = &ours {
                        set_nonblocking(ours.as_fd());
                    }
                    output.descriptor = ours;
                    program
                }
            };
            output.identity = identity(&end).filter(|_| output.descriptor.is_some());
            given.push(end);
        }
        let mut arguments = vec![launch.program.as_os_str().as_bytes().to_vec()];
        arguments.extend(launch.arguments.into_iter().map(bytes));
        let environment = launch
            .environment
            .into_iter()
            .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
            .collect();
        let command = TrapCommand {
            program: launch.program,
            arguments,
            environment,
            directory: launch.directory,
            prepare: launch.prepare,
        };
        let spawned = command.spawn(&self.filter, [stdin.as_fd(), given[0].as_fd(), given[1].as_fd()])?;
        // Its outputs end when it closes them.
        drop(given);
        forking::wait_for_copies();
        let id = ProgramId(self.programs.len());
        self.programs.push(Program {
            host: host.0,
            root: spawned.process,
            listener: spawned.listener,
            input,
            outputs,
            exit: None,
            wakers: Vec::new(),
            threads_met: 0,
            processes_met: 0,
            told_host: launch.told_host,
            copies_sockets: false,
        });
        self.watch_listener(id)?;
        self.meet_process(spawned.process, id, None)?;
        self.meet_thread(spawned.process, spawned.process, id);
        Ok(id)
    }
}

/// How `/proc` shows a descriptor of this process.
fn identity(descriptor: &OwnedFd) -> Option<String> {
    use std::os::fd::AsRawFd;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).ok()?;
    Some(link.to_string_lossy().into_owned())
}
