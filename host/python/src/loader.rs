//! The app's functions, imported: what the runner needs to call each of them.

use std::sync::Arc;

use funcdock::app;
use funcdock::extensions::ExtensionError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::package::Package;
use crate::text::utf8;

/// A function that is ready to be called.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) callable: Py<PyAny>,
    /// What to call instead, with the context and the arguments, where extensions in Python have hooks around it.
    pub(crate) hooked: Option<Py<PyAny>>,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// The output binding that makes the HTTP response when the function returns nothing.
    pub(crate) response_output: Option<usize>,
}

/// A parameter, by name.
pub(crate) struct Parameter {
    pub(crate) name: Py<PyString>,
    pub(crate) kind: ParameterKind,
}

/// What fills a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    /// The trigger's data.
    Trigger,
    /// The invocation's context.
    Context,
    /// An `Out`.
    Out,
}

/// Why the app's functions could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Python does not run as it should, before any code of the app.
    Prepare(PyErr),
    /// A function's script failed, or does not fit its function.json.
    Function { name: String, error: PyErr },
    /// An extension that the app requires could not be started.
    Extensions(ExtensionError),
    /// The Python module that goes with an extension failed.
    Companion { extension: Arc<str>, error: PyErr },
    /// The app's extensions in Python are not what the library makes of them.
    Dock(PyErr),
}

impl LoadError {
    /// The phase, and the message with Python's traceback where code of the app raised.
    pub(crate) fn describe(&self, py: Python<'_>) -> (String, String) {
        let (phase, error) = match self {
            LoadError::Prepare(error) => ("preparation of Python".to_owned(), error),
            LoadError::Function { name, error } => (format!("load of function {name:?}"), error),
            LoadError::Extensions(error) => {
                return ("start of the extensions".to_owned(), error.to_string());
            }
            LoadError::Companion { extension, error } => (
                format!("start of the extension {extension:?}, in its companion,"),
                error,
            ),
            LoadError::Dock(error) => ("docking of the extensions in Python".to_owned(), error),
        };
        (phase, described(py, error))
    }
}

fn described(py: Python<'_>, error: &PyErr) -> String {
    let describe = || -> PyResult<String> {
        // Our own errors say it all in their message.
        if error.get_type(py).name()? == "LoadError" {
            return error.value(py).str()?.extract();
        }
        let errors = py.import("funcdock.errors")?;
        let (_, _, traceback): (String, String, String) = errors
            .call_method1("describe", (error.clone_ref(py).into_value(py),))?
            .extract()?;
        Ok(traceback)
    };
    describe().unwrap_or_else(|_| error.to_string())
}

/// Imports every function of the app. Attached, on the main thread.
pub(crate) fn load(py: Python<'_>, package: &Package, app: &app::App) -> Result<Vec<Function>, LoadError> {
    let loader = package.loader.bind(py);
    app.functions
        .iter()
        .map(|function| {
            load_function(loader, app, function).map_err(|error| LoadError::Function {
                name: function.name.clone(),
                error,
            })
        })
        .collect()
}

fn load_function(
    loader: &Bound<'_, PyModule>,
    app: &app::App,
    function: &app::Function,
) -> PyResult<Function> {
    let py = loader.py();
    let bindings: Vec<(&str, &str, String)> = function
        .bindings
        .iter()
        .map(|binding| {
            let direction = match binding.direction {
                app::Direction::In => "in",
                app::Direction::Out => "out",
                app::Direction::InOut => "inout",
            };
            (
                binding.name.as_str(),
                direction,
                binding.kind.to_ascii_lowercase(),
            )
        })
        .collect();
    let arguments = (
        &function.name,
        &app.root,
        &function.script_file,
        &function.entry_point,
        bindings,
    );
    let loaded = loader.call_method1("load", arguments)?;
    let named: Vec<(Bound<'_, PyString>, String)> = loaded.getattr(intern!(py, "parameters"))?.extract()?;
    let parameters = named
        .into_iter()
        .map(|(name, kind)| Parameter {
            name: name.unbind(),
            kind: match kind.as_str() {
                "trigger" => ParameterKind::Trigger,
                "context" => ParameterKind::Context,
                _ => ParameterKind::Out,
            },
        })
        .collect::<Vec<_>>();
    let outputs = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Out);
    let is_http = |name: &str| {
        let binding = function.bindings.iter().find(|binding| binding.name == name);
        binding.is_some_and(|binding| binding.kind.eq_ignore_ascii_case("http"))
    };
    let mut response_output = None;
    for (index, output) in outputs.enumerate() {
        if is_http(utf8(output.name.bind(py))?) {
            response_output = Some(index);
        }
    }
    Ok(Function {
        name: function.name.clone(),
        callable: loaded.getattr(intern!(py, "function"))?.unbind(),
        hooked: None,
        is_async: loaded.getattr(intern!(py, "is_async"))?.extract()?,
        parameters,
        response_output,
    })
}
