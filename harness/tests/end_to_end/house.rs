//! The walls of the house: which crate may use which. CONTRIBUTING says what each is for.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::common::repository;

/// Every arrow between crates that the house has, tests aside. One that is not here needs a reason, and a line here.
const ARROWS: [(&str, &[&str]); 10] = [
    (
        "harness",
        &[
            "harness-judging",
            "harness-language",
            "harness-os",
            "harness-peer-mysql",
            "harness-peers",
            "harness-sim",
            "harness-verdict",
            "reference",
        ],
    ),
    ("harness-judging", &["harness-verdict"]),
    ("harness-language", &["harness-verdict"]),
    ("harness-os", &[]),
    ("harness-peer-mysql", &["harness-peers"]),
    ("harness-peers", &["harness-judging", "harness-language"]),
    ("harness-sim", &["harness-os"]),
    ("harness-verdict", &[]),
    ("reference", &[]),
    ("benches", &["harness-sim", "reference"]),
];

#[test]
fn no_crate_uses_another_than_it_may() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"]);
    let output = cargo.current_dir(repository()).output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let used = |package: &serde_json::Value| -> BTreeSet<String> {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|it| it["path"].is_string() && it["kind"].is_null()).map(|it| text(&it["name"])).collect()
    };
    let is: BTreeMap<String, BTreeSet<String>> =
        packages.iter().map(|package| (text(&package["name"]), used(package))).collect();
    let may: BTreeMap<String, BTreeSet<String>> =
        ARROWS.iter().map(|(name, all)| ((*name).to_owned(), all.iter().map(|&it| it.to_owned()).collect())).collect();
    assert_eq!(is, may, "an arrow came or went: is that what the house is to be like?");
}
