//! A response as a browser reads it, cut at any place: a part of a message is never more wrong than the whole.

#![no_main]

use std::convert::Infallible;

use harness::run::http::{Judged, Stream, Wanted, judge};
use harness_language::scenario::model::ExpectedResponse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u16, &[u8])| {
    let (cut, bytes) = data;
    let step = ExpectedResponse::default();
    let Ok(wanted) = Wanted::response::<Infallible>(&step, &|_| Ok(Vec::new()));
    let whole = judge(&wanted, bytes, Stream::Open);
    let part = judge(&wanted, &bytes[..usize::from(cut).min(bytes.len())], Stream::Open);
    drop(judge(&wanted, bytes, Stream::Ended));
    if let (Judged::Right { taken, .. }, Judged::Right { taken: of_part, .. }) = (&whole, &part) {
        assert_eq!(taken, of_part);
    }
});
