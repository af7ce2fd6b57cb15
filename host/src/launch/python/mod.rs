//! CPython: the interpreter for an app, its virtual environment, and the command line of a worker.
//!
//! This is the one place of the host crate that finds and starts Python. In order: [`find_module`] finds our extension module,
//! `InterpreterSearch::prepare` finds an interpreter (and makes the app's `.venv`), `Program` has the command line of a
//! worker.

mod error;
mod installer;
mod interpreter;
mod module;
mod packages;
mod venv;

use std::path::PathBuf;
use std::process::Command;

pub use error::LaunchError;
pub(crate) use interpreter::{InterpreterSearch, site_packages};
pub use module::{MODULE, MODULE_VARIABLE, find_module};
pub(crate) use packages::Compiled;

/// The value of `FUNCTIONS_WORKER_RUNTIME` in a worker.
pub(crate) const WORKER_RUNTIME: &str = "python";

const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// The variable with the bootstrap. As an argument, all of it would be in the lists of processes. As a file, it would have
/// to be found in every installation, and Python puts the folder of such a file first on its path.
const BOOTSTRAP_VARIABLE: &str = "FUNCDOCK_BOOTSTRAP";

/// The code on the command line. `os` is imported already, as Python's own start needs it. No program that functions start
/// gets the variable.
const RUN_BOOTSTRAP: &str = "import os; exec(os.environ.pop('FUNCDOCK_BOOTSTRAP'))";

/// The variable by which Python does not put the working directory, the app's folder, first on its path: from 3.11 on. An
/// older Python imports nothing between that and the bootstrap's first line, which removes it.
pub(crate) const SAFE_PATH: &str = "PYTHONSAFEPATH";

/// The value by which the bootstrap knows that the variable is ours. It is not meant for what functions start.
const OURS: &str = "funcdock";

/// The program of a worker: an interpreter and the module that it loads. Both paths are absolute.
#[derive(Debug)]
pub(crate) struct Program {
    /// The interpreter.
    pub(crate) interpreter: PathBuf,
    /// Our extension module.
    pub(crate) module: PathBuf,
    /// Arguments of the interpreter, which may be a program that runs ours: `-m debugpy --listen 9091`.
    pub(crate) arguments: Vec<String>,
}

impl Program {
    /// Returns the command that runs the worker of this index: the interpreter loads the module and hands over to it.
    pub(crate) fn command(&self, worker: u32) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.args(["-X", "utf8"]);
        // Only one can listen.
        if worker == 0
            || !self
                .arguments
                .iter()
                .any(|argument| argument.starts_with("--listen"))
        {
            command.args(&self.arguments);
        }
        command.env(BOOTSTRAP_VARIABLE, BOOTSTRAP);
        command.args(["-c", RUN_BOOTSTRAP]).arg(&self.module);
        if std::env::var_os(SAFE_PATH).is_none_or(|value| value.is_empty()) {
            command.env(SAFE_PATH, OURS);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_on_the_command_line_reads_the_bootstrap() {
        assert!(RUN_BOOTSTRAP.contains(&format!("'{BOOTSTRAP_VARIABLE}'")));
        // Linux has a limit for a variable, 128 KiB.
        assert!(BOOTSTRAP.len() < 64 << 10 && BOOTSTRAP.is_ascii());
    }
}
