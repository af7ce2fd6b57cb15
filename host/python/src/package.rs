//! The Python package `funcdock`, carried inside this module: there is one file to install and to find.

use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Submodules, in the order in which they import each other.
const MODULES: [(&str, &str); 5] = [
    ("errors", include_str!("../funcdock/errors.py")),
    ("http", include_str!("../funcdock/http.py")),
    ("loader", include_str!("../funcdock/loader.py")),
    ("logs", include_str!("../funcdock/logs.py")),
    ("tasks", include_str!("../funcdock/tasks.py")),
];

/// The package's modules that Rust calls.
pub(crate) struct Package {
    pub(crate) errors: Py<PyModule>,
    pub(crate) http: Py<PyModule>,
    pub(crate) loader: Py<PyModule>,
    pub(crate) logs: Py<PyModule>,
    pub(crate) tasks: Py<PyModule>,
}

/// Makes the package importable and imports all of it. Attached, on the main thread, after the app's packages
/// became importable: `funcdock.http` builds on the app's `azure.functions`.
pub(crate) fn import(py: Python<'_>) -> PyResult<Package> {
    let root = PyModule::from_code(
        py,
        &CString::new(include_str!("../funcdock/__init__.py"))?,
        c"<funcdock>/__init__.py",
        c"funcdock",
    )?;
    // An empty path makes it a package whose only submodules are those put into sys.modules here.
    root.setattr("__path__", Vec::<String>::new())?;
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    modules.set_item("funcdock", &root)?;
    for (name, source) in MODULES {
        let module = PyModule::from_code(
            py,
            &CString::new(source)?,
            &CString::new(format!("<funcdock>/{name}.py"))?,
            &CString::new(format!("funcdock.{name}"))?,
        )?;
        modules.set_item(format!("funcdock.{name}"), &module)?;
        root.setattr(name, &module)?;
    }
    let module = |name: &str| PyModule::import(py, format!("funcdock.{name}")).map(Bound::unbind);
    Ok(Package {
        errors: module("errors")?,
        http: module("http")?,
        loader: module("loader")?,
        logs: module("logs")?,
        tasks: module("tasks")?,
    })
}
