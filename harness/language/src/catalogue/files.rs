//! The kit's own files: the catalogue and the sample files, built into the binary.

use include_dir::{Dir, include_dir};

/// `scenarios/`.
pub static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../scenarios");

/// `fixtures/files/`.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/files");

/// The content of a sample file.
pub fn content(name: &str) -> Option<&'static [u8]> {
    FILES.get_file(name).map(|file| file.contents())
}

/// Names of the sample files, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = FILES.files().map(|file| file.path().display().to_string()).collect();
    names.sort();
    names
}
