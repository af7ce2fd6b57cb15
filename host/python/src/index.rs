//! The app's functions: found, imported, and checked against their bindings.
//!
//! In the v1 model the supervisor has already read each function.json; this imports the functions declared there. In the
//! decorator model (`declared`) the app's code declares them. The worker serves the functions that this returns; there is
//! no other list of them.

mod declared;
mod error;

use std::collections::HashMap;
use std::sync::Arc;

use funcdock::app::{App, Declarations, Driver};
use funcdock::control::WorkerConfig;
use funcdock::model::{DataType, Direction, Exception, FunctionDefinition};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::asgi::AsgiApp;
use crate::convert::Kind;
use crate::package::Package;
use crate::text::utf8;
use crate::wsgi::WsgiApp;

pub(crate) use error::LoadError;

/// The functions of an app, in listing order.
pub(crate) struct Index {
    pub(crate) definitions: Vec<FunctionDefinition>,
    /// The functions' callables, by the same indices.
    pub(crate) functions: Vec<Function>,
}

/// A function, which is ready to be called unless it could not be loaded.
pub(crate) struct Function {
    pub(crate) name: String,
    /// Why it could not be loaded, which is how each of its calls ends.
    pub(crate) failure: Option<Box<Exception>>,
    /// What is called; `None` (of Python) if it could not be loaded.
    pub(crate) callable: Py<PyAny>,
    /// The callable that runs the function with its Python hooks, if it has any. Takes the context and the arguments.
    pub(crate) hooked: Option<Py<PyAny>>,
    pub(crate) run: Run,
    pub(crate) parameters: Vec<Parameter>,
    /// How what it returns is converted; `None` where no binding takes it, and it is ignored.
    pub(crate) return_kind: Option<Kind>,
    /// What converts it instead: only under Microsoft's Functions host.
    pub(crate) return_encoder: Option<Py<PyAny>>,
    /// The output bindings that it takes an `Out` for, in the order of the parameters.
    pub(crate) outputs: Vec<OutputBinding>,
}

/// How a function runs.
pub(crate) enum Run {
    /// On a thread of the pool.
    Pool,
    /// As a task of the event loop.
    Loop,
    /// As a task of the event loop: the function is an ASGI app.
    Asgi(AsgiApp),
    /// On a thread of the pool: the function is a WSGI app.
    Wsgi(WsgiApp),
}

impl Run {
    /// Whether it runs on the event loop.
    pub(crate) fn is_on_loop(&self) -> bool {
        matches!(self, Run::Loop | Run::Asgi(_))
    }
}

/// An output binding.
pub(crate) struct OutputBinding {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// What converts its value instead of [`kind`](Self::kind): only under Microsoft's Functions host.
    pub(crate) encoder: Option<Py<PyAny>>,
}

/// A parameter, by name.
pub(crate) struct Parameter {
    pub(crate) name: Py<PyString>,
    pub(crate) kind: ParameterKind,
    /// Makes the binding's data the argument; `None` leaves it as plain data.
    pub(crate) decoder: Option<Py<PyAny>>,
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

/// A parameter as `funcdock.loader` describes it: its name, its kind, its decoder, and the form of its data.
type LoadedParameter<'py> = (Bound<'py, PyString>, String, Option<Py<PyAny>>, Option<String>);

/// A declared function, before its code is looked at.
struct ToLoad {
    definition: FunctionDefinition,
    /// What is called; `None` if its script is still to be imported.
    function: Option<Py<PyAny>>,
    /// The framework's app that the function is, if it is one.
    framework: Option<Framework>,
}

/// The app of a web framework.
enum Framework {
    Asgi(Py<PyAny>),
    Wsgi(Py<PyAny>),
}

impl ToLoad {
    fn from_folder(definition: FunctionDefinition) -> Self {
        ToLoad {
            definition,
            function: None,
            framework: None,
        }
    }

    /// A framework reads the request's body itself, while it arrives.
    fn stream_request_of_framework(&mut self) {
        let mut bindings = self.definition.bindings.iter_mut();
        let http = bindings.find_map(|binding| binding.http_mut());
        if let (Some(_), Some(http)) = (&self.framework, http) {
            http.streams_body = true;
        }
    }

