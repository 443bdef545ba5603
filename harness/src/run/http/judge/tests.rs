use super::*;
use harness_language::scenario::model::{Receive, Step};
use rstest::rstest;

fn said(step: &str, bytes: &str, stream: Stream) -> Result<(), String> {
    let step: Receive = toml::from_str(&format!("peer = \"p\"\n{step}")).unwrap();
    let own = |payload: &harness_language::scenario::bytes::Payload| payload.bytes(0).unwrap();
    let wanted = match (&step.response, &step.request) {
        (Some(step), _) => Wanted::response(step, &|payload| Ok::<_, ()>(own(payload))).unwrap(),
        (None, Some(step)) => Wanted::request(step, &|payload| Ok::<_, ()>(own(payload))).unwrap(),
        _ => panic!("{:?}", Step::Receive(step)),
    };
    match judge(&wanted, bytes.as_bytes(), stream) {
        Judged::Right { .. } => Ok(()),
        Judged::More(_) => Err("more".to_owned()),
        Judged::Wrong { why, .. } => Err(why),
    }
}

const PAGE: &str = "HTTP/1.0 200 Fine\nContent-Type: text/html; charset=utf-8\n\n<p>hi\r\n";

#[rstest]
#[case(
    "response = { status = [200], body = { text = \"<p>hi\" }, headers = { content-type = \"text/html\" } }",
    PAGE,
    Stream::Ended,
    ""
)]
#[case("response = { status = [200] }", PAGE, Stream::Open, "more")]
#[case(
    "response = { status = [200], body = { text = \"<p>hi\" } }",
    PAGE,
    Stream::Silent,
    "cannot tell where the body ends"
)]
#[case("response = { body = { text = \"<p>hi\" }, however-it-ends = true }", PAGE, Stream::Silent, "")]
#[case("response = { exact-body = { text = \"<p>hi\" } }", PAGE, Stream::Ended, "and then 2 more")]
#[case("response = { strictly = true }", PAGE, Stream::Ended, "does not end in CR LF")]
#[case("response = { status = [\"4xx\", 501] }", PAGE, Stream::Ended, "its status is 200 Fine")]
#[case("response = { status = [404] }", "HTTP/1.1 404 OK\r\nServer: x\r\n", Stream::Ended, "")]
#[case(
    "response = { status = [404], strictly = true }",
    "HTTP/1.1 404 OK\r\n\r\n",
    Stream::Ended,
    "is the phrase of 200"
)]
#[case(
    "response = { strictly = true }",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
    Stream::Ended,
    "behind the end of the body came 1 byte more"
)]
#[case(
    "response = { body = { text = \"abc\" } }",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
    Stream::Open,
    "Content-Length says 2 bytes, and 1 more"
)]
#[case("response = { or-closed = true, status = [\"4xx\"] }", "", Stream::Aborted, "")]
#[case("response = { or-closed = true, status = [\"4xx\"] }", "<h1>What?</h1>", Stream::Ended, "")]
#[case("response = { or-closed = true, status = [\"4xx\"] }", "", Stream::Silent, "stays open")]
#[case("response = { or-closed = true, with-status-line = true }", "", Stream::Ended, "")]
#[case(
    "response = { status = [200], body = { text = \"The night\" } }",
    "HTTP/1.1 200 OK\r\nA: b\r\n\rThe night\nis long\n",
    Stream::Ended,
    "no line feed (\\n) behind it: \"\\rThe night\""
)]
#[case("response = { or-closed = true, with-status-line = true }", "<h1>What?</h1>", Stream::Ended, "status line")]
#[case(
    "response = { shows-lines = 2 }",
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\na\nb",
    Stream::Ended,
    "shows 1 line of its body"
)]
#[case("response = { to-head = true }", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Stream::Silent, "")]
#[case(
    "response = { to-head = true }",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    Stream::Ended,
    "2 bytes of a body"
)]
#[case("response = { to-head = true }", "HTTP/1.1 405 No\r\nContent-Length: 2\r\n\r\nab", Stream::Ended, "")]
#[case(
    "response = { status = [200] }",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    Stream::Open,
    ""
)]
#[case(
    "response = { lacks-headers = [\"keep-alive\"] }",
    "HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n",
    Stream::Open,
    "has no place there"
)]
#[case(
    "request = { method = \"GET\", target = \"/a?b\", headers = { host = \"x:1\" } }",
    "GET http://x:1/a?b HTTP/1.1\r\nHost: x:1\r\n\r\n",
    Stream::Open,
    ""
)]
#[case("request = { target = \"/a\" }", "GET /b HTTP/1.1\r\n\r\n", Stream::Open, "it asks for \"/b\"")]
#[case("request = { body = { text = \"ab\" } }", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", Stream::Open, "more")]
fn judges(#[case] step: &str, #[case] bytes: &str, #[case] stream: Stream, #[case] why: &str) {
    match said(step, bytes, stream) {
        Ok(()) => assert_eq!(why, ""),
        Err(text) => assert!(!why.is_empty() && text.contains(why), "{text}"),
    }
}
