//! Installs an app's requirements into a folder of their own, from which Python imports them without an environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::installer::Installer;
use super::interpreter::InterpreterSearch;
use super::{LaunchError, venv};

/// Packages in a folder.
#[derive(Debug)]
pub(crate) struct Packages {
    /// The version of the Python that they were installed with: "3.13".
    pub(crate) python: String,
    /// Whether some have compiled modules, which no other version can import.
    pub(crate) are_compiled: bool,
}

impl InterpreterSearch {
    /// Whether the app has requirements.
    pub(crate) fn has_requirements(&self) -> bool {
        venv::requirements(&self.root).is_file()
    }

    /// Installs the app's requirements into this folder, which is made, for the interpreter that would run the app. The
    /// app's settings for pip are among `variables`.
    ///
    /// Cancel-safe: leaves an unfinished folder.
    pub(crate) async fn install_into(
        &self,
        folder: &Path,
        verbose: bool,
        variables: &[(String, std::ffi::OsString)],
    ) -> Result<Packages, LaunchError> {
        let base = self.find()?;
        let installer = Installer::new(&self.search_path, variables);
        let failed = |path: &Path, source| LaunchError::Environment {
            path: path.to_owned(),
            source,
        };
        // Its pip is there and installs for the right version, whatever the interpreter itself has.
        let temporary = tempfile::tempdir().map_err(|source| failed(&std::env::temp_dir(), source))?;
        let environment = temporary.path();
        venv::run(
            installer.make(&base, environment).current_dir(environment),
            verbose,
        )
        .await?;
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        let file = venv::to_install(&self.root);
        tracing::info!("installing {file} …");
        let target = folder.to_string_lossy();
        let install = |what: &[&str]| {
            let mut command = installer.install(environment, &["--target", &target]);
            command.args(what).current_dir(&self.root);
            command
        };
        venv::run(&mut install(&["-r", file]), verbose).await?;
        venv::add_library(&[folder.to_owned()], file, async || {
            venv::run(&mut install(&[venv::LIBRARY]), verbose).await
        })
        .await;
        // Commands of packages, which name the interpreter of the environment.
        let commands = folder.join("bin");
        if commands.is_dir() {
            fs::remove_dir_all(&commands).map_err(|source| failed(&commands, source))?;
        }
        compile(environment, folder, verbose).await;
        Ok(Packages {
            python: version(environment).map_err(|source| failed(environment, source))?,
            are_compiled: has_library(folder).map_err(|source| failed(folder, source))?,
        })
    }
}

/// Compiles the modules, so that a start need not: for a copy on a read-only file system, that would be each start. Their
/// sources count as unchanged, as a package loses their exact times.
async fn compile(environment: &Path, folder: &Path, verbose: bool) {
    let mut command = tokio::process::Command::new(environment.join("bin/python"));
    command
        .args([
            "-m",
            "compileall",
            "-q",
            "-f",
            "--invalidation-mode",
            "unchecked-hash",
        ])
        .arg(folder)
        .current_dir(environment);
    // Some packages have templates that are no valid Python.
    if let Err(error) = venv::run(&mut command, verbose).await {
        tracing::debug!("not all packages are compiled: {error}");
    }
}

/// Returns the version of the Python of an environment.
fn version(environment: &Path) -> std::io::Result<String> {
    let file = fs::read_to_string(environment.join("pyvenv.cfg"))?;
    let value = file.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        ["version", "version_info"]
            .contains(&key.trim())
            .then(|| value.trim())
    });
    let mut parts = value.unwrap_or_default().split('.');
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => Ok(format!("{major}.{minor}")),
        _ => Err(std::io::Error::other("pyvenv.cfg has no version")),
    }
}

/// Whether there is a shared library in the folder.
fn has_library(folder: &Path) -> std::io::Result<bool> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "so") {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
