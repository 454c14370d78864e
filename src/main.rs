//! The `flux-subsystem` program.
fn main() {}
