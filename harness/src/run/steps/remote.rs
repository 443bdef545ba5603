//! A peer that is a machine which serves SSH, and what is expected of a program that looks at it.

use std::rc::Rc;
use std::time::Duration;

use harness_judging::complaint::says_no;
use harness_judging::{complaint, loosely, shown};

use super::super::actors::ProgramActor;
use super::super::patience::Patience;
use super::super::remote::Remote;
use super::super::{Director, Done, Failure, Halt};
use super::expect::last_words;
use harness_language::scenario::duration::Limit;
use harness_language::scenario::model::{ExpectFigures, ExpectLogin, FiguresOf, Login, LoginOutcome, ServeRemote};
use harness_peers::remote::figures::Figures;
use harness_peers::remote::files::loads;
use harness_peers::remote::recognise::{shows_cpu, shows_memory};

/// A library and its cryptography take seconds on a slow machine.
const USUAL: Duration = Duration::from_secs(30);

impl Director {
    #[cfg(not(feature = "ssh"))]
    pub(super) async fn serve_remote(&mut self, _: &ServeRemote) -> Done {
        let why = "this build has no SSH: build it with `--features remote` (as in `cargo run -p harness --features remote \
                   -- …`)";
        Err(Halt::skipped(why.to_owned()))
    }

    #[cfg(feature = "ssh")]
    pub(super) async fn serve_remote(&mut self, step: &ServeRemote) -> Done {
        use super::super::event::What;
        use super::super::remote::keys::{self, Whose};
        use super::super::remote::place::Place;
        use super::super::remote::visit::{Identity, Serving};
        use harness_language::scenario::model::KnownHost;

        let peer = self.actors.peer(&step.peer);
        let Some(listener) = peer.borrow().listener.clone() else {
            return Err(Halt::Harness(format!("{} does not listen", step.peer)));
        };
        let Some(home) = self.stage.folder() else {
            return Err(Halt::skipped("the programs have no home folder here".to_owned()));
        };
        let machine = |error: std::io::Error| Halt::Harness(format!("cannot make the keys of the run: {error}"));
        let made = |whose| keys::made(self.seed, whose).map_err(machine);
        let (host, another, user) = (made(Whose::Machine)?, made(Whose::Another)?, made(Whose::User)?);
        let known = match step.known_hosts {
            KnownHost::Right => host.public_key(),
            KnownHost::Other => another.public_key(),
        };
        let own = step.logins.contains(&Login::Key).then_some(&user);
        keys::write(&home, &self.names_of_the_machine(listener.port()), known, own).map_err(machine)?;
        let figures = Figures::made(self.seed, step.machine);
        let place = Place::open(&figures).await.map_err(|why| {
            Halt::skipped(format!("this machine gives no shell files of its own below /proc (mount namespaces): {why}"))
        })?;
        let remote = Rc::new(Remote { figures, logins: step.logins.clone(), visits: std::cell::RefCell::default() });
        peer.borrow_mut().remote = Some(Rc::clone(&remote));
        self.note(
            &step.peer,
            What::Network(format!(
                "serves SSH: {}; {}",
                in_words(&remote.figures, FiguresOf::Cpu),
                in_words(&remote.figures, FiguresOf::Memory)
            )),
        );
        let identity = Identity { peer: step.peer.clone(), host, user, told: self.value("password").ok() };
        let serving = Serving::new(identity, &remote, place, &self.stage, &self.log, &self.services);
        self.services.begin(Box::pin(serving.serve(listener)));
        Ok(())
    }

    /// Every name under which a program may look for the machine in its list of known hosts.
    #[cfg(feature = "ssh")]
    fn names_of_the_machine(&self, port: u16) -> Vec<String> {
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".to_owned(), "::1".to_owned()];
        if let Some(part) = self.cast.parts.get(&self.scenario.role) {
            names.extend(part.meeting.fixed_host.map(|host| host.to_string()));
            names.extend(part.meeting.names.clone());
        }
        let with_port = names.iter().map(|name| format!("[{name}]:{port}")).collect::<Vec<_>>();
        names.extend(with_port);
        names
    }

    fn remote_of(&self, peer: &str) -> Result<Rc<Remote>, Halt> {
        let found = self.actors.peers.get(peer).and_then(|peer| peer.borrow().remote.clone());
        found.ok_or_else(|| Halt::Harness(format!("{peer} is no machine: `serve-remote` comes first")))
    }

