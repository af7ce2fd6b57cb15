//! Objects that an extension put on `context`, for tests to use as function code would.

use std::sync::Arc;

use abi_stable::std_types::{ROption, RStr, RString, RVec, Tuple2};

use crate::{Arguments, Error, Exception, Result, Value, abi};

/// An object of the extension's, called through the border as Python calls it.
#[derive(Clone)]
pub struct TestObject {
    /// An [`abi::Value::Object`].
    value: Arc<abi::Value>,
}

impl TestObject {
    pub(super) fn new(value: Arc<abi::Value>) -> Option<Self> {
        matches!(*value, abi::Value::Object(_)).then_some(TestObject { value })
    }

    fn object(&self) -> &abi::Object {
        match &*self.value {
            abi::Value::Object(object) => object,
            _ => unreachable!("`new` takes nothing else"),
        }
    }

    /// `object.method(...)`. An object that it returns is `None` here; see [`call_object`](Self::call_object).
    ///
    /// # Errors
    /// What the method returns, or its panic.
    pub fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        self.called(method, arguments).map(Value::from_abi)
    }

    /// `object.method(...)`, where it returns another object.
    ///
    /// # Errors
    /// What the method returns, or its panic; a value that is no object.
    pub fn call_object(&self, method: &str, arguments: Arguments) -> Result<TestObject> {
        let value = Arc::new(self.called(method, arguments)?);
        TestObject::new(value).ok_or_else(|| Error::msg(format!("{method} returned no object")))
    }

    fn called(&self, method: &str, arguments: Arguments) -> Result<abi::Value> {
        let object = self.object();
        let positional: RVec<abi::Value> = arguments.positional.into_iter().map(Value::into_abi).collect();
        let keyword: RVec<Tuple2<RString, abi::Value>> = arguments
            .keyword
            .into_iter()
            .map(|(name, value)| Tuple2(name.into(), value.into_abi()))
            .collect();
        // SAFETY: the object is alive, the name is borrowed for the call, and the arguments are given away.
        unsafe { (object.functions.call())(object.this, RStr::from_str(method), positional, keyword) }
            .into_result()
            .map_err(Error::from_abi)
    }

    /// `object.name`; `None` where Python would raise `AttributeError`.
    ///
    /// # Errors
    /// What the object returns, or its panic.
    pub fn get(&self, name: &str) -> Result<Option<Value>> {
        let object = self.object();
        // SAFETY: the object is alive, and the name is borrowed for the call.
        let found = unsafe { (object.functions.get())(object.this, RStr::from_str(name)) };
        let found = found.into_result().map_err(Error::from_abi)?;
        Ok(found.into_option().map(Value::from_abi))
    }

    /// `object.name = value`.
    ///
    /// # Errors
    /// What the object returns, or its panic.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let object = self.object();
        // SAFETY: as in `get`; the value is given away.
        unsafe { (object.functions.set())(object.this, RStr::from_str(name), value.into().into_abi()) }
            .into_result()
            .map_err(Error::from_abi)
    }

    /// `with object:` begins.
    ///
    /// # Errors
    /// What the object returns, or its panic.
    pub fn enter(&self) -> Result<()> {
        let object = self.object();
        // SAFETY: the object is alive.
        let entered = unsafe { (object.functions.enter())(object.this) };
        entered.into_result().map(drop).map_err(Error::from_abi)
    }

    /// `with` ends, by this exception if there is one; whether it is swallowed.
    ///
    /// # Errors
    /// What the object returns, or its panic.
    pub fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        let object = self.object();
        let raw = exception.map(|exception| abi::Exception {
            type_name: RStr::from_str(exception.type_name),
            message: RStr::from_str(exception.message),
            traceback: RStr::from_str(exception.traceback),
        });
        // SAFETY: the object is alive, and the exception's strings are borrowed for the call.
        unsafe { (object.functions.exit())(object.this, ROption::from(raw)) }
            .into_result()
            .map_err(Error::from_abi)
    }
}
