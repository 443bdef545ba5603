//! Generated conversations: whatever is asked, right programs answer it rightly, and what a wrong one gets wrong is
//! found and shrunk to the least that shows it.
//!
//! Every case is a scenario of its own on the simulated network, with a fresh program: a case neither waits in real
//! time nor depends on the one before. The generator draws the same cases in every run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::ptr_arg, reason = "a conversation is made of what its strategy yields: a vector")]

use std::fmt::Debug;

use crate::common::{fixture, installed, skipped};
use harness::run::End;
use harness::run::event::What;
use harness::run::stage::Attention;
use harness::sandbox::guard::Limits;
use harness::simulated;
use harness::submission::open::{self, Opened, Request};
use harness::wire::Setup;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::Scenario;
use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::problem::Source;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Cases that a right program is given.
const RIGHT: u32 = 10;

/// Cases in which a wrong program has to be caught.
const WRONG: u32 = 40;

/// Smaller cases that are tried once one has failed.
const SHRINKS: u32 = 200;

/// The server of a fixture, opened once and started anew for every case.
struct Server {
    task: &'static str,
    opened: Opened,
}

impl Server {
    /// `None`, with a line that says why, where this machine cannot play it.
    fn of(catalogue: &Catalogue, task: &'static str, name: &str, needs: &str) -> Option<Self> {
        if let Err(why) = simulated::possible() {
            skipped(&format!("programs cannot be simulated here: {why}"));
            return None;
        }
        if !installed(needs) {
            return None;
        }
        let setup = Setup { private_network: false, private_files: false, sniff: false };
        let target = Some(fixture(&format!("submissions/{task}/{name}")));
        let request = Request { target, tasks: vec![task.to_owned()], ..Request::default() };
        let opened = open::open(&request, catalogue, &setup).unwrap_or_else(|error| panic!("{task}/{name}: {error}"));
        Some(Self { task, opened })
    }

    /// Starts the server and plays these steps. An error is what the program did wrong.
    fn play(&self, steps: &[String]) -> Result<(), String> {
        let scenario = scenario(self.task, steps);
        let cast = &self.opened.casts[self.task];
        let record = simulated::play(&scenario, cast, 1, false, Attention::None, &Limits::default()).record;
        let wrong = record.events.into_iter().find_map(|event| match event.what {
            What::Judged(judgement) if !judgement.held => Some(judgement.reason),
            _ => None,
        });
        match (wrong, record.end) {
            (Some(reason), _) => Err(reason),
            (None, End::Played) => Ok(()),
            (None, End::Failed(failure)) => Err(failure.reason),
            (None, other) => panic!("the run could not be played: {other:?}"),
        }
    }
}

fn scenario(task: &str, steps: &[String]) -> Scenario {
    let text = format!(
        "title = \"A generated conversation\"\ndecides = [\"generated\"]\njudges = \"server\"\nlimit = \"5m\"\n\
         steps = [\n  {{ start = {{ program = \"server\" }} }},\n  {},\n]\n",
        steps.join(",\n  ")
    );
    let setting = Setting {
        task,
        id: "generated",
        prefix: "",
        parameters: &Parameters::new(),
        roles: &["server", "client"],
        opening: &|_| None,
        openings: &[],
    };
    let mut scenarios = load::scenarios(&Source::new("generated.toml", text.clone()), &setting)
        .unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(false)));
    scenarios.remove(0)
}

/// Text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn connects(peer: &str) -> [String; 2] {
    // A greeting or a prompt may come first.
    [
        format!("{{ connect = {{ peer = \"{peer}\", to = \"server\" }} }}"),
        "{ settle = { program = \"server\", within = \"200ms\" } }".to_owned(),
    ]
}

fn says(peer: &str, text: &str) -> String {
    format!("{{ send = {{ peer = \"{peer}\", data = {{ text = {} }}, end = \"as-learned\" }} }}", quoted(text))
}

fn gets(peer: &str, text: &str) -> String {
    format!(
        "{{ receive = {{ peer = \"{peer}\", contains = {{ text = {} }}, loosely = true, within = \"10s\" }} }}",
        quoted(text)
    )
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, max_shrink_iters: SHRINKS, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Every case is answered rightly.
fn is_right<S: Strategy>(server: &Server, cases: S, conversation: impl Fn(&S::Value) -> Vec<String>)
where
    S::Value: Debug,
{
    let verdict = runner(RIGHT).run(&cases, |case| server.play(&conversation(&case)).map_err(TestCaseError::fail));
    verdict.unwrap_or_else(|error| panic!("{error}"));
}

/// The smallest case that is found to fail, and what is said of it.
fn least_wrong<S: Strategy>(
    server: &Server,
    cases: S,
    conversation: impl Fn(&S::Value) -> Vec<String>,
) -> (S::Value, String)
where
    S::Value: Debug,
{
    match runner(WRONG).run(&cases, |case| server.play(&conversation(&case)).map_err(TestCaseError::fail)) {
        Err(TestError::Fail(reason, least)) => (least, reason.message().to_owned()),
        other => panic!("a wrong program was not found: {other:?}"),
    }
}

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap()
}

