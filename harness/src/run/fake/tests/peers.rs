//! How peers meet programs, what they send, and what they receive.

use rstest::rstest;

use super::*;
use crate::run::stage::Datagrams;

const LONG: &str = "{ send = { peer = \"p\", data = { repeat = { text = \"0123456789abcdef\", times = 4096 } } } },";

/// A server that reads so many bytes of a connection and closes it.
fn taking(most: usize) -> Script {
    serving(move |_, mut connection| async move {
        let mut buffer = vec![0; most.min(1 << 20)];
        let mut taken = 0;
        while taken < most {
            match connection.read(&mut buffer[..(most - taken).min(1 << 20)]).await {
                Ok(count @ 1..) => taken += count,
                _ => break,
            }
        }
    })
}

/// A program that has read once and closed has not read what was sent: the connection ends in a reset, and not in an end.
#[rstest]
#[case::all_of_it(usize::MAX, "held")]
#[case::a_part_of_it(4096, "failed")]
#[case::nearly_all_of_it(60_000, "failed")]
#[case::it_and_no_more(65_536, "held")]
fn what_was_closed_on_was_not_read(#[case] takes: usize, #[case] said: &str) {
    let record = played(taking(takes), &format!("{CONNECT} {LONG} {{ await-read = {{ peer = \"p\" }} }}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

#[rstest]
#[case::reads_nothing(Script::default(), "", "the client \"p\" could not send all it had; the server is running")]
#[case::reads_nothing_and_that_is_no_matter(Script::default(), ", in-background = true", "held")]
#[case::reads(taking(usize::MAX), "", "held")]
fn who_reads_nothing_is_sent_no_more(#[case] script: Script, #[case] how: &str, #[case] said: &str) {
    let data = "{ repeat = { text = \"0123456789abcdef\", times = 4096 } }";
    let record = played(script, &format!("{CONNECT} {{ send = {{ peer = \"p\", data = {data}{how} }} }}"));
    assert_eq!(reason(&record), said);
}

/// A server that answers what has come in each read with its length.
fn counting() -> Script {
    answering(|bytes| format!("{} ", bytes.len()).into_bytes())
}

#[rstest]
#[case::at_once("", "5 ")]
#[case::byte_by_byte(", every = 1, when-read = true", "1 1 1 1 1 ")]
#[case::in_pieces(", segments = [2, 3], when-read = true", "2 3 ")]
fn what_is_sent_leaves_in_segments(#[case] how: &str, #[case] counts: &str) {
    let steps = format!(
        "{CONNECT} {{ send = {{ peer = \"p\", data = {{ text = \"hello\" }}{how} }} }}, \
         {{ receive = {{ peer = \"p\", exactly = {{ text = \"{counts}\" }} }} }}"
    );
    assert_eq!(reason(&played(counting(), &steps)), "held");
}

/// A server that greets, if it does, and then echoes.
fn greeting(text: &'static str) -> Script {
    serving(move |_, mut connection| async move {
        let mut buffer = [0; 4096];
        if connection.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        while let Ok(count @ 1..) = connection.read(&mut buffer).await {
            if connection.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    })
}

#[rstest]
#[case::asked("welcome", "welcome")]
#[case::not_asked("", "hello")]
fn a_line_may_be_left_out_for_what_came(#[case] greets: &'static str, #[case] comes: &str) {
    let steps = format!(
        "{CONNECT} {{ send = {{ peer = \"p\", data = {{ text = \"hello\" }}, unless-received = {{ text = \"welcome\" }} }} }}, \
         {{ receive = {{ peer = \"p\", exactly = {{ text = \"{comes}\" }} }} }}"
    );
    assert_eq!(reason(&played(greeting(greets), &steps)), "held");
}

/// What comes back for `hello`, and what is asked of it.
#[rstest]
#[case::the_same("hello", "equals = { text = \"hello\" }", "held")]
#[case::with_a_line_end("hello\n", "equals = { text = \"hello\" }", "held")]
#[case::with_a_line_end_too_many(
    "hello\n",
    "exactly = { text = \"hello\" }",
    "the client \"p\" received 6 bytes, and not what was expected (all 5 bytes are there, and then 1 more: \"\\n\")"
)]
#[case::in_capitals("HELLO", "equals = { text = \"hello\" }, ignoring-case = true", "held")]
#[case::a_part("say hello now", "contains = { text = \"hello\" }", "held")]
#[case::no_part("say hallo now", "contains = { text = \"hello\" }", "failed")]
#[case::once("hello", "contains = { text = \"hello\" }, once = true", "held")]
#[case::twice("hello hello", "contains = { text = \"hello\" }, once = true", "failed")]
#[case::a_number("The sum is 12.", "number = 12.0", "held")]
#[case::another_number("The sum is 112.", "number = 12.0", "failed")]
#[case::only_a_number("12\n", "only-number = 12.0", "held")]
#[case::more_than_a_number("12\n12\n", "only-number = 12.0", "failed")]
#[case::a_complaint("Error: not a number", "complaint = true", "held")]
#[case::no_complaint("0", "complaint = true", "failed")]
#[case::enough("hello", "at-least = 5", "held")]
#[case::too_little("hello", "at-least = 6", "failed")]
#[case::anything("x", "at-least = 1", "held")]
#[case::without("hello", "contains = { text = \"hello\" }, lacks = { text = \"secret\" }", "held")]
#[case::with_what_must_not_come(
    "hello secret",
    "contains = { text = \"hello\" }, lacks = { text = \"secret\" }",
    "failed"
)]
fn what_comes_is_judged(#[case] answer: &'static str, #[case] wanted: &str, #[case] said: &str) {
    let record = played(
        answering(|_| answer.as_bytes().to_vec()),
        &format!("{CONNECT} {HELLO} {{ receive = {{ peer = \"p\", {wanted} }} }}"),
    );
    match said {
        "held" | "failed" => assert_eq!(word(&record), said, "{:?}", record.end),
        why => assert_eq!(reason(&record), why),
    }
}

