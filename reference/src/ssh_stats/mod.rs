//! The task `ssh-stats`: log in to a remote machine over SSH, and display its processors and its memory.
//!
//! ```text
//! S: SSH-2.0-…                 each side says which version it speaks; then they agree on keys, and from here on
//! C: SSH-2.0-…                 everything is encrypted
//! S: (its key, and a proof that it has the secret half of it)
//! C: (which we compare with the key that we know, before we say anything else)
//! C: I am anna, here is a signature by my key      or: … here is my password
//! S: welcome                   or: no, and these are the ways that are left
//! C: a channel, please; run this in it: cat /proc/stat …
//! S: (what it prints, how it ended)
//! ```
//!
//! The sheet wants a library for that, and so do we: nobody should write cryptography for a lab. What to look at:
//!
//! - **Whose figures?** [`session`] sends a command, and the command runs over there. Whatever this program asked its own
//!   system would be about the machine on which it runs.
//! - **Whom do we speak to?** [`session`] looks the machine's key up in `~/.ssh/known_hosts` before anything is said. One
//!   that has changed ends the program: the password would go to whoever has that key.
//! - **By key first.** A password is asked for only if there is no key, or it does not help.
//! - **Use is a difference.** The kernel counts time since it was started, so [`figures`] takes two looks.

pub mod figures;
#[cfg(feature = "ssh")]
mod session;
pub mod sshstats;
