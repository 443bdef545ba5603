//! Pairs of unmodified programs on the simulated network, and the same programs merely started.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Pipe};
use std::time::{Duration, Instant};

use harness_sim::{
    Config, DatagramFaults, Exit, Handle, HostId, Launch, ProgramId, SimError, Simulation, Stdio, Stream,
};

const PORT: &str = "5000";
const HOST: &str = "127.0.0.1";

/// What `harness` gives to every program.
const RUNTIMES: [(&str, &str); 3] = [
    ("JAVA_TOOL_OPTIONS", "-Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -XX:-UsePerfData"),
    ("NODE_OPTIONS", "--max-old-space-size=256"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
];

/// A server and a client that is to come to a good end.
#[derive(Debug, Clone)]
pub struct Pair {
    /// How reports call it.
    pub name: String,
    server: Vec<String>,
    client: Vec<String>,
    /// The client's standard input.
    pub input: Vec<u8>,
    /// Clients at the same time.
    pub clients: usize,
    /// Datagrams that are lost, by number.
    pub lose: Vec<u64>,
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// From before the simulation is made until it is taken down.
    pub wall: Duration,
    /// How often a program was stopped to be answered.
    pub traps: u64,
    /// The greatest high-water mark of a program, read when the client had ended, in KiB.
    pub server_peak: u64,
    /// Virtual time.
    pub passed: Duration,
}

impl Pair {
    /// A pair whose programs and arguments are these words; `{}` is the port.
    pub fn new(name: &str, server: &[&str], client: &[&str], input: &[u8]) -> Self {
        let words = |all: &[&str]| all.iter().map(|word| word.replace("{}", PORT)).collect();
        Self {
            name: name.to_owned(),
            server: words(server),
            client: words(client),
            input: input.to_vec(),
            clients: 1,
            lose: Vec::new(),
        }
    }

    /// The same pair under another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Plays it once.
    ///
    /// # Errors
    /// When the simulation fails or a client does not come to a good end.
    pub fn play(&self) -> Result<Sample, Box<dyn Error>> {
        let began = Instant::now();
        let datagrams = DatagramFaults { lose: self.lose.clone(), ..DatagramFaults::default() };
        let mut sim = Simulation::new(Config { datagrams, keep_packets: false, ..Config::default() })?;
        let server = sim.add_host("server")?;
        let hosts: Vec<HostId> =
            (0..self.clients).map(|n| sim.add_host(&format!("client{n}"))).collect::<Result<_, _>>()?;
        let handle = sim.handle();
        let (exits, server_peak) = sim.run(self.perform(handle, server, &hosts))??;
        let (traps, passed) = (sim.traps(), sim.now().since_start());
        drop(sim);
        match exits.iter().find(|exit| **exit != Exit::Status(0)) {
            Some(exit) => Err(format!("{}: a client ended with {exit:?}", self.name).into()),
            None => Ok(Sample { wall: began.elapsed(), traps, server_peak, passed }),
        }
    }

    async fn perform(&self, handle: Handle, place: HostId, hosts: &[HostId]) -> Result<(Vec<Exit>, u64), SimError> {
        let server = handle.spawn(place, launch(&self.server))?;
        handle.listening(server).await;
        let mut clients = Vec::new();
        for host in hosts {
            let client = handle.spawn(*host, launch(&self.client))?;
            handle.write_input(client, &self.input);
            handle.close_input(client);
            clients.push(client);
        }
        let mut exits = Vec::new();
        for client in clients {
            exits.push(until_end(handle, client).await);
        }
        let peak = handle.process(server).and_then(|pid| crate::procfs::peak_memory(u32::try_from(pid).ok()?).ok());
        Ok((exits, peak.unwrap_or(0)))
    }

    /// The time to start and end both programs without a simulation and without work: each is started without its
    /// arguments, says how it wants to be called, and ends.
    ///
    /// # Errors
    /// When a program cannot be started.
    pub fn bare_start(&self) -> io::Result<Duration> {
        let began = Instant::now();
        for words in [&self.server, &self.client] {
            let keep = words.iter().take_while(|word| ![PORT, HOST].contains(&word.as_str())).count();
            let mut command = Command::new(&words[0]);
            command.args(&words[1..keep]).envs(RUNTIMES);
            command.stdin(Pipe::null()).stdout(Pipe::null()).stderr(Pipe::null()).status()?;
        }
        Ok(began.elapsed())
    }
}

async fn until_end(handle: Handle, program: ProgramId) -> Exit {
    while !handle.read_output(program, Stream::Output).await.is_empty() {}
    handle.exited(program).await
}

fn launch(words: &[String]) -> Launch {
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let mut launch = Launch::new(&words[0], &arguments);
    launch.environment.extend(RUNTIMES.map(|(name, value)| (name.into(), value.into())));
    (launch.stdin, launch.stdout) = (Stdio::Pipe, Stdio::Pipe);
    launch
}

/// Compiles programs into a folder, and says what this machine does not have.
#[derive(Debug)]
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// A workshop in an empty folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn done(&self, name: &str, command: &mut Command) -> Option<()> {
        match command.output() {
            Ok(output) if output.status.success() => Some(()),
            Ok(output) => {
                println!("skipped: {name}: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: {name}: {error}");
                None
            }
        }
    }

    fn c(&self, source: &str) -> Option<String> {
        let source = repository().join(source);
        let target = self.folder.join(source.file_stem()?);
        self.done("C", Command::new("cc").args(["-O2", "-o"]).arg(&target).arg(source))?;
        Some(target.to_string_lossy().into_owned())
    }

    fn copy(&self, fixture: &str) -> Option<PathBuf> {
        let target = self.folder.join(fixture.replace('/', "-"));
        if target.exists() {
            return Some(target);
        }
        let from = repository().join("fixtures/submissions").join(fixture);
        self.done(fixture, Command::new("cp").arg("-r").arg(from).arg(&target))?;
        Some(target)
    }

    /// An uppercase server and client in C, for any number of bytes.
    pub fn c_pair(&self, bytes: usize) -> Option<Pair> {
        let server = self.c("harness/sim/tests/programs/upper_server.c")?;
        let client = self.c("harness/sim/tests/programs/upper_client.c")?;
        Some(Pair::new("C", &[&server, "{}"], &[&client, HOST, "{}"], &vec![b'x'; bytes]))
    }

    /// A server in C that prints what its client sends: nobody waits for the other, however many bytes there are.
    pub fn one_way(&self, bytes: usize) -> Option<Pair> {
        let server = self.c("benches/programs/message_server.c")?;
        let client = self.c("benches/programs/message_client.c")?;
        Some(Pair::new("C, one way", &[&server, "{}"], &[&client, HOST, "{}"], &vec![b'x'; bytes]))
    }

    /// A server for any number of clients in C, and that many processes that are its clients.
    pub fn c_many(&self, clients: usize) -> Option<Pair> {
        let server = self.c("harness/sim/tests/programs/epoll_server.c")?;
        let client = self.c("harness/sim/tests/programs/many.c")?;
        Some(Pair { clients, ..Pair::new("C", &[&server, "{}"], &[&client, "{}", "1"], b"") })
    }

    /// A server that answers every byte, and a client that sends the next one then.
    pub fn ping_pong(&self, count: usize) -> Option<Pair> {
        let program = self.c("benches/programs/ping_pong.c")?;
        Some(Pair::new("C ping-pongs", &[&program, "{}"], &[&program, "{}", &count.to_string()], b""))
    }

    /// As [`Workshop::ping_pong`], and its client makes only calls that are answered at once.
    pub fn traps(&self, count: usize) -> Option<Pair> {
        let program = self.c("benches/programs/ping_pong.c")?;
        Some(Pair::new("C traps", &[&program, "{}"], &[&program, "traps", &count.to_string()], b""))
    }

    /// A pinger in C that waits for a second three times.
    pub fn c_pinger(&self) -> Option<Pair> {
        let client = self.c("harness/sim/tests/programs/pinger.c")?;
        let server = self.copy("udp-pinger/good/python")?.join("server.py");
        let server = server.to_string_lossy().into_owned();
        let server = [python()?.as_str(), &server, "{}"].map(ToOwned::to_owned);
        let server: Vec<&str> = server.iter().map(String::as_str).collect();
        let pair = Pair::new("C pinger, Python server", &server, &[&client, HOST, "{}", "6"], b"");
        Some(Pair { lose: vec![2, 5, 8], ..pair })
    }

    /// The pinger of the fixtures in Python: ten pings, of which three go unanswered.
    pub fn python_pinger(&self) -> Option<Pair> {
        let folder = self.copy("udp-pinger/good/python")?;
        let (python, script) = (python()?, |name: &str| folder.join(name).to_string_lossy().into_owned());
        let (server, client) = (script("server.py"), script("client.py"));
        let pair = Pair::new("Python pinger", &[&python, &server, "{}"], &[&python, &client, HOST, "{}"], b"");
        Some(Pair { lose: vec![2, 5, 8], ..pair })
    }

    /// The uppercase programs of the fixtures, in every language that is installed.
    pub fn languages(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for name in ["c", "rust", "go", "python", "node", "java"] {
            pairs.extend(self.language(name));
        }
        pairs
    }

    fn language(&self, name: &str) -> Option<Pair> {
        let folder = self.copy(&format!("uppercase-tcp/good/{name}"))?;
        let path = |file: &str| folder.join(file).to_string_lossy().into_owned();
        let mut build = Command::new(match name {
            "c" | "rust" => "make",
            "go" => "go",
            "java" => "javac",
            _ => "true",
        });
        match name {
            "go" => build.args(["build", "-o", "bin/", "./server", "./client"]).env("CGO_ENABLED", "0"),
            "java" => build.args(["-d", "out", "TCPServer.java", "TCPClient.java"]),
            _ => &mut build,
        };
        self.done(name, build.current_dir(&folder))?;
        let (server, client): (Vec<String>, Vec<String>) = match name {
            "c" | "rust" => (vec![path("server")], vec![path("client")]),
            "go" => (vec![path("bin/server")], vec![path("bin/client")]),
            "python" => (vec![python()?, path("server.py")], vec![python()?, path("client.py")]),
            "node" => (vec![found("node")?, path("server.js")], vec![found("node")?, path("client.js")]),
            _ => {
                let start = |class: &str| Some(vec![found("java")?, "-cp".into(), path("out"), class.to_owned()]);
                (start("TCPServer")?, start("TCPClient")?)
            }
        };
        let words = |all: &[String], more: &[&str]| -> Vec<String> {
            all.iter().cloned().chain(more.iter().map(|word| (*word).to_owned())).collect()
        };
        let (server, client) = (words(&server, &[PORT]), words(&client, &[HOST, PORT]));
        Some(Pair { server, client, ..Pair::new(name, &[], &[], b"the quick brown fox\n") })
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn found(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file()).map(|file| file.to_string_lossy().into_owned())
}

/// The interpreter itself, not a version manager's script.
fn python() -> Option<String> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    Some(String::from_utf8(asked.stdout).ok()?.trim().to_owned())
}
