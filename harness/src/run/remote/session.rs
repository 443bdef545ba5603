//! A shell on a made machine, and the channel that carries its streams (RFC 4254, section 6).

use std::io;
use std::os::fd::AsFd;

use harness_os::spawn::{Child, ExitStatus};
use harness_os::{pipe, terminal};
use russh::server::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::door::Order;
use super::place::{Place, Streams};

/// Bytes of either direction that are kept for the record.
const KEPT: usize = 4_096;

/// What became of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was typed at a shell.
    pub typed: Vec<u8>,
    /// What it printed on both streams, as it came.
    pub printed: Vec<u8>,
    /// How it ended; nothing if the other side did not wait for that.
    pub status: Option<u32>,
}

/// The harness's ends of a shell's streams.
struct Ends {
    input: Option<Sender>,
    output: Receiver,
    /// There is none where a terminal takes both.
    errors: Option<Receiver>,
}

/// Runs what was ordered, from beginning to end.
///
/// # Errors
/// What this machine could not do for it.
pub async fn run(place: &Place, order: Order) -> Result<Outcome, String> {
    let words = |error: io::Error| error.to_string();
    let (ends, streams) = wired(order.terminal).map_err(words)?;
    let child = place.start(order.command.as_deref(), &order.user, order.terminal, streams).await?;
    let (reading, writing) = order.channel.split();
    let mut outcome = Outcome::default();
    carry(reading, &writing, ends, child, &mut outcome).await.map_err(words)?;
    Ok(outcome)
}

fn wired(on_terminal: bool) -> io::Result<(Ends, Streams)> {
    let other = |error: harness_os::error::OsError| io::Error::other(error.to_string());
    if on_terminal {
        let pty = terminal::Pty::open_cooked().map_err(other)?;
        let ends = Ends {
            input: Some(Sender::from_owned_fd_unchecked(pty.master.try_clone()?)?),
            output: Receiver::from_owned_fd_unchecked(pty.master)?,
            errors: None,
        };
        let (stdin, stdout) = (pty.slave.try_clone()?, pty.slave.try_clone()?);
        return Ok((ends, Streams { stdin, stdout, stderr: pty.slave }));
    }
    let pipe = || pipe::pipe().map_err(other);
    let ((stdin, input), (output, stdout), (errors, stderr)) = (pipe()?, pipe()?, pipe()?);
    for end in [&input, &output, &errors] {
        pipe::set_nonblocking(end).map_err(other)?;
    }
    let ends = Ends {
        input: Some(Sender::from_owned_fd_unchecked(input)?),
        output: Receiver::from_owned_fd_unchecked(output)?,
        errors: Some(Receiver::from_owned_fd_unchecked(errors)?),
    };
    Ok((ends, Streams { stdin, stdout, stderr }))
}

/// Carries bytes both ways until the shell has ended and everything of it is on its way, or nobody wants it any more.
async fn carry(
    mut reading: ChannelReadHalf,
    writing: &ChannelWriteHalf<Msg>,
    ends: Ends,
    mut child: Child,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let Ends { mut input, mut output, mut errors } = ends;
    let on_terminal = errors.is_none();
    // A process descriptor becomes readable when the process ends.
    let gone = Receiver::from_owned_fd_unchecked(child.as_fd().try_clone_to_owned()?)?;
    let (mut ended, mut silent) = (false, false);
    let mut buffers = (vec![0; 16 * 1_024], vec![0; 16 * 1_024]);
    // Like a server of one's own: what still holds the streams keeps the channel open.
    while !(ended && silent && errors.is_none()) {
        tokio::select! {
            biased;
            message = reading.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    keep(&mut outcome.typed, &data);
                    if let Some(input) = &mut input {
                        // A shell that reads no more has no use for it.
                        let _ = input.write_all(&data).await;
                    }
                }
                Some(ChannelMsg::Eof) if on_terminal => {
                    if let Some(input) = &mut input {
                        let _ = input.write_all(b"\x04").await;
                    }
                }
                Some(ChannelMsg::Eof) => input = None,
                Some(ChannelMsg::Close) | None => return Ok(()),
                Some(_) => {}
            },
            count = output.read(&mut buffers.0), if !silent => match count {
                Ok(count @ 1..) => {
                    keep(&mut outcome.printed, &buffers.0[..count]);
                    if writing.data_bytes(buffers.0[..count].to_vec()).await.is_err() {
                        return Ok(());
                    }
                }
                // EIO is how a terminal says that nobody holds its other side any more.
                _ => silent = true,
            },
            count = read_if_any(&mut errors, &mut buffers.1) => match count {
                Ok(count @ 1..) => {
                    keep(&mut outcome.printed, &buffers.1[..count]);
                    if writing.extended_data_bytes(1, buffers.1[..count].to_vec()).await.is_err() {
                        return Ok(());
                    }
                }
                _ => errors = None,
            },
            _ = gone.readable(), if !ended => ended = true,
        }
    }
    let status = match child.try_wait().map_err(|error| io::Error::other(error.to_string()))? {
        Some(ExitStatus::Code(code)) => code.unsigned_abs(),
        // As a shell tells it.
        Some(ExitStatus::Signal(number)) => 128 + number.unsigned_abs(),
        None => 0,
    };
    outcome.status = Some(status);
    // Who has gone meanwhile does not need them.
    let _ = writing.exit_status(status).await;
    let _ = writing.eof().await;
    let _ = writing.close().await;
    Ok(())
}

async fn read_if_any(from: &mut Option<Receiver>, buffer: &mut [u8]) -> io::Result<usize> {
    match from {
        Some(from) => from.read(buffer).await,
        None => std::future::pending().await,
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