/// A sum of products, with the signs that come before the second and later numbers.
#[derive(Debug, Clone)]
struct Sum {
    first: i64,
    more: Vec<(char, i64)>,
}

impl Sum {
    fn text(&self) -> String {
        self.more.iter().fold(self.first.to_string(), |text, (sign, number)| format!("{text} {sign} {number}"))
    }

    /// Products first: a term is only added when the next sign is none of a product.
    fn value(&self) -> i64 {
        let (mut sum, mut term) = (0, self.first);
        for &(sign, number) in &self.more {
            match sign {
                '*' => term *= number,
                _ => {
                    sum += term;
                    term = if sign == '-' { -number } else { number };
                }
            }
        }
        sum + term
    }
}

fn sums() -> impl Strategy<Value = Vec<Sum>> {
    let more = prop::collection::vec((prop::sample::select(vec!['+', '-', '*']), 0..20_i64), 1..5);
    prop::collection::vec((0..20_i64, more).prop_map(|(first, more)| Sum { first, more }), 1..6)
}

fn sums_asked(sums: &Vec<Sum>) -> Vec<String> {
    let mut steps = connects("alice").to_vec();
    for sum in sums {
        steps.push(says("alice", &sum.text()));
        steps.push(format!("{{ receive = {{ peer = \"alice\", number = {}.0, within = \"10s\" }} }}", sum.value()));
    }
    steps
}

#[test]
fn sums_are_worth_what_they_are_worth() {
    let catalogue = catalogue();
    for task in ["calc-single", "calc-threads", "calc-select"] {
        let Some(server) = Server::of(&catalogue, task, "good/c", "cc") else { return };
        is_right(&server, sums(), sums_asked);
    }
}

#[test]
fn who_calculates_from_left_to_right_is_given_one_sum_with_a_product_at_its_end() {
    let Some(server) = Server::of(&catalogue(), "calc-single", "bad/c-left-to-right", "cc") else { return };
    let (least, reason) = least_wrong(&server, sums(), sums_asked);
    let [sum] = &least[..] else { panic!("{least:?}") };
    let signs: String = sum.more.iter().map(|(sign, _)| *sign).collect();
    assert!(["+*", "-*"].contains(&signs.as_str()), "{}", sum.text());
    assert!(sum.first <= 2 && sum.more.iter().all(|(_, number)| *number <= 2), "{}", sum.text());
    assert!(reason.contains("alice"), "{reason}");
}

/// Words with blanks between them: what stands at the ends of a line is another question.
fn sentences() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[!-~]([ -~]{0,30}[!-~])?", 1..4)
}

fn sentences_shouted(sentences: &Vec<String>) -> Vec<String> {
    sentences
        .iter()
        .enumerate()
        .flat_map(|(number, sentence)| {
            let peer = format!("client{number}");
            let [connect, settle] = connects(&peer);
            let close = format!("{{ close = {{ peer = \"{peer}\" }} }}");
            [connect, settle, says(&peer, sentence), gets(&peer, &sentence.to_ascii_uppercase()), close]
        })
        .collect()
}

#[test]
fn sentences_come_back_in_capitals() {
    let Some(server) = Server::of(&catalogue(), "uppercase-tcp", "good/python", "python3") else { return };
    is_right(&server, sentences(), sentences_shouted);
}

#[test]
fn who_raises_the_first_letter_only_is_given_a_letter_in_second_place() {
    let Some(server) = Server::of(&catalogue(), "uppercase-tcp", "bad/first-letter-only", "python3") else { return };
    let (least, _) = least_wrong(&server, sentences(), sentences_shouted);
    let [sentence] = &least[..] else { panic!("{least:?}") };
    assert_eq!(sentence.len(), 2, "{sentence:?}");
    assert!(sentence.ends_with(|last: char| last.is_ascii_lowercase()), "{sentence:?}");
}

fn sentences_echoed(sentences: &Vec<String>) -> Vec<String> {
    let mut steps = connects("anna").to_vec();
    for sentence in sentences {
        steps.extend([says("anna", sentence), gets("anna", sentence)]);
    }
    steps
}

#[test]
fn sentences_come_back_as_they_are() {
    let Some(server) = Server::of(&catalogue(), "echo-select", "good/c", "cc") else { return };
    is_right(&server, sentences(), sentences_echoed);
}

#[test]
fn who_echoes_in_capitals_is_given_one_small_letter() {
    let Some(server) = Server::of(&catalogue(), "echo-select", "bad/capitals", "python3") else { return };
    let (least, _) = least_wrong(&server, sentences(), sentences_echoed);
    let [sentence] = &least[..] else { panic!("{least:?}") };
    // What stood before the letter may be cut only together with it.
    assert!(sentence.len() <= 2, "{sentence:?}");
    assert_eq!(sentence.chars().filter(char::is_ascii_lowercase).count(), 1, "{sentence:?}");
}

