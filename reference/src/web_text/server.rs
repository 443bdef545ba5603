//! The server: a few lines of text for every browser.
//!
//! Protocol: see the module's page. This file shows how little of HTTP is enough, and what may not be left out.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::http::{self, HeadBuffer, RequestLine};
use crate::network::{Listener, Network, concerns_one_client};

/// What there is to read.
pub const TEXT: &str = "Hello from a small web server.\nIt has one page, and this is the second line of it.\nWhatever you ask for, this is what you get.\n";

/// How much, and for how long, we listen to a browser that has its answer, until it closes its side.
const FAREWELL_BYTES: usize = 1 << 20;
const FAREWELL_PAUSE: Duration = Duration::from_secs(2);

/// Runs `server PORT` until it is stopped from outside. Must run inside a `LocalSet`.
///
/// # Errors
/// Bad arguments, or a port that cannot be had.
pub async fn run(network: impl Network, arguments: &[String], _io: &mut Io) -> Result<(), Failure> {
    let port = arguments::port(arguments)?;
    let listener = network.listen(port).await.map_err(|source| Failure::Listen { port, source })?;
    serve(listener).await
}

/// Accepts browsers and gives each connection a task of its own.
///
/// # Errors
/// If the listener is of no more use; never because of a browser.
pub async fn serve(listener: impl Listener) -> Result<(), Failure> {
    let mut browsers = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Tasks that have ended are cleared away, or the set would grow for ever.
            Some(_) = browsers.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(browser) => {
                    browsers.spawn_local(answer(browser));
                }
                Err(error) if concerns_one_client(&error) => {}
                Err(error) if browsers.is_empty() => return Err(Failure::Serve(error)),
                // Out of descriptors, most likely: the next one waits in the backlog until a browser has left.
                Err(_) => {
                    browsers.join_next().await;
                }
            }
        }
    }
}

/// Reads one request and answers it.
///
/// # Errors
/// If the connection breaks.
pub async fn answer(mut browser: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut head = HeadBuffer::default();
    let mut piece = [0; 4096];
    let request = loop {
        match browser.read(&mut piece).await? {
            // It has left, or is one of the connections that a browser opens and does not use.
            0 => return Ok(()),
            count => match head.push(&piece[..count]) {
                Ok(None) => {}
                Ok(Some(head)) => break Ok(head),
                Err(too_long) => break Err(too_long),
            },
        }
    };
    let (status, text) = match &request {
        Err(http::TooLong) => (http::HEAD_TOO_LARGE, ""),
        Ok(head) if RequestLine::of(head).is_none() => (http::BAD_REQUEST, ""),
        Ok(_) => (http::OK, TEXT),
    };
    // The charset belongs to the type: without it the browser guesses, and an é may become two other letters.
    let head = http::response_head(status, "text/plain; charset=utf-8", text.len() as u64);
    browser.write_all(head.as_bytes()).await?;
    // HEAD asks for the head alone.
    if !request.is_ok_and(|head| head.starts_with(b"HEAD ")) {
        browser.write_all(text.as_bytes()).await?;
    }
    // We send no more, and listen until the browser has ended its side too: a close with bytes unread would be a reset.
    browser.shutdown().await?;
    let mut left = FAREWELL_BYTES;
    while left > 0 {
        match timeout(FAREWELL_PAUSE, browser.read(&mut piece)).await {
            Ok(Ok(count)) if count > 0 => left = left.saturating_sub(count),
            _ => break,
        }
    }
    Ok(())
}
