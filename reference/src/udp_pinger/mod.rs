//! The task `udp-pinger`: ten pings, ten round-trip times, over a network that may lose, delay, double and reorder.
//!
//! ```text
//! ping 3 2041.7          one datagram: a sequence number, and the milliseconds since the client began
//! ```
//!
//! The server sends each datagram back as it is. All the work is the client's, and most of it is one question: which
//! ping does this pong belong to? The usual program sends a ping, waits a second, and takes whatever arrives for the
//! answer. When a pong is late, it is taken for the answer to the next ping, which then seems to be answered in no time;
//! and from then on each pong is taken for the ping after its own. So:
//!
//! - Every ping carries its **number**, and a pong is believed by its number only.
//! - A pong whose second is over is **late**: its ping was declared lost, and stays lost. A pong that came before is a
//!   **duplicate**. Neither ends the wait for the present one, and neither may prolong it.
//! - The wait has a **deadline**. A time-out that starts again after each datagram never ends if strangers keep sending.
//! - Time is taken from a clock that only goes forward. The time of day may be set back in between.

pub mod client;
pub mod server;

/// The most that a datagram carries over IPv4, in bytes.
const LARGEST_DATAGRAM: usize = 65_507;
