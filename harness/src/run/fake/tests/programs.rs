//! How programs start and end, what they print, hold and leave.

use rstest::rstest;

use super::*;
use crate::run::calls::{Kind, SocketCall};
use crate::run::stage::Vitals;

#[rstest]
#[case::starts(Script::default(), START, "", "held")]
#[case::does_not_start(Script::refusing("no python2"), START, "", "not gradable")]
#[case::does_not_listen(Script::new(|_| forever()), START, "", "not gradable")]
#[case::ends_early(Script::new(|_| async { Ended::Status(1) }), START, "", "not gradable")]
#[case::echoes(echo(), CONNECT, "{ receive = { peer = \"p\", exactly = { text = \"hello\" } } }", "held")]
#[case::echoes_otherwise(
    answering(|bytes| bytes.to_ascii_uppercase()),
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
    printing_after(200, "hello\n"),
    CONNECT,
    "{ expect-output = { program = \"server\", equals = { text = \"hello\\n\" } } }",
    "held"
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
#[case::is_read(echo(), CONNECT, "{ await-read = { peer = \"p\" } }", "held")]
#[case::is_not_read(Script::default(), CONNECT, "{ await-read = { peer = \"p\" } }", "failed")]
fn a_program_is_judged(#[case] script: Script, #[case] first: &str, #[case] then: &str, #[case] said: &str) {
    let hello = if first == CONNECT { HELLO } else { "" };
    let record = played(script, &format!("{first} {hello} {then}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

/// A server that says so much, and ends so, after 40 ms.
fn saying(prints: &'static str, complains: &'static str, ended: Option<Ended>) -> Script {
    Script::new(move |act| async move {
        let _door = act.listen();
        act.print(prints);
        act.complain(complains);
        match ended {
            Some(ended) => {
                act.pause(40).await;
                ended
            }
            None => forever().await,
        }
    })
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
    let step = format!("{{ expect-exit = {{ program = \"server\", status = \"{status}\" }} }}");
    let record = played(saying("", "no", ended), &format!("{START} {step}"));
    assert_eq!(reason(&record), said);
}

#[rstest]
#[case::an_interrupt("SIGINT", "the server ended with killed by SIGINT; it last said on standard error \"no\"")]
#[case::a_kill("SIGKILL", "the server ended with killed by SIGKILL; it last said on standard error \"no\"")]
#[case::a_request("SIGTERM", "the server ended with killed by SIGTERM; it last said on standard error \"no\"")]
fn signals_arrive(#[case] signal: &str, #[case] said: &str) {
    let steps = format!(
        "{START} {{ signal = {{ program = \"server\", signal = \"{signal}\" }} }}, \
         {{ expect-exit = {{ program = \"server\", status = \"zero\" }} }}"
    );
    assert_eq!(reason(&played(saying("", "no", None), &steps)), said);
}

#[rstest]
#[case::the_port_is_free(|_: &Act| false, "held")]
#[case::it_has_a_lock(
    |act: &Act| act.before > 0,
    "started again, the server ended (exit status 1) before it listened; its last words: \"it is running already\""
)]
fn a_program_that_was_killed_is_started_again(#[case] refuses: fn(&Act) -> bool, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        if refuses(&act) {
            act.complain("it is running already");
            return Ended::Status(1);
        }
        let _door = act.listen();
        forever().await
    });
    let steps = format!("{START} {{ crash = {{ program = \"server\" }} }}, {{ restart = {{ program = \"server\" }} }}");
    assert_eq!(reason(&played(script, &steps)), said);
}

/// A server that prints each line that is typed, and how its input ended.
fn typewriter(asks: &'static str) -> Script {
    Script::new(move |act| async move {
        let _door = act.listen();
        act.print(asks);
        while let Some(line) = act.line().await {
            act.print(format!("[{line}]"));
        }
        act.print("end");
        Ended::Status(0)
    })
}

