//! The web server over loopback.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use reference::web_server::server::serve;
use rstest::rstest;

use crate::support::{Client, start};

/// A folder with pages, and a secret beside it.
struct Site {
    _whole: tempfile::TempDir,
    address: SocketAddr,
}

fn site() -> Site {
    let whole = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = whole.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("secret.txt", b"under the mat");
    write("pages/hello.html", b"<p>hello");
    write("pages/empty.txt", b"");
    write("pages/deep/down.txt", b"down");
    write("pages/all.bin", &(0..=255).cycle().take(100_000).collect::<Vec<u8>>());
    symlink("../secret.txt", whole.path().join("pages/out.txt")).unwrap();
    symlink("deep/down.txt", whole.path().join("pages/in.txt")).unwrap();
    let folder = Path::new(whole.path()).join("pages").canonicalize().unwrap();
    let address = start(move |listener| serve(&listener, &folder));
    Site { _whole: whole, address }
}

fn response(address: SocketAddr, request: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    let mut client = Client::connect(address);
    client.send(request);
    let all = client.finish();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(all[..end].to_vec()).unwrap(), all[end + 4..].to_vec())
}

fn status(address: SocketAddr, target: &str) -> String {
    let (head, _) = response(address, format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n"));
    head.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_page_has_its_type_and_its_length() {
    let (head, body) = response(site().address, "GET /hello.html HTTP/1.1\r\nHost: here\r\n\r\n");
    let lines = ["HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", "Content-Length: 8", "Connection: close"];
    assert_eq!(head.split("\r\n").collect::<Vec<_>>(), lines);
    assert_eq!(body, b"<p>hello");
}

#[test]
fn files_are_bytes() {
    let site = site();
    let (_, body) = response(site.address, "GET /all.bin HTTP/1.0\r\n\r\n");
    assert_eq!(body, (0..=255).cycle().take(100_000).collect::<Vec<u8>>());
    assert_eq!(response(site.address, "GET /empty.txt HTTP/1.0\r\n\r\n").1, b"");
}

#[rstest]
#[case("/deep/down.txt", "200")]
#[case("/deep/../hello.html", "200")]
#[case("/in.txt", "200")]
#[case("/hello.html?again", "200")]
#[case("/none.html", "404")]
#[case("/", "404")]
#[case("/deep", "404")]
#[case("/hello.html/", "404")]
#[case("/../secret.txt", "404")]
#[case("/%2e%2e/secret.txt", "404")]
#[case("/..%2Fsecret.txt", "404")]
#[case("//etc/hostname", "404")]
#[case("/out.txt", "404")]
#[case("/hello.html%00.txt", "404")]
#[case("hello.html", "400")]
#[case("/%ff", "400")]
fn paths(#[case] target: &str, #[case] expected: &str) {
    assert_eq!(status(site().address, target), expected);
}

#[test]
fn head_brings_no_body_and_other_methods_are_refused() {
    let site = site();
    let (head, body) = response(site.address, "HEAD /hello.html HTTP/1.1\r\n\r\n");
    assert!(head.contains("Content-Length: 8"), "{head}");
    assert_eq!(body, b"");
    let (head, _) = response(site.address, "POST /hello.html HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("Allow: GET, HEAD"), "{head}");
}

#[test]
fn a_line_of_64_kib_is_refused_and_the_answer_survives_the_close() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(65_536));
    assert!(response(site().address, long).0.starts_with("HTTP/1.1 431 "));
}

#[test]
fn silent_and_rude_browsers_cost_nobody_else() {
    let site = site();
    let _silent = Client::connect(site.address);
    let mut rude = Client::connect(site.address);
    rude.send("GET /hel");
    rude.reset();
    drop(Client::connect(site.address));
    assert_eq!(status(site.address, "/hello.html"), "200");
}
