//! The error of this crate: what was attempted, and what the kernel said.
//!
//! Owns the wording. It never decides whether a failure matters: that is the caller's part.

use std::borrow::Cow;
use std::io;

use nix::errno::Errno;

/// Why the kernel did not do what was asked.
///
/// Displays as one line, for example `cannot create a network namespace: Operation not permitted`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OsError {
    /// A system call, or a read of a kernel file, failed.
    #[error("cannot {attempt}: {}", describe(source))]
    Call {
        /// What was attempted, as an infinitive without "to": `create a network namespace`.
        attempt: Cow<'static, str>,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The kernel answered, but not in the form its manual promises.
    #[error("cannot {attempt}: unexpected answer: {found}")]
    Unexpected {
        /// What was attempted, as an infinitive without "to".
        attempt: Cow<'static, str>,
        /// What came instead.
        found: String,
    },
}

impl OsError {
    /// A failed call; `source` may be an [`Errno`] or an [`io::Error`].
    pub fn new(attempt: impl Into<Cow<'static, str>>, source: impl Into<io::Error>) -> Self {
        Self::Call { attempt: attempt.into(), source: source.into() }
    }

    /// A failed call whose reason is this thread's `errno`; to be made before any further call.
    pub fn last(attempt: impl Into<Cow<'static, str>>) -> Self {
        Self::new(attempt, io::Error::last_os_error())
    }

    /// An answer that does not have the documented form.
    pub fn unexpected(attempt: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self::Unexpected { attempt: attempt.into(), found: found.into() }
    }

    /// The kernel's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Call { source, .. } => source.raw_os_error(),
            Self::Unexpected { .. } => None,
        }
    }
}

/// The kernel's own words, without the "(os error 1)" that `io::Error` appends.
pub(crate) fn describe(source: &io::Error) -> String {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(errno) if errno != Errno::UnknownErrno => errno.desc().to_owned(),
        _ => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let error = OsError::new("create a network namespace", Errno::EPERM);
        assert_eq!(error.to_string(), "cannot create a network namespace: Operation not permitted");
        assert_eq!(error.errno(), Some(Errno::EPERM as i32));
        let other = OsError::new("read x", io::Error::other("too short"));
        assert_eq!(other.to_string(), "cannot read x: too short");
    }
}
