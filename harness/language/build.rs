//! The catalogue and the sample files are embedded: build again when a file there changes.

fn main() {
    println!("cargo:rerun-if-changed=../../scenarios");
    println!("cargo:rerun-if-changed=../../fixtures/files");
}
