//! Reading and writing the supervisor's ends of a program's pipes and terminals without waiting.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Makes a descriptor non-blocking.
pub fn set_nonblocking(descriptor: BorrowedFd<'_>) {
    // SAFETY: reads and sets status flags of an open descriptor.
    unsafe {
        let flags = libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
}

/// Whether a terminal changes what is printed on it, as by a carriage return before each line feed. Both of its ends
/// tell; a pipe changes nothing.
pub fn translates(descriptor: BorrowedFd<'_>) -> bool {
    // SAFETY: `termios` is plain data for which all zeroes is a value; the call fills it, or fails.
    let settings = unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        (libc::tcgetattr(descriptor.as_raw_fd(), &raw mut settings) == 0).then_some(settings)
    };
    settings.is_some_and(|settings| settings.c_oflag & libc::OPOST != 0)
}

/// Appends what can be read at once to `out`. `Ok(false)` at the end of the stream; a terminal whose other
/// side is closed answers `EIO`, which is its end.
///
/// # Errors
/// Any other failure of `read`.
pub fn read_available(descriptor: BorrowedFd<'_>, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0u8; 16 * 1024];
    loop {
        // SAFETY: the kernel writes at most the length of `chunk`.
        let got = unsafe { libc::read(descriptor.as_raw_fd(), chunk.as_mut_ptr().cast(), chunk.len()) };
        match got {
            0 => return Ok(false),
            1.. => out.extend_from_slice(&chunk[..got as usize]),
            _ => {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) => return Ok(true),
                    Some(libc::EIO) => return Ok(false),
                    _ => return Err(error),
                }
            }
        }
    }
}

/// Writes as much of `bytes` as fits at once and returns how much that was.
///
/// # Errors
/// `BrokenPipe` when the program closed its end, and any other failure of `write`.
pub fn write_available(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = &bytes[done..];
        // SAFETY: the kernel reads at most the length of `rest`.
        let put = unsafe { libc::write(descriptor.as_raw_fd(), rest.as_ptr().cast(), rest.len()) };
        if put >= 0 {
            done += put as usize;
            continue;
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN) => break,
            _ => return Err(error),
        }
    }
    Ok(done)
}
