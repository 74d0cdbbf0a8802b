//! Has the crate built again when a migration is added: the embedded list is made at build time.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