/// A server that sends this and closes.
fn sending(text: &'static str) -> Script {
    serving(move |_, mut connection| async move {
        let _ = connection.write_all(text.as_bytes()).await;
    })
}

#[rstest]
#[case::closes(sending(""), "{ expect-closed = { peer = \"p\" } }", "held")]
#[case::says_something_before(sending("bye"), "{ expect-closed = { peer = \"p\" } }", "held")]
#[case::does_not(
    Script::default(),
    "{ expect-closed = { peer = \"p\" } }",
    "the connection with the client \"p\" stays open; the server is running"
)]
#[case::is_silent(Script::default(), "{ expect-silence = { peer = \"p\" } }", "held")]
#[case::is_not(
    sending("hello"),
    "{ expect-silence = { peer = \"p\" } }",
    "the client \"p\" received 5 bytes, before it had sent anything"
)]
#[case::says_what_it_may(sending("hello"), "{ expect-silence = { peer = \"p\", lacks = { text = \"no\" } } }", "held")]
#[case::says_what_it_may_not(
    sending("hello"),
    "{ expect-silence = { peer = \"p\", lacks = { text = \"ell\" } } }",
    "the client \"p\" received 5 bytes, which it must not get"
)]
#[case::says_no_number(sending("13"), "{ expect-silence = { peer = \"p\", number = 3.0 } }", "held")]
#[case::says_a_number(
    sending("3"),
    "{ expect-silence = { peer = \"p\", number = 3.0 } }",
    "the client \"p\" received 1 byte, which it must not get"
)]
#[case::turns_away(sending(""), "{ expect-turned-away = { peer = \"p\" } }", "held")]
#[case::lets_wait(
    Script::default(),
    "{ expect-turned-away = { peer = \"p\" } }",
    "the client \"p\" is neither served nor turned away: it waits without a word"
)]
#[case::lets_wait_and_says_so(
    greeting("Sorry, the server is busy.\n"),
    "{ expect-turned-away = { peer = \"p\" } }",
    "held"
)]
#[case::closed_is_as_good(
    sending(""),
    "{ receive = { peer = \"p\", equals = { text = \"x\" }, or-closed = true } }",
    "held"
)]
#[case::closed_is_not_as_good(
    sending(""),
    "{ receive = { peer = \"p\", equals = { text = \"x\" } } }",
    "the client \"p\" received nothing; then the program closed the connection"
)]
#[case::to_the_end(sending("x"), "{ receive = { peer = \"p\", equals = { text = \"x\" }, until-end = true } }", "held")]
fn what_comes_unasked_is_judged(#[case] script: Script, #[case] step: &str, #[case] said: &str) {
    assert_eq!(reason(&played(script, &format!("{CONNECT} {step}"))), said);
}