    /// Has inputs whose parameters take text or bytes come as such, unless the declaration says otherwise.
    fn set_data_types(&mut self, by_name: &[(String, String)]) {
        for (name, data_type) in by_name {
            let mut bindings = self.definition.bindings.iter_mut();
            if let Some(binding) = bindings.find(|binding| binding.name == *name) {
                let annotated = match data_type.as_str() {
                    "string" => DataType::String,
                    "reference" => DataType::Reference,
                    _ => DataType::Binary,
                };
                match annotated {
                    // A client of Azure's library cannot be made of anything else.
                    DataType::Reference => binding.data_type = Some(annotated),
                    _ => _ = binding.data_type.get_or_insert(annotated),
                }
            }
        }
    }
}

impl Function {
    /// Returns a function whose calls all end with this error.
    fn not_loaded(py: Python<'_>, name: &str, failure: Exception) -> Self {
        Function {
            name: name.to_owned(),
            failure: Some(Box::new(failure)),
            callable: py.None(),
            hooked: None,
            run: Run::Pool,
            parameters: Vec::new(),
            return_kind: None,
            return_encoder: None,
            outputs: Vec::new(),
        }
    }
}

/// Imports every function of the app. `serves` says whether the worker has a trigger for this type of binding: a function
/// that no trigger calls need not fit its bindings. A function that cannot be loaded fails alone, with a log record,
/// unless it must be loaded, or the host is strict. If an ASGI app says that it cannot start, the worker does not start either: the
/// next one may. `loaded_one` is called right after each function that is loaded. Attached, on the main thread.
pub(crate) fn index(
    py: Python<'_>,
    package: &Package,
    config: &WorkerConfig,
    serves: impl Fn(&str) -> bool,
    loaded_one: impl Fn(&FunctionDefinition, &Function) -> PyResult<()>,
) -> Result<Index, LoadError> {
    let app = &config.app;
    let declared = match &app.declarations {
        Declarations::Folders(functions) => functions.iter().cloned().map(ToLoad::from_folder).collect(),
        Declarations::Script(script) => declared::read(py, package, app, script)?,
    };
    let mut index = Index {
        definitions: Vec::with_capacity(declared.len()),
        functions: Vec::with_capacity(declared.len()),
    };
    for mut to_load in declared {
        let loaded = load_function(py, package, app, &mut to_load, &serves);
        let definition = to_load.definition;
        let function = loaded.or_else(|error| {
            let name = definition.name.clone();
            let is_fatal = config.strict || config.must_load.contains(&name);
            let (error, is_fatal) = match is_start_error(py, package, &error) {
                // Microsoft's host takes no reason for a worker that does not start, but one for each function.
                true => (
                    LoadError::AppStart { name, error },
                    is_fatal || app.driver == Driver::Funcdock,
                ),
                false => (LoadError::Function { name, error }, is_fatal),
            };
            match is_fatal {
                true => Err(error),
                false => Ok(Function::not_loaded(py, &definition.name, error.log(py, app))),
            }
        })?;
        if function.failure.is_none() {
            loaded_one(&definition, &function).map_err(LoadError::Dock)?;
        }
        index.functions.push(function);
        index.definitions.push(definition);
    }
    // One worker says so for all of them.
    if config.index == 0 {
        warn_of_hidden(py, package, app, &index.definitions).map_err(LoadError::Prepare)?;
    }
    Ok(index)
}

/// Whether this says that an ASGI app cannot start.
fn is_start_error(py: Python<'_>, package: &Package, error: &PyErr) -> bool {
    let class = package.asgi.bind(py).getattr(intern!(py, "StartError"));
    class.is_ok_and(|class| error.is_instance(py, &class))
}