#[rstest]
#[case::a_line("", "one\\n", false, "[one]")]
#[case::two_lines("", "one\\ntwo\\n", false, "[one][two]")]
#[case::half_a_line("", "one", true, "[one]end")]
#[case::after_a_question("Go on? [y/n] ", "one\\n", false, "[y][one]")]
fn what_is_typed_is_read(#[case] asks: &'static str, #[case] typed: &str, #[case] ends: bool, #[case] printed: &str) {
    let end = if ends { "{ end-input = { program = \"server\" } }," } else { "" };
    let steps = format!(
        "{START} {{ type = {{ program = \"server\", data = {{ text = \"{typed}\" }} }} }}, {end} \
         {{ expect-output = {{ program = \"server\", contains = {{ text = \"{printed}\" }} }} }}"
    );
    assert_eq!(reason(&played(typewriter(asks), &steps)), "held");
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
    let script = saying(prints, complains, ends.then_some(Ended::Status(1)));
    let record = played(script, &format!("{START} {{ expect-complaint = {{ program = \"server\"{how} }} }}"));
    assert_eq!(reason(&record), said);
}

/// Both programs do the same.
#[rstest]
#[case::both_run("it took 4 ms", None, "{ settle = { program = \"other\" } },", "neither has ended")]
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
    let script = Script::new(move |act| async move {
        let _door = act.network.listen(PORT);
        act.print(prints);
        match ended {
            Some(ended) => {
                act.pause(100).await;
                ended
            }
            None => forever().await,
        }
    });
    let other = "{ start = { program = \"server\", as = \"other\" } },";
    let apart = "{ expect-told-apart = { programs = [\"server\", \"other\"] } }";
    let record = played(script, &format!("{START} {other} {until} {apart}"));
    assert_eq!(reason(&record), format!("nothing tells the two outcomes apart: {said}, and they say the same"));
}

/// The second one says another thing.
#[test]
fn outcomes_that_differ_in_a_word_are_told_apart() {
    let script = Script::new(|act| async move {
        let _door = act.network.listen(PORT);
        act.print(if act.before == 0 { "no such host" } else { "nobody listens" });
        forever().await
    });
    let steps = "{ start = { program = \"server\", as = \"other\" } }, { settle = { program = \"other\" } }, \
                 { expect-told-apart = { programs = [\"server\", \"other\"] } }";
    assert_eq!(reason(&played(script, &format!("{START} {steps}"))), "held");
}

#[rstest]
#[case::text_whole("expect-text", "text = { text = \"one\\ntwo\\n\" }", "> one\n> two\n", "held")]
#[case::text_in_part(
    "expect-text",
    "text = { text = \"one\\ntwo\\n\" }",
    "> one\n",
    "the output of the server: the text is not there whole: the line \"two\" is missing"
)]
#[case::in_order("expect-in-order", "texts = [{ text = \"one\" }, { text = \"two\" }]", "one, then two", "held")]
#[case::out_of_order(
    "expect-in-order",
    "texts = [{ text = \"one\" }, { text = \"two\" }]",
    "two, then one",
    "the output of the server: after \"one\" there is no \"two\""
)]
#[case::not_begun(
    "expect-in-order",
    "texts = [{ text = \"one\" }, { text = \"two\" }]",
    "two",
    "the output of the server: \"one\" is not in it"
)]
#[case::line("expect-line", "ends-in = { text = \".x\" }, not-after = \".\"", "| .x\n", "held")]
#[case::line_with_too_much(
    "expect-line",
    "ends-in = { text = \".x\" }, not-after = \".\"",
    "| ..x\n",
    "the output of the server: no line ends in \".x\" without \".\" before it"
)]
#[case::says_no("expect-says-no", "", "There is no such box.\n", "held")]
#[case::says_nothing("expect-says-no", "", "Done.\n", "the server does not say so")]
#[case::says_zero("expect-says-no", "or-zero = true", "0 messages\n", "held")]
#[case::says_zero_where_words_are_asked("expect-says-no", "", "0 messages\n", "the server does not say so")]
#[case::a_number("expect-output", "number = 42.0", "The result is 42.\n", "held")]
#[case::another_number(
    "expect-output",
    "number = 42.0",
    "The result is 421.\n",
    "the output of the server: it does not say 42"
)]
#[case::what_is_not_to_be("expect-output", "lacks = { text = \"secret\" }", "nothing\n", "held")]
#[case::what_is_not_to_be_is(
    "expect-output",
    "lacks = { text = \"secret\" }",
    "my secret\n",
    "the output of the server: \"secret\" is in it, and should not be"
)]
fn what_is_printed_is_judged(#[case] step: &str, #[case] how: &str, #[case] prints: &'static str, #[case] said: &str) {
    let how = if how.is_empty() { String::new() } else { format!(", {how}") };
    let record = played(saying(prints, "", None), &format!("{START} {{ {step} = {{ program = \"server\"{how} }} }}"));
    let found = reason(&record);
    // What it waits in is told behind.
    assert_eq!(found.split("; the server").next().unwrap(), said);
}