/// A calculator's answers to a sum and to a line that is none.
#[rstest]
#[case::bare("5\n", "0\n", "the client \"p\" received 2 bytes, and not what was expected")]
#[case::labelled(
    "Result: 5\n",
    "Result: 0\n",
    "the client \"p\" received 10 bytes, and not what was expected (no word but those of a right answer: \"result\")"
)]
#[case::labelled_and_right("Result: 5\n", "Result: invalid\n", "held")]
#[case::a_complaint("5\n", "Error: not a number\n", "held")]
fn the_label_of_an_answer_is_no_complaint(
    #[case] answer: &'static str,
    #[case] other: &'static str,
    #[case] said: &str,
) {
    let script = answering(move |bytes| if bytes.starts_with(b"2") { answer.into() } else { other.into() });
    let steps = "{ send = { peer = \"p\", data = { text = \"2+3\" } } }, { receive = { peer = \"p\", number = 5.0 } }, \
                 { send = { peer = \"p\", data = { text = \"hello\" } } }, \
                 { receive = { peer = \"p\", complaint = true, unlike-answer = 5.0 } }";
    let found = reason(&played(script, &format!("{CONNECT} {steps}")));
    assert_eq!(found.split("; the server").next().unwrap(), said);
}

#[rstest]
#[case::the_same("Welcome.\n", "the client \"second\" was told what \"p\" was told, and is not turned away")]
#[case::another_word("The name is taken.\n", "held")]
#[case::nothing("", "the client \"second\" is neither served nor turned away: it waits without a word")]
fn a_welcome_turns_nobody_away(#[case] to_the_second: &'static str, #[case] said: &str) {
    let script = Script::new(move |act| async move {
        let door = act.listen();
        let mut taken = Vec::new();
        for text in ["Welcome.\n", to_the_second] {
            let mut connection = door.next().await;
            let _ = connection.write_all(text.as_bytes()).await;
            taken.push(connection);
        }
        forever().await
    });
    let steps = "{ receive = { peer = \"p\", at-least = 1 } }, { connect = { peer = \"second\", to = \"server\" } }, \
                 { expect-turned-away = { peer = \"second\", unlike = \"p\" } }";
    assert_eq!(reason(&played(script, &format!("{CONNECT} {steps}"))), said);
}

/// A server that reads to the end of each connection and then answers how it ended.
fn until_the_end() -> Script {
    serving(|act, mut connection| async move {
        let mut all = Vec::new();
        let how = match connection.read_to_end(&mut all).await {
            Ok(_) => "ended",
            Err(_) => "aborted",
        };
        act.print(format!("{how} after {}\n", all.len()));
        let _ = connection.write_all(how.as_bytes()).await;
    })
}

#[rstest]
#[case::half(
    "{ half-close = { peer = \"p\" } }, { receive = { peer = \"p\", exactly = { text = \"ended\" } } },",
    "ended"
)]
#[case::whole("{ close = { peer = \"p\" } },", "ended")]
#[case::by_a_reset("{ await-read = { peer = \"p\" } }, { reset = { peer = \"p\" } },", "aborted")]
fn a_program_sees_how_its_peer_ends(#[case] steps: &str, #[case] how: &str) {
    let printed =
        format!("{{ expect-output = {{ program = \"server\", contains = {{ text = \"{how} after 5\" }} }} }}");
    assert_eq!(reason(&played(until_the_end(), &format!("{CONNECT} {HELLO} {steps} {printed}"))), "held");
}

/// A server of two clients that tells each what the other says, so many times.
fn relaying(times: usize) -> Script {
    Script::new(move |act| async move {
        let door = act.listen();
        let (mut first, mut second) = (door.next().await, door.next().await);
        let (one, other) = (line_of(&mut first).await, line_of(&mut second).await);
        for _ in 0..times {
            let _ = first.write_all(other.as_bytes()).await;
            let _ = second.write_all(one.as_bytes()).await;
        }
        forever().await
    })
}

