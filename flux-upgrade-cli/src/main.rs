//! The `flux-upgrade` command.
fn main() {}
