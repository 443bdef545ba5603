//! The calculator by itself, and its three servers over loopback.

use std::io::Cursor;
use std::net::{SocketAddr, TcpListener, TcpStream};

use proptest::prelude::*;
use reference::calculator::answer;
use reference::dialogue::Dialogue;
use reference::failure::Failure;
use reference::threads::Clients;
use reference::{calc_single, calc_threads, readiness};
use rstest::rstest;

use crate::support::{Client, start};

#[rstest]
#[case("1+2", "3")]
#[case(" 7 - 10 ", "-3")]
#[case("8-3-2", "3")]
#[case("2+3*4", "14")]
#[case("(2+3)*4", "20")]
#[case("100/10/5", "2")]
#[case("7/2", "3.5")]
#[case("6/2", "3")]
#[case("1.5+2.25", "3.75")]
#[case("2.5*2", "5")]
#[case(".5+5.", "5.5")]
#[case("-5+3", "-2")]
#[case("2*-3", "-6")]
#[case("2--3", "5")]
#[case("--3", "3")]
#[case("-(1+2)", "-3")]
#[case("0*-1.0", "0")]
#[case("2**10", "1024")]
#[case("2^10", "1024")]
#[case("2**3**2", "512")]
#[case("-2**2", "-4")]
#[case("2**-1", "0.5")]
#[case("0**0", "1")]
#[case("(-1)**1000000000000", "1")]
#[case("4**0.5", "2")]
#[case("7%3", "1")]
#[case("-7%3", "2")]
#[case("7%-3", "-2")]
#[case("5.5%2", "1.5")]
#[case("123456789*987654321", "121932631112635269")]
#[case("0.1+0.2", "0.30000000000000004")]
#[case("10.0**300", "1e300")]
#[case("\t1 +\r 1", "2")]
#[case("", "error: there is no expression")]
#[case("hello", "error: a number or an opening bracket was expected")]
#[case("2 +", "error: the expression ends too early")]
#[case("* 3", "error: a number or an opening bracket was expected")]
#[case("2 3", "error: an operator was expected")]
#[case("1.2.3", "error: a number or an opening bracket was expected")]
#[case(".", "error: a number or an opening bracket was expected")]
#[case("(1+2", "error: a closing bracket is missing")]
#[case("1+2)", "error: a closing bracket is left over")]
#[case("()", "error: a number or an opening bracket was expected")]
#[case("2(3)", "error: an operator was expected")]
#[case("1/0", "error: division by zero")]
#[case("1/0.0", "error: division by zero")]
#[case("1%0", "error: division by zero")]
#[case("0**-1", "error: division by zero")]
#[case("(-8)**0.5", "error: the result is not a real number")]
#[case("9**9**9", "error: the result is too large")]
#[case("10.0**999", "error: the result is too large")]
#[case("__import__('os').system('id')", "error: a number or an opening bracket was expected")]
#[case("open('/etc/passwd').read()", "error: a number or an opening bracket was expected")]
#[case("1\0", "error: an operator was expected")]
fn answers(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(answer(line.as_bytes()), expected);
}

#[rstest]
#[case::open("(", "", 100_000)]
#[case::paired("(", ")", 100_000)]
#[case::signs("-", "", 100_000)]
#[case::powers("1**", "", 100_000)]
fn deep_nesting_is_refused(#[case] left: &str, #[case] right: &str, #[case] count: usize) {
    let line = format!("{}1{}", left.repeat(count), right.repeat(count));
    assert_eq!(answer(line.as_bytes()), "error: the expression is nested too deeply");
}

#[test]
fn long_is_not_deep() {
    let line = format!("1{}", "+1".repeat(100_000));
    assert_eq!(answer(line.as_bytes()), "100001");
    let line = format!("{}1{}", "(".repeat(150), ")".repeat(150));
    assert_eq!(answer(line.as_bytes()), "1");
}

/// An expression with its value, which is known because both are made together.
#[derive(Debug, Clone)]
struct Sum {
    text: String,
    value: i128,
}

fn sums() -> impl Strategy<Value = Sum> {
    let number = (-1_000..1_000_i128).prop_map(|value| Sum { text: value.to_string(), value });
    number.prop_recursive(6, 40, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*"]), inner, any::<bool>()).prop_map(
            |(a, sign, b, blank)| {
                let value = match sign {
                    "+" => a.value + b.value,
                    "-" => a.value - b.value,
                    _ => a.value.wrapping_mul(b.value) % 1_000_003,
                };
                let blank = if blank { " " } else { "" };
                let text = format!("({}){blank}{sign}{blank}({})", a.text, b.text);
                // A product is kept small, and C's remainder is the divisor's only for positive numbers.
                let text = match sign {
                    "*" if a.value * b.value < 0 => format!("-(-({text})%1000003)"),
                    "*" => format!("({text})%1000003"),
                    _ => text,
                };
                Sum { text, value }
            },
        )
    })
}

