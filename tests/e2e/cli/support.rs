//! Runs the binary's subcommands.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use funcdock_tests::binary;
use serde_json::Value as Json;

/// Returns the command `funcdock extension` with these arguments, without variables of the developer's environment.
pub(crate) fn extension<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(binary());
    command.arg("extension").args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["FUNCDOCK_", "PYTHON", "VIRTUAL_ENV"]
            .iter()
            .any(|ours| name_text.starts_with(ours))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// How a command ended, and what it printed.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the funcdock binary runs");
        Done {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// The parsed JSON of stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.output()))
    }

    pub(crate) fn output(&self) -> String {
        format!(
            "exit status {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}