    pub(super) async fn expect_figures(&mut self, step: &ExpectFigures) -> Done {
        let remote = self.remote_of(&step.peer)?;
        let figures = &remote.figures;
        let shows = |said: &[u8]| match step.of {
            FiguresOf::Cpu => shows_cpu(figures, said),
            FiguresOf::Memory => shows_memory(figures, said),
        };
        for (name, actor) in self.actors.programs_named(&step.program) {
            // A long output is looked at when there is more of it.
            let seen = std::cell::Cell::new(usize::MAX);
            let there = || {
                let stdout = actor.program.stdout().borrow();
                seen.replace(stdout.bytes.len()) != stdout.bytes.len() && shows(&stdout.bytes)
            };
            let (stdout, stderr) = self.said_to_the_end(&actor, step.within, there).await;
            self.note_said(&name, &stdout, &stderr);
            if shows(&stdout) {
                continue;
            }
            self.may_be_judged(&remote)?;
            let course = remote.visits.borrow().course();
            let what = match step.of {
                FiguresOf::Cpu => "processors",
                FiguresOf::Memory => "memory",
            };
            let ran = !remote.visits.borrow().ran.is_empty();
            let who = actor.noun(&name);
            let end = if ran { last_words(&actor) } else { format!(" ({course}){}", last_words(&actor)) };
            return Err(Halt::of_output(Failure {
                expected: format!(
                    "an output with a figure of the remote machine's {what}: {}",
                    in_words(figures, step.of)
                ),
                actual: shown::describe(&stdout),
                reason: match ran {
                    true => {
                        format!("the output of {who}: nothing in it is a figure of the remote machine's {what}{end}")
                    }
                    false => format!(
                        "the output of {who}: nothing in it is a figure of the remote machine's {what}, where \
                                      nothing was run{end}"
                    ),
                },
                ..Failure::default()
            }));
        }
        Ok(())
    }

    /// Whether what came can be held against the program.
    fn may_be_judged(&self, remote: &Remote) -> Done {
        let visits = remote.visits.borrow();
        if let Some(why) = visits.faults.first() {
            return Err(Halt::Harness(why.clone()));
        }
        let only_by_password = remote.logins == [Login::Password];
        if only_by_password && visits.connections > 0 && !visits.has_tried(Login::Password) {
            let why = "the program offers no password where the machine takes nothing else: it is judged where its key is \
                       taken";
            return Err(Halt::skipped(why.to_owned()));
        }
        Ok(())
    }

    pub(super) async fn expect_login(&mut self, step: &ExpectLogin) -> Done {
        let remote = self.remote_of(&step.peer)?;
        for (name, actor) in self.actors.programs_named(&step.program) {
            let done = || {
                let visits = remote.visits.borrow();
                step.outcome == LoginOutcome::ByKey && visits.entered_by().is_some() && !visits.ran.is_empty()
            };
            let (stdout, stderr) = self.said_to_the_end(&actor, step.within, done).await;
            self.note_said(&name, &stdout, &stderr);
            let visits = remote.visits.borrow().clone();
            if let Some(why) = visits.faults.first() {
                return Err(Halt::Harness(why.clone()));
            }
            let course = visits.course();
            let said = own_words(&[stdout.as_slice(), b"\n", stderr.as_slice()].concat());
            let who = actor.noun(&name);
            let complains = complains(&stdout, &stderr);
            let end = last_words(&actor);
            let failed = match step.outcome {
                _ if visits.connections == 0 => Some((
                    "the program connects to the remote machine",
                    format!("{who} has not connected to the remote machine{end}"),
                )),
                LoginOutcome::ByKey if visits.entered_by() != Some(Login::Key) => Some((
                    "a login by the key in ~/.ssh/id_ed25519, which is the only one that the machine takes",
                    format!("{who} did not log in by its key: {course}{end}"),
                )),
                LoginOutcome::ByKey if visits.ran.is_empty() => Some((
                    "something is run after the login",
                    format!("{who} logged in by its key and had nothing run: {course}{end}"),
                )),
                LoginOutcome::Refused if visits.tried.is_empty() && !complains => Some((
                    "an attempt to log in, and a word about its refusal",
                    format!("{who} did not try to log in, and does not say why: {course}{end}"),
                )),
                LoginOutcome::Refused if !complains => Some((
                    "the program says that the machine has refused the login",
                    format!("the machine refused the login ({course}), and {who} does not say so"),
                )),
                LoginOutcome::Distrusted if !visits.tried.is_empty() => Some((
                    "no login: the machine's key is not the one in ~/.ssh/known_hosts",
                    format!(
                        "the key of the machine is another one than ~/.ssh/known_hosts has for it, and {who} goes on \
                         to log in: {course}"
                    ),
                )),
                LoginOutcome::Distrusted if !complains => Some((
                    "the program says that it does not know the machine's key",
                    format!("{who} does not log in, and does not say why"),
                )),
                _ => None,
            };
            if let Some((expected, reason)) = failed {
                let actual = format!("{course}; {who} says {}", shown::describe(&said));
                return Err(Failure { expected: expected.to_owned(), actual, reason, ..Failure::default() }.into());
            }
        }
        Ok(())
    }

