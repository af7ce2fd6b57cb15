//! What extensions give to Python: plain values, and objects such as `context.tracer` and what its methods return.

use std::fmt::Display;
use std::sync::Arc;

use abi::Value;
use abi_stable::std_types::{RResult, RStr, RString, RVec, Tuple2};
use funcdock::model::Attribute;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{extend, name_panic};
use pyo3::exceptions::{PyAttributeError, PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyNone, PyString, PyTuple};

use super::arguments::from_python;
use crate::exceptions;
use crate::text::utf8;

/// An object of an extension: attributes, methods and `with` are calls into its library, made detached.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct ExtensionObject {
    object: Arc<abi::Object>,
}

/// A method of an [`ExtensionObject`], bound to it.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct ExtensionMethod {
    object: Arc<abi::Object>,
    /// Lives in the object.
    name: RStr<'static>,
}

impl ExtensionObject {
    pub(crate) fn new(object: Arc<abi::Object>) -> Self {
        ExtensionObject { object }
    }

    fn method(&self, name: &str) -> Option<RStr<'static>> {
        let methods = self.object.methods();
        let found = methods.iter().find(|method| method.as_str() == name)?;
        // SAFETY: it lives in the object, which an `ExtensionMethod` keeps alive.
        Some(unsafe { extend(found.as_str()) })
    }

    fn attribute<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if let Some(name) = self.method(name) {
            let method = ExtensionMethod {
                object: Arc::clone(&self.object),
                name,
            };
            return Ok(Bound::new(py, method)?.into_any());
        }
        let found = py.detach(|| self.object.get(RStr::from_str(name)));
        match result(&self.object, name, found)?.into_option() {
            Some(value) => to_python(py, &value.into()),
            None => {
                let class = self.class_name();
                Err(PyAttributeError::new_err(format!(
                    "'{class}' object has no attribute '{name}'"
                )))
            }
        }
    }

    fn class_name(&self) -> String {
        self.object.class_name().to_string()
    }
}

#[pymethods]
impl ExtensionObject {
    /// Not `__getattr__`, which Python only comes to after it has made an exception of its own.
    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = utf8(name)?;
        if !text.starts_with("__") {
            return slf.get().attribute(slf.py(), text);
        }
        // SAFETY: both are alive, and we are attached; it returns a new reference or raises.
        unsafe {
            let found = pyo3::ffi::PyObject_GenericGetAttr(slf.as_ptr(), name.as_ptr());
            Bound::from_owned_ptr_or_err(slf.py(), found)
        }
    }

    /// Python comes here when there is no such attribute, with an error of which PyO3 keeps the name alone.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.attribute(py, utf8(name)?)
    }

    fn __setattr__(&self, py: Python<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value)?;
        let set = py.detach(|| self.object.set(RStr::from_str(name), value));
        result(&self.object, name, set)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let object = &slf.get().object;
        let entered = py.detach(|| object.enter());
        match result(object, "__enter__()", entered)?.into_option() {
            Some(value) => to_python(py, &value.into()),
            None => Ok(slf.clone().into_any()),
        }
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        exception: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let _ = (exception_type, traceback);
        let described = if exception.is_none() {
            None
        } else {
            Some(exceptions::texts(exception)?)
        };
        let raw = described
            .as_ref()
            .map(|[type_name, message, traceback]| abi::Exception {
                type_name: RStr::from_str(type_name),
                message: RStr::from_str(message),
                traceback: RStr::from_str(traceback),
            });
        let left = py.detach(|| self.object.exit(raw.into()));
        result(&self.object, "__exit__()", left)
    }

    fn __repr__(&self) -> String {
        format!("<{}>", self.class_name())
    }

    fn __dir__(&self) -> Vec<String> {
        self.object.methods().iter().map(ToString::to_string).collect()
    }
}

#[pymethods]
impl ExtensionMethod {
    #[pyo3(signature = (*positional, **keyword))]
    fn __call__<'py>(
        &self,
        positional: &Bound<'py, PyTuple>,
        keyword: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = positional.py();
        let mut given = RVec::with_capacity(positional.len());
        for (index, value) in positional.iter().enumerate() {
            let value = from_python(&value).map_err(|error| self.of_argument(py, error, index + 1))?;
            given.push(value);
        }
        let mut named = RVec::new();
        for (name, value) in keyword.into_iter().flatten() {
            let name = name.cast::<PyString>()?;
            let name = utf8(name)?;
            let value = from_python(&value).map_err(|error| self.of_argument(py, error, name))?;
            named.push(Tuple2(RString::from(name), value));
        }
        let returned = py.detach(|| self.object.call(self.name, given, named));
        let value = result(&self.object, format_args!("{}()", self.name), returned)
            .map_err(|error| self.with_name(py, error))?;
        to_python(py, &value.into())
    }

    fn __repr__(&self) -> String {
        format!("<method {}>", self.name)
    }
}

impl ExtensionMethod {
    /// As Python does, a `TypeError` of a call begins with the method's name.
    fn with_name(&self, py: Python<'_>, error: PyErr) -> PyErr {
        if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err(format!("{}() {}", self.name, error.value(py)))
        } else {
            error
        }
    }

    /// An argument that cannot be given to an extension: which one of which method.
    fn of_argument(&self, py: Python<'_>, error: PyErr, argument: impl Display) -> PyErr {
        let message = format!("{}() argument {argument}: {}", self.name, error.value(py));
        if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err(message)
        } else if error.is_instance_of::<PyOverflowError>(py) {
            PyOverflowError::new_err(message)
        } else {
            error
        }
    }
}

/// What this member of an object returned.
fn result<T>(object: &abi::Object, member: impl Display, result: RResult<T, abi::Error>) -> PyResult<T> {
    match result {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(python_error(&name_panic(object, member, error))),
    }
}

fn python_error(error: &abi::Error) -> PyErr {
    let message = error.message.to_string();
    match error.kind {
        abi::ERROR_TYPE => PyTypeError::new_err(message),
        abi::ERROR_VALUE => PyValueError::new_err(message),
        abi::ERROR_ATTRIBUTE => PyAttributeError::new_err(message),
        _ => PyRuntimeError::new_err(message),
    }
}

/// What an extension set or returned as a Python object. Attached.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Attribute) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Attribute::Value(value) => plain(py, value)?,
        Attribute::Object(object) => Bound::new(py, ExtensionObject::new(Arc::clone(object)))?.into_any(),
        Attribute::List(values) => {
            let items: PyResult<Vec<_>> = values.iter().map(|value| to_python(py, value)).collect();
            PyList::new(py, items?)?.into_any()
        }
        Attribute::Map(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries.iter() {
                dict.set_item(&**key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

fn plain<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Str(value) => PyString::new(py, value).into_any(),
        Value::Bytes(value) => PyBytes::new(py, value).into_any(),
        // The others are cases of `Attribute`.
        Value::None | Value::List(_) | Value::Map(_) | Value::Object(_) => {
            PyNone::get(py).to_owned().into_any()
        }
    })
}
