//! The director, its waits and its steps, each with made-up programs.

mod patience;
mod peers;
mod programs;
mod services;

use harness_language::catalogue::model::{Input, Role, RoleKind};
use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::model::TransportName;
use harness_language::scenario::problem::Source;
use harness_verdict::{Said, Undecided};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

use super::network::End as Wire;
use super::program::{Act, Script, converse, line_of};
use super::*;
use crate::run::event::{Log, What};
use crate::run::stage::Ended;
use crate::run::{Director, End, Record};
use crate::submission::{Cast, Command, Part};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(future))
}

/// The judged role of a run: a server at the usual port, or a client that is told where to go.
#[derive(Clone, Copy)]
enum Judged {
    Server,
    Client,
    /// A client that is told who gets a letter, first.
    Mailer,
    UdpClient,
    UdpServer,
}

impl Judged {
    fn role(self) -> Role {
        let (kind, arguments) = match self {
            Self::Server | Self::UdpServer => (RoleKind::Server, "{port}"),
            Self::Client | Self::UdpClient => (RoleKind::Client, "{host} {port}"),
            Self::Mailer => (RoleKind::Client, "{to} {host} {port}"),
        };
        Role {
            name: if kind == RoleKind::Server { "server" } else { "client" }.to_owned(),
            kind,
            transport: match self {
                Self::Server | Self::Client | Self::Mailer => TransportName::Tcp,
                Self::UdpServer | Self::UdpClient => TransportName::Udp,
            },
            arguments: arguments.to_owned(),
            input: Input::None,
            values: match self {
                Self::Mailer => [("to".to_owned(), "bert@example.net".to_owned())].into(),
                _ => Default::default(),
            },
            secrets: Vec::new(),
        }
    }
}

/// The record of a scenario of these steps.
fn played_as(judged: Judged, script: Script, steps: &str) -> Record {
    played_on(judged, FakeStage::new(script), steps)
}

fn played_on(judged: Judged, stage: FakeStage, steps: &str) -> Record {
    let role = judged.role();
    let name = role.name.as_str();
    let text = format!("title = \"t\"\ndecides = [\"a\", \"b\"]\njudges = \"{name}\"\nsteps = [\n{steps}\n]");
    let setting = Setting {
        task: "t",
        id: "it",
        prefix: "",
        parameters: &Parameters::new(),
        roles: &[name],
        opening: &|_| None,
        openings: &[],
    };
    let loaded = load::scenarios(&Source::new("it.toml".to_owned(), text), &setting);
    let scenario = loaded.unwrap_or_else(|problem| panic!("{problem:?}")).remove(0);
    let words = format!("./{name} {}", role.arguments).split(' ').map(str::to_owned).collect();
    let part = Part::new(&role, Command { words, ..Command::default() });
    let cast = Cast { root: PathBuf::new(), parts: [(role.name, part)].into() };
    run(Director::new(Rc::new(stage), &scenario, &cast, 1, Log::default()).play())
}

/// The same of a server.
fn played(script: Script, steps: &str) -> Record {
    played_as(Judged::Server, script, steps)
}

const START: &str = "{ start = { program = \"server\" } },";
const CONNECT: &str = "{ start = { program = \"server\" } }, { connect = { peer = \"p\", to = \"server\" } },";
const HELLO: &str = "{ send = { peer = \"p\", data = { text = \"hello\" } } },";

/// Waits for ever.
async fn forever() -> Ended {
    std::future::pending().await
}

/// A server that does this on each connection, one after the other.
fn serving<F: Future<Output = ()> + 'static>(serve: impl Fn(Act, Wire) -> F + 'static) -> Script {
    let serve = Rc::new(serve);
    Script::new(move |act| {
        let serve = Rc::clone(&serve);
        async move {
            let door = act.listen();
            loop {
                let connection = door.next().await;
                serve(act.clone(), connection).await;
            }
        }
    })
}

/// A server that answers what has come in one read, while there is something to answer.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Script {
    let answer = Rc::new(answer);
    serving(move |_, mut connection| {
        let answer = Rc::clone(&answer);
        async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = connection.read(&mut buffer).await {
                if connection.write_all(&answer(&buffer[..count])).await.is_err() {
                    break;
                }
            }
        }
    })
}

