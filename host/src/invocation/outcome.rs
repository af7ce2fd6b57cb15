//! How an invocation ended.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::{Datum, HttpResponse};

/// How an invocation ended.
#[derive(Debug)]
pub enum Outcome {
    /// The function returned.
    Returned(Datum),
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
    /// The status of the HTTP answer that this becomes.
    pub fn http_status(&self) -> StatusCode {
        match self {
            Outcome::Returned(datum) => datum.http_status(),
            Outcome::Answered { response, .. } => response.status,
            Outcome::Raised(_) | Outcome::Refused { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Outcome::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Outcome::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        }
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
