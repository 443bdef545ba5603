//! A scenario of an instructor.

#![no_main]

use harness_language::scenario::load::{self, Parameters, Setting};
use harness_language::scenario::problem::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let setting = Setting {
        task: "own",
        id: "it",
        prefix: "",
        parameters: &Parameters::new(),
        roles: &["server", "client"],
        opening: &|_| None,
        openings: &[],
    };
    if let Err(problems) = load::scenarios(&Source::new("it.toml", text), &setting) {
        drop(problems.render(false));
    }
});
