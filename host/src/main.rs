//! The `funcdock` binary.

fn main() {}
