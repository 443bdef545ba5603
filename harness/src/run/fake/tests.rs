//! The director, its waits and its steps, each with scripts as programs.

use harness_verdict::Said;
use harness_verdict::Undecided;
use rstest::rstest;

use super::*;
use crate::run::event::{Log, What};
use crate::run::patience::{GaveUp, Patience};
use crate::run::{Director, End, Record};
use crate::submission::{Cast, Command, Part};
use harness_language::catalogue::model::{Input, Role, RoleKind};
use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::problem::Source;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// How long a wait of 400 ms lasts on a stage, and why it ends.
fn waits(stage: &FakeStage, mut patience: Patience) -> (u64, GaveUp) {
    run(async {
        loop {
            if let Err(why) = patience.moment(stage).await {
                return (u64::try_from(stage.now().as_millis()).unwrap(), why);
            }
        }
    })
}

fn stage() -> FakeStage {
    FakeStage::new(Script::default())
}

fn with(stillness: impl Fn(u64) -> Stillness + 'static) -> FakeStage {
    FakeStage { stillness: Box::new(move |now| stillness(u64::try_from(now.as_millis()).unwrap())), ..stage() }
}

/// Time lost to others, in milliseconds, to programs that never rest.
fn robbed(starved: impl Fn(u64) -> u64 + 'static) -> FakeStage {
    let starved = move |now: Duration| ms(starved(u64::try_from(now.as_millis()).unwrap()));
    FakeStage { starved: Box::new(starved), ..with(|_| Stillness::Busy) }
}

type Kind = fn(&dyn Stage, Duration) -> Patience;

const BOUND: GaveUp = GaveUp::Bound(Duration::from_millis(400));

// Programs are looked at every 8 ms; three readings agree at 24 ms; what is found out is said one moment of 4 ms later.
#[rstest]
#[case::busy(with(|_| Stillness::Busy), Patience::new, 404, BOUND)]
#[case::timed(with(|_| Stillness::Timed), Patience::new, 404, BOUND)]
#[case::still(with(|_| Stillness::Forever(1)), Patience::new, 284, GaveUp::Still)]
#[case::still_and_tried(with(|_| Stillness::Forever(1)), Patience::for_a_trial, 84, GaveUp::Still)]
#[case::still_and_no_more(with(|_| Stillness::Forever(1)), Patience::for_stillness, 28, GaveUp::Still)]
#[case::still_and_no_matter(with(|_| Stillness::Forever(1)), Patience::to_the_end, 404, BOUND)]
#[case::never_twice_the_same(with(Stillness::Forever), Patience::for_stillness, 404, BOUND)]
#[case::another_reading_later(with(|now| Stillness::Forever(u64::from(now > 40))), Patience::new, 324, GaveUp::Still)]
#[case::woken_once(with(|now| if now == 200 { Stillness::Busy } else { Stillness::Forever(1) }), Patience::new, 404, BOUND)]
#[case::woken_early(with(|now| if now == 16 { Stillness::Busy } else { Stillness::Forever(1) }), Patience::new, 300, GaveUp::Still)]
#[case::still_late(with(|now| if now < 300 { Stillness::Timed } else { Stillness::Forever(1) }), Patience::for_stillness, 324, GaveUp::Still)]
#[case::still_too_late(with(|now| if now < 300 { Stillness::Timed } else { Stillness::Forever(1) }), Patience::new, 404, BOUND)]
#[case::robbed(robbed(|now| now.min(100)), Patience::new, 496, BOUND)]
#[case::robbed_before(robbed(|_| 100), Patience::new, 404, BOUND)]
#[case::robbed_always(robbed(|now| now), Patience::new, 4404, BOUND)]
#[case::robbed_by_half(robbed(|now| now / 2), Patience::new, 796, BOUND)]
fn a_wait_lasts(#[case] stage: FakeStage, #[case] kind: Kind, #[case] until: u64, #[case] why: GaveUp) {
    let patience = kind(&stage, ms(400));
    assert_eq!(waits(&stage, patience), (until, why));
}

#[test]
fn a_wait_of_no_time_lasts_a_moment() {
    let stage = stage();
    let patience = Patience::new(&stage, Duration::ZERO);
    assert_eq!(waits(&stage, patience), (8, GaveUp::Bound(Duration::ZERO)));
}

