//! Heads out of a stream, and what a request line says.

use proptest::prelude::*;
use reference::http::{HeadBuffer, LONGEST_HEAD, RequestLine, TooLong};
use rstest::rstest;

fn path(line: &str) -> Option<String> {
    RequestLine::of(line.as_bytes()).and_then(|line| line.path())
}

#[rstest]
#[case("GET /a.html HTTP/1.1\r\n", Some("/a.html"))]
#[case("GET /a.html HTTP/1.0", Some("/a.html"))]
#[case("GET /a%20b%2Fc?x=%zz HTTP/1.1", Some("/a b/c"))]
#[case("GET http://here:80/a HTTP/1.1", Some("/a"))]
#[case("GET http://here HTTP/1.1", Some("/"))]
#[case("GET a.html HTTP/1.1", None)]
#[case("GET /%2 HTTP/1.1", None)]
#[case("GET /%+1 HTTP/1.1", None)]
#[case("GET /%ff HTTP/1.1", None)]
#[case("GET /a", None)]
#[case("GET /a b HTTP/1.1", None)]
#[case("GET /a SMTP", None)]
#[case("", None)]
fn paths(#[case] line: &str, #[case] expected: Option<&str>) {
    assert_eq!(path(line).as_deref(), expected);
}

#[test]
fn a_head_without_an_end_is_bounded() {
    let mut head = HeadBuffer::default();
    assert_eq!(head.push(&vec![b'a'; LONGEST_HEAD]), Ok(None));
    assert_eq!(head.push(b"a"), Err(TooLong));
}

proptest! {
    #[test]
    fn a_head_is_complete_at_its_empty_line_however_it_is_cut(
        lines in prop::collection::vec("[a-zA-Z:/ ]{1,20}", 1..6),
        ends in prop::collection::vec(any::<bool>(), 6),
        mut cuts in prop::collection::vec(0usize..200, 0..8),
    ) {
        let mut request = String::new();
        for (line, crlf) in lines.iter().zip(&ends) {
            request.push_str(line);
            request.push_str(if *crlf { "\r\n" } else { "\n" });
        }
        let length = request.len();
        request.push_str("\r\n");
        cuts.retain(|cut| *cut < request.len());
        cuts.push(request.len());
        cuts.sort_unstable();
        let mut head = HeadBuffer::default();
        let mut from = 0;
        for cut in cuts {
            let came = head.push(&request.as_bytes()[from..cut]).unwrap();
            from = cut;
            prop_assert_eq!(came.is_some(), cut == request.len());
            if let Some(came) = came {
                prop_assert_eq!(&came[..], &request.as_bytes()[..length]);
                return Ok(());
            }
        }
    }
}
