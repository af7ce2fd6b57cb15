//! Docks extensions for function code: the Rust side of `funcdock.extensions`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use funcdock::control::WorkerConfig;
use funcdock::extensions::{DockError, Extensions};
use pyo3::exceptions::{PyImportError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::index::Index;
use crate::package::Package;

/// Docks and configures extensions while the app's functions are imported. Its methods are called attached, and detach
/// while they call the extensions' libraries.
#[pyclass(frozen, module = "funcdock")]
struct Dock {
    extensions: Arc<Mutex<Extensions>>,
    #[pyo3(get)]
    enabled: bool,
}

/// Connects `funcdock.extensions` with the host. Attached, before any code of the app is imported.
pub(crate) fn install(
    py: Python<'_>,
    package: &Package,
    config: &WorkerConfig,
    extensions: &Arc<Mutex<Extensions>>,
) -> PyResult<()> {
    let dock = Dock {
        extensions: Arc::clone(extensions),
        enabled: config.extensions_enabled,
    };
    // All folders that this interpreter imports from: the supervisor asks for them only if host.json needs them.
    let path: Vec<PathBuf> = py.import("sys")?.getattr("path")?.extract()?;
    dock.lock()
        .search_packages(path.into_iter().filter(|folder| folder.is_absolute()));
    // In the decorator model there are none before code runs.
    let declared: Option<Vec<_>> = config.app.declarations.known().map(|functions| {
        let described = functions.iter().map(|function| {
            (
                &function.name,
                function.directory.to_string_lossy(),
                function.script_file.to_string_lossy(),
            )
        });
        described.collect()
    });
    package
        .dock
        .bind(py)
        .call_method1("install", (Bound::new(py, dock)?, declared))?;
    Ok(())
}

/// Attaches the extensions that function code has attached to functions, now that these are loaded. Attached, before the
/// extensions start.
pub(crate) fn attach(py: Python<'_>, package: &Package, index: &Index) -> PyResult<()> {
    let functions = index.definitions.iter().zip(&index.functions);
    let described = functions.map(|(definition, function)| {
        (
            &definition.name,
            definition.directory.to_string_lossy(),
            definition.script_file.to_string_lossy(),
            &function.callable,
        )
    });
    let described: Vec<_> = described.collect();
    package.dock.bind(py).call_method1("attach", (described,))?;
    Ok(())
}

#[pymethods]
impl Dock {
    fn available(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| {
            let available = self.lock().available();
            available()
        })
    }

    /// Returns the extension's own name and its scope; a failed extension has no scope.
    fn dock(&self, py: Python<'_>, name: &str) -> PyResult<(String, Option<&'static str>)> {
        py.detach(|| self.lock().dock(name)).map_err(raise)
    }

    /// Notes that an extension is imported while extensions are off.
    fn import_switched_off(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        py.detach(|| self.lock().import_switched_off(name)).map_err(raise)
    }

    /// `settings` is a JSON object, `place` the file and the line of the function code.
    fn configure(&self, py: Python<'_>, name: &str, settings: &str, place: &str) -> PyResult<()> {
        let settings = parse(settings)?;
        py.detach(|| self.lock().configure(name, &settings, place))
            .map_err(raise)
    }

    /// `settings` is a JSON object.
    fn attach(&self, py: Python<'_>, name: &str, function: &str, settings: &str) -> PyResult<()> {
        let settings = parse(settings)?;
        py.detach(|| self.lock().attach(name, function, &settings))
            .map_err(raise)
    }
}

impl Dock {
    /// A panic under the lock comes from an extension, and leaves the host's data consistent.
    fn lock(&self) -> MutexGuard<'_, Extensions> {
        self.extensions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(settings: &str) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(settings).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn raise(error: DockError) -> PyErr {
    let message = error.to_string();
    match error {
        DockError::Load(_) => PyImportError::new_err(message),
        DockError::Settings { is_type: true, .. } | DockError::AppLevel { .. } => {
            PyTypeError::new_err(message)
        }
        DockError::Settings { is_type: false, .. } => PyValueError::new_err(message),
        DockError::Late { .. } => PyRuntimeError::new_err(message),
    }
}
