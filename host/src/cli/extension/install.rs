//! `funcdock extension install`: puts a library into an app.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::open::{check, opened};
use crate::cli::print;
use crate::cli::start::seconds;
use crate::extensions::{Described, Source};

const EXAMPLES: &str = "\
Example:
  funcdock extension install target/release/libstopwatch.so path/to/app

Opens the library in a process of its own, then copies it into the app's .extensions folder. An older copy of the same
extension is replaced at once, also under running workers, which go on with the old one. host.json is not changed.";

/// Put a library into an app's .extensions folder
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The library
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// Seconds that the library may take to open
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

/// Installs the library.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { file, app, timeout } = arguments;
    if !app.join("host.json").is_file() {
        bail!(
            "no host.json in {}: is this a function app? Name the folder that holds its host.json",
            app.display()
        );
    }
    let file = std::path::absolute(&file)
        .with_context(|| format!("cannot make {} an absolute path", file.display()))?;
    let extensions = extensions(&file, timeout)??;
    let name = file.file_name().unwrap_or_default();
    let folder = app.join(".extensions");
    let installed = folder.join(name);
    if installed.exists() {
        // A file that cannot be opened is replaced: it is of no use.
        let before = extensions_there(&installed, timeout)?;
        let is_other = |old: &Described| extensions.iter().all(|new| new.name != old.name);
        if !before.is_empty() && before.iter().all(is_other) {
            bail!(
                "{} exists already and has another extension: {}; remove it, or rename one of the two files",
                installed.display(),
                names(&before)
            );
        }
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    copy(&file, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    print(&format_args!(
        "Installed {}. To dock it, host.json needs:\n\n{}",
        installed.display(),
        needed(&extensions, &app)
    ));
    Ok(ExitCode::SUCCESS)
}

/// Returns what host.json needs, and where all settings are described.
fn needed(extensions: &[Described], app: &Path) -> String {
    let entries: Vec<String> = extensions
        .iter()
        .map(|extension| {
            let required = extension.settings.iter().filter(|setting| setting.required);
            let required: Vec<String> = required
                .map(|setting| format!("{:?}: {}", setting.name, setting.example()))
                .collect();
            match required.as_slice() {
                [] => format!("    {:?}: {{}}", extension.name),
                required => format!(
                    "    {:?}: {{ \"settings\": {{ {} }} }}",
                    extension.name,
                    required.join(", ")
                ),
            }
        })
        .collect();
    let mut text = format!("  \"workerExtensions\": {{\n{}\n  }}\n", entries.join(",\n"));
    let mut settings = extensions
        .iter()
        .flat_map(|extension| &extension.settings)
        .peekable();
    if settings.peek().is_some() {
        let placeholders = match settings.any(|setting| setting.required) {
            true => "Put your own values in place of these. ",
            false => "",
        };
        text.push_str(&format!(
            "\n{placeholders}`funcdock extension list {} --settings` describes all settings.\n",
            app.display()
        ));
    }
    text
}

/// Returns the extensions of a library; the inner error is why it cannot be opened.
fn extensions(file: &Path, timeout: Duration) -> Result<Result<Vec<Described>>> {
    let outcome = opened(&check(Source::File(file.to_owned()), None), timeout)?;
    if let Some(error) = outcome.errors().next() {
        return Ok(Err(anyhow::anyhow!("{error}")));
    }
    let extensions = outcome.extensions.into_iter();
    Ok(Ok(extensions.map(|extension| extension.described).collect()))
}

/// The same, but none of a library that cannot be opened.
fn extensions_there(file: &Path, timeout: Duration) -> Result<Vec<Described>> {
    Ok(extensions(file, timeout)?.unwrap_or_default())
}

fn names(extensions: &[Described]) -> String {
    let names: Vec<&str> = extensions
        .iter()
        .map(|extension| extension.name.as_str())
        .collect();
    names.join(", ")
}

/// Copies a file. Whoever opens the target gets the old file or the whole new one.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(".new");
    let new = to.with_file_name(name);
    let copied = fs::copy(from, &new).and_then(|_| fs::rename(&new, to));
    if copied.is_err() {
        let _ = fs::remove_file(&new);
    }
    copied
}
