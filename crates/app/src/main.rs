//! The `factotum` binary.
fn main() {}
