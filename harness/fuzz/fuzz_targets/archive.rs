//! An archive that a student hands in: nothing is written outside of the folder, and the budget holds.

#![no_main]

use harness::submission::archive::{self, Budget};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let (file, into) = (folder.path().join("hand-in"), folder.path().join("unpacked"));
    if std::fs::write(&file, data).is_err() || std::fs::create_dir(&into).is_err() {
        return;
    }
    let mut budget = Budget::SUBMISSION;
    let _ = archive::unpack(&file, &into, &mut budget);
    let beside = std::fs::read_dir(folder.path()).map(Iterator::count);
    assert!(beside.is_ok_and(|count| count == 2), "something was written beside the folder");
});
