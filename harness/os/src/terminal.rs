//! Pseudo-terminals for programs under test.
//!
//! Owns: opening a pair whose line discipline changes no byte, or the usual one. It never reads, writes or interprets what passes.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, unlockpt};
use nix::sys::termios::{InputFlags, LocalFlags, OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::error::OsError;

/// A pseudo-terminal: the program writes to `slave`, the harness reads `master`.
///
/// When the last slave descriptor is closed, a read of the master fails with `EIO`: that is its end of file.
#[derive(Debug)]
pub struct Pty {
    /// The harness's end: non-blocking, close-on-exec.
    pub master: OwnedFd,
    /// The program's end: blocking, close-on-exec, 80 columns by 24 rows.
    pub slave: OwnedFd,
}

impl Pty {
    /// Opens a pair in raw mode: no echo, no line editing, no signals from characters, and no `\n` to `\r\n`,
    /// so that what is read is byte for byte what the program wrote.
    ///
    /// # Errors
    /// When the machine has no pseudo-terminals left, or `/dev/ptmx` is missing.
    pub fn open_raw() -> Result<Self, OsError> {
        Self::open(cfmakeraw)
    }

    /// Opens a pair in the mode in which people type: with echo, lines, signals from characters, and `\r\n` for `\n`.
    ///
    /// # Errors
    /// As [`Pty::open_raw`].
    pub fn open_cooked() -> Result<Self, OsError> {
        Self::open(|modes| {
            modes.input_flags |= InputFlags::ICRNL | InputFlags::IXON;
            modes.output_flags |= OutputFlags::OPOST | OutputFlags::ONLCR;
            modes.local_flags |=
                LocalFlags::ISIG | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ECHO | LocalFlags::ECHOE;
        })
    }

    fn open(set: impl FnOnce(&mut Termios)) -> Result<Self, OsError> {
        let open = |errno| OsError::new("open a pseudo-terminal", errno);
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags | OFlag::O_NONBLOCK).map_err(open)?;
        grantpt(&master).map_err(open)?;
        unlockpt(&master).map_err(open)?;

        // Not by name: the path under /dev/pts need not exist in this mount namespace.
        // SAFETY: TIOCGPTPEER takes the open flags by value and touches no memory of this process.
        let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags.bits()) };
        let slave = Errno::result(slave).map_err(open)?;
        // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
        let slave = unsafe { OwnedFd::from_raw_fd(slave) };

        let configure = |errno| OsError::new("configure a pseudo-terminal", errno);
        let mut modes = tcgetattr(&slave).map_err(configure)?;
        set(&mut modes);
        tcsetattr(&slave, SetArg::TCSANOW, &modes).map_err(configure)?;
        let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads one winsize, which outlives the call.
        let set = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        Errno::result(set).map_err(configure)?;

        // SAFETY: `into_raw_fd` gives up ownership, so that this is the only owner from here on.
        let master = unsafe { OwnedFd::from_raw_fd(std::os::fd::IntoRawFd::into_raw_fd(master)) };
        Ok(Self { master, slave })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{read, write};

    #[test]
    fn no_byte_is_changed_in_either_direction() {
        let pty = Pty::open_raw().unwrap();
        let every: Vec<u8> = (0..=255).collect();
        let mut seen = [0_u8; 512];
        assert_eq!(write(&pty.slave, &every), Ok(256));
        let n = read(&pty.master, &mut seen).unwrap();
        assert_eq!(&seen[..n], &every[..]);
        assert_eq!(write(&pty.master, b"a\r\n\x03\x04"), Ok(5));
        let n = read(&pty.slave, &mut seen).unwrap();
        assert_eq!(&seen[..n], b"a\r\n\x03\x04");
        assert_eq!(read(&pty.master, &mut seen), Err(Errno::EAGAIN), "echo");
    }

    #[test]
    fn what_is_typed_is_echoed_where_people_type() {
        let pty = Pty::open_cooked().unwrap();
        let mut seen = [0_u8; 64];
        assert_eq!(write(&pty.master, b"free\r"), Ok(5));
        let n = read(&pty.slave, &mut seen).unwrap();
        assert_eq!(&seen[..n], b"free\n");
        let n = read(&pty.master, &mut seen).unwrap();
        assert_eq!(&seen[..n], b"free\r\n");
    }

    #[test]
    fn closing_the_slave_ends_the_master() {
        let Pty { master, slave } = Pty::open_raw().unwrap();
        drop(slave);
        assert_eq!(read(&master, &mut [0_u8; 8]), Err(Errno::EIO));
    }
}