/// Warns about modules of the app that others hide from it.
fn warn_of_hidden(
    py: Python<'_>,
    package: &Package,
    app: &App,
    definitions: &[FunctionDefinition],
) -> PyResult<()> {
    let folders: Vec<_> = match app.declarations {
        Declarations::Folders(_) => definitions
            .iter()
            .filter_map(|definition| definition.directory.file_name())
            .collect(),
        Declarations::Script(_) => Vec::new(),
    };
    package
        .paths
        .bind(py)
        .call_method1("warn_of_hidden", (&app.root, folders))?;
    Ok(())
}

/// Imports a function, unless code has declared it, and checks it.
fn load_function(
    py: Python<'_>,
    package: &Package,
    app: &App,
    to_load: &mut ToLoad,
    serves: impl Fn(&str) -> bool,
) -> PyResult<Function> {
    let loader = package.loader.bind(py);
    let definition = &to_load.definition;
    let bindings = bindings(definition);
    let trigger = definition.trigger().map_or("", |trigger| trigger.kind.as_str());
    let is_called = serves(trigger);
    let by_functions_host = app.driver == Driver::FunctionsHost;
    let loaded = match &to_load.function {
        Some(function) => {
            let arguments = (
                &definition.name,
                function,
                "its decorators",
                bindings,
                is_called,
                by_functions_host,
            );
            loader.call_method1(intern!(py, "check"), arguments)?
        }
        None => {
            let arguments = (
                &definition.name,
                &app.root,
                &definition.script_file,
                &definition.entry_point,
                bindings,
                is_called,
                by_functions_host,
            );
            loader.call_method1(intern!(py, "load"), arguments)?
        }
    };
    let named: Vec<LoadedParameter<'_>> = loaded.getattr(intern!(py, "parameters"))?.extract()?;
    let data_types: Vec<_> = named
        .iter()
        .filter_map(|(name, _, _, data_type)| {
            Some((utf8(name).ok()?.to_owned(), data_type.as_deref()?.to_owned()))
        })
        .collect();
    let parameters: Vec<_> = named
        .into_iter()
        .map(|(name, kind, decoder, _)| Parameter {
            name: name.unbind(),
            decoder,
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
    let mut encoders: HashMap<String, Py<PyAny>> = loaded.getattr(intern!(py, "encoders"))?.extract()?;
    let return_encoder = encoders.remove("$return");
    let outs = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Out);
    let outputs = outs.map(|out| {
        let name = utf8(out.name.bind(py))?;
        Ok(OutputBinding {
            name: name.into(),
            kind: kind_of(name).unwrap_or(Kind::Generic),
            encoder: encoders.remove(name),
        })
    });
    if let Some(app) = loaded.getattr(intern!(py, "app"))?.extract()? {
        to_load.framework = Some(Framework::Asgi(app));
    }
    let run = match &to_load.framework {
        Some(Framework::Asgi(app)) => Run::Asgi(AsgiApp::new(
            package.asgi.bind(py),
            app.clone_ref(py),
            definition,
        )?),
        Some(Framework::Wsgi(app)) => Run::Wsgi(WsgiApp::new(
            package.wsgi.bind(py),
            app.clone_ref(py),
            definition,
        )?),
        None if loaded.getattr(intern!(py, "is_async"))?.extract()? => Run::Loop,
        None => Run::Pool,
    };
    let function = Function {
        name: definition.name.clone(),
        failure: None,
        callable: loaded.getattr(intern!(py, "function"))?.unbind(),
        hooked: None,
        run,
        outputs: outputs.collect::<PyResult<_>>()?,
        return_encoder,
        // An HTTP function needs no binding for what it returns.
        return_kind: kind_of("$return").or((Kind::of(trigger) == Kind::Http).then_some(Kind::Http)),
        parameters,
    };
    to_load.stream_request_of_framework();
    to_load.set_data_types(&data_types);
    Ok(function)
}

/// Returns the (name, direction, lower-case type) of each binding.
fn bindings(definition: &FunctionDefinition) -> Vec<(&str, &'static str, String)> {
    let direction = |direction| match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::InOut => "inout",
    };
    let bindings = definition.bindings.iter().map(|binding| {
        let kind = binding.kind.to_ascii_lowercase();
        (binding.name.as_str(), direction(binding.direction), kind)
    });
    bindings.collect()
}
