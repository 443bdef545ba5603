//! The text server over simulated hosts.

use reference::web_text::server::TEXT;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

use crate::support::{simulation, with_server};

fn ask(pieces: &'static [&'static str]) -> String {
    let mut sim = simulation();
    with_server(&mut sim, "web-text");
    let (tell, told) = std::sync::mpsc::channel();
    sim.client("browser", async move {
        let _silent = TcpStream::connect("server:5000").await?;
        let mut server = TcpStream::connect("server:5000").await?;
        for piece in pieces {
            server.write_all(piece.as_bytes()).await?;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let mut all = String::new();
        server.read_to_string(&mut all).await?;
        tell.send(all)?;
        Ok(())
    });
    sim.run().unwrap();
    told.recv().unwrap()
}

#[rstest]
#[case(&["GET / HTTP/1.1\r\nHost: here\r\n\r\n"])]
#[case(&["GET /any/thing?at=all HTTP/1.0\r\n\r\n"])]
#[case(&["G", "ET / HTTP/1.1\r", "\nHost: he", "re\r\n", "\r\n"])]
fn everybody_gets_the_text(#[case] pieces: &'static [&'static str]) {
    let response = ask(pieces);
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", TEXT.len())), "{head}");
    assert_eq!(body, TEXT);
}

#[rstest]
#[case(&["HEAD / HTTP/1.1\r\n\r\n"], "HTTP/1.1 200 ")]
#[case(&["HELLO\r\n\r\n"], "HTTP/1.1 400 ")]
fn no_text_where_none_is_asked_for(#[case] pieces: &'static [&'static str], #[case] start: &str) {
    let response = ask(pieces);
    assert!(response.starts_with(start), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
}