#[test]
fn a_short_wait_looks_at_nobody() {
    let stage = stage();
    let patience = Patience::new(&stage, ms(4));
    assert_eq!((waits(&stage, patience).0, stage.looks.get()), (8, 0));
}

#[test]
fn who_hurries_needs_no_grace() {
    let stage = stage();
    let mut patience = Patience::new(&stage, ms(400));
    patience.hurry();
    assert_eq!(waits(&stage, patience), (28, GaveUp::Still));
}

/// Something comes every 20 ms, up to the 200th: the wait for more is as long as if it had begun then.
#[test]
fn what_comes_renews_stillness_and_not_the_bound() {
    let stage = stage();
    let mut patience = Patience::for_stillness(&stage, ms(400));
    let over = run(async {
        loop {
            if let Err(why) = patience.moment(&stage).await {
                return why;
            }
            if stage.now().as_millis().is_multiple_of(20) && stage.now() <= ms(200) {
                patience.renew(&stage);
            }
        }
    });
    assert_eq!((stage.now(), over), (ms(228), GaveUp::Still));
}

#[rstest]
#[case::at_once(0, &[false, true], true)]
#[case::on_its_way(20, &[false, false, false, false, false, true], true)]
#[case::still_running(0, &[false, false], false)]
fn of_the_ended_nothing_more_comes(#[case] arrives: u64, #[case] answers: &[bool], #[case] ended: bool) {
    let stage = FakeStage { arrived: Box::new(move |now| now >= ms(arrives)), ..stage() };
    let mut patience = Patience::new(&stage, ms(400));
    let said = run(async {
        let mut said = Vec::new();
        for _ in answers {
            said.push(patience.nothing_more(&stage, ended));
            stage.tick().await;
        }
        said
    });
    assert_eq!(said, answers);
}

/// The record of a scenario of these steps with one server.
fn played(script: Script, steps: &str) -> Record {
    let text = format!("title = \"t\"\ndecides = [\"a\", \"b\"]\njudges = \"server\"\nsteps = [\n{steps}\n]");
    let setting = Setting {
        task: "t",
        id: "it",
        prefix: "",
        parameters: &Parameters::new(),
        roles: &["server"],
        opening: &|_| None,
        openings: &[],
    };
    let scenario = load::scenarios(&Source::new("it.toml".to_owned(), text), &setting).unwrap().remove(0);
    let role = Role {
        name: "server".to_owned(),
        kind: RoleKind::Server,
        transport: TransportName::Tcp,
        arguments: "{port}".to_owned(),
        input: Input::None,
        values: Default::default(),
        secrets: Vec::new(),
    };
    let words = ["./server", "{port}"].map(str::to_owned).to_vec();
    let part = Part::new(&role, Command { words, ..Command::default() });
    let cast = Cast { root: PathBuf::new(), parts: [("server".to_owned(), part)].into() };
    let stage: Rc<dyn Stage> = Rc::new(FakeStage::new(script));
    run(Director::new(stage, &scenario, &cast, 1, Log::default()).play())
}

const START: &str = "{ start = { program = \"server\" } },";
const CONNECT: &str = "{ start = { program = \"server\" } }, { connect = { peer = \"p\", to = \"server\" } },";
const HELLO: &str = "{ send = { peer = \"p\", data = { text = \"hello\" } } },";

fn echo() -> Script {
    Script { answers: <[u8]>::to_vec, ..Script::default() }
}

fn printing(text: &'static str) -> Script {
    Script { prints: Box::new(move |_| text), ..Script::default() }
}

