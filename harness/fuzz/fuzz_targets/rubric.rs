//! A rubric.

#![no_main]

use std::sync::LazyLock;

use harness::grade::Rubric;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::problem::Source;
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("the built-in catalogue"));

fuzz_target!(|text: &str| {
    if let Err(problems) = Rubric::parse(&Source::new("rubric.toml", text), &CATALOGUE) {
        drop(problems.render(false));
    }
});
