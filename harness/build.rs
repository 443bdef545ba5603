//! The catalogue, the sample files and the starters' templates are embedded: build again when a file there changes.

fn main() {
    println!("cargo:rerun-if-changed=../scenarios");
    println!("cargo:rerun-if-changed=../fixtures/files");
    println!("cargo:rerun-if-changed=src/starter/templates");
}
