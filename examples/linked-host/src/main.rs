//! The command line of your own host. It is that of `funcdock`, and runs workers with the module in `lib.rs`.
//!
//! The extensions are named here, too, so that `extension list` and the search for extensions find them.

use std::process::ExitCode;

// No code calls it by name. This use makes the linker keep it, with the extensions that it exports.
use funcdock_maintenance as _;

fn main() -> ExitCode {
    // The library's file in this binary's folder is liblinked_host.so.
    funcdock::cli::main_with("linked_host")
}
