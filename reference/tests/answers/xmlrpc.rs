//! XML, calls and replies, multicalls, passwords; and the server on real sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use proptest::prelude::*;
use reference::xml::{self, DEEPEST, Malformed};
use reference::xmlrpc_auth::credentials::{Credentials, decode};
use reference::xmlrpc_server::message::{self, Call};
use reference::xmlrpc_server::methods::dispatch;
use reference::xmlrpc_server::server::serve;
use reference::xmlrpc_server::value::Value;
use rstest::rstest;

#[rstest]
#[case("<a>x &lt; y &amp;&#65;&#x42;</a>", "x < y &AB")]
#[case("<?xml version='1.0'?>\n<!-- <b> -->\n<a>x<!-- y -->z</a>\n", "xz")]
#[case("<a ><![CDATA[<b>&amp;]]></a >", "<b>&amp;")]
#[case("<a/>", "")]
fn xml_is_read(#[case] text: &str, #[case] expected: &str) {
    let root = xml::read(text).unwrap();
    assert_eq!((root.name.as_str(), root.text.as_str()), ("a", expected));
}

#[rstest]
#[case("", Malformed::NotOne)]
#[case("<a/><b/>", Malformed::NotOne)]
#[case("<a><b></a>", Malformed::Unopened("a".to_owned()))]
#[case("</a>", Malformed::Unopened("a".to_owned()))]
#[case("<a>", Malformed::Unfinished)]
#[case("<a", Malformed::Unfinished)]
#[case("<a>&nbsp;</a>", Malformed::Entity("nbsp".to_owned()))]
#[case("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", Malformed::Definitions)]
fn other_texts_are_not(#[case] text: &str, #[case] why: Malformed) {
    assert_eq!(xml::read(text), Err(why));
}

#[test]
fn depth_has_a_bound() {
    let deep = |levels: usize| xml::read(&("<a>".repeat(levels) + &"</a>".repeat(levels)));
    assert!(deep(DEEPEST).is_ok());
    assert_eq!(deep(100_000), Err(Malformed::TooDeep));
}

fn call(method: &str, params: &[Value]) -> Result<Value, i32> {
    let call = Call { method: method.to_owned(), params: params.to_vec() };
    dispatch(&call).map_err(|fault| fault.code)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[rstest]
#[case("add", &[Value::Int(7), Value::Int(5)], Ok(Value::Int(12)))]
#[case("add", &[Value::Int(7), Value::Double(0.5)], Ok(Value::Double(7.5)))]
#[case("multiply", &[Value::Int(i32::MAX), Value::Int(2)], Err(-32602))]
#[case("divide", &[Value::Int(1), Value::Int(0)], Err(-32602))]
#[case("add", &[Value::Int(7)], Err(-32602))]
#[case("add", &[Value::Int(7), text("5")], Err(-32602))]
#[case("wait", &[Value::Double(1e9)], Err(-32602))]
#[case("wait", &[Value::Int(0)], Ok(Value::Boolean(true)))]
#[case("ad", &[], Err(-32601))]
fn functions(#[case] method: &str, #[case] params: &[Value], #[case] expected: Result<Value, i32>) {
    assert_eq!(call(method, params), expected);
}

#[test]
fn a_fault_among_several_takes_its_place() {
    let one = |method: &str, params: &[Value]| {
        let params = Value::Array(params.to_vec());
        Value::Struct(vec![("methodName".to_owned(), text(method)), ("params".to_owned(), params)])
    };
    let sum = |a, b| one("add", &[Value::Int(a), Value::Int(b)]);
    let calls = vec![sum(1, 2), one("ad", &[]), one("system.multicall", &[]), text("add"), sum(3, 4)];
    let Ok(Value::Array(results)) = call("system.multicall", &[Value::Array(calls)]) else { panic!() };
    let code = |result: &Value| result.member("faultCode").cloned();
    assert_eq!(results[0], Value::Array(vec![Value::Int(3)]));
    assert_eq!(
        results[1..4].iter().map(code).collect::<Vec<_>>(),
        [-32601, -32600, -32600].map(|it| Some(Value::Int(it)))
    );
    assert_eq!(results[4], Value::Array(vec![Value::Int(7)]));
}

#[rstest]
#[case("<methodCall><methodName> add </methodName></methodCall>", Ok("add"))]
#[case("<methodCall><params/></methodCall>", Err(-32600))]
#[case("<html/>", Err(-32600))]
#[case("<methodCall><methodName>a</methodName><params><param><value><int>x</int></value></param></params></methodCall>", Err(-32600))]
#[case("add", Err(-32700))]
fn calls_are_read(#[case] body: &str, #[case] expected: Result<&str, i32>) {
    let read = Call::read(body.as_bytes());
    assert_eq!(read.as_ref().map(|call| call.method.as_str()).map_err(|fault| fault.code), expected);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Boolean),
        (-1e9..1e9).prop_map(Value::Double),
        "[ -~ß你]{0,12}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-z<&]{1,5}", inner), 0..4).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in values()) {
        let reply = message::reply(&Ok(value.clone()));
        let root = xml::read(&reply).unwrap();
        let written = root.child("params").and_then(|it| it.child("param")).and_then(|it| it.child("value")).unwrap();
        prop_assert_eq!(Value::of(written), Some(value));
    }
}

#[rstest]
#[case("Basic YWRhOmJ5cm9u", true)]
#[case("basic  YWRhOmJ5cm9u", true)]
#[case("Basic YWRhOmJ5cm8=", false)] // ada:byro
#[case("Basic YWRhOmJ5cm9ucw==", false)] // ada:byrons
#[case("Basic YWRhOg==", false)] // ada:
#[case("Bearer YWRhOmJ5cm9u", false)]
#[case("YWRhOmJ5cm9u", false)]
#[case("Basic !", false)]
#[case("Basic", false)]
#[case("", false)]
fn only_the_whole_pair_is_right(#[case] header: &str, #[case] right: bool) {
    assert_eq!(Credentials::new("ada", "byron").unwrap().shown_by(header), right);
}

#[rstest]
#[case("", "")]
#[case("Zg==", "f")]
#[case("Zm9vYmE=", "fooba")]
#[case("Zm9vYmFy", "foobar")]
fn base64_is_read(#[case] coded: &str, #[case] plain: &str) {
    assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
}

fn server(admits: bool) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    thread::spawn(move || serve(&listener, move |_| admits));
    client
}

#[rstest]
#[case("GET / HTTP/1.1\r\n\r\n", true, "HTTP/1.1 405 ", "Allow: POST")]
#[case("POST / HTTP/1.1\r\n\r\n", true, "HTTP/1.1 411 ", "Content-Length: ")]
#[case("POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", true, "HTTP/1.1 400 ", "")]
#[case("POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", true, "HTTP/1.1 413 ", "")]
#[case("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n<a>", true, "HTTP/1.1 200 ", "<fault>")]
#[case("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n<a>", false, "HTTP/1.1 401 ", "WWW-Authenticate: Basic")]
fn requests_are_answered(#[case] request: &str, #[case] admits: bool, #[case] start: &str, #[case] part: &str) {
    let mut client = server(admits);
    client.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with(start) && response.contains(part), "{response}");
}

#[test]
fn who_leaves_in_mid_call_gets_nothing() {
    let mut client = server(true);
    client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n<a>").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert_eq!(response, "");
}
