//! Makes the virtual environment of an app: `<app>/.venv` with its requirements installed.
//!
//! Two marker files distinguish ours from the user's: [`MAKING`] exists while it is made, [`INSTALLED`] (a copy of the
//! installed requirements, or of the lock file beside them) afterwards. A virtual environment cannot be moved, so it is made in place. One that still
//! has the first marker is made again.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use super::LaunchError;
use super::installer::Installer;
use crate::logging::hide_credentials;
use crate::sys::{self, describe_exit, is_executable};

const REQUIREMENTS: &str = "requirements.txt";
const MAKING: &str = ".funcdock-making";
const INSTALLED: &str = ".funcdock-installed";

/// The app's `.venv`, by who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Venv {
    /// There is none.
    Absent,
    /// The user made it. We never change it.
    Foreign,
    /// We started to make it and did not finish.
    Unfinished,
    /// We made it.
    Ours,
}

impl Venv {
    /// Looks at the `.venv` of the app in `root`.
    pub(super) fn of(root: &Path) -> Self {
        let venv = venv_path(root);
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

pub(super) fn venv_path(root: &Path) -> PathBuf {
    root.join(".venv")
}

pub(super) fn requirements(root: &Path) -> PathBuf {
    root.join(REQUIREMENTS)
}

/// The files with exact versions that win over requirements.txt, in its format.
const LOCKS: [&str; 2] = ["requirements.lock", "requirements.lock.txt"];

/// The lock files of other formats, which are not read.
const FOREIGN_LOCKS: [&str; 5] = [
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
];

/// Returns the name of the file to install.
pub(super) fn to_install(root: &Path) -> &'static str {
    let lock = LOCKS.into_iter().find(|name| root.join(name).is_file());
    if let (None, Some(foreign)) = (lock, FOREIGN_LOCKS.iter().find(|name| root.join(name).is_file())) {
        tracing::warn!(
            "{foreign} is not used, and requirements.txt is installed: export it to requirements.lock, for example with \
             `uv export --format requirements.txt --output-file requirements.lock`"
        );
    }
    lock.unwrap_or(REQUIREMENTS)
}

/// Makes the app's environment, or updates it to the current requirements. `base` finds the interpreter to make it with.
/// Cancel-safe: removes an unfinished environment.
pub(super) async fn bring_up_to_date(
    root: &Path,
    base: impl FnOnce() -> Result<PathBuf, LaunchError>,
    installer: &Installer,
    verbose: bool,
) -> Result<(), LaunchError> {
    // Held until this function returns. Another host that starts the same app now waits, and finds it done.
    let _lock = lock(root).await?;
    let venv = venv_path(root);
    let file = to_install(root);
    let wanted = read(&root.join(file))?;

    match Venv::of(root) {
        Venv::Foreign => return Ok(()),
        Venv::Absent | Venv::Unfinished => {}
        Venv::Ours if !is_executable(&venv.join("bin/python")) => {
            tracing::info!(
                "the interpreter of {} no longer exists; making the environment again",
                venv.display()
            );
        }
        Venv::Ours if read(&venv.join(INSTALLED))? == wanted => return Ok(()),
        Venv::Ours => {
            tracing::info!("{file} has changed; installing it into {} …", venv.display());
            install(installer, root, &venv, file, verbose).await?;
            return write(&venv.join(INSTALLED), &wanted);
        }
    }

    let base = base()?;
    tracing::info!("making {} and installing {file} into it …", venv.display());
    remove(&venv).map_err(|source| LaunchError::Environment {
        path: venv.clone(),
        source,
    })?;
    fs::create_dir(&venv).map_err(|source| LaunchError::Environment {
        path: venv.clone(),
        source,
    })?;
    let unfinished = Unfinished(&venv);
    write(&venv.join(MAKING), b"")?;
    // `-m` imports from the working directory first. This one is empty, and the app's may have a folder `venv` or `email`.
    run(installer.make(&base, &venv).current_dir(&venv), verbose).await?;
    install(installer, root, &venv, file, verbose).await?;
    write(&venv.join(INSTALLED), &wanted)?;
    let making = venv.join(MAKING);
    fs::remove_file(&making).map_err(|source| LaunchError::Environment { path: making, source })?;
    std::mem::forget(unfinished);
    Ok(())
}

/// Installs the requirements, and the library of the programming model, which Azure brings with it.
async fn install(
    installer: &Installer,
    root: &Path,
    venv: &Path,
    file: &str,
    verbose: bool,
) -> Result<(), LaunchError> {
    run(installer.install(venv, &["-r", file]).current_dir(root), verbose).await?;
    if has_library(venv) {
        return Ok(());
    }
    tracing::info!("{file} does not name {LIBRARY}; installing its newest version, as Azure brings it …");
    let added = run(installer.install(venv, &[LIBRARY]).current_dir(root), verbose).await;
    if let Err(error) = added {
        // An app may do without.
        tracing::warn!("{LIBRARY} is not installed: {error}");
    }
    Ok(())
}

/// The library of the programming model.
pub(super) const LIBRARY: &str = "azure-functions";

/// Whether an environment has [`LIBRARY`].
fn has_library(venv: &Path) -> bool {
    let versions = fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let mut packages = versions.map(|version| version.path().join("site-packages/azure/functions"));
    packages.any(|package| package.is_dir())
}

/// Runs a command until it ends. Keeps its output for the error, or logs it if `verbose`. Neither shows the
/// credentials of an index, or of a repository in requirements.txt.
pub(super) async fn run(command: &mut Command, verbose: bool) -> Result<(), LaunchError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let std = command.as_std();
    let words = std::iter::once(std.get_program()).chain(std.get_args());
    let line = words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let failed = |outcome, output| LaunchError::Install {
        command: line,
        outcome,
        output,
    };
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(failed(format!("cannot be run: {error}"), String::new())),
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = async { tokio::join!(lines_of(stdout, verbose), lines_of(stderr, verbose)) };
    let ((stdout, stderr), ended) = tokio::join!(read, child.wait());
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(
            describe_exit(status),
            [stdout, stderr].concat().join("\n"),
        )),
        Err(error) => Err(failed(format!("cannot be waited for: {error}"), String::new())),
    }
}

