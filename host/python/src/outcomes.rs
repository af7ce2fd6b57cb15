//! Makes an [`Outcome`] from a function's return value, outputs or exception.

use funcdock::model::{Data, Exception, Outcome, Output, Returned};
use pyo3::intern;
use pyo3::prelude::*;

use crate::convert::{self, Kind};
use crate::exceptions;
use crate::index::Function;

/// Returns the outcome of a call that returned `value`, with its `Out` objects in the order of [`Function::outputs`].
/// Attached. A value that cannot be sent counts as an exception of the function.
pub(crate) fn returned(function: &Function, value: &Bound<'_, PyAny>, outs: &[Bound<'_, PyAny>]) -> Outcome {
    match convert(function, value, outs) {
        Ok(returned) => Outcome::Returned(returned),
        Err(error) => raised(value.py(), &error),
    }
}

/// Returns the outcome of a call that ended without a result of the function.
pub(crate) fn lost(reason: &str) -> Outcome {
    Outcome::Raised(Box::new(Exception {
        type_name: "LostCall".to_owned(),
        message: reason.to_owned(),
        traceback: String::new(),
    }))
}

/// Returns the outcome of a call that raised. Attached.
pub(crate) fn raised(py: Python<'_>, error: &PyErr) -> Outcome {
    Outcome::Raised(Box::new(exceptions::describe(py, error)))
}

fn convert(function: &Function, value: &Bound<'_, PyAny>, outs: &[Bound<'_, PyAny>]) -> PyResult<Returned> {
    let mut returned = Returned::value(match (&function.return_encoder, function.return_kind) {
        (Some(encoder), _) => convert::encoded(encoder.bind(value.py()), value)?,
        (None, Some(kind)) if !value.is_none() => kind.data(&function.name, "$return", value)?,
        _ => Data::None,
    });
    for (output, out) in function.outputs.iter().zip(outs) {
        if output.kind == Kind::Http && function.return_kind == Some(Kind::Http) && !returned.value.is_none()
        {
            // The return value makes the response.
            continue;
        }
        let value = out.call_method0(intern!(value.py(), "get"))?;
        if value.is_none() {
            continue;
        }
        let data = match &output.encoder {
            Some(encoder) => convert::encoded(encoder.bind(value.py()), &value)?,
            None => output.kind.data(&function.name, &output.name, &value)?,
        };
        returned.outputs.push(Output {
            name: output.name.clone(),
            data,
        });
    }
    Ok(returned)
}
