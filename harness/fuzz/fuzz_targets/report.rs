//! `report.json`, as `diff`, `merge` and `explain` read it: what was read is written and read again.

#![no_main]

use harness::report::model::Report;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(report) = serde_json::from_slice::<Report>(data) else { return };
    let written = serde_json::to_string(&report).expect("a report");
    let again: Report = serde_json::from_str(&written).expect("the same report");
    assert_eq!(serde_json::to_string(&again).expect("a report"), written);
});
