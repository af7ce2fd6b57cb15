//! The `funcdock` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    funcdock::cli::main()
}