/// The password that servers are started with.
const PASSWORD: &str = "swordfish";

/// What somebody tries: the password, some of its letters in the other case, cut or lengthened.
fn attempts() -> impl Strategy<Value = Vec<String>> {
    let attempt =
        (prop::collection::vec(any::<bool>(), PASSWORD.len()), 1..=PASSWORD.len(), "[a-z0-9]{0,3}", any::<bool>())
            .prop_map(|(capitals, kept, more, changes)| {
                if !changes {
                    return PASSWORD.to_owned();
                }
                let letters = PASSWORD.chars().zip(capitals).take(kept);
                let begin: String =
                    letters.map(|(letter, up)| if up { letter.to_ascii_uppercase() } else { letter }).collect();
                begin + &more
            });
    prop::collection::vec(attempt, 1..4)
}

fn attempts_judged(attempts: &Vec<String>) -> Vec<String> {
    attempts
        .iter()
        .enumerate()
        .flat_map(|(number, attempt)| {
            let peer = format!("client{number}");
            let (verdict, other) =
                if attempt == PASSWORD { ("granted", "denied") } else { ("denied", "granted") };
            let [connect, settle] = connects(&peer);
            let judged = format!(
                "{{ receive = {{ peer = \"{peer}\", contains = {{ text = \"{verdict}\" }}, lacks = {{ text = \"{other}\" }}, \
                 ignoring-case = true, loosely = true, within = \"10s\" }} }}"
            );
            [connect, settle, says(&peer, attempt), judged]
        })
        .collect()
}

#[test]
fn only_the_password_is_granted() {
    let Some(server) = Server::of(&catalogue(), "password", "good/c", "cc") else { return };
    is_right(&server, attempts(), attempts_judged);
}

#[test]
fn who_compares_without_case_is_given_the_password_with_one_capital() {
    let Some(server) = Server::of(&catalogue(), "password", "bad/ignores-case", "python3") else { return };
    let (least, _) = least_wrong(&server, attempts(), attempts_judged);
    let [attempt] = &least[..] else { panic!("{least:?}") };
    assert_eq!(attempt.to_lowercase(), PASSWORD);
    assert_eq!(attempt.chars().filter(char::is_ascii_uppercase).count(), 1, "{attempt:?}");
}

/// What happens in a chat room. Who does it is drawn among those who are there.
#[derive(Debug, Clone)]
enum Act {
    Joins,
    Says(Index),
    Leaves(Index),
}

fn evenings() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Joins),
        3 => any::<Index>().prop_map(Act::Says),
        2 => any::<Index>().prop_map(Act::Leaves),
    ];
    prop::collection::vec(act, 1..16)
}

/// Every line reaches everybody who is there, and the server lives to the end.
fn evening(acts: &Vec<Act>) -> Vec<String> {
    let settle = "{ settle = { program = \"server\", within = \"200ms\" } }".to_owned();
    let mut steps = Vec::new();
    let mut here: Vec<String> = Vec::new();
    for (number, act) in acts.iter().enumerate() {
        match act {
            Act::Joins => {
                let name = format!("guest{number}");
                steps.extend(connects(&name));
                steps.push(says(&name, &name));
                here.push(name);
            }
            Act::Leaves(index) if !here.is_empty() => {
                let name = here.remove(index.index(here.len()));
                steps.push(format!("{{ close = {{ peer = \"{name}\" }} }}"));
            }
            Act::Says(index) if !here.is_empty() => {
                let by = index.index(here.len());
                let words = format!("this is line number {number}");
                steps.push(says(&here[by], &words));
                let others = here.iter().enumerate().filter(|(other, _)| *other != by);
                steps.extend(others.map(|(_, name)| gets(name, &words)));
            }
            Act::Leaves(_) | Act::Says(_) => continue,
        }
        steps.push(settle.clone());
    }
    steps.push("{ expect-running = { program = \"server\" } }".to_owned());
    steps
}

#[test]
fn whoever_comes_and_goes_everybody_hears_everything() {
    let catalogue = catalogue();
    for (name, needs) in [("good/c", "cc"), ("good/python-asyncio", "python3")] {
        let Some(server) = Server::of(&catalogue, "chat-room", name, needs) else { return };
        is_right(&server, evenings(), evening);
    }
}

#[test]
fn who_keeps_those_who_have_left_is_given_one_who_leaves() {
    let Some(server) = Server::of(&catalogue(), "chat-room", "bad/dies-after-a-leave", "python3") else { return };
    let (least, reason) = least_wrong(&server, evenings(), evening);
    let leaves = least.iter().filter(|act| matches!(act, Act::Leaves(_))).count();
    // Two come, one leaves, and then something is to be told: that somebody else has come, or what the other says.
    assert!(leaves == 1 && least.len() <= 4, "{least:?}: {reason}");
}
