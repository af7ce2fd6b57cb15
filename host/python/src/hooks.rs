//! Worker extensions in Python: their load hooks are called after each import, and the others around the functions that
//! they apply to.

use std::path::Path;

use funcdock::extensions::{ExtensionReport, ExtensionState};
use funcdock::model::FunctionDefinition;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::Arguments;
use crate::index::Function;
use crate::package::Package;

/// Prepares for extensions that functions make when they are loaded. Post hooks are skipped after an exception if
/// `skip_post_on_exception`. Attached, before the first function is loaded.
pub(crate) fn watch(py: Python<'_>, package: &Package, skip_post_on_exception: bool) -> PyResult<()> {
    let module = package.hooks.bind(py);
    module.setattr("skip_post_on_exception", skip_post_on_exception)?;
    module.call_method0("watch")?;
    Ok(())
}

/// Puts the hooks around the app's functions, which have these definitions, and returns the extensions. Attached, on the
/// main thread. Exceptions of hooks are logged and not passed on.
pub(crate) fn dock(
    py: Python<'_>,
    package: &Package,
    app_root: &Path,
    definitions: &[&FunctionDefinition],
    functions: &mut [Function],
) -> PyResult<Vec<ExtensionReport>> {
    let module = package.hooks.bind(py);
    let described = definitions
        .iter()
        .zip(functions.iter())
        .filter(|(_, function)| function.failure.is_none())
        .map(|(definition, function)| describe(module, definition, function));
    let described = described.collect::<PyResult<Vec<_>>>()?;
    let hooks = module.call_method1("dock", (app_root, described))?;
    let calls: Vec<Option<Py<PyAny>>> = hooks.getattr("calls")?.extract()?;
    let loaded = functions.iter_mut().filter(|function| function.failure.is_none());
    for (function, call) in loaded.zip(calls) {
        function.hooked = call;
    }
    let extensions: Vec<(String, String)> = hooks.getattr("extensions")?.extract()?;
    Ok(extensions.into_iter().map(report).collect())
}

/// Calls the load hooks of a function, right after it is imported. Attached, on the main thread. Exceptions of hooks are
/// logged and not passed on.
pub(crate) fn loaded(
    py: Python<'_>,
    package: &Package,
    app_root: &Path,
    definition: &FunctionDefinition,
    function: &Function,
) -> PyResult<()> {
    let module = package.hooks.bind(py);
    let described = describe(module, definition, function)?;
    module.call_method1("loaded", (app_root, described))?;
    Ok(())
}

/// Warns about the extensions of an app that are never called, because worker extensions are off. Attached.
pub(crate) fn warn_of_switched_off(py: Python<'_>, package: &Package, app_root: &Path) -> PyResult<()> {
    let module = package.hooks.bind(py);
    module.call_method1("warn_of_switched_off", (app_root,))?;
    Ok(())
}

fn describe<'py>(
    module: &Bound<'py, PyModule>,
    definition: &FunctionDefinition,
    function: &Function,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = (
        &definition.name,
        definition.directory.to_string_lossy(),
        definition.script_file.to_string_lossy(),
        &function.callable,
        function.run.is_on_loop(),
    );
    module.call_method1("Function", arguments)
}

fn report((name, scope): (String, String)) -> ExtensionReport {
    ExtensionReport {
        name,
        version: None,
        scope: Some(if scope == "app" { "app" } else { "function" }),
        source: Some("python".to_owned()),
        state: ExtensionState::Started,
        message: None,
        hooks: Default::default(),
    }
}

/// Returns the callable, which is the function or the hooks around it, and its keyword arguments. Attached.
pub(crate) fn callee<'f, 'py>(
    function: &'f Function,
    arguments: &Arguments<'py>,
) -> PyResult<(&'f Py<PyAny>, Bound<'py, PyDict>)> {
    let (Some(hooked), Some(context)) = (&function.hooked, &arguments.context) else {
        return Ok((&function.callable, arguments.keywords.clone()));
    };
    let py = context.py();
    let keywords = PyDict::new(py);
    keywords.set_item(pyo3::intern!(py, "context"), context)?;
    keywords.set_item(pyo3::intern!(py, "arguments"), &arguments.keywords)?;
    Ok((hooked, keywords))
}
