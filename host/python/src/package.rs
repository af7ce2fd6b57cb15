//! The Python package `funcdock`, embedded in this module, so that there is only one file to install and to find.

use std::ffi::CString;
use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{output, termination};

/// The package's modules that Rust calls.
pub(crate) struct Package {
    pub(crate) asgi: Py<PyModule>,
    pub(crate) companions: Py<PyModule>,
    pub(crate) decorators: Py<PyModule>,
    pub(crate) dock: Py<PyModule>,
    pub(crate) hooks: Py<PyModule>,
    pub(crate) http_streams: Py<PyModule>,
    pub(crate) http: Py<PyModule>,
    pub(crate) loader: Py<PyModule>,
    pub(crate) logs: Py<PyModule>,
    pub(crate) paths: Py<PyModule>,
    pub(crate) stalls: Py<PyModule>,
    pub(crate) tasks: Py<PyModule>,
    pub(crate) threads: Py<PyModule>,
    pub(crate) traces: Py<PyModule>,
    pub(crate) wsgi: Py<PyModule>,
}

/// Makes the app at `root` and the package importable, and imports the package. Attached, on the main thread.
pub(crate) fn import(py: Python<'_>, app: &Path) -> PyResult<Package> {
    let root = PyModule::from_code(
        py,
        &CString::new(include_str!("../funcdock/__init__.py"))?,
        c"<funcdock>/__init__.py",
        c"funcdock",
    )?;
    // An empty path makes it a package. Its only submodules are those that are put into sys.modules here.
    root.setattr("__path__", Vec::<String>::new())?;
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    modules.set_item("funcdock", &root)?;
    let submodule = |name: &str, source: &str| -> PyResult<Py<PyModule>> {
        let module = PyModule::from_code(
            py,
            &CString::new(source)?,
            &CString::new(format!("<funcdock>/{name}.py"))?,
            &CString::new(format!("funcdock.{name}"))?,
        )?;
        modules.set_item(format!("funcdock.{name}"), &module)?;
        root.setattr(name, &module)?;
        Ok(module.unbind())
    };
    // The modules below use the app's `azure.functions`, so the app's packages must be importable first.
    let paths = submodule("paths", include_str!("../funcdock/paths.py"))?;
    paths.bind(py).call_method1("prepare", (app,))?;
    // Each uses only modules above it.
    submodule("errors", include_str!("../funcdock/errors.py"))?;
    let output = submodule("output", include_str!("../funcdock/output.py"))?;
    output::install(output.bind(py))?;
    let logs = submodule("logs", include_str!("../funcdock/logs.py"))?;
    let traces = submodule("traces", include_str!("../funcdock/traces.py"))?;
    submodule("import_loop", include_str!("../funcdock/import_loop.py"))?;
    let patches = submodule("patches", include_str!("../funcdock/patches.py"))?;
    patches.bind(py).call_method1("install", (app,))?;
    let tasks = submodule("tasks", include_str!("../funcdock/tasks.py"))?;
    termination::install(tasks.bind(py))?;
    submodule("forks", include_str!("../funcdock/forks.py"))?;
    let asgi = submodule("asgi", include_str!("../funcdock/asgi.py"))?;
    let http_streams = submodule("http_streams", include_str!("../funcdock/http_streams.py"))?;
    submodule("signatures", include_str!("../funcdock/signatures.py"))?;
    submodule("byte_streams", include_str!("../funcdock/byte_streams.py"))?;
    submodule("blobs", include_str!("../funcdock/blobs.py"))?;
    submodule("sdk_types", include_str!("../funcdock/sdk_types.py"))?;
    submodule("bindings", include_str!("../funcdock/bindings.py"))?;
    submodule("functions_host", include_str!("../funcdock/functions_host.py"))?;
    submodule("unserved", include_str!("../funcdock/unserved.py"))?;
    let loader = submodule("loader", include_str!("../funcdock/loader.py"))?;
    let companions = submodule("companions", include_str!("../funcdock/companions.py"))?;
    submodule("targets", include_str!("../funcdock/targets.py"))?;
    let dock = submodule("dock", include_str!("../funcdock/dock.py"))?;
    // Also a package: an import that fails then asks the finder of `dock` for the reason.
    let extensions = submodule("extensions", include_str!("../funcdock/extensions.py"))?;
    extensions.bind(py).setattr("__path__", Vec::<String>::new())?;
    Ok(Package {
        asgi,
        companions,
        decorators: submodule("decorators", include_str!("../funcdock/decorators.py"))?,
        dock,
        hooks: submodule("hooks", include_str!("../funcdock/hooks.py"))?,
        http: submodule("http", include_str!("../funcdock/http.py"))?,
        http_streams,
        loader,
        logs,
        paths,
        stalls: submodule("stalls", include_str!("../funcdock/stalls.py"))?,
        tasks,
        threads: submodule("threads", include_str!("../funcdock/threads.py"))?,
        traces,
        wsgi: submodule("wsgi", include_str!("../funcdock/wsgi.py"))?,
    })
}
