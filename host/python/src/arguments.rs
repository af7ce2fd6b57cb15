//! The arguments of a call, by the parameters' names.

use std::sync::Arc;

use funcdock::invocation::Invocation;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::context::Context;
use crate::loader::{Function, ParameterKind};
use crate::request::RawRequest;

/// The classes of `funcdock.http` that calls are made with.
pub(crate) struct Classes {
    pub(crate) request: Py<PyAny>,
    pub(crate) out: Py<PyAny>,
}

/// A call's keyword arguments, and what they have that is asked for besides.
pub(crate) struct Arguments<'py> {
    pub(crate) keywords: Bound<'py, PyDict>,
    /// The outputs among them, in the order of the parameters.
    pub(crate) outputs: Vec<Bound<'py, PyAny>>,
    /// The context, for hooks; none where the function has no hooks in Python.
    pub(crate) context: Option<Bound<'py, Context>>,
}

/// Makes the arguments of a call. Attached.
pub(crate) fn build<'py>(
    py: Python<'py>,
    classes: &Classes,
    function: &Function,
    invocation: &Arc<Invocation>,
) -> PyResult<Arguments<'py>> {
    let keywords = PyDict::new(py);
    let mut outputs = Vec::new();
    let mut context = None;
    if function.hooked.is_some() {
        context = Some(Bound::new(py, Context::new(Arc::clone(invocation)))?);
    }
    for parameter in &function.parameters {
        let value = match parameter.kind {
            ParameterKind::Trigger => {
                let raw = Bound::new(py, RawRequest::new(Arc::clone(invocation)))?;
                classes.request.bind(py).call1((raw,))?
            }
            ParameterKind::Context => match &context {
                Some(context) => context.clone().into_any(),
                None => Bound::new(py, Context::new(Arc::clone(invocation)))?.into_any(),
            },
            ParameterKind::Out => {
                let out = classes.out.bind(py).call0()?;
                outputs.push(out.clone());
                out
            }
        };
        keywords.set_item(parameter.name.bind(py), value)?;
    }
    Ok(Arguments {
        keywords,
        outputs,
        context,
    })
}