#[rstest]
#[case::there(Some("hello"), "held")]
#[case::another(Some("hallo"), "made is there, but from byte 2 on: expected \"ello\", got \"allo\"")]
#[case::not_there(None, "there is no made in the server's folder; the server is running")]
fn a_file_is_looked_for(#[case] content: Option<&str>, #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(content) = content {
        std::fs::write(folder.path().join("made"), content).unwrap();
    }
    let stage = FakeStage { folder: Some(folder), ..FakeStage::new(Script::default()) };
    let step = "{ expect-file = { program = \"server\", path = \"made\", equals = { text = \"hello\" } } }";
    assert_eq!(reason(&played_on(Judged::Server, stage, &format!("{START} {step}"))), said);
}

#[rstest]
#[case::not_there(false, "held")]
#[case::there(true, "the server made a file \"made\" where there is nothing to keep")]
fn a_file_is_not_to_be(#[case] is_there: bool, #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    if is_there {
        std::fs::write(folder.path().join("made"), "hello").unwrap();
    }
    let stage = FakeStage { folder: Some(folder), ..FakeStage::new(Script::default()) };
    let step = "{ expect-no-file = { program = \"server\", path = \"made\" } }";
    assert_eq!(reason(&played_on(Judged::Server, stage, &format!("{START} {step}"))), said);
}

/// A server that holds so much before a line is typed, and so much after.
fn holding(before: Vitals, after: Vitals) -> Script {
    Script::new(move |act| async move {
        let _door = act.listen();
        act.holds(before);
        act.line().await;
        act.holds(after);
        forever().await
    })
}

const FEW: Vitals = Vitals { peak_memory: 1 << 20, descriptors: 4, threads: 1, zombies: 0, cpu: Duration::ZERO };

#[rstest]
#[case::nothing_more(FEW, "descriptors = 1, threads = 1, zombies = 1, memory-below = 1048576", "held")]
#[case::one_more(Vitals { descriptors: 5, ..FEW }, "descriptors = 1", "held")]
#[case::two_more(
    Vitals { descriptors: 6, ..FEW }, "descriptors = 1",
    "open descriptors grow with every client: 4 at `before`, 6 at `after`"
)]
#[case::less(Vitals { descriptors: 1, ..FEW }, "descriptors = 0", "held")]
#[case::threads(
    Vitals { threads: 9, ..FEW }, "threads = 2", "threads grow with every client: 1 at `before`, 9 at `after`"
)]
#[case::zombies(
    Vitals { zombies: 1, ..FEW }, "zombies = 0", "zombie children grow with every client: 0 at `before`, 1 at `after`"
)]
#[case::nearly_too_much(Vitals { peak_memory: (2 << 20) - 1, ..FEW }, "memory-below = 1048576", "held")]
#[case::too_much(
    Vitals { peak_memory: 2 << 20, ..FEW }, "memory-below = 1048576",
    "the memory that the program needs grows with the data that passes through it"
)]
fn what_a_program_holds_may_grow_a_little(#[case] after: Vitals, #[case] bound: &str, #[case] said: &str) {
    let steps = format!(
        "{START} {{ measure = {{ program = \"server\", as = \"before\" }} }}, \
         {{ type = {{ program = \"server\", data = {{ text = \"\\n\" }} }} }}, \
         {{ measure = {{ program = \"server\", as = \"after\" }} }}, \
         {{ expect-growth = {{ from = \"before\", to = \"after\", {bound} }} }}"
    );
    assert_eq!(reason(&played(holding(FEW, after), &steps)), said);
}

