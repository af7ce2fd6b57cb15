//! The app's functions: found, imported, and checked against their bindings.
//!
//! In the v1 model the supervisor has already read each function.json; this imports the functions declared there. The
//! worker serves the functions that this returns; there is no other list of them.

use std::sync::Arc;

use funcdock::app::App;
use funcdock::model::{Direction, FunctionDefinition};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::Kind;
use crate::package::Package;
use crate::text::utf8;

/// The functions of an app, in listing order.
pub(crate) struct Index {
    pub(crate) definitions: Vec<FunctionDefinition>,
    /// The functions' callables, by the same indices.
    pub(crate) functions: Vec<Function>,
}

/// A function that is ready to be called.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) callable: Py<PyAny>,
    /// The callable that runs the function with its Python hooks, if it has any. Takes the context and the arguments.
    pub(crate) hooked: Option<Py<PyAny>>,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// How what it returns is converted; `None` where no binding takes it, and it is ignored.
    pub(crate) return_kind: Option<Kind>,
    /// The output bindings that it takes an `Out` for, in the order of the parameters.
    pub(crate) outputs: Vec<OutputBinding>,
}

/// An output binding.
pub(crate) struct OutputBinding {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
}

/// A parameter, by name.
pub(crate) struct Parameter {
    pub(crate) name: Py<PyString>,
    pub(crate) kind: ParameterKind,
}

/// The argument that a parameter gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    /// The HTTP request.
    Request,
    /// The data of the input binding of the parameter's name.
    Input,
    /// The invocation's context.
    Context,
    /// An `Out`.
    Out,
}

/// The reason why the app's functions could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Python failed before any code of the app ran.
    Prepare(PyErr),
    /// A function's script failed, or does not fit its function.json.
    Function { name: String, error: PyErr },
    /// An extension's companion failed.
    Companion { extension: Arc<str>, error: PyErr },
    /// The app's extensions in Python do not have the library's form.
    Dock(PyErr),
}

impl LoadError {
    /// Returns the phase and the message, with Python's traceback if code of the app raised.
    pub(crate) fn describe(&self, py: Python<'_>) -> (String, String) {
        let (phase, error) = match self {
            LoadError::Prepare(error) => ("preparation of Python".to_owned(), error),
            LoadError::Function { name, error } => (format!("load of function {name:?}"), error),
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
        // The message of our own errors is complete without a traceback.
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

/// Imports every function of the app. `serves` says whether the worker has a trigger for this type of binding: a function
/// that is never called need not fit its bindings. Attached, on the main thread.
pub(crate) fn index(
    py: Python<'_>,
    package: &Package,
    app: &App,
    serves: impl Fn(&str) -> bool,
) -> Result<Index, LoadError> {
    let loader = package.loader.bind(py);
    let functions = app.functions.iter().map(|definition| {
        load_function(loader, app, definition, &serves).map_err(|error| LoadError::Function {
            name: definition.name.clone(),
            error,
        })
    });
    Ok(Index {
        functions: functions.collect::<Result<_, _>>()?,
        definitions: app.functions.clone(),
    })
}

fn load_function(
    loader: &Bound<'_, PyModule>,
    app: &App,
    definition: &FunctionDefinition,
    serves: impl Fn(&str) -> bool,
) -> PyResult<Function> {
    let py = loader.py();
    let direction = |direction| match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::InOut => "inout",
    };
    let bindings: Vec<(&str, &str, String)> = definition
        .bindings
        .iter()
        .map(|binding| {
            let kind = binding.kind.to_ascii_lowercase();
            (binding.name.as_str(), direction(binding.direction), kind)
        })
        .collect();
    let trigger = definition.trigger().map_or("", |trigger| trigger.kind.as_str());
    let arguments = (
        &definition.name,
        &app.root,
        &definition.script_file,
        &definition.entry_point,
        bindings,
        serves(trigger),
    );
    let loaded = loader.call_method1("load", arguments)?;
    let named: Vec<(Bound<'_, PyString>, String)> = loaded.getattr(intern!(py, "parameters"))?.extract()?;
    let parameters: Vec<_> = named
        .into_iter()
        .map(|(name, kind)| Parameter {
            name: name.unbind(),
            kind: match kind.as_str() {
                "trigger" if Kind::of(trigger) == Kind::Http => ParameterKind::Request,
                "trigger" | "input" => ParameterKind::Input,
                "context" => ParameterKind::Context,
                _ => ParameterKind::Out,
            },
        })
        .collect();
    let kind_of = |name: &str| {
        let binding = definition.bindings.iter().find(|binding| binding.name == name);
        binding.map(|binding| Kind::of(&binding.kind))
    };
    let outs = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Out);
    let outputs = outs.map(|out| {
        let name = utf8(out.name.bind(py))?;
        Ok(OutputBinding {
            name: name.into(),
            kind: kind_of(name).unwrap_or(Kind::Generic),
        })
    });
    Ok(Function {
        name: definition.name.clone(),
        callable: loaded.getattr(intern!(py, "function"))?.unbind(),
        hooked: None,
        is_async: loaded.getattr(intern!(py, "is_async"))?.extract()?,
        outputs: outputs.collect::<PyResult<_>>()?,
        // An HTTP function needs no binding for what it returns.
        return_kind: kind_of("$return").or((Kind::of(trigger) == Kind::Http).then_some(Kind::Http)),
        parameters,
    })
}
