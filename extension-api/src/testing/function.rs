//! A function of the app that the test makes up.

use std::path::Path;

use abi_stable::std_types::{ROption, RStr};

use crate::abi;
use crate::driver::table;

/// A function of the app, as extensions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFunction {
    pub(super) name: String,
    pub(super) directory: String,
    pub(super) trigger: String,
    pub(super) binding: String,
    pub(super) route: Option<String>,
}

impl TestFunction {
    /// A function with an HTTP trigger, whose binding is called `req`. The route has the app's prefix:
    /// `api/hello/{name}`.
    pub fn http(name: impl Into<String>, route: impl Into<String>) -> Self {
        TestFunction {
            route: Some(route.into()),
            ..TestFunction::new(name, "httpTrigger").binding("req")
        }
    }

    /// A function with a trigger of this binding type, such as `timerTrigger`. Its folder is the one of its name in the
    /// current one.
    pub fn new(name: impl Into<String>, trigger: impl Into<String>) -> Self {
        let name = name.into();
        let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
        TestFunction {
            directory: here.join(&name).to_string_lossy().into_owned(),
            name,
            trigger: trigger.into(),
            binding: "trigger".to_owned(),
            route: None,
        }
    }

    /// Its folder.
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = directory.as_ref().to_string_lossy().into_owned();
        self
    }

    /// The name of its trigger in function.json, which [`Invocation::input`](crate::Invocation::input) takes.
    pub fn binding(mut self, name: impl Into<String>) -> Self {
        self.binding = name.into();
        self
    }

    pub(super) fn raw(&self) -> abi::Function<'_> {
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::Function::new(FUNCTION, std::ptr::from_ref(self).cast()) }
    }
}

table! {
    FUNCTION: FunctionFns, FunctionFnsRef of TestFunction {
        fn name(function) -> RStr<'static> { RStr::from_str(&function.name) }
        fn directory(function) -> RStr<'static> { RStr::from_str(&function.directory) }
        fn trigger(function) -> RStr<'static> { RStr::from_str(&function.trigger) }
        fn route(function) -> ROption<RStr<'static>> { function.route.as_deref().map(RStr::from_str).into() }
    }
}
