//! Finds the interpreter that runs the app. Has a virtual environment made for an app that needs one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::installer::Installer;
use super::venv::{self, Venv};
use super::{LaunchError, SAFE_PATH};
use crate::logging::hide_credentials;
use crate::sys::{describe_exit, is_executable};

/// Where to look for an interpreter.
#[derive(Debug, Clone)]
pub(crate) struct InterpreterSearch {
    /// The app's folder, absolute.
    pub(crate) root: PathBuf,
    /// `--python`: a file, or a name to look for in `search_path`.
    pub(crate) given: Option<PathBuf>,
    /// `$VIRTUAL_ENV`; never empty.
    pub(crate) virtual_env: Option<PathBuf>,
    /// `$PATH`.
    pub(crate) search_path: OsString,
}

impl InterpreterSearch {
    /// Returns the search for an app, with the variables of this process.
    pub(crate) fn from_environment(root: &Path, given: Option<PathBuf>) -> Self {
        Self {
            root: root.to_owned(),
            given,
            virtual_env: std::env::var_os("VIRTUAL_ENV")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// Returns the interpreter to run the app with. Makes the app's `.venv` first when the app has requirements and no
    /// environment of its own, unless `install` is off. The app's settings for pip are among `variables`.
    ///
    /// Cancel-safe: removes an unfinished environment.
    pub(crate) async fn prepare(
        &self,
        install: bool,
        verbose: bool,
        variables: &[(String, OsString)],
    ) -> Result<PathBuf, LaunchError> {
        if install && self.needs_our_venv() {
            let installer = Installer::new(&self.search_path, variables);
            let base = || self.in_search_path("python3");
            venv::bring_up_to_date(&self.root, base, &installer, verbose).await?;
        }
        self.find()
    }

    /// Whether to make or update `.venv`: only if Funcdock made it, or if the app has no environment at all.
    fn needs_our_venv(&self) -> bool {
        self.given.is_none()
            && venv::requirements(&self.root).is_file()
            && !self.root.join(".python_packages").exists()
            && match Venv::of(&self.root) {
                Venv::Absent => self.virtual_env.is_none(),
                Venv::Foreign => false,
                Venv::Unfinished | Venv::Ours => true,
            }
    }

    /// Returns the interpreter to run the app with, as things are.
    pub(crate) fn find(&self) -> Result<PathBuf, LaunchError> {
        if let Some(given) = &self.given {
            return match given.parent() {
                Some(parent) if parent.as_os_str().is_empty() => {
                    self.in_search_path(&given.to_string_lossy())
                }
                _ if is_executable(given) => absolute(given),
                _ => missing(format!("--python names {}, which cannot be run", given.display())),
            };
        }
        let venv = venv::venv_path(&self.root);
        match Venv::of(&self.root) {
            Venv::Absent => {}
            Venv::Unfinished => {
                return missing(format!(
                    "{} was left unfinished; delete it, or start without --no-install to make it again",
                    venv.display()
                ));
            }
            Venv::Foreign | Venv::Ours => {
                return in_environment(&venv, "delete it, or make it again with `python3 -m venv`");
            }
        }
        match &self.virtual_env {
            Some(venv) => in_environment(venv, "VIRTUAL_ENV names it: activate another one, or unset it"),
            None => self.in_search_path("python3"),
        }
    }

    fn in_search_path(&self, name: &str) -> Result<PathBuf, LaunchError> {
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

/// Prints the folders that Python imports packages from. Any version of Python can parse it. It imports no module that
/// the app's folder, the working directory, could hide in a Python that does not know [`SAFE_PATH`].
const SITE_PACKAGES: &str = "\
import os, sys
standard = os.path.dirname(os.__file__)
for path in sys.path:
    if path and os.path.isdir(path) and path not in (standard, os.path.join(standard, 'lib-dynload')):
        print(os.path.abspath(path))
";

/// How long an interpreter may take to print these folders.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the folders that this interpreter imports packages from, in its order, with these variables set as in a
/// worker. Empty, with a warning, when the interpreter fails: the worker will then report why.
pub(crate) async fn site_packages(
    python: &Path,
    root: &Path,
    variables: &[(String, OsString)],
) -> Vec<PathBuf> {
    let mut command = tokio::process::Command::new(python);
    command
        .args(["-X", "utf8", "-c", SITE_PACKAGES])
        .current_dir(root)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env(SAFE_PATH, "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let problem = match timeout(PROBE_TIMEOUT, command.output()).await {
        Ok(Ok(done)) if done.status.success() => {
            let lines = String::from_utf8_lossy(&done.stdout);
            // A sitecustomize module may print other lines.
            return lines
                .lines()
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .collect();
        }
        Ok(Ok(done)) => format!(
            "it {}\n{}",
            describe_exit(done.status),
            String::from_utf8_lossy(&done.stderr).trim_end()
        ),
        Ok(Err(error)) => format!("it cannot be run: {error}"),
        Err(_) => format!("it printed nothing within {} s", PROBE_TIMEOUT.as_secs()),
    };
    tracing::warn!(
        "cannot search the packages of {} for extensions: {}",
        python.display(),
        hide_credentials(&problem)
    );
    Vec::new()
}

fn in_environment(venv: &Path, advice: &str) -> Result<PathBuf, LaunchError> {
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

fn missing<T>(problem: String) -> Result<T, LaunchError> {
    Err(LaunchError::FindPython { problem })
}

/// Makes a path absolute and keeps symbolic links: a venv's `bin/python` is one, and finds its venv by its path.
fn absolute(path: &Path) -> Result<PathBuf, LaunchError> {
    std::path::absolute(path).map_err(|source| LaunchError::Resolve {
        path: path.to_owned(),
        source,
    })
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
        let mut choice = InterpreterSearch {
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
        let find = |choice: &InterpreterSearch| choice.find().expect("an interpreter");

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
    fn an_error_names_what_cannot_be_run_and_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let choice = InterpreterSearch {
            root: at("app"),
            given: None,
            virtual_env: None,
            search_path: at("bin").into(),
        };
        let fails = |choice: &InterpreterSearch, expected: &str| {
            let error = choice.find().expect_err("nothing to run").to_string();
            assert!(error.contains(expected), "{error}");
        };
        fails(&choice, "no python3 in PATH");
        fails(
            &InterpreterSearch {
                given: Some("python3.99".into()),
                ..choice.clone()
            },
            "no python3.99 in PATH",
        );
        fails(
            &InterpreterSearch {
                given: Some(at("gone")),
                ..choice.clone()
            },
            "--python names",
        );
        fails(
            &InterpreterSearch {
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