proptest! {
    #[test]
    fn sums_have_their_values(sum in sums()) {
        prop_assert_eq!(answer(sum.text.as_bytes()), sum.value.to_string());
    }

    #[test]
    fn without_brackets_products_come_first(
        first in -99..99_i64,
        terms in prop::collection::vec((any::<bool>(), 0..99_i64, 0..99_i64), 0..20),
    ) {
        let mut text = first.to_string();
        let mut value = first;
        for (adds, a, b) in terms {
            text += &format!("{}{a}*{b}", if adds { "+" } else { " - " });
            value += if adds { a * b } else { -(a * b) };
        }
        prop_assert_eq!(answer(text.as_bytes()), value.to_string());
    }

    #[test]
    fn decimals_read_back(value in -1e12..1e12_f64, other in 1e-3..1e3_f64) {
        let printed: f64 = answer(format!("{value}/{other}").as_bytes()).parse().unwrap();
        prop_assert_eq!(printed, value / other);
    }

    #[test]
    fn any_bytes_get_one_line(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!answer(&bytes).contains('\n'));
    }

    #[test]
    fn any_signs_get_one_line(text in "[0-9.()*/%^+ -]{0,60}") {
        let answer = answer(text.as_bytes());
        prop_assert!(answer.starts_with("error: ") || answer.parse::<f64>().is_ok_and(f64::is_finite), "{answer}");
    }
}

fn single(listener: TcpListener) -> Result<(), Failure> {
    calc_single::server::serve(&listener)
}

fn threads(listener: TcpListener) -> Result<(), Failure> {
    Clients::default().serve(&listener, calc_threads::server::calculate)
}

fn select(listener: TcpListener) -> Result<(), Failure> {
    readiness::serve::<reference::calculator::Session>(&listener)
}

type Server = fn(TcpListener) -> Result<(), Failure>;

#[rstest]
fn lines_come_in_any_pieces(#[values(single, threads, select)] server: Server) {
    let mut client = Client::connect(start(server));
    client.send("1+1\n2*3\r\nhello\n7/");
    assert_eq!([client.line(), client.line()], ["2", "6"]);
    assert!(client.line().starts_with("error: "));
    client.send("2\n");
    assert_eq!(client.line(), "3.5");
    client.send("2**");
    client.send("5"); // and no newline
    assert_eq!(client.finish(), b"32\n");
}

#[rstest]
fn one_line_that_is_too_long_is_answered_once(#[values(single, threads, select)] server: Server) {
    let mut client = Client::connect(start(server));
    client.send("1".repeat((1 << 20) + 1));
    assert_eq!(client.line(), "error: the line is too long");
    client.send("11\n1+1\n");
    assert_eq!(client.line(), "2");
}

#[rstest]
fn rude_clients_cost_nobody_else(#[values(single, threads, select)] server: Server) {
    let address = start(server);
    let mut rude = Client::connect(address);
    rude.send("1+1\n2+2\n");
    assert_eq!(rude.exactly(1), b"2");
    rude.reset(); // with an unread answer
    drop(Client::connect(address));
    // Until the reset has been noticed, a server for one client at a time may still say that it is busy.
    let answer = (0..1_000).map(|_| served(address)).find(|answer| answer.as_deref() == Some("4"));
    assert!(answer.is_some());
}

/// The answer to 2+2, or what is said instead.
fn served(address: SocketAddr) -> Option<String> {
    use std::io::{BufRead, BufReader, Write};
    let mut socket = TcpStream::connect(address).ok()?;
    socket.write_all(b"2+2\n").ok()?;
    BufReader::new(socket).lines().next()?.ok()
}

#[rstest]
fn a_silent_client_delays_nobody(#[values(threads, select)] server: Server) {
    let address = start(server);
    let _silent = Client::connect(address);
    let mut half = Client::connect(address);
    half.send("1+");
    let mut others: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
    for (number, client) in others.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("{number}*2")), (number * 2).to_string());
    }
    assert_eq!(half.ask("1"), "2");
}

#[test]
fn a_second_client_is_told_and_the_next_is_served() {
    let address = start(single);
    let mut first = Client::connect(address);
    assert_eq!(first.ask("1+1"), "2");
    for _ in 0..3 {
        let mut second = Client::connect(address);
        assert!(second.line().starts_with("error: busy"));
        assert_eq!(second.rest(), b"");
    }
    assert_eq!(first.ask("2+2"), "4");
    // However quickly the next one comes: that the first has left is looked at first.
    for round in 0..200 {
        drop(first);
        first = Client::connect(address);
        assert_eq!(first.ask(&format!("{round}+1")), (round + 1).to_string());
    }
}

#[test]
fn in_select_a_client_that_does_not_read_stops_only_itself() {
    let address = start(select);
    let stalled = Client::connect(address);
    stalled.socket().set_nonblocking(true).unwrap();
    let flood = "1+1\n".repeat(1_000);
    // Until the server takes no more from it.
    loop {
        use std::io::Write;
        match stalled.socket().write(flood.as_bytes()) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(Client::connect(address).ask("2+2"), "4");
}

const CLIENT: Dialogue<'_> = Dialogue { opening: b"", in_turn: true, completes_last_line: true };

#[rstest]
fn the_client_prints_what_comes(#[values(single, threads, select)] server: Server) {
    let socket = TcpStream::connect(start(server)).unwrap();
    let mut output = Vec::new();
    CLIENT.hold(socket, Cursor::new("1+1\n\n2*3"), &mut output).unwrap();
    assert_eq!(output, b"2\nerror: there is no expression\n6\n");
}

#[test]
fn a_client_that_is_turned_away_says_so_although_nothing_is_typed() {
    let address = start(single);
    let mut first = Client::connect(address);
    assert_eq!(first.ask("1"), "1");
    let (keyboard, _open) = std::io::pipe().unwrap();
    let mut output = Vec::new();
    let failure = CLIENT.hold(TcpStream::connect(address).unwrap(), keyboard, &mut output).unwrap_err();
    assert!(output.starts_with(b"error: busy"), "{output:?}");
    assert_eq!((failure.status(), &*failure.to_string()), (1, "the server closed the connection"));
}
