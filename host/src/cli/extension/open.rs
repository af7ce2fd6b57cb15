//! Opens an app's extensions: each library in its own process, several at once.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Map;

use super::child;
use super::outcome::Outcome;
use crate::app::{App, AppSettings, ExtensionConfig};
use crate::cli::settings;
use crate::extensions::{Check, Depth, Search, Source};
use crate::supervisor;

/// The number of libraries that are opened at once.
const AT_ONCE: usize = 4;

/// Returns where to search for an app's extensions. `python` is the interpreter that the user chose.
pub(super) fn search(app: &App, settings: &AppSettings, python: Option<PathBuf>) -> Result<Search> {
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let binary_folder = executable.parent().unwrap_or(Path::new("/"));
    Ok(Search {
        app_root: app.root.clone(),
        wheels: packages(app, python)?,
        path: settings::extension_path(settings, &app.root, binary_folder),
    })
}

/// Returns the folders that the app's interpreter imports packages from. Without an interpreter, logs a warning.
fn packages(app: &App, python: Option<PathBuf>) -> Result<Vec<PathBuf>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an event loop")?;
    let found = runtime.block_on(supervisor::site_packages(app, python));
    Ok(found.unwrap_or_else(|error| {
        tracing::warn!("cannot search the packages of the app's interpreter: {error}");
        Vec::new()
    }))
}

/// Returns the check of all extensions in a library, or of the linked one with this name.
pub(super) fn check(source: Source, name: Option<String>) -> Check {
    Check {
        file: match source {
            Source::File(file) => Some(file),
            Source::Linked => None,
        },
        name,
        sha256: None,
        settings: Map::new(),
        request: None,
        budget_ms: 0,
        depth: Depth::Open,
    }
}

/// Returns the check of an extension of host.json.
pub(super) fn check_of(config: &ExtensionConfig, source: Source, depth: Depth) -> Check {
    Check {
        sha256: config.sha256.clone(),
        settings: config.settings.clone(),
        depth,
        ..check(source, Some(config.name.clone()))
    }
}

/// Runs a check in a child process and returns its outcome.
pub(super) fn opened(check: &Check, time: Duration) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    child::run(check, time, &mut |event| outcome.add(event))?;
    Ok(outcome)
}

/// Returns the results of `work` on each item, in order.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let work = &work;
    let mut results = Vec::with_capacity(items.len());
    for some in items.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|item| scope.spawn(move || work(item))).collect();
            for thread in threads {
                results.push(
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                );
            }
        });
    }
    results.into_iter().collect()
}
