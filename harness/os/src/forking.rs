//! Children between their birth and their new image.
//!
//! Such a child holds copies of all descriptors of this process, also of one that another thread closes meanwhile.
//! What that close is to cause does not happen before the child has executed and its copies are gone: a pipe does
//! not end, a program that was just written stays "busy" (ETXTBSY).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static UNDER_WAY: RwLock<()> = RwLock::new(());

/// To be kept while a program is being started, until it has executed.
#[must_use = "the start is announced only as long as this is kept"]
pub(crate) fn begin() -> RwLockReadGuard<'static, ()> {
    // Nothing is guarded but the time itself: a holder that panicked has left nothing broken.
    UNDER_WAY.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`begin`], while no other start is under way.
pub(crate) fn begin_alone() -> RwLockWriteGuard<'static, ()> {
    UNDER_WAY.write().unwrap_or_else(PoisonError::into_inner)
}

/// Children that somebody here has started and will ask for their end; all others have come by their parents' deaths.
static STARTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// To be called before [`begin`]'s guard is dropped.
pub(crate) fn started(pid: i32) {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
}

/// Its end has been asked for.
pub(crate) fn reaped(pid: i32) {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
}

/// Whether somebody here will ask for its end. Certain while [`begin_alone`]'s guard is held.
pub(crate) fn is_started(pid: i32) -> bool {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid)
}

/// Waits until no child is left that was born before this call and has not executed. What was closed before is
/// then closed for good. Costs nothing while no program is being started.
pub fn wait_for_copies() {
    drop(begin_alone());
}
