//! Pipes and the non-blocking flag.
//!
//! Owns nothing but the descriptors it hands out; it never reads or writes them.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::error::OsError;

/// A pipe, as (read end, write end), both close-on-exec and blocking.
///
/// # Errors
/// When the process or the machine is out of descriptors.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), OsError> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|errno| OsError::new("create a pipe", errno))
}

/// Makes the open file description of `fd` non-blocking.
///
/// The flag belongs to the description, not to the number: whoever shares it (a child that inherited the same
/// end) is affected too. Give a child only the other end.
///
/// # Errors
/// When `fd` is not open.
pub fn set_nonblocking(fd: impl AsFd) -> Result<(), OsError> {
    let fail = |errno| OsError::new("make a descriptor non-blocking", errno);
    let fd = fd.as_fd();
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).map_err(fail)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map_err(fail)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_pipe_would_block() {
        let (read, write) = pipe().unwrap();
        set_nonblocking(&read).unwrap();
        let mut byte = [0_u8; 1];
        assert_eq!(nix::unistd::read(&read, &mut byte), Err(nix::errno::Errno::EAGAIN));
        nix::unistd::write(&write, b"x").unwrap();
        assert_eq!(nix::unistd::read(&read, &mut byte), Ok(1));
    }
}
