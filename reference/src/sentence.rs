//! One line in, one line out: how the uppercase clients talk to their user.
//!
//! Owns reading a sentence from standard input and printing a reply; knows nothing of networks.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::failure::Failure;

/// Reads one sentence of at most `limit` bytes, without the newline that ends it. The last line of a file may lack its
/// newline and is still a sentence.
///
/// # Errors
/// If the input ends before a sentence begins, is longer than `limit`, or cannot be read.
pub async fn read(input: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Vec<u8>, Failure> {
    let mut sentence = Vec::new();
    // The limit keeps the memory bounded, whatever is fed to us. One byte more is allowed for the newline.
    BufReader::new(input.take(limit as u64 + 1)).read_until(b'\n', &mut sentence).await.map_err(Failure::Input)?;
    if sentence.is_empty() {
        let message = "there is no sentence on standard input";
        return Err(Failure::Protocol(message.to_owned()));
    }
    if sentence.last() == Some(&b'\n') {
        sentence.pop();
    }
    if sentence.len() > limit {
        let message = format!("the sentence is longer than {limit} bytes");
        return Err(Failure::Protocol(message));
    }
    Ok(sentence)
}

/// Prints `reply` as exactly one line, whether or not its own newline came with it.
///
/// # Errors
/// If standard output cannot be written.
pub async fn print(output: &mut (impl AsyncWrite + Unpin), reply: &[u8]) -> Result<(), Failure> {
    let mut line = reply.strip_suffix(b"\n").unwrap_or(reply).to_vec();
    line.push(b'\n');
    output.write_all(&line).await.map_err(Failure::Output)?;
    // Asynchronous output may still sit in a buffer when the program ends, unless it is flushed.
    output.flush().await.map_err(Failure::Output)
}