fn ending(after: u64, ended: Ended) -> Script {
    Script { ends: Box::new(move |now| (now >= ms(after)).then_some(ended)), ..Script::default() }
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

#[rstest]
#[case::starts(Script::default(), START, "", "held")]
#[case::does_not_start(Script { refuses: Some("no python2"), ..Script::default() }, START, "", "not gradable")]
#[case::does_not_listen(Script { listens: false, ..Script::default() }, START, "", "not gradable")]
#[case::ends_early(ending(0, Ended::Status(1)), START, "", "not gradable")]
#[case::echoes(echo(), CONNECT, "{ receive = { peer = \"p\", exactly = { text = \"hello\" } } }", "held")]
#[case::echoes_otherwise(
    Script { answers: |bytes| bytes.to_ascii_uppercase(), ..Script::default() },
    CONNECT, "{ receive = { peer = \"p\", exactly = { text = \"hello\" } } }", "failed"
)]
#[case::is_silent(
    Script::default(),
    CONNECT,
    "{ receive = { peer = \"p\", exactly = { text = \"hello\" } } }",
    "failed"
)]
#[case::prints(
    printing("hello\n"),
    CONNECT,
    "{ expect-output = { program = \"server\", equals = { text = \"hello\\n\" } } }",
    "held"
)]
#[case::prints_more(
    printing("hello, you\n"),
    CONNECT,
    "{ expect-output = { program = \"server\", equals = { text = \"hello\\n\" } } }",
    "failed"
)]
#[case::prints_late(
    Script { prints: Box::new(|now| if now < ms(200) { "" } else { "hello\n" }), ..Script::default() },
    CONNECT, "{ expect-output = { program = \"server\", equals = { text = \"hello\\n\" } } }", "held"
)]
#[case::prints_nothing(
    Script::default(),
    CONNECT,
    "{ expect-output = { program = \"server\", equals = { text = \"hello\\n\" } } }",
    "failed"
)]
#[case::runs_on(Script::default(), START, "{ expect-running = { program = \"server\" } }", "held")]
#[case::runs_no_more(
    ending(4, Ended::Signal(11)),
    CONNECT,
    "{ settle = { program = \"server\" } }, { expect-running = { program = \"server\" } }",
    "failed"
)]
#[case::is_read(Script::default(), CONNECT, "{ await-read = { peer = \"p\" } }", "held")]
fn a_program_is_judged(#[case] script: Script, #[case] first: &str, #[case] then: &str, #[case] said: &str) {
    let hello = if first == CONNECT { HELLO } else { "" };
    let record = played(script, &format!("{first} {hello} {then}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

/// Why a run failed, or that it held.
fn reason(record: &Record) -> String {
    match &record.end {
        End::Failed(failure) => failure.why(),
        End::Played => "held".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::with_0(Some(Ended::Status(0)), "zero", "held")]
#[case::with_1(
    Some(Ended::Status(1)),
    "zero",
    "the server ended with exit status 1; it last said on standard error \"no\""
)]
#[case::with_0_where_it_should_not(
    Some(Ended::Status(0)),
    "non-zero",
    "the server ended with exit status 0; it last said on standard error \"no\""
)]
#[case::with_1_as_it_should(Some(Ended::Status(1)), "non-zero", "held")]
#[case::with_any(Some(Ended::Status(7)), "any", "held")]
#[case::by_a_signal(
    Some(Ended::Signal(11)),
    "any",
    "the server ended with killed by SIGSEGV (segmentation fault); it last said on standard error \"no\""
)]
#[case::by_a_signal_where_that_will_do(Some(Ended::Signal(11)), "any-end", "held")]
#[case::not_at_all(None, "any-end", "the server should have ended by now, but still runs; the server is running")]
fn a_program_ends_as_it_must(#[case] ended: Option<Ended>, #[case] status: &str, #[case] said: &str) {
    let ends = move |now| ended.filter(|_| now >= ms(40));
    let script = Script { ends: Box::new(ends), complains: "no", ..Script::default() };
    let record =
        played(script, &format!("{START} {{ expect-exit = {{ program = \"server\", status = \"{status}\" }} }}"));
    assert_eq!(reason(&record), said);
}

const TRACEBACK: &str = "Traceback (most recent call last):\nOSError: [Errno 98] Address already in use\n";