fn echo() -> Script {
    answering(<[u8]>::to_vec)
}

/// A server that prints something after so many milliseconds.
fn printing_after(ms: u64, text: &'static str) -> Script {
    Script::new(move |act| async move {
        let door = act.listen();
        if ms > 0 {
            act.pause(ms).await;
        }
        act.print(text);
        let _taken = door.next().await;
        forever().await
    })
}

fn printing(text: &'static str) -> Script {
    printing_after(0, text)
}

/// A server that ends after so many milliseconds.
fn ending(after: u64, ended: Ended) -> Script {
    Script::new(move |act| async move {
        let _door = act.listen();
        if after > 0 {
            act.pause(after).await;
        }
        ended
    })
}

/// What a run says of `t.a`, in a word.
fn word(record: &Record) -> &'static str {
    match record.facts().says("t.a") {
        Said::Held => "held",
        Said::Failed(_) => "failed",
        Said::NotGradable(_) => "not gradable",
        Said::Nothing(_) => "nothing",
        Said::Broken(_) => "broken",
    }
}

/// Why a run failed or decided nothing, or that it held.
fn reason(record: &Record) -> String {
    match &record.end {
        End::Failed(failure) => failure.why(),
        End::Played => "held".to_owned(),
        End::Skipped(skip) => format!("skipped: {}", skip.why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_step_decides_for_itself_and_the_run_goes_on() {
    let wrong = "{ receive = { peer = \"p\", exactly = { text = \"no\" }, decides = [\"b\"] } },";
    let right = "{ send = { peer = \"p\", data = { text = \"x\" } } }, { expect-running = { program = \"server\" } }";
    let record = played(echo(), &format!("{CONNECT} {HELLO} {wrong} {right}"));
    assert_eq!(record.end, End::Played);
    assert!(matches!(record.facts().says("t.b"), Said::Failed(_)));
    assert_eq!(record.facts().says("t.a"), Said::Held);
}

#[test]
fn a_failure_that_nobody_decides_ends_the_run_and_speaks_for_all() {
    let wrong = "{ receive = { peer = \"p\", exactly = { text = \"no\" } } },";
    let record =
        played(echo(), &format!("{CONNECT} {HELLO} {wrong} {{ expect-running = {{ program = \"server\" }} }}"));
    assert!(matches!(record.end, End::Failed(_)), "{:?}", record.end);
    let judged: Vec<_> = record.events.iter().filter(|event| matches!(event.what, What::Judged(_))).collect();
    assert_eq!(judged.len(), 1);
    for id in ["t.a", "t.b"] {
        assert!(matches!(record.facts().says(id), Said::Failed(_)), "{id}");
    }
}

#[rstest]
#[case::measures("{ measure = { program = \"server\", as = \"m\" } }")]
#[case::links("{ partition = { between = [\"server\", \"peers\"] } }")]
#[case::calls("{ expect-call-sizes = { program = \"server\", at-most = 4096 } }")]
#[case::folders("{ expect-no-file = { program = \"server\", path = \"made\" } }")]
fn what_needs_another_stage_decides_nothing(#[case] step: &str) {
    let record = played(Script::default(), &format!("{CONNECT} {step}"));
    let Said::Nothing(skip) = record.facts().says("t.a") else { panic!("{:?}", record.end) };
    assert!(matches!(skip.by, Undecided::Situation | Undecided::Backends(_)), "{skip:?}");
}

#[test]
fn steps_are_repeated() {
    let steps = "{ repeat = { times = 3, steps = [{ send = { peer = \"p\", data = { text = \"hello\" } } }, \
                 { receive = { peer = \"p\", exactly = { text = \"hello\" } } }] } }";
    let record = played(echo(), &format!("{CONNECT} {steps}"));
    assert_eq!(reason(&record), "held");
    assert_eq!(record.events.iter().filter(|event| matches!(event.what, What::Received(_))).count(), 3);
}

#[test]
fn a_failure_may_be_a_reason_to_skip() {
    let step = "{ receive = { peer = \"p\", exactly = { text = \"no\" }, or-skip = \"it does not say no\" } }";
    let record = played(echo(), &format!("{CONNECT} {HELLO} {step}"));
    assert_eq!(reason(&record), "skipped: it does not say no");
}
