//! Where the shells of a made machine run: a folder with its programs, and a thread with mounts of its own, in which
//! files below `/proc` are the made ones. The programs of the run, which other threads start, see nothing of that.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use harness_os::namespace;
use harness_os::spawn::{self, Child, Launch, Limits, SpawnError};
use tokio::sync::oneshot;

use crate::machine::OPEN_FILES;
use crate::sandbox;
use harness_peers::remote::figures::Figures;
use harness_peers::remote::{files, tools};

/// How often the files that move are written anew: as often as the counters of a real kernel move.
const TICK: Duration = Duration::from_millis(10);

/// Largest file that a command may write, in bytes.
const FILE_SIZE: u64 = 64 << 20;

/// The place.
pub struct Place {
    errands: Option<Sender<Errand>>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

/// A shell to be started in the place.
struct Errand {
    launch: Launch,
    reply: oneshot::Sender<Result<Child, SpawnError>>,
}

/// The three streams of a shell.
pub struct Streams {
    /// Its descriptor 0.
    pub stdin: OwnedFd,
    /// Its descriptor 1.
    pub stdout: OwnedFd,
    /// Its descriptor 2.
    pub stderr: OwnedFd,
}

impl Place {
    /// Makes the place.
    ///
    /// # Errors
    /// Why this machine cannot have it.
    pub async fn open(figures: &Figures) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("remote-").tempdir_in(std::env::temp_dir());
        // In the run's own temporary folder, where the process's own is not to be seen.
        let folder = folder.map_err(|error| error.to_string())?;
        write(folder.path(), figures).map_err(|error| error.to_string())?;
        let (errands, orders) = channel();
        let (ready, outcome) = oneshot::channel();
        let (own, figures) = (folder.path().join("proc"), figures.clone());
        let thread = std::thread::Builder::new()
            .name("remote".to_owned())
            .spawn(move || keep(&figures, &own, &orders, ready))
            .map_err(|error| error.to_string())?;
        let place = Self { errands: Some(errands), thread: Some(thread), folder };
        outcome.await.map_err(|_| "its thread came to a sudden end".to_owned())??;
        Ok(place)
    }

