//! What a program said, against what it was to say: the whole text is found in itself, and quoting leaves nothing raw.

#![no_main]

use harness_judging::{closely, complaint, loosely, round_trips, shown};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&[u8], &[u8])| {
    let (said, wanted) = data;
    assert_eq!(closely::compare(said, said, false), closely::Compared::Equal(None));
    assert!(closely::contains(&[wanted, said].concat(), said, false));
    assert!(!shown::quote(said).chars().any(char::is_control));
    drop((shown::describe(said), shown::first_difference(said, wanted)));
    drop((loosely::contains(said, wanted, true), loosely::numbers(said), loosely::count(said, wanted, true)));
    let _ = (complaint::is_complaint(said), complaint::is_traceback(said));
    drop(complaint::without_emptiness(said));
    drop(round_trips::judge(said, &[Some(std::time::Duration::from_millis(20)), None]));
    let _ = closely::stands_with(said, wanted, &["attic".to_owned(), "cellar".to_owned()]);
});
