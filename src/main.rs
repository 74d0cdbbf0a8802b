//! The `evohub` program.
fn main() {}
