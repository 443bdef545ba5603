//! `submission.toml`: what is wrong with it has a place, and what is right is written as it was read.

#![no_main]

use std::sync::LazyLock;

use harness::submission::manifest::Manifest;
use harness_language::catalogue::Catalogue;
use harness_language::scenario::problem::Source;
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("the built-in catalogue"));

fuzz_target!(|text: &str| {
    match Manifest::read(&Source::new("submission.toml", text), &CATALOGUE) {
        Ok(manifest) => {
            let written = manifest.text("");
            let again = Manifest::read(&Source::new("submission.toml", written.as_str()), &CATALOGUE);
            let again = again.unwrap_or_else(|problems| panic!("{}\n{written}", problems.render(false)));
            assert_eq!(again.text(""), written);
        }
        Err(problems) => drop(problems.render(false)),
    }
});
