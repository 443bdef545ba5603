//! Landlock (landlock(7)): which files a process may open, and whom it may signal and trace.
//!
//! Owns the three system calls and what each version of the kernel knows of them. A process that is restricted cannot
//! trace, or look into, one that is not; from version 6 on it can neither signal it nor meet it at an abstract socket.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::ptr;

use nix::errno::Errno;

use crate::error::OsError;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// Removing, and making everything but devices.
const CHANGE_DIR: u64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12;
const MAKE_DEVICES: u64 = 1 << 6 | 1 << 11;
/// Moving from folder to folder (version 2).
const REFER: u64 = 1 << 13;
/// Version 3.
const TRUNCATE: u64 = 1 << 14;

/// What makes sense for a file that is no folder.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;

/// Abstract sockets and signals stay inside (version 6).
const SCOPES: u64 = 1 | 1 << 1;

const RULE_PATH_BENEATH: libc::c_int = 1;
const CREATE_VERSION: u32 = 1;

/// What may be done with what is at or below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read, listed and executed.
    Read,
    /// Read and written, but nothing made or removed: devices.
    Write,
    /// Everything but making devices.
    Own,
}

impl Access {
    fn rights(self) -> u64 {
        let read = EXECUTE | READ_FILE | READ_DIR;
        match self {
            Self::Read => read,
            Self::Write => read | WRITE_FILE | TRUNCATE,
            Self::Own => read | WRITE_FILE | CHANGE_DIR | REFER | TRUNCATE,
        }
    }
}

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct RulesetAttributes {
    files: u64,
    network: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    rights: u64,
    parent: i32,
}

/// The version of Landlock that this kernel has; `None` without it (Linux before 5.13, or not among its `lsm=`).
#[must_use]
pub fn version() -> Option<i32> {
    // SAFETY: with this flag the call takes no attributes and answers with a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, CREATE_VERSION) };
    i32::try_from(version).ok().filter(|version| *version > 0)
}

/// A set of rules: what is not in it is forbidden. `None` on a kernel without Landlock.
pub(super) fn ruleset(paths: &[(PathBuf, Access)]) -> Result<Option<OwnedFd>, OsError> {
    let Some(version) = version() else { return Ok(None) };
    let known = match version {
        1 => Access::Own.rights() & !REFER & !TRUNCATE,
        2 => Access::Own.rights() & !TRUNCATE,
        _ => Access::Own.rights(),
    } | MAKE_DEVICES;
    let attributes = RulesetAttributes { files: known, network: 0, scopes: if version >= 6 { SCOPES } else { 0 } };
    // An older kernel takes a shorter structure.
    let size = match version {
        ..4 => 8,
        4..6 => 16,
        _ => size_of::<RulesetAttributes>(),
    };
    // SAFETY: reads `size` bytes of `attributes`, which is at least as long.
    let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0_u32) };
    let made = Errno::result(made).map_err(|errno| OsError::new("make a Landlock ruleset", errno))?;
    let made = i32::try_from(made).map_err(|_| OsError::unexpected("make a Landlock ruleset", "no descriptor"))?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(made) };
    for (path, access) in paths {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path);
        let parent = match opened {
            Ok(parent) => parent,
            // What is not there, or closed to this user, is closed to the program anyway.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => continue,
            Err(error) => return Err(OsError::new(format!("open {}", path.display()), error)),
        };
        let is_folder = parent.metadata().is_ok_and(|meta| meta.is_dir());
        let rights = access.rights() & known & if is_folder { u64::MAX } else { OF_FILES };
        let rule = PathBeneath { rights, parent: parent.as_raw_fd() };
        // SAFETY: reads one rule, whose layout is the kernel's; the descriptor in it is open.
        let added = unsafe {
            libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), RULE_PATH_BENEATH, &raw const rule, 0_u32)
        };
        Errno::result(added).map_err(|errno| OsError::new(format!("open {} to a program", path.display()), errno))?;
    }
    Ok(Some(ruleset))
}

/// Restricts the calling process; it must have given up gaining privileges.
pub(super) fn restrict(ruleset: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    let restricted = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) };
    Errno::result(restricted).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_of_files_leave_out_what_only_folders_have() {
        assert_eq!(Access::Own.rights() & OF_FILES & (READ_DIR | CHANGE_DIR | REFER), 0);
        assert_eq!(Access::Own.rights() & MAKE_DEVICES, 0);
        assert_eq!(size_of::<PathBeneath>(), 12);
    }
}