    /// Starts a shell: with a command, or one that reads its input. It ends with the [`Child`].
    ///
    /// # Errors
    /// Why it did not start.
    pub async fn start(
        &self,
        command: Option<&str>,
        user: &str,
        term: bool,
        streams: Streams,
    ) -> Result<Child, String> {
        let home = self.folder.path().join("home");
        let tools = self.folder.path().join("bin");
        let mut env = vec![
            ("PATH", format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tools.display())),
            ("HOME", home.display().to_string()),
            ("USER", user.to_owned()),
            ("LOGNAME", user.to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("PS1", "$ ".to_owned()),
        ];
        if term {
            env.push(("TERM", "xterm".to_owned()));
        }
        let args = match command {
            Some(command) => vec!["-c", command],
            // Without job control, which asks for a terminal of one's own.
            None if term => vec!["+m", "-i"],
            None => vec!["-s"],
        };
        // What the program under test has run here is as much a stranger's as the program itself.
        let confinement = sandbox::of_shell(self.folder.path()).map_err(|error| error.to_string())?;
        let launch = Launch {
            program: PathBuf::from("/bin/sh"),
            args: args.into_iter().map(Into::into).collect(),
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            cwd: home,
            stdin: streams.stdin,
            stdout: streams.stdout,
            stderr: streams.stderr,
            limits: Limits { open_files: Some(OPEN_FILES), file_size_bytes: Some(FILE_SIZE), ..Limits::default() },
            confinement: Some(confinement),
        };
        let (reply, outcome) = oneshot::channel();
        let gone = || "its thread has ended".to_owned();
        let errands = self.errands.as_ref().ok_or_else(gone)?;
        errands.send(Errand { launch, reply }).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?.map_err(|error| error.to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody sends any more: the thread ends, and its mounts with it.
        self.errands.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes the machine's files and programs.
fn write(folder: &Path, figures: &Figures) -> io::Result<()> {
    let bin = folder.join("bin");
    for name in ["bin", "home", "proc"] {
        std::fs::create_dir(folder.join(name))?;
    }
    for (name, text, is_program) in tools::prepared(figures) {
        let path = bin.join(name);
        std::fs::write(&path, text.replace("{here}", &bin.display().to_string()))?;
        if is_program {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    for name in files::PROC {
        std::fs::write(folder.join("proc").join(name), files::proc(figures, name, figures.up).unwrap_or_default())?;
    }
    Ok(())
}

/// The thread: enters its mounts, starts what it is told to, and keeps the counters moving meanwhile.
fn keep(figures: &Figures, own: &Path, orders: &Receiver<Errand>, ready: oneshot::Sender<Result<(), String>>) {
    let began = Instant::now();
    let binds: Vec<(PathBuf, PathBuf)> =
        files::PROC.iter().map(|name| (own.join(name), Path::new("/proc").join(name))).collect();
    let moving = || -> io::Result<Vec<(&str, File)>> {
        let open = |name| Ok((name, File::options().write(true).open(own.join(name))?));
        files::MOVING.into_iter().map(open).collect()
    };
    let entered = namespace::enter_private_files(&binds).map_err(|error| error.to_string());
    let moving = match entered.and_then(|()| moving().map_err(|error| error.to_string())) {
        Ok(moving) => moving,
        Err(why) => return drop(ready.send(Err(why))),
    };
    let refresh = || {
        for (name, file) in &moving {
            let text = files::proc(figures, name, figures.up + began.elapsed()).unwrap_or_default();
            // In one piece, and never shorter than before: who reads meanwhile gets the whole of one or of the other.
            let _ = file.write_all_at(text.as_bytes(), 0);
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    loop {
        match orders.recv_timeout(TICK) {
            Ok(errand) => {
                refresh();
                let _ = errand.reply.send(spawn::spawn(errand.launch));
            }
            Err(RecvTimeoutError::Timeout) => refresh(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::scenario::model::MachineSize;
    use harness_os::pipe;
    use rstest::rstest;
    use std::io::Read;

    /// What a command prints in the place; nothing where this machine has no mounts to give away.
    fn printed(figures: &Figures, command: &str) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = match Place::open(figures).await {
                Ok(place) => place,
                Err(why) => {
                    eprintln!("skipped: {why}");
                    return None;
                }
            };
            let (stdin, _) = pipe::pipe().unwrap();
            let (read, stdout) = pipe::pipe().unwrap();
            let stderr = stdout.try_clone().unwrap();
            let _child = place.start(Some(command), "anna", false, Streams { stdin, stdout, stderr }).await.unwrap();
            let mut text = String::new();
            File::from(read).read_to_string(&mut text).unwrap();
            Some(text)
        })
    }

    #[rstest]
    #[case::free("free")]
    #[case::free_in_mebibytes("free -m | grep Mem")]
    #[case::free_for_people("free -h")]
    #[case::free_in_gibibytes("free -g -t")]
    #[case::long_option("free --mega -w")]
    #[case::meminfo("grep MemTotal /proc/meminfo")]
    #[case::by_awk("awk '/MemAvailable/ {print \"available\", $2}' /proc/meminfo")]
    #[case::top("top -bn1 | head -5")]
    #[case::vmstat("vmstat -s")]
    fn tells_its_memory(#[case] command: &str) {
        let figures = Figures::made(7, MachineSize::Small);
        let Some(text) = printed(&figures, command) else { return };
        assert!(harness_peers::remote::recognise::shows_memory(&figures, text.as_bytes()), "{text}");
    }

    #[rstest]
    #[case::top("top -bn1 | grep 'Cpu(s)'")]
    #[case::top_twice("top -b -n 2 -d 0.1 | grep Cpu")]
    #[case::idle_of_top(
        "top -bn1 | grep Cpu | sed 's/.*, *\\([0-9.]*\\)%* id.*/\\1/' | awk '{print \"cpu\", 100 - $1}'"
    )]
    #[case::vmstat("vmstat")]
    #[case::vmstat_twice("vmstat 0.1 2")]
    #[case::mpstat("mpstat 0.1 1")]
    #[case::iostat("iostat -c")]
    #[case::uptime("uptime")]
    #[case::loadavg("cat /proc/loadavg")]
    #[case::stat("head -1 /proc/stat")]
    #[case::since_boot("grep 'cpu ' /proc/stat | awk '{print \"usage\", ($2+$4)*100/($2+$4+$5)}'")]
    #[case::lscpu("lscpu | grep 'Model name'")]
    #[case::cpuinfo("grep -m1 'model name' /proc/cpuinfo")]
    #[case::nproc("echo cores: $(nproc)")]
    #[case::getconf("echo processors $(getconf _NPROCESSORS_ONLN)")]
    #[case::ps("ps -A -o pcpu | awk '{sum += $1} END {print \"cpu\", sum}'")]
    fn tells_its_processors(#[case] command: &str) {
        let figures = Figures::made(7, MachineSize::Large);
        let Some(text) = printed(&figures, command) else { return };
        assert!(harness_peers::remote::recognise::shows_cpu(&figures, text.as_bytes()), "{text}");
    }

    #[test]
    fn two_looks_at_the_counters_give_the_same_share() {
        let figures = Figures::made(9, MachineSize::Large);
        let command = "head -1 /proc/stat; sleep 0.2; head -1 /proc/stat; nproc; cat /proc/uptime";
        let Some(text) = printed(&figures, command) else { return };
        let look = |line: &str| -> Vec<f64> { line.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
        let looks: Vec<Vec<f64>> = text.lines().take(2).map(look).collect();
        let grown: Vec<f64> = looks[1].iter().zip(&looks[0]).map(|(after, before)| after - before).collect();
        let all: f64 = grown.iter().sum();
        assert!(all > 0.0, "{text}");
        let busy = (grown[0] + grown[2]) / all * 100.0;
        assert!((busy - figures.busy() as f64 / 10.0).abs() < 1.0, "{busy} of {text}");
    }

    #[test]
    fn nobody_else_sees_the_made_files() {
        let figures = Figures::made(5, MachineSize::Small);
        let made = printed(&figures, "cat /proc/meminfo; : ; cat /proc/cpuinfo");
        let own = std::fs::read_to_string("/proc/meminfo").unwrap();
        assert!(made.is_none_or(|made| made.contains("MadeForThisRun")));
        assert!(!own.contains(&figures.memory.total.to_string()));
    }
}
