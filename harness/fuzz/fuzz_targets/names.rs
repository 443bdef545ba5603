//! Names of hand-ins, as platforms export them: a name stays one name below its folder.

#![no_main]

use harness::class::roster::{attempt, own_name, prefix};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    let own = own_name(name);
    assert!(own.len() <= name.len(), "{own:?} of {name:?}");
    drop((prefix(name), attempt(name)));
});
