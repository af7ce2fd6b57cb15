//! Installs an app's requirements into a folder of their own, from which Python imports them without an environment.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::installer::Installer;
use super::interpreter::InterpreterSearch;
use super::venv::LIBRARY;
use super::{LaunchError, venv};

/// Packages in a folder.
#[derive(Debug)]
pub(crate) struct Packages {
    /// The version of the Python that they were installed with: "3.13".
    pub(crate) python: String,
    /// What their compiled modules are for.
    pub(crate) compiled: Compiled,
}

/// What compiled modules are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Compiled {
    /// There are none.
    Nothing,
    /// This kind of machine, with any version of Python.
    Machine,
    /// This kind of machine, with this version.
    MachineAndVersion,
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
        variables: &[(String, OsString)],
    ) -> Result<Packages, LaunchError> {
        let base = self.find()?;
        let installer = Installer::new(&self.search_path, variables);
        // Its pip is there and installs for the right version, whatever the interpreter itself has.
        let temporary = tempfile::tempdir().map_err(failed(&std::env::temp_dir()))?;
        let environment = temporary.path();
        venv::run(
            installer.make(&base, environment).current_dir(environment),
            verbose,
        )
        .await?;
        let file = venv::to_install(&self.root);
        let target = folder.to_string_lossy();
        // Into an empty folder: pip leaves a package out if its top-level folder is there.
        let install = async |with: &[&str]| {
            if folder.exists() {
                fs::remove_dir_all(folder).map_err(failed(folder))?;
            }
            fs::create_dir_all(folder).map_err(failed(folder))?;
            let mut command = installer.install(environment, &["--target", &target, "-r", file]);
            venv::run(command.args(with).current_dir(&self.root), verbose).await
        };
        tracing::info!("installing {file} …");
        install(&[]).await?;
        if !folder.join("azure/functions").is_dir() {
            tracing::info!(
                "{file} does not name {LIBRARY}; installing it with its newest version, as Azure brings it …"
            );
            if let Err(error) = install(&[LIBRARY]).await {
                // An app may do without.
                tracing::warn!("{LIBRARY} is not installed: {error}");
                install(&[]).await?;
            }
        }
        // Commands of packages, which name the interpreter of the environment.
        let commands = folder.join("bin");
        if commands.is_dir() {
            fs::remove_dir_all(&commands).map_err(failed(&commands))?;
        }
        compile(environment, folder, verbose).await;
        Ok(Packages {
            python: version(environment).map_err(failed(environment))?,
            compiled: compiled(folder).map_err(failed(folder))?,
        })
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> LaunchError {
    let path = path.to_owned();
    move |source| LaunchError::Environment {
        path: path.clone(),
        source,
    }
}

/// Compiles the modules, so that a start need not: for a copy on a read-only file system, that would be each start. Their
/// sources count as unchanged, as a package loses their exact times.
async fn compile(environment: &Path, folder: &Path, verbose: bool) {
    let mut command = tokio::process::Command::new(environment.join("bin/python"));
    command
        .args(["-m", "compileall", "-q", "-f"])
        .args(["--invalidation-mode", "unchecked-hash", "-s"])
        .args([folder, folder])
        // The same modules make the same bytes.
        .env("PYTHONHASHSEED", "0")
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

/// Returns what the compiled modules in a folder are for.
fn compiled(folder: &Path) -> std::io::Result<Compiled> {
    let (mut found, mut folders) = (Compiled::Nothing, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if name.ends_with(".so") {
                // Others are for the stable ABI, or no modules.
                let is_of_version = name.contains(".cpython-");
                found = found.max(match is_of_version {
                    true => Compiled::MachineAndVersion,
                    false => Compiled::Machine,
                });
            }
        }
    }
    Ok(found)
}
