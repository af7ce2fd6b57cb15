//! Makes apps with `funcdock init` and `funcdock new`, and runs what they print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::python;
use tempfile::TempDir;

use crate::cli::support::{Done, funcdock};

/// Runs `funcdock` with these words in the folder. It must succeed.
pub(crate) fn run(folder: &Path, words: &str) -> Done {
    let done = Done::of(funcdock(words.split_whitespace()).current_dir(folder));
    assert_eq!(done.code, Some(0), "{words}\n{}", done.output());
    done
}

/// Like [`run`], but it must fail with this error and change no file.
pub(crate) fn refused(folder: &Path, words: &str, expected: &str) {
    let before = contents(folder);
    let done = Done::of(funcdock(words.split_whitespace()).current_dir(folder));
    assert_eq!(done.code, Some(1), "{words}\n{}", done.output());
    assert!(
        done.stderr.contains(expected),
        "{words}: expected {expected}\n{}",
        done.output()
    );
    assert_eq!(contents(folder), before, "{words}");
}

/// Returns the files in the folder with their contents, sorted.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let content = fs::read(&path).expect("a file");
            found.push((path.display().to_string(), content));
        }
    }
    found.sort();
    found
}

/// Runs a command in a shell, where `pytest` and `python` are those of this interpreter's environment.
pub(crate) fn shell(folder: &Path, python: &Path, command: &str) -> Done {
    let tools = python.parent().expect("bin/python").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)));
    let done = Done::of(
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", command])
            .current_dir(folder)
            .env("PATH", path.expect("folders of a path"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTEST_ADDOPTS", "-p no:cacheprovider"),
    );
    assert_eq!(done.code, Some(0), "{command}\n{}", done.output());
    done
}

/// Returns the oldest and the newest interpreter with pytest, and one with the first `azure-functions` that has
/// decorators.
pub(crate) fn pythons() -> Vec<(&'static str, PathBuf)> {
    let mut pythons = python::oldest_and_newest_with("pytest", &["pytest"]);
    let first = python::with("first-decorators", &["azure-functions==1.12.0", "pytest"]);
    pythons.push(("azure-functions 1.12", first));
    pythons
}

/// Returns the command after "Next:" that begins like this.
pub(crate) fn next_command(done: &Done, start: &str) -> String {
    let (_, next) = done.stdout.split_once("\nNext:\n").expect("the next commands");
    let command = next.lines().map(str::trim).find(|line| line.starts_with(start));
    command.unwrap_or_else(|| panic!("{}", done.output())).to_owned()
}

/// Returns a folder with an app of each model: `v1` and `v2`.
pub(crate) fn both() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "init v2");
    run(folder.path(), "init v1 --v1");
    folder
}