/// Reads a stream to its end. Returns its lines, without credentials, or logs each at once if `verbose`.
async fn lines_of(stream: Option<impl AsyncRead + Unpin>, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(stream) = stream else { return lines };
    let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
    // An error of a pipe is its end.
    while stream
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        let text = hide_credentials(String::from_utf8_lossy(&line).trim_end());
        match verbose {
            true => tracing::info!("{text}"),
            false => lines.push(text),
        }
        line.clear();
    }
    lines
}

/// Removes an unfinished environment when it is dropped.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove(self.0) {
            tracing::warn!("cannot remove {}, which is unfinished: {error}", self.0.display());
        }
    }
}

/// Removes an environment. Renames it first, so that nobody finds it without its marker.
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

/// Locks the app's folder against other hosts that start the app.
async fn lock(root: &Path) -> Result<File, LaunchError> {
    let folder = File::open(root).map_err(|source| LaunchError::Environment {
        path: root.to_owned(),
        source,
    })?;
    let mut has_logged = false;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if !has_logged => {
                tracing::info!(
                    "another funcdock is making the environment of {}; waiting …",
                    root.display()
                );
                has_logged = true;
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(TryLockError::Error(error)) => {
                // Some network file systems cannot lock folders. That must not stop the host.
                tracing::debug!("{} cannot be locked: {error}", root.display());
                return Ok(folder);
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LaunchError> {
    sys::read_regular(path).map_err(|source| LaunchError::Environment {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file and waits until it is on disk.
fn write(path: &Path, content: &[u8]) -> Result<(), LaunchError> {
    File::create(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(|source| LaunchError::Environment {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests;
