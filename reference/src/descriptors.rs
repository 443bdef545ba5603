//! How many descriptors a program may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit to what this user may have.
///
/// Every connection is a descriptor, and most systems start a program with a limit of 1024: the thousandth client of a
/// chat room could not be accepted. The limit is that low for the sake of programs that call `select`, whose table has
/// 1024 places. None of these does.
///
/// If it cannot be raised, the servers do with less: whoever comes when it is reached waits in the backlog.
pub fn allow_many() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