/// Processor time for the small and for the large amount, in milliseconds; four times the share is allowed, and 40 ms
/// are noise.
#[rstest]
#[case::in_proportion(100, 800, "held")]
#[case::with_slack(100, 3200, "held")]
#[case::much_more(100, 3201, "processor time grows much faster than the data")]
#[case::noise(1, 1280, "held")]
#[case::more_than_noise(1, 1281, "processor time grows much faster than the data")]
fn time_grows_with_the_data(#[case] small: u64, #[case] large: u64, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let _door = act.listen();
        for cpu in [0, small, small + large] {
            act.holds(Vitals { cpu: ms(cpu), ..FEW });
            act.line().await;
        }
        forever().await
    });
    let measure = |name: &str| {
        format!(
            "{{ measure = {{ program = \"server\", as = \"{name}\" }} }}, \
             {{ type = {{ program = \"server\", data = {{ text = \"\\n\" }} }} }},"
        )
    };
    let steps = ["none", "small", "large"].map(measure).concat();
    let step = "{ expect-linear = { before = \"none\", small = \"small\", large = \"large\", factor = 8.0 } }";
    let record = played(script, &format!("{START} {steps} {step}"));
    assert_eq!(reason(&record).split(": ").next().unwrap(), said);
}

#[rstest]
#[case::has_ended(ending(40, Ended::Status(3)), "the server has ended (exit status 3)")]
#[case::is_not_seen(Script::default(), "skipped: sim cannot measure what a program holds")]
fn only_what_is_there_is_measured(#[case] script: Script, #[case] said: &str) {
    let steps = format!("{START} {{ measure = {{ program = \"server\", as = \"m\" }} }}");
    assert_eq!(reason(&played(script, &steps)), said);
}

/// A share of a processor that is asked for while everybody is to wait; nothing if it blocks.
#[rstest]
#[case::blocks(None, "held")]
#[case::asks_now_and_then(Some(0.4), "held")]
#[case::asks_again_and_again(
    Some(0.5),
    "the server keeps the processor busy although there is nothing to do: it asks again and again instead of blocking"
)]
fn who_waits_is_idle(#[case] share: Option<f64>, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let _door = act.listen();
        let Some(share) = share else { return forever().await };
        act.asks_for(share);
        loop {
            act.pause(1).await;
        }
    });
    assert_eq!(reason(&played(script, &format!("{START} {{ expect-idle = {{ program = \"server\" }} }}"))), said);
}

/// A call on a socket of one thread.
fn call(kind: Kind, name: &str, asked: u64, nonblocking: bool) -> SocketCall {
    SocketCall {
        kind,
        name: name.to_owned(),
        worker: (1, 1),
        socket: Some(1),
        asked,
        moved: Some(1),
        nonblocking,
        at: Duration::ZERO,
        answered: Duration::ZERO,
    }
}

fn calling(calls: fn() -> Vec<SocketCall>) -> Script {
    Script::new(move |act| async move {
        let _door = act.listen();
        act.has_called(calls());
        forever().await
    })
}

#[rstest]
#[case::small(|| vec![call(Kind::Read, "recv", 1024, false)], "held")]
#[case::as_large_as_may_be(|| vec![call(Kind::Write, "send", 65_536, false)], "held")]
#[case::nothing(Vec::new, "skipped: the server has read and written nothing on a socket")]
#[case::reads_too_much(
    || vec![call(Kind::Read, "recv", 10, false), call(Kind::Read, "recv", 65_537, false)],
    "the server reads into a buffer of 65537 bytes (recv asks for 65537 bytes at once): a message may be of any size, and \
     the buffers that it passes through are to stay small"
)]
#[case::writes_too_much(
    || vec![call(Kind::Write, "send", 70_000, false)],
    "the server writes from a buffer of 70000 bytes (send is handed 70000 bytes at once): a message may be of any size, \
     and the buffers that it passes through are to stay small"
)]
fn buffers_stay_small(#[case] calls: fn() -> Vec<SocketCall>, #[case] said: &str) {
    let step = "{ expect-call-sizes = { program = \"server\", at-most = 65536 } }";
    assert_eq!(reason(&played(calling(calls), &format!("{START} {step}"))), said);
}

#[rstest]
#[case::blocks(false, "held")]
#[case::does_not(true, "server: ")]
fn sockets_are_waited_for_as_asked(#[case] nonblocking: bool, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let _door = act.listen();
        act.has_called(vec![call(Kind::Accept, "accept4", 0, nonblocking), call(Kind::Read, "recv", 9, nonblocking)]);
        forever().await
    });
    let step = "{ expect-io-model = { program = \"server\", model = \"blocking\" } }";
    assert!(reason(&played(script, &format!("{START} {step}"))).starts_with(said));
}
