//! What can go wrong on the way out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use tonic::Code;

use crate::credentials::hide_urls;

/// A batch was not delivered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It cannot be written.
    #[error("{0}")]
    Write(#[from] io::Error),
    /// It cannot be sent.
    #[error("{}", hide_urls(&.0.to_string()))]
    Send(#[from] ureq::Error),
    /// The receiver refused it.
    #[error("it answered {status}: {body}")]
    Refused {
        /// The response's status.
        status: StatusCode,
        /// The beginning of the response's body.
        body: String,
    },
    /// The receiver redirects to where it cannot be sent.
    #[error("it redirects to {to:?}: {problem}")]
    Redirect {
        /// The target.
        to: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The receiver took some of it, and asks for the rest later.
    #[error("{pending} items were not taken yet")]
    Partial {
        /// The number of items that it did not take.
        pending: usize,
    },
    /// The file cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// The call of gRPC failed.
    #[error("{0}")]
    Grpc(#[from] GrpcError),
}

/// An operation on a file failed.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    cause: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, cause: io::Error) -> Self {
        FileError {
            action,
            path: path.to_owned(),
            cause,
        }
    }
}

/// A call of gRPC failed.
#[derive(Debug, Error)]
pub enum GrpcError {
    /// The collector refused it.
    #[error("it answered {code:?}: {message}")]
    Answered {
        /// The status.
        code: Code,
        /// The beginning of the status' message.
        message: String,
    },
    /// The collector did not respond in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The collector cannot be reached.
    #[error("{0}")]
    Transport(String),
}

/// Spans that waited for an exporter were not delivered.
#[derive(Debug, Error)]
pub(super) enum FlushError {
    #[error("{target}: {count} {items} still wait")]
    Deadline {
        target: String,
        count: usize,
        items: &'static str,
    },
    #[error("{target}: {error}")]
    Export { target: String, error: ExportError },
}

/// The exporters that did not deliver all, at least one.
#[derive(Debug)]
pub struct FlushErrors(pub(super) Vec<FlushError>);

impl std::error::Error for FlushErrors {}

impl fmt::Display for FlushErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{error}")?;
        }
        Ok(())
    }
}
