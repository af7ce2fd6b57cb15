//! How an invocation ended.

use std::sync::Arc;
use std::time::Duration;

use super::{Data, HttpResponse};

/// How an invocation ended.
#[derive(Debug)]
pub enum Outcome {
    /// The function returned.
    Returned(Returned),
    /// The function raised, or could not be called as it is.
    Raised(Box<Exception>),
    /// The function took longer than this.
    TimedOut(Duration),
    /// The invocation was given up before the function ended.
    Cancelled,
    /// A pre hook of this extension answered.
    Answered {
        /// The extension's name.
        extension: Arc<str>,
        /// Its answer.
        response: Box<HttpResponse>,
    },
    /// A pre hook of this extension refused the call.
    Refused {
        /// The extension's name.
        extension: Arc<str>,
        /// Why.
        error: Box<Exception>,
    },
}

/// What a function that returned leaves behind.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// Its return value: that of the binding `$return`.
    pub value: Data,
    /// What it set on its other output bindings, in their order. An output that it did not set is not among them.
    pub outputs: Vec<Output>,
}

/// What a function set on an output binding.
#[derive(Debug, Clone)]
pub struct Output {
    /// The binding's name.
    pub name: Arc<str>,
    /// What it was set to.
    pub data: Data,
}

impl Returned {
    /// A return value and no outputs.
    pub fn value(value: Data) -> Self {
        Returned {
            value,
            outputs: Vec::new(),
        }
    }

    /// The data of the output binding of this name, where the function set it.
    pub fn output(&self, name: &str) -> Option<&Data> {
        let found = self.outputs.iter().find(|output| *output.name == *name);
        found.map(|output| &output.data)
    }
}

/// An exception of the language that the function is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The type's name, qualified by its module unless built in.
    pub type_name: String,
    /// The message.
    pub message: String,
    /// The formatted traceback; may be empty.
    pub traceback: String,
}

impl Outcome {
    /// The function returned this value and set no outputs.
    pub fn returned(value: Data) -> Self {
        Outcome::Returned(Returned::value(value))
    }

    /// What the function raised, or the error of a refusal.
    pub fn exception(&self) -> Option<&Exception> {
        match self {
            Outcome::Raised(exception) => Some(exception),
            Outcome::Refused { error, .. } => Some(error),
            _ => None,
        }
    }
}