#[rstest]
#[case::once(1, "held")]
#[case::never(0, "failed")]
#[case::twice(2, "failed")]
fn each_hears_the_others_once(#[case] times: usize, #[case] said: &str) {
    let meet = |name: &str| format!("{{ connect = {{ peer = \"{name}\", to = \"server\" }} }},");
    let says = |name: &str| format!("{{ send = {{ peer = \"{name}\", data = {{ text = \"I am {name}\\n\" }} }} }},");
    let steps = [meet("anna"), meet("bert"), says("anna"), says("bert")].concat();
    let heard = "{ receive = { peer = \"anna\", heard-from = [\"anna\", \"bert\"] } }, \
                 { expect-silence = { peer = \"anna\", lacks = { text = \"bert\" } } }";
    let record = played(relaying(times), &format!("{START} {steps} {heard}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

/// A client that does this once it is connected.
fn visiting<F: Future<Output = Ended> + 'static>(visit: impl Fn(Act, Wire) -> F + 'static) -> Script {
    let visit = Rc::new(visit);
    Script::new(move |act| {
        let visit = Rc::clone(&visit);
        async move {
            let connection = act.connect();
            visit(act, connection).await
        }
    })
}

const DOOR: &str = "{ listen = { peer = \"origin\" } }, { start = { program = \"client\", to = \"origin\" } },";
const TAKE: &str = "{ accept = { peer = \"origin\" } },";

#[rstest]
#[case::comes(visiting(|_, _connection| async { forever().await }), "held")]
#[case::waits(
    Script::new(|_| forever()),
    "no client connected to origin; the client is running"
)]
#[case::ends(
    Script::new(|act| async move {
        act.complain("no such host\n");
        Ended::Status(1)
    }),
    "no client connected to origin; the client has ended (exit status 1)"
)]
fn a_client_is_awaited(#[case] script: Script, #[case] said: &str) {
    assert_eq!(reason(&played_as(Judged::Client, script, &format!("{DOOR} {TAKE}"))), said);
}

#[test]
fn several_clients_are_awaited() {
    let script = visiting(|act, mut connection| async move {
        let _ = connection.write_all(format!("I am {}", act.before).as_bytes()).await;
        forever().await
    });
    let steps = "{ listen = { peer = \"origin\" } }, { start = { program = \"client\", to = \"origin\", count = 3 } }, \
                 { accept = { peer = \"origin\", as = \"guests\", count = 3 } }, \
                 { receive = { peer = \"guests\", contains = { text = \"I am \" } } }, \
                 { receive = { peer = \"guests-3\", at-least = 1 } }";
    let record = played_as(Judged::Client, script, steps);
    assert!(reason(&record).starts_with("the client \"guests-3\" received nothing"), "{record:?}");
}

#[rstest]
#[case::is_there("", "held")]
#[case::has_gone("{ stop-listening = { peer = \"origin\" } },", "the client ended with exit status 7")]
fn who_listens_no_more_refuses(#[case] before: &str, #[case] said: &str) {
    let script = Script::new(|act| async move {
        act.line().await;
        match act.network.connect(act.target()) {
            Ok(_) => Ended::Status(0),
            Err(_) => Ended::Status(7),
        }
    });
    let go = "{ end-input = { program = \"client\" } }, { expect-exit = { program = \"client\", status = \"zero\" } }";
    assert_eq!(reason(&played_as(Judged::Client, script, &format!("{DOOR} {before} {go}"))), said);
}

#[test]
fn a_client_finds_no_program_that_has_gone() {
    let gone = "{ crash = { program = \"server\" } }, { connect = { peer = \"p\", to = \"server\" } }";
    let record = played(Script::default(), &format!("{START} {gone}"));
    let found = reason(&record);
    assert!(found.starts_with("the client \"p\" could not connect to server: connection refused"), "{found}");
}

#[test]
fn time_passes_while_a_peer_stalls() {
    let record = played(Script::default(), &format!("{CONNECT} {{ stall = {{ peer = \"p\", for = \"3s\" }} }}"));
    assert_eq!(reason(&record), "held");
    assert!(record.elapsed >= Duration::from_secs(3), "{:?}", record.elapsed);
}

#[rstest]
#[case::keeps_it(Script::default(), "failed")]
#[case::has_given_it_up(
    Script::new(|act| async move {
        let door = act.listen();
        let taken = door.next().await;
        drop(door);
        let _taken = taken;
        forever().await
    }),
    "held"
)]
fn a_port_may_have_to_be_given_up(#[case] script: Script, #[case] said: &str) {
    let record = played(script, &format!("{CONNECT} {{ expect-not-listening = {{ program = \"server\" }} }}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

/// A server of datagrams that gives each what this makes of it, if it makes anything.
fn ponging(pong: fn(&[u8], u32) -> Option<Vec<u8>>) -> Script {
    Script::new(move |act| async move {
        let socket = act.datagrams(PORT);
        for count in 0.. {
            let Ok((bytes, from)) = socket.receive().await else { break };
            if let Some(pong) = pong(&bytes, count) {
                let _ = socket.send_to(&pong, from).await;
            }
        }
        Ended::Status(0)
    })
}

#[rstest]
#[case::all(|bytes: &[u8], _| Some(bytes.to_vec()), "held")]
#[case::every_third(|bytes: &[u8], count| (count % 3 == 0).then(|| bytes.to_vec()), "held")]
#[case::none(|_: &[u8], _| None, "the client \"crowd-1\" pinged 4 times and received nothing")]
#[case::the_first_one_only(
    |bytes: &[u8], _| bytes.ends_with(b"-1").then(|| bytes.to_vec()),
    "the client \"crowd-2\" pinged 4 times and received nothing"
)]
#[case::mixed_up(
    |bytes: &[u8], _| Some([&bytes[..bytes.len() - 1], if bytes.ends_with(b"1") { b"2" } else { b"1" }].concat()),
    "the client \"crowd-1\" received the pong of crowd-2's ping"
)]
fn a_server_is_pinged(#[case] pong: fn(&[u8], u32) -> Option<Vec<u8>>, #[case] said: &str) {
    let steps = format!(
        "{START} {{ connect = {{ peer = \"crowd\", to = \"server\", count = 2 }} }}, \
         {{ ping = {{ peer = \"crowd\", times = 4 }} }}"
    );
    assert_eq!(reason(&played_as(Judged::UdpServer, ponging(pong), &steps)), said);
}

