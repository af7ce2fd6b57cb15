//! Which interpreter runs the app, and the environment that is made for an app that has none.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use tokio::time::timeout;

use super::SupervisorError;
use super::environment::Environment;
use super::error::describe;
use super::install::{self, Venv};

/// What decides about the interpreter.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The app's folder, absolute.
    pub(super) root: PathBuf,
    /// `--python`: a file, or a name to look for in `search_path`.
    pub(super) given: Option<PathBuf>,
    /// `$VIRTUAL_ENV`; never empty.
    pub(super) virtual_env: Option<PathBuf>,
    /// `$PATH`.
    pub(super) search_path: OsString,
}

impl Choice {
    /// The choice for an app in this process's environment.
    pub(super) fn from_environment(root: &Path, given: Option<PathBuf>) -> Self {
        Self {
            root: root.to_owned(),
            given,
            virtual_env: std::env::var_os("VIRTUAL_ENV")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// The interpreter to run the app with. Makes the app's environment first where the app brings
    /// requirements and no environment of its own, unless `install` is off.
    ///
    /// Cancel-safe: what is half-made is removed.
    pub(super) async fn prepare(&self, install: bool, verbose: bool) -> Result<PathBuf, SupervisorError> {
        if install && self.is_ours_to_make() {
            install::bring_up_to_date(&self.root, || self.in_search_path("python3"), verbose).await?;
        }
        self.find()
    }

    /// Whether the environment is up to us: `.venv` if it is of our making, or nothing that could serve.
    fn is_ours_to_make(&self) -> bool {
        self.given.is_none()
            && install::requirements(&self.root).is_file()
            && !self.root.join(".python_packages").exists()
            && match Venv::of(&self.root) {
                Venv::Absent => self.virtual_env.is_none(),
                Venv::Foreign => false,
                Venv::Unfinished | Venv::Ours => true,
            }
    }

    fn find(&self) -> Result<PathBuf, SupervisorError> {
        if let Some(given) = &self.given {
            return match given.parent() {
                Some(parent) if parent.as_os_str().is_empty() => {
                    self.in_search_path(&given.to_string_lossy())
                }
                _ if is_executable(given) => absolute(given),
                _ => missing(format!("--python names {}, which cannot be run", given.display())),
            };
        }
        let venv = install::venv(&self.root);
        match Venv::of(&self.root) {
            Venv::Absent => {}
            Venv::Unfinished => {
                return missing(format!(
                    "{} was left unfinished; delete it, or start without --no-install to make it anew",
                    venv.display()
                ));
            }
            Venv::Foreign | Venv::Ours => {
                return in_environment(&venv, "delete it, or make it anew with `python3 -m venv`");
            }
        }
        match &self.virtual_env {
            Some(venv) => in_environment(venv, "VIRTUAL_ENV names it: activate another one, or unset it"),
            None => self.in_search_path("python3"),
        }
    }

    fn in_search_path(&self, name: &str) -> Result<PathBuf, SupervisorError> {
        match std::env::split_paths(&self.search_path)
            .map(|folder| folder.join(name))
            .find(|p| is_executable(p))
        {
            Some(path) => absolute(&path),
            None => missing(format!(
                "there is no {name} in PATH; install Python 3.9 or newer, or name an interpreter with --python"
            )),
        }
    }
}

/// Prints where Python imports packages from. It parses on any Python, and imports nothing that the app's folder,
/// which is the working directory as it is for workers, could hide.
const SITE_PACKAGES: &str = "\
import os, sys
standard = os.path.dirname(os.__file__)
for path in sys.path:
    if path and os.path.isdir(path) and path not in (standard, os.path.join(standard, 'lib-dynload')):
        print(os.path.abspath(path))
";

/// How long an interpreter may take to say where it imports packages from.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where this interpreter imports packages from, in its order, as a worker in this environment would. Empty, with a
/// warning, where it does not say: the worker that it is to become will tell why.
pub(super) async fn site_packages(python: &Path, root: &Path, environment: &Environment) -> Vec<PathBuf> {
    let mut command = tokio::process::Command::new(python);
    let variables = environment.variables.iter().map(|(name, value)| (name, value));
    command
        .args(["-X", "utf8", "-c", SITE_PACKAGES])
        .current_dir(root)
        .envs(variables)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let problem = match timeout(PROBE_TIMEOUT, command.output()).await {
        Ok(Ok(done)) if done.status.success() => {
            let lines = String::from_utf8_lossy(&done.stdout);
            // A sitecustomize may print what it likes.
            return lines
                .lines()
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .collect();
        }
        Ok(Ok(done)) => format!(
            "it {}\n{}",
            describe(done.status),
            String::from_utf8_lossy(&done.stderr).trim_end()
        ),
        Ok(Err(error)) => format!("it cannot be run: {error}"),
        Err(_) => format!("it did not answer in {} s", PROBE_TIMEOUT.as_secs()),
    };
    tracing::warn!(
        "the packages of {} are not searched for extensions: {problem}",
        python.display()
    );
    Vec::new()
}

fn in_environment(venv: &Path, advice: &str) -> Result<PathBuf, SupervisorError> {
    let python = venv.join("bin/python");
    if is_executable(&python) {
        absolute(&python)
    } else {
        missing(format!(
            "{} has no bin/python that can be run; {advice}",
            venv.display()
        ))
    }
}

fn missing<T>(problem: String) -> Result<T, SupervisorError> {
    Err(SupervisorError::FindPython { problem })
}

/// Absolute, but with symbolic links kept: a venv's `bin/python` is one, and knows its venv by its place.
fn absolute(path: &Path) -> Result<PathBuf, SupervisorError> {
    std::path::absolute(path).map_err(|source: io::Error| SupervisorError::Resolve {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn executable(path: &Path) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, "#!/bin/sh\n").expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made executable");
    }

    #[test]
    fn given_then_venv_then_virtual_env_then_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let mut choice = Choice {
            root: at("app"),
            given: Some(at("given/python3.12")),
            virtual_env: Some(at("other")),
            search_path: at("bin").into(),
        };
        for path in [
            "given/python3.12",
            "app/.venv/bin/python",
            "other/bin/python",
            "bin/python3",
            "bin/python3.9",
        ] {
            executable(&at(path));
        }
        let find = |choice: &Choice| choice.find().expect("an interpreter");

        assert_eq!(find(&choice), at("given/python3.12"));
        choice.given = Some("python3.9".into());
        assert_eq!(find(&choice), at("bin/python3.9"));
        choice.given = None;
        assert_eq!(find(&choice), at("app/.venv/bin/python"));
        fs::remove_dir_all(at("app/.venv")).expect("removed");
        assert_eq!(find(&choice), at("other/bin/python"));
        choice.virtual_env = None;
        assert_eq!(find(&choice), at("bin/python3"));
    }

    #[test]
    fn what_cannot_be_run_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let choice = Choice {
            root: at("app"),
            given: None,
            virtual_env: None,
            search_path: at("bin").into(),
        };
        let fails = |choice: &Choice, expected: &str| {
            let error = choice.find().expect_err("nothing to run").to_string();
            assert!(error.contains(expected), "{error}");
        };
        fails(&choice, "no python3 in PATH");
        fails(
            &Choice {
                given: Some("python3.99".into()),
                ..choice.clone()
            },
            "no python3.99 in PATH",
        );
        fails(
            &Choice {
                given: Some(at("gone")),
                ..choice.clone()
            },
            "--python names",
        );
        fails(
            &Choice {
                virtual_env: Some(at("gone")),
                ..choice.clone()
            },
            "VIRTUAL_ENV",
        );
        fs::create_dir_all(at("app/.venv")).expect("a folder without an interpreter");
        fails(&choice, ".venv has no bin/python");
        fs::write(at("app/.venv/.funcdock-making"), "").expect("written");
        fails(&choice, "left unfinished");
    }
}
