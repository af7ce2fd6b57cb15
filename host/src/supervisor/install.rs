//! The environment that we make for an app: `<app>/.venv` with its requirements installed.
//!
//! Two marker files tell ours from the user's: [`MAKING`] while it is made, [`INSTALLED`] (a copy of the
//! requirements that are in it) after. A virtual environment cannot be moved, so it is made in place; one
//! that was left with the first marker is made anew.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::SupervisorError;
use super::error::describe;
use super::python::is_executable;

const MAKING: &str = ".funcdock-making";
const INSTALLED: &str = ".funcdock-installed";

/// The app's `.venv`, by whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Venv {
    /// There is none.
    Absent,
    /// The user made it: never touched.
    Foreign,
    /// We began it and did not finish.
    Unfinished,
    /// We made it.
    Ours,
}

impl Venv {
    /// Looks at the app in `root`.
    pub(super) fn of(root: &Path) -> Self {
        let venv = venv(root);
        if !venv.exists() {
            Self::Absent
        } else if venv.join(MAKING).exists() {
            Self::Unfinished
        } else if venv.join(INSTALLED).exists() {
            Self::Ours
        } else {
            Self::Foreign
        }
    }
}

pub(super) fn venv(root: &Path) -> PathBuf {
    root.join(".venv")
}

pub(super) fn requirements(root: &Path) -> PathBuf {
    root.join("requirements.txt")
}

/// Makes the app's environment, or brings it to what requirements.txt says now. `base` finds the
/// interpreter to make it with. Cancel-safe: an environment that is half-made then is removed.
pub(super) async fn bring_up_to_date(
    root: &Path,
    base: impl FnOnce() -> Result<PathBuf, SupervisorError>,
    verbose: bool,
) -> Result<(), SupervisorError> {
    // Held to the end. Another host that starts the same app at this moment waits, and finds it done.
    let _lock = lock(root).await?;
    let venv = venv(root);
    let wanted = read(&requirements(root))?;

    match Venv::of(root) {
        Venv::Foreign => return Ok(()),
        Venv::Absent | Venv::Unfinished => {}
        Venv::Ours if !is_executable(&venv.join("bin/python")) => {
            tracing::info!(
                "the interpreter of {} is gone; making the environment anew",
                venv.display()
            );
        }
        Venv::Ours if read(&venv.join(INSTALLED))? == wanted => return Ok(()),
        Venv::Ours => {
            tracing::info!(
                "requirements.txt has changed; installing it into {} …",
                venv.display()
            );
            pip_install(root, &venv, verbose).await?;
            return write(&venv.join(INSTALLED), &wanted);
        }
    }

    let base = base()?;
    tracing::info!(
        "making {} and installing requirements.txt into it …",
        venv.display()
    );
    remove(&venv).map_err(|source| SupervisorError::Environment {
        path: venv.clone(),
        source,
    })?;
    fs::create_dir(&venv).map_err(|source| SupervisorError::Environment {
        path: venv.clone(),
        source,
    })?;
    let unfinished = Unfinished(&venv);
    write(&venv.join(MAKING), b"")?;
    run(
        Command::new(base)
            .args(["-m", "venv"])
            .arg(&venv)
            .current_dir(root),
        verbose,
    )
    .await?;
    pip_install(root, &venv, verbose).await?;
    write(&venv.join(INSTALLED), &wanted)?;
    let making = venv.join(MAKING);
    fs::remove_file(&making).map_err(|source| SupervisorError::Environment { path: making, source })?;
    std::mem::forget(unfinished);
    Ok(())
}

async fn pip_install(root: &Path, venv: &Path, verbose: bool) -> Result<(), SupervisorError> {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "-r",
        "requirements.txt",
    ]);
    run(pip.current_dir(root), verbose).await
}

/// Runs a step to its end. Its output is shown as it comes (on stderr) or kept for the error.
async fn run(command: &mut Command, verbose: bool) -> Result<(), SupervisorError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    if verbose {
        command.stdout(io::stderr()).stderr(Stdio::inherit());
    } else {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let std = command.as_std();
    let words = std::iter::once(std.get_program()).chain(std.get_args());
    let line = words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let failed = |outcome, output| SupervisorError::Install {
        command: line,
        outcome,
        output,
    };
    // Not `output()`, which would pipe what is to be shown.
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(failed(format!("cannot be run: {error}"), String::new())),
    };
    match child.wait_with_output().await {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => {
            let text = [done.stdout, done.stderr].concat();
            Err(failed(
                describe(done.status),
                String::from_utf8_lossy(&text).trim_end().to_owned(),
            ))
        }
        Err(error) => Err(failed(format!("cannot be watched: {error}"), String::new())),
    }
}

/// Removes an unfinished environment when it is dropped.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove(self.0) {
            tracing::warn!("{} is half-made and cannot be removed: {error}", self.0.display());
        }
    }
}

/// Removes an environment, in one step as far as others can see: it must never be found without its marker.
fn remove(venv: &Path) -> io::Result<()> {
    let aside = venv.with_file_name(".venv.funcdock-removed");
    remove_if_there(&aside)?;
    match fs::rename(venv, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => remove_if_there(&aside),
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A lock on the app's folder, among the hosts that start it.
async fn lock(root: &Path) -> Result<File, SupervisorError> {
    let folder = File::open(root).map_err(|source| SupervisorError::Environment {
        path: root.to_owned(),
        source,
    })?;
    let mut told = false;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if !told => {
                tracing::info!(
                    "another funcdock makes the environment of {}; waiting …",
                    root.display()
                );
                told = true;
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(TryLockError::Error(error)) => {
                // Some network file systems have no locks on folders: worth less than the start itself.
                tracing::debug!("{} cannot be locked: {error}", root.display());
                return Ok(folder);
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SupervisorError> {
    fs::read(path).map_err(|source| SupervisorError::Environment {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file and waits until it is on disk.
fn write(path: &Path, content: &[u8]) -> Result<(), SupervisorError> {
    File::create(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(|source| SupervisorError::Environment {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests;
