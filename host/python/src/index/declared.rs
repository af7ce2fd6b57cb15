//! The functions of the decorator model: the app's script declares them when it is imported.

use std::path::PathBuf;

use funcdock::app::{App, AppSettings, Declared, Script};
use pyo3::prelude::*;

use super::{Framework, LoadError, ToLoad};
use crate::package::Package;

/// A function as `funcdock.decorators` describes it.
#[derive(FromPyObject)]
struct Described {
    name: String,
    json: String,
    file: PathBuf,
    function: Py<PyAny>,
    /// ("asgi" or "wsgi", the app) of a function that is one.
    framework: Option<(String, Py<PyAny>)>,
}

/// Imports the app's script. Returns the functions to load. Attached, on the main thread.
pub(super) fn read(
    py: Python<'_>,
    package: &Package,
    app: &App,
    script: &Script,
) -> Result<Vec<ToLoad>, LoadError> {
    let imported = package
        .decorators
        .bind(py)
        .call_method1("declared", (&app.root, &script.file))
        .and_then(|declared| declared.extract::<Vec<Described>>());
    let described = imported.map_err(|error| LoadError::Script {
        file: script
            .file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        error,
    })?;
    let (declared, mut functions): (Vec<_>, Vec<_>) = described
        .into_iter()
        .map(|described| {
            let declared = Declared {
                name: described.name,
                json: described.json,
                file: described.file,
            };
            (declared, Some((described.function, described.framework)))
        })
        .unzip();
    let settings = AppSettings::of_process(app);
    let read = app
        .read_declared(script, &declared, &settings)
        .map_err(LoadError::Declaration)?;
    py.detach(|| {
        read.warnings
            .iter()
            .for_each(|warning| tracing::warn!("{warning}"));
        if !read.disabled.is_empty() {
            tracing::info!("disabled functions: {}", read.disabled.join(", "));
        }
    });
    let loaded = read.functions.into_iter();
    Ok(loaded
        .map(|(index, definition)| {
            let (function, framework) = functions[index].take().unzip();
            let framework = framework.flatten().map(|(kind, app)| match kind.as_str() {
                "asgi" => Framework::Asgi(app),
                _ => Framework::Wsgi(app),
            });
            ToLoad {
                definition,
                function,
                framework,
            }
        })
        .collect())
}
