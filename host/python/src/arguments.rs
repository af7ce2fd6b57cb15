//! The keyword arguments of a call.

use funcdock::model::Data;
use funcdock::pipeline::RunnerCall;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::context::Context;
use crate::convert::{self, PartsOf, RawRequest};
use crate::index::{Function, ParameterKind};
use crate::text::utf8;

/// The classes of `funcdock.http` for arguments and responses.
pub(crate) struct Classes {
    pub(crate) request: Py<PyAny>,
    pub(crate) out: Py<PyAny>,
    /// The library's class of responses; `None` (of Python) if the app does not have the library.
    pub(crate) response: Py<PyAny>,
}

impl Classes {
    /// Returns the response of a value that an HTTP function returned, if an iterator makes its body. Attached.
    pub(crate) fn parts_of<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<PartsOf<'py>>> {
        let is_plain = value.is_none()
            || value.is_instance_of::<PyString>()
            || value.is_instance_of::<PyBytes>()
            || value.get_type().is(&self.response);
        if is_plain {
            Ok(None)
        } else {
            convert::parts_of(value)
        }
    }
}

/// A call's keyword arguments, and separate references to some of them.
pub(crate) struct Arguments<'py> {
    pub(crate) keywords: Bound<'py, PyDict>,
    /// The `Out` objects, in the order of [`Function::outputs`].
    pub(crate) outs: Vec<Bound<'py, PyAny>>,
    /// The context, for hooks; `None` if the function has no hooks in Python.
    pub(crate) context: Option<Bound<'py, Context>>,
}

/// Makes the arguments of a call. Attached.
pub(crate) fn build<'py>(
    py: Python<'py>,
    classes: &Classes,
    function: &Function,
    call: &RunnerCall,
) -> PyResult<Arguments<'py>> {
    let keywords = PyDict::new(py);
    let mut outs = Vec::new();
    let mut context = None;
    if function.hooked.is_some() {
        context = Some(Bound::new(py, Context::new(call))?);
    }
    for parameter in &function.parameters {
        let name = parameter.name.bind(py);
        let value = match parameter.kind {
            ParameterKind::Request => {
                let raw = Bound::new(py, RawRequest::new(call.clone()))?;
                classes.request.bind(py).call1((raw,))?
            }
            ParameterKind::Input => {
                let name = utf8(name)?;
                let data = call.invocation.input(name).unwrap_or(&Data::None);
                match &parameter.decoder {
                    Some(decoder) => convert::decoded(decoder.bind(py), name, data, &call.invocation)?,
                    None => convert::input(py, name, data)?,
                }
            }
            ParameterKind::Context => match &context {
                Some(context) => context.clone().into_any(),
                None => Bound::new(py, Context::new(call))?.into_any(),
            },
            ParameterKind::Out => {
                let out = classes.out.bind(py).call0()?;
                outs.push(out.clone());
                out
            }
        };
        keywords.set_item(name, value)?;
    }
    Ok(Arguments {
        keywords,
        outs,
        context,
    })
}
