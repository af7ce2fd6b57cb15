//! The outcome of an invocation.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Data, HttpResponse};

/// The outcome of an invocation.
#[derive(Debug)]
pub enum Outcome {
    /// The function returned.
    Returned(Returned),
    /// The function raised, or could not be called.
    Raised(Box<Exception>),
    /// The function took longer than this.
    TimedOut(Duration),
    /// The invocation was given up before the function ended.
    Cancelled,
    /// A pre hook of this extension answered the call.
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
        /// The reason.
        error: Box<Exception>,
    },
}

/// The results of a function that returned.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// Its return value, which is the data of the binding `$return`.
    pub value: Data,
    /// The values of its other output bindings, in their order, without those that it did not set.
    pub outputs: Vec<Output>,
}

/// The value of an output binding.
#[derive(Debug, Clone)]
pub struct Output {
    /// The binding's name.
    pub name: Arc<str>,
    /// The value.
    pub data: Data,
}

impl Returned {
    /// Returns a return value without outputs.
    pub fn value(value: Data) -> Self {
        Returned {
            value,
            outputs: Vec::new(),
        }
    }

    /// Returns the data of the output binding with this name, if the function set it.
    pub fn output(&self, name: &str) -> Option<&Data> {
        let found = self.outputs.iter().find(|output| *output.name == *name);
        found.map(|output| &output.data)
    }
}

/// An exception of the language that the function is written in. It is also the [`BodyError`](super::BodyError) of a
/// stream whose function raised while it made the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The type's name, with its module unless built in.
    pub type_name: String,
    /// The message.
    pub message: String,
    /// The formatted traceback; may be empty.
    pub traceback: String,
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.type_name, self.message)
    }
}

impl Error for Exception {}

impl Outcome {
    /// Returns the outcome of a function that returned this value and set no outputs.
    pub fn returned(value: Data) -> Self {
        Outcome::Returned(Returned::value(value))
    }

    /// Returns the exception of the function, or the error of a refusal.
    pub fn exception(&self) -> Option<&Exception> {
        match self {
            Outcome::Raised(exception) => Some(exception),
            Outcome::Refused { error, .. } => Some(error),
            _ => None,
        }
    }
}
