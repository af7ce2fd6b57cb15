//! Why a binding cannot be read or written.

use std::string::FromUtf8Error;

use funcdock_storage::StorageError;

use crate::model::expression::{BlobPathError, ExpandError};
use crate::model::{BodyError, Exception};

/// Why the binding with a name cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the binding {binding:?}: {problem}")]
pub struct BindingError {
    binding: String,
    problem: BindingProblem,
}

/// Why a binding cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BindingProblem {
    /// The app settings do not have the connection.
    #[error("{0}")]
    Connection(String),
    /// The queue's name cannot be made of the call's values.
    #[error(transparent)]
    Name(#[from] ExpandError),
    /// The blob's path cannot be made of the call's values.
    #[error(transparent)]
    Path(#[from] BlobPathError),
    /// The service does not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What the function has put out cannot be read to its end.
    #[error("what the function gave cannot be read: {0}")]
    Source(BodyError),
    /// Bytes for a queue of texts.
    #[error(
        "a message is not UTF-8 text, which a queue without an encoding needs; set \"messageEncoding\": \"base64\" in \
         extensions.queues of host.json"
    )]
    NotText,
    /// A message that the service does not take.
    #[error(
        "a message has {0} bytes as it is sent; a queue takes at most 65536: put the content into a blob, and its name into the message"
    )]
    TooLong(usize),
    /// A blob whose content is not text, for a function that takes text.
    #[error("the blob is not UTF-8 text; take it as bytes or func.InputStream")]
    BlobNotText(#[from] FromUtf8Error),
    /// Data that has no bytes.
    #[error("expected text, bytes or a stream, found {0}")]
    NoBytes(&'static str),
}

impl BindingProblem {
    /// Returns this as the problem of the binding with this name.
    pub(super) fn of_binding(self, binding: &str) -> BindingError {
        BindingError {
            binding: binding.to_owned(),
            problem: self,
        }
    }
}

impl From<BindingError> for Box<Exception> {
    fn from(error: BindingError) -> Self {
        Box::new(Exception {
            type_name: "BindingError".to_owned(),
            message: error.to_string(),
            traceback: String::new(),
        })
    }
}