#[rstest]
#[case::on_stderr("", "port in use", true, "", "held")]
#[case::anything_on_stderr("", "abc", true, "", "held")]
#[case::on_stdout("port in use", "", true, "", "held")]
#[case::anything_on_stdout(
    "abc",
    "",
    true,
    "",
    "the server ended (exit status 1) and printed no message about what is wrong"
)]
#[case::nothing("", "", true, "", "the server ended (exit status 1) and printed no message about what is wrong")]
#[case::nothing_and_runs("", "", false, "", "the server prints no message about what is wrong; the server is running")]
#[case::said_and_runs("", "port in use", false, "", "held")]
#[case::on_the_other_stream(
    "port in use",
    "",
    true,
    ", stream = \"stderr\"",
    "the server says what is wrong on standard output, and nothing on standard error"
)]
#[case::something_on_the_other_stream(
    "abc",
    "",
    true,
    ", stream = \"stderr\"",
    "the server ended (exit status 1) and printed no message on standard error about what is wrong: what it printed is on \
     standard output"
)]
#[case::on_stderr_where_stdout_is_asked(
    "",
    "port in use",
    true,
    ", stream = \"stdout\"",
    "the server says what is wrong on standard error, and nothing on standard output"
)]
#[case::on_stdout_where_it_is_asked("port in use", "", true, ", stream = \"stdout\"", "held")]
#[case::on_neither(
    "",
    "",
    true,
    ", stream = \"stdout\"",
    "the server ended (exit status 1) and printed no message on standard output about what is wrong"
)]
#[case::by_a_traceback("", TRACEBACK, true, "", "held")]
#[case::by_a_bare_traceback(
    "",
    TRACEBACK,
    true,
    ", not-a-traceback = true",
    "the server printed the traceback of an exception, and no sentence of its own about what is wrong"
)]
#[case::by_a_traceback_on_stdout(
    TRACEBACK,
    "",
    true,
    ", not-a-traceback = true",
    "the server printed the traceback of an exception, and no sentence of its own about what is wrong"
)]
#[case::in_words("", "port in use", true, ", not-a-traceback = true", "held")]
fn a_program_says_what_is_wrong(
    #[case] prints: &'static str,
    #[case] complains: &'static str,
    #[case] ends: bool,
    #[case] how: &str,
    #[case] said: &str,
) {
    let ends = move |now| (ends && now >= ms(40)).then_some(Ended::Status(1));
    let script = Script { prints: Box::new(move |_| prints), complains, ends: Box::new(ends), ..Script::default() };
    let record = played(script, &format!("{START} {{ expect-complaint = {{ program = \"server\"{how} }} }}"));
    assert_eq!(reason(&record), said);
}

/// The fake program is one, and says the same each time.
#[rstest]
#[case::both_run("it took 4 ms", None, "", "neither has ended")]
#[case::both_ended(
    "",
    Some(Ended::Status(0)),
    "{ expect-exit = { program = \"other\" } },",
    "both end with exit status 0"
)]
fn outcomes_that_look_alike_are_not_told_apart(
    #[case] prints: &'static str,
    #[case] ended: Option<Ended>,
    #[case] until: &str,
    #[case] said: &str,
) {
    let ends = move |now| ended.filter(|_| now >= ms(100));
    let script = Script { prints: Box::new(move |_| prints), ends: Box::new(ends), ..Script::default() };
    let other = "{ start = { program = \"server\", as = \"other\" } },";
    let apart = "{ expect-told-apart = { programs = [\"server\", \"other\"] } }";
    let record = played(script, &format!("{START} {other} {until} {apart}"));
    assert_eq!(reason(&record), format!("nothing tells the two outcomes apart: {said}, and they say the same"));
}

const LONG: &str = "{ send = { peer = \"p\", data = { repeat = { text = \"0123456789abcdef\", times = 4096 } } } },";

/// A program that has read once and closed has not read what was sent: the connection ends in a reset, and not in an end.
#[rstest]
#[case::all_of_it(usize::MAX, "held")]
#[case::a_part_of_it(4096, "failed")]
#[case::nearly_all_of_it(60_000, "failed")]
#[case::it_and_no_more(65_536, "held")]
fn what_was_closed_on_was_not_read(#[case] takes: usize, #[case] said: &str) {
    let record = played(
        Script { takes, ..Script::default() },
        &format!("{CONNECT} {LONG} {{ await-read = {{ peer = \"p\" }} }}"),
    );
    assert_eq!(word(&record), said, "{:?}", record.end);
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

#[test]
fn what_needs_another_stage_decides_nothing() {
    let record =
        played(Script::default(), &format!("{CONNECT} {{ measure = {{ program = \"server\", as = \"m\" }} }}"));
    let Said::Nothing(skip) = record.facts().says("t.a") else { panic!("{:?}", record.end) };
    assert_eq!(skip.by, Undecided::Situation);
}
