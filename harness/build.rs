//! The starters' templates are embedded: build again when a file there changes.

fn main() {
    println!("cargo:rerun-if-changed=src/starter/templates");
}
