//! The pinger's client: ten pings, one after the other, and a summary.
//!
//! Protocol: see the module's page. This file shows how to tell the answers apart.

use std::io::ErrorKind;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::Io;
use crate::arguments;
use crate::failure::Failure;
use crate::network::{Datagrams, Network};

use super::LARGEST_DATAGRAM;

/// How many pings are sent.
const PINGS: usize = 10;

/// How long each is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `client HOST PORT`.
///
/// # Errors
/// Bad arguments, an unknown host, or not a single answer.
pub async fn run(network: impl Network, arguments: &[String], io: &mut Io) -> Result<(), Failure> {
    let (host, port) = arguments::host_and_port(arguments)?;
    let no_server = |source| Failure::NoServer { host: host.to_owned(), port, source };
    let addresses = network.resolve(host, port).await.map_err(no_server)?;
    let mut left = addresses.len();
    for address in addresses {
        left -= 1;
        let socket = network.bind_to_peer(address).await.map_err(no_server)?;
        let mut pinger = Pinger::new(socket);
        // `localhost` is often two addresses, and a server often listens on only one of them. A refusal sends us on to
        // the next; silence does not, since it may just be loss.
        let first = pinger.ping(1, &mut io.stdout).await?;
        if first == Outcome::Refused && left > 0 {
            continue;
        }
        print(&mut io.stdout, &first.describe(1)).await?;
        for number in 2..=PINGS {
            let outcome = pinger.ping(number, &mut io.stdout).await?;
            print(&mut io.stdout, &outcome.describe(number)).await?;
        }
        print(&mut io.stdout, &summary(&pinger.times())).await?;
        if pinger.times().is_empty() {
            return Err(Failure::Protocol(format!("no answer from {host} port {port}")));
        }
        return Ok(());
    }
    Err(no_server(ErrorKind::NotFound.into()))
}

async fn print(output: &mut Pin<Box<dyn AsyncWrite>>, line: &str) -> Result<(), Failure> {
    output.write_all(format!("{line}\n").as_bytes()).await.map_err(Failure::Output)?;
    // At once: whoever watches wants to see each answer when it comes.
    output.flush().await.map_err(Failure::Output)
}

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered after so long.
    Answered(Duration),
    /// Not answered in time.
    Lost,
    /// The other host says that nobody is at that port.
    Refused,
}

impl Outcome {
    fn describe(self, number: usize) -> String {
        match self {
            Self::Answered(time) => format!("ping {number}: RTT {} ms", milliseconds(time)),
            Self::Lost => format!("ping {number}: request timed out"),
            Self::Refused => format!("ping {number}: nobody listens there"),
        }
    }
}

/// Milliseconds with three decimals: on a local network a round trip takes a fraction of one.
fn milliseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

struct Pinger<D> {
    socket: D,
    began: Instant,
    /// What became of each ping so far, the first at 0.
    outcomes: Vec<Outcome>,
    /// For each ping, whether any pong has come, in time or not.
    heard: [bool; PINGS],
    buffer: Vec<u8>,
}

impl<D: Datagrams> Pinger<D> {
    fn new(socket: D) -> Self {
        let outcomes = Vec::with_capacity(PINGS);
        Self { socket, began: Instant::now(), outcomes, heard: [false; PINGS], buffer: vec![0; LARGEST_DATAGRAM] }
    }

    /// Sends one ping and waits until its pong has come, or its second is over.
    async fn ping(&mut self, number: usize, output: &mut Pin<Box<dyn AsyncWrite>>) -> Result<Outcome, Failure> {
        let sent = Instant::now();
        let deadline = sent + PATIENCE;
        let ping = format!("ping {number} {}", milliseconds(sent - self.began));
        let outcome = match self.send(ping.as_bytes()).await {
            Some(refused) => refused,
            None => loop {
                // One deadline for all that may arrive meanwhile.
                let Ok(received) = timeout_at(deadline, self.socket.recv(&mut self.buffer)).await else {
                    break Outcome::Lost;
                };
                let arrived = Instant::now();
                match received {
                    Ok(length) => match number_of(&self.buffer[..length]) {
                        Some(pong) if pong == number => break Outcome::Answered(arrived - sent),
                        Some(pong) if pong < number => self.belated(pong, output).await?,
                        // An answer to a question that we have not asked.
                        _ => {}
                    },
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => break Outcome::Refused,
                    // The socket is of no use, and would say so without end.
                    Err(source) => return Err(Failure::Connection { doing: "waiting for a pong", source }),
                }
            },
        };
        self.heard[number - 1] |= matches!(outcome, Outcome::Answered(_));
        self.outcomes.push(outcome);
        Ok(outcome)
    }

    /// Sends a ping; returns what became of it if that is known at once.
    ///
    /// A refusal of an earlier ping may be reported only now, and then this one has not been sent. So it is sent again.
    async fn send(&self, ping: &[u8]) -> Option<Outcome> {
        match self.socket.send(ping).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.socket.send(ping).await.is_err().then_some(Outcome::Refused)
            }
            // It could not be sent, and so it is lost as surely as if it had been; its second is waited for.
            _ => None,
        }
    }

    /// A pong of an earlier ping. It is said, and changes nothing.
    async fn belated(&mut self, pong: usize, output: &mut Pin<Box<dyn AsyncWrite>>) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.heard[pong - 1], true);
        let what = if before { "duplicate" } else { "late" };
        print(output, &format!("({what}: the pong of ping {pong})")).await
    }

    fn times(&self) -> Vec<Duration> {
        let answered = |outcome: &Outcome| match outcome {
            Outcome::Answered(time) => Some(*time),
            Outcome::Lost | Outcome::Refused => None,
        };
        self.outcomes.iter().filter_map(answered).collect()
    }
}

/// The number of the ping that a pong answers: the first word that is one. Servers may answer in capitals, or with
/// `pong` for `ping`; what is without a number answers nothing.
pub fn number_of(pong: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(pong).ok()?;
    let bare = |word: &str| word.trim_matches(|sign: char| sign.is_ascii_punctuation()).parse().ok();
    let number = text.split_ascii_whitespace().find_map(bare)?;
    (1..=PINGS).contains(&number).then_some(number)
}

/// The last lines, as other pingers have them, from the times of the pings that were answered.
pub fn summary(times: &[Duration]) -> String {
    let lost = (PINGS - times.len()) * 100 / PINGS;
    let counts = format!("{PINGS} pings sent, {} pongs received, {lost}% packet loss", times.len());
    match (times.iter().min(), times.iter().max()) {
        (Some(&min), Some(&max)) => {
            // Divided as a duration, in nanoseconds. Whole milliseconds would be 0 on a fast network.
            let average = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(u32::MAX);
            let [min, average, max] = [min, average, max].map(milliseconds);
            format!("{counts}\nRTT min/avg/max = {min}/{average}/{max} ms")
        }
        // Of nothing there is no average.
        _ => counts,
    }
}