/// A client that pings so many times, waits for each answer for so many milliseconds, and prints.
fn pinging(times: u32, patience: u64, prints: &'static str) -> Script {
    Script::new(move |act| async move {
        let socket = act.datagrams(0);
        for number in 1..=times {
            let _ = socket.send_to(format!("Ping {number}").as_bytes(), act.target()).await;
            tokio::select! {
                biased;
                _ = socket.receive() => {}
                () = act.pause(patience) => {}
            }
        }
        act.print(prints);
        Ended::Status(0)
    })
}

const LOSSY: &str = "{ listen = { peer = \"origin\" } }, { start = { program = \"client\", to = \"origin\" } }, \
                     { answer-pings = { peer = \"origin\", within = \"15s\", \
                     replies = [{ after = \"30ms\" }, {}, { after = \"60ms\" }] } },";

#[rstest]
#[case::three(3, "held")]
#[case::two(2, "2 pings came to origin, and then no more; the client has ended (exit status 0)")]
#[case::none(0, "no ping came to origin; the client has ended (exit status 0)")]
fn pings_are_counted(#[case] times: u32, #[case] said: &str) {
    assert_eq!(reason(&played_as(Judged::UdpClient, pinging(times, 1000, ""), LOSSY)), said);
}

#[rstest]
#[case::a_second(1000, "held")]
#[case::too_short(
    500,
    "ping 2 was not answered, and the next came 0.5 s later: the sheet asks for one second of waiting"
)]
#[case::too_long(
    6000,
    "ping 2 was not answered, and the next came 6.0 s later: the sheet asks for one second of waiting"
)]
fn a_lost_ping_is_waited_for(#[case] patience: u64, #[case] said: &str) {
    let pace = "{ expect-pace = { peer = \"origin\", at-least = \"700ms\", at-most = \"4s\" } }";
    let record = played_as(Judged::UdpClient, pinging(3, patience, ""), &format!("{LOSSY} {pace}"));
    assert_eq!(reason(&record), said);
}

#[rstest]
#[case::as_they_were("Ping 1: 30.1 ms\nRequest timed out\nPing 3: 60.2 ms\n", "held")]
#[case::in_seconds("1 0.0301 s\n2 lost\n3 0.0602 s\n", "held")]
#[case::another("Ping 1: 30.1 ms\nRequest timed out\nPing 3: 30.2 ms\n", "failed")]
#[case::nothing("", "failed")]
fn round_trips_are_printed(#[case] prints: &'static str, #[case] said: &str) {
    let step = "{ expect-round-trips = { program = \"client\", peer = \"origin\" } }";
    let record = played_as(Judged::UdpClient, pinging(3, 1000, prints), &format!("{LOSSY} {step}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}

#[rstest]
#[case::right("2 of 3 answered; min 30 ms, avg 45 ms, max 60 ms; 33% lost\n", "held")]
#[case::another_mean("2 of 3 answered; min 30 ms, avg 35 ms, max 60 ms; 33% lost\n", "failed")]
#[case::another_loss("2 of 3 answered; min 30 ms, avg 45 ms, max 60 ms; 50% lost\n", "failed")]
#[case::nothing("", "failed")]
fn a_summary_is_printed(#[case] prints: &'static str, #[case] said: &str) {
    let step = "{ expect-statistics = { program = \"client\", peer = \"origin\" } }";
    let record = played_as(Judged::UdpClient, pinging(3, 1000, prints), &format!("{LOSSY} {step}"));
    assert_eq!(word(&record), said, "{:?}", record.end);
}
