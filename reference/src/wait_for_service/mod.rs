//! The task `wait-for-service`: wait until a service can be reached, for a given time or for ever, and say which it was.
//!
//! ```text
//! wait 127.0.0.1 5000 30     waits for 30 seconds at the most
//! wait 127.0.0.1 5000 0      waits for ever; so does the word forever, and so does no time at all
//! ```
//!
//! The client speaks no protocol: to be there means to complete the three-way handshake. Look first and sleep then, or a
//! service that is up costs a pause for nothing. What to look at:
//!
//! - **A refusal is an answer.** The host is up and nobody listens yet. It comes at once, so a loop without a pause would
//!   ask some ten thousand times a second. The pause between two tries is the only thing here that sleeps, and a quarter
//!   of a second is short for a person and long for a processor.
//! - **Silence is none.** A host that is switched off, or a firewall that drops, sends nothing back, and `connect` then
//!   repeats its SYN for about two minutes. So each try has a bound of its own.
//! - **The time is one moment**, noted at the beginning, and not a number of tries. Each thing that may take long, a
//!   look-up, a try or a pause, takes no more than what is left until then. The clock is one that only goes forward.
//! - **Each try has a socket of its own**, which is closed before the next. In most systems a socket that was refused
//!   cannot be used again.
//!
//! And a trap that shows only after thousands of tries: the program meets itself, see [`wait::refuse_ourselves`].

pub mod wait;
