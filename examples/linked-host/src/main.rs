//! The command line of a host of your own. It is that of `funcdock`, and runs workers with the module in `lib.rs`.
//!
//! The extensions are named here, too: so that `extension list` shows them, and the search ends with them.

use std::process::ExitCode;

// Nothing of it is called by name. This alone makes the linker keep it, and with it the extensions that it exports.
use funcdock_maintenance as _;

fn main() -> ExitCode {
    // Beside this binary it is called liblinked_host.so.
    funcdock::cli::main_with("linked_host")
}