    /// Waits until something has happened, or until the program has ended. That all programs wait is no reason to give
    /// up: the machine may be at work for them.
    async fn said_to_the_end(
        &self,
        actor: &Rc<ProgramActor>,
        limit: Option<Limit>,
        done: impl Fn() -> bool,
    ) -> (Vec<u8>, Vec<u8>) {
        let (stdout, stderr) = (actor.program.stdout(), actor.program.stderr());
        let patience = Patience::to_the_end(&*self.stage, limit.map_or(USUAL, |limit| limit.0));
        let over = || actor.program.ended().is_some() && stdout.borrow().ended && stderr.borrow().ended;
        let _ = self.until(patience, || (over() || done()).then_some(())).await;
        (stdout.borrow().bytes.clone(), stderr.borrow().bytes.clone())
    }
}

/// What was said without prompts, and without what a library says when it asks for a password and has no terminal.
fn own_words(said: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&loosely::loosen(said)).into_owned();
    let about_asking = |line: &str| {
        let small = line.to_lowercase();
        ["can not control echo", "may be echoed", "fallback_getpass", "cryptographydeprecationwarning"]
            .iter()
            .any(|words| small.contains(words))
    };
    text.lines().filter(|line| !about_asking(line)).collect::<Vec<_>>().join("\n").into_bytes()
}

/// Whether a program has said in some way that something did not work.
fn complains(stdout: &[u8], stderr: &[u8]) -> bool {
    const MORE: [&str; 4] = ["wrong", "incorrect", "exception", "timed out"];
    let (stdout, stderr) = (own_words(stdout), own_words(stderr));
    // The usual word for wrong arguments, usage, is an ordinary one in front of figures.
    let said = String::from_utf8_lossy(&stdout).to_lowercase();
    says_no(&stdout)
        || says_no(&stderr)
        || complaint::is_complaint(&stderr)
        || MORE.iter().any(|word| said.contains(word))
}

/// What a machine could be shown to be like.
fn in_words(figures: &Figures, of: FiguresOf) -> String {
    let it = figures.memory;
    let tenths = |value: u64| format!("{}.{}", value / 10, value % 10);
    let mib = |kib: u64| format!("{} MiB", kib / 1_024);
    match of {
        FiguresOf::Cpu => format!(
            "{} processors ({}), {} % in use ({} % user, {} % system, {} % idle), load {}",
            figures.cores,
            figures.model,
            tenths(figures.busy()),
            tenths(figures.user),
            tenths(figures.system),
            tenths(figures.idle()),
            loads(figures).join(" "),
        ),
        FiguresOf::Memory => format!(
            "memory {} in all, {} in use, {} available, {} free",
            mib(it.total),
            mib(it.used()),
            mib(it.available),
            mib(it.free),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::scenario::model::MachineSize;
    use rstest::rstest;

    const ASKED: &str = "/usr/lib/python3.11/getpass.py:91: GetPassWarning: Can not control echo on the terminal.\n  \
                         passwd = fallback_getpass(prompt, stream)\nWarning: Password input may be echoed.\nPassword: ";

    #[rstest]
    #[case("", ASKED, false)]
    #[case("Password: Authentication failed.", "", true)]
    #[case("paramiko.ssh_exception.AuthenticationException", "", true)]
    #[case("CPU usage: 0 %\nMemory: 0 MB of 0 MB used", "", false)]
    #[case("", "anna@127.0.0.1: Permission denied (publickey,password).", true)]
    #[case("", "Host key verification failed.", true)]
    fn a_prompt_is_no_complaint(#[case] stdout: &str, #[case] stderr: &str, #[case] complaint: bool) {
        assert_eq!(complains(stdout.as_bytes(), stderr.as_bytes()), complaint);
    }

    #[test]
    fn what_says_what_a_machine_is_like_shows_it() {
        let figures = Figures::made(3, MachineSize::Small);
        let words = |of| in_words(&figures, of).into_bytes();
        assert!(shows_cpu(&figures, &words(FiguresOf::Cpu)) && !shows_memory(&figures, &words(FiguresOf::Cpu)));
        assert!(shows_memory(&figures, &words(FiguresOf::Memory)) && !shows_cpu(&figures, &words(FiguresOf::Memory)));
    }
}
