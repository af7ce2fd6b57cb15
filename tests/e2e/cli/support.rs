//! Runs the binary's subcommands.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Output, Stdio};

use funcdock_tests::{binary, repository};
use serde_json::Value as Json;

/// Returns the command `funcdock extension` with these arguments, without variables of the developer's environment.
pub(crate) fn extension<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = funcdock(["extension"]);
    command.args(arguments);
    command
}

/// Returns the command `funcdock` with these arguments, without variables of the developer's environment.
pub(crate) fn funcdock<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
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

/// Returns the code block of a page of the book after the comment `marker`.
pub(crate) fn on_the_page(page: &str, marker: &str) -> String {
    let page = repository().join("docs/src").join(page);
    let text = fs::read_to_string(&page).expect("the book exists");
    let block = text
        .split_once(&format!("<!-- {marker} -->\n```"))
        .and_then(|(_, rest)| rest.split_once('\n'))
        .and_then(|(_language, rest)| rest.split_once("\n```"));
    let (block, _) = block.unwrap_or_else(|| panic!("{} has no block {marker:?}", page.display()));
    block.to_owned()
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
