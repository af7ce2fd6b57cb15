//! A worker of Microsoft's Functions host: what the main thread does, in the order in which the host wants it.

use std::path::PathBuf;

use funcdock::cli::worker_config;
use funcdock::control::WorkerConfig;
use funcdock::rpc::{NewEnvironment, Options, Session, Step};
use funcdock::worker::Worker;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{exceptions, serve, version};

/// The variable with the app's folder.
const SCRIPT_ROOT: &str = "AzureWebJobsScriptRoot";

/// Serves the host to its end; returns the exit code. Attached, on the main thread.
pub(crate) fn run(
    py: Python<'_>,
    uri: String,
    worker_id: String,
    request_id: String,
    max_message_length: &str,
    binary_folder: PathBuf,
) -> i32 {
    let options = Options {
        endpoint: funcdock::rpc::Endpoint {
            uri,
            // The binary writes it.
            max_message_length: max_message_length.parse().unwrap_or(i32::MAX as usize),
        },
        worker_id,
        request_id,
        language: version(py),
        // Whoever has made something else of the path gets the reason when the app is loaded.
        packages: site_packages(py).unwrap_or_default(),
    };
    let configure = Box::new(move |folder: &std::path::Path| worker_config(folder, &binary_folder));
    let mut session = match py.detach(|| Session::connect(options, configure)) {
        Ok(session) => session,
        Err(error) => {
            funcdock::logging::print_error(&format_args!("funcdock worker: {error}"));
            return 1;
        }
    };
    // If the app cannot be loaded, the host gets the reason, and ends the worker.
    let mut served = 0;
    let code = loop {
        match py.detach(|| session.next_step()) {
            Step::Environment(new) => replace_environment(py, new),
            Step::Load(mut config, orders) => {
                if config.extensions_enabled
                    && let Err(error) = prepare_for_extensions(py, &mut config)
                {
                    tracing::warn!(
                        "extensions may not be found: {}",
                        exceptions::describe(py, &error)
                    );
                }
                served = match py.detach(|| Worker::new(*config, orders, None)) {
                    Ok(worker) => serve(py, worker),
                    Err(code) => code,
                };
            }
            Step::End(code) => break code.max(served),
        }
    };
    py.detach(|| session.close());
    code
}

/// Sets the folders in which extensions are looked for, and the variable by which those in Python find the app, which not every
/// host sets.
fn prepare_for_extensions(py: Python<'_>, config: &mut WorkerConfig) -> PyResult<()> {
    let environ = py.import("os")?.getattr("environ")?;
    environ.call_method1("setdefault", (SCRIPT_ROOT, config.app.root.as_os_str()))?;
    config.site_packages = site_packages(py)?;
    Ok(())
}

/// Returns the folders that packages are imported from, in the order of `sys.path`: those in which extensions are looked for.
fn site_packages(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let path: Vec<Bound<'_, PyAny>> = py.import("sys")?.getattr("path")?.extract()?;
    let os_file: PathBuf = py.import("os")?.getattr("__file__")?.extract()?;
    let standard = os_file.parent().unwrap_or(std::path::Path::new(""));
    let is_standard = |folder: &PathBuf| folder == standard || *folder == standard.join("lib-dynload");
    let folders = path
        .into_iter()
        .filter_map(|entry| entry.extract::<PathBuf>().ok());
    Ok(folders
        .filter(|folder| folder.is_dir() && !is_standard(folder))
        .filter_map(|folder| std::path::absolute(folder).ok())
        .collect())
}

/// Replaces the environment of the process.
fn replace_environment(py: Python<'_>, new: NewEnvironment) {
    let NewEnvironment {
        variables,
        directory,
        done,
    } = new;
    let replaced = (|| -> PyResult<()> {
        let os = py.import("os")?;
        let environ = os.getattr("environ")?;
        environ.call_method0("clear")?;
        let all = PyDict::new(py);
        for (name, value) in &variables {
            all.set_item(name, value)?;
        }
        environ.call_method1("update", (all,))?;
        if let Some(directory) = directory {
            os.call_method1("chdir", (directory,))?;
        }
        Ok(())
    })();
    let replaced = replaced.map_err(|error| exceptions::describe(py, &error).to_string());
    // Nobody waits any more when the session has ended.
    let _ = done.send(replaced);
}
