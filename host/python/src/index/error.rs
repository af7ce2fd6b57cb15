//! Why the app's functions could not be loaded.

use std::sync::Arc;

use funcdock::app::{App, AppError, Driver};
use funcdock::model::Exception;
use pyo3::prelude::*;

use crate::exceptions;
use crate::text::lossy;

/// Why a worker cannot serve the app, or one of its functions.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Python failed before any code of the app ran.
    Prepare(PyErr),
    /// The script that declares the functions failed, or declares none.
    Script { file: String, error: PyErr },
    /// Functions are declared in a way that cannot be served.
    Declaration(AppError),
    /// A function's code failed, or does not fit its bindings.
    Function { name: String, error: PyErr },
    /// The ASGI app that a function is says that it cannot start.
    AppStart { name: String, error: PyErr },
    /// An extension's companion failed.
    Companion { extension: Arc<str>, error: PyErr },
    /// The app's extensions in Python do not have the library's form, or are attached to no function.
    Dock(PyErr),
}

impl LoadError {
    /// Returns the phase and the message, with Python's traceback if code of the app raised, and with what to do if that
    /// is known.
    pub(crate) fn describe(&self, py: Python<'_>, app: &App) -> (String, String) {
        let (phase, error) = match self {
            LoadError::Prepare(error) => ("preparation of Python".to_owned(), error),
            LoadError::Script { file, error } => (format!("import of {file}"), error),
            LoadError::Declaration(error) => {
                return ("indexing of the functions".to_owned(), error.to_string());
            }
            LoadError::Function { name, error } => (format!("load of function {name:?}"), error),
            LoadError::AppStart { name, error } => (format!("lifespan of the ASGI app {name:?}"), error),
            LoadError::Companion { extension, error } => (
                format!("start of the extension {extension:?}, in its companion,"),
                error,
            ),
            LoadError::Dock(error) => ("docking of the extensions".to_owned(), error),
        };
        (phase, described(py, app, error))
    }

    /// Writes the log record of a function that fails alone; returns the error that its calls end with.
    pub(super) fn log(&self, py: Python<'_>, app: &App) -> Exception {
        let (phase, message) = self.describe(py, app);
        let reason = match self {
            LoadError::Function { error, .. } | LoadError::AppStart { error, .. } => {
                let raised = exceptions::describe(py, error);
                if app.driver == Driver::FunctionsHost {
                    // Whoever asks to load it gets the reason.
                    return Exception {
                        traceback: message,
                        ..raised
                    };
                }
                let first_line = raised.message.lines().next().unwrap_or_default();
                match raised.type_name.starts_with("funcdock.") {
                    true => first_line.to_owned(),
                    false => format!("{}: {first_line}", raised.type_name),
                }
            }
            _ => phase.clone(),
        };
        py.detach(|| tracing::error!("{phase} failed, so its calls are answered with an error:\n{message}"));
        Exception {
            type_name: "LoadError".to_owned(),
            message: format!("the function could not be loaded; the log at the start says more: {reason}"),
            traceback: String::new(),
        }
    }
}

fn described(py: Python<'_>, app: &App, error: &PyErr) -> String {
    let describe = || -> PyResult<String> {
        let errors = py.import("funcdock.errors")?;
        let value = error.clone_ref(py).into_value(py);
        let text = errors.call_method1("describe_load", (value, &app.root))?;
        // The names of files may have lone surrogates.
        Ok(lossy(&text.cast_into()?).into_owned())
    };
    describe().unwrap_or_else(|_| error.to_string())
}
