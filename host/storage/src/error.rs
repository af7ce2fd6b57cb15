//! What can go wrong with an operation, in the words of this project, and without secrets.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;
use azure_core::http::headers::HeaderName;

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
/// Longer messages of the service are cut: they are one sentence, and XML or HTML if something is wrong.
const MAX_MESSAGE: usize = 300;

/// An operation on a queue, a container or a blob failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The queue, message, container or blob does not exist.
    #[error("{0}")]
    NotFound(ServiceError),
    /// It exists already, or its state does not allow the operation, such as a lease that somebody else has.
    #[error("{0}")]
    Conflict(ServiceError),
    /// It has changed, or was taken over by another client: the etag, the lease or the pop receipt does not match.
    #[error("{0}")]
    PreconditionFailed(ServiceError),
    /// The service denies access. The message says what to check.
    #[error("{0}")]
    Unauthorized(ServiceError),
    /// The service cannot be reached, is too busy, or has an error of its own. Trying again later may help.
    #[error("{0}")]
    Unavailable(ServiceError),
    /// The service does not accept the request for another reason, or its response cannot be understood.
    #[error("{0}")]
    Other(ServiceError),
    /// An argument is not valid; nothing was sent.
    #[error("{0}")]
    InvalidInput(String),
    /// The connection has no endpoint of this service.
    #[error("{0}")]
    NotConfigured(String),
}

/// What happened to which resource. Its text has the service's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    message: String,
    code: Option<String>,
}

impl ServiceError {
    /// The service's own code, such as `QueueNotFound`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StorageError {
    /// The service's own code, such as `QueueNotFound`, if the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            StorageError::NotFound(error)
            | StorageError::Conflict(error)
            | StorageError::PreconditionFailed(error)
            | StorageError::Unauthorized(error)
            | StorageError::Unavailable(error)
            | StorageError::Other(error) => error.code(),
            StorageError::InvalidInput(_) | StorageError::NotConfigured(_) => None,
        }
    }
}

/// The resource of an operation, as errors describe it.
#[derive(Debug, Clone)]
pub(crate) struct Target(Arc<TargetParts>);

#[derive(Debug, Clone)]
struct TargetParts {
    text: String,
    address: String,
    advice: &'static str,
}

impl Target {
    /// Takes the resource's description, the service's host and port, and what to check if access is denied.
    pub(crate) fn new(text: String, address: String, advice: &'static str) -> Self {
        Target(Arc::new(TargetParts {
            text,
            address,
            advice,
        }))
    }

    /// The same with another description, for a resource inside of this one.
    pub(crate) fn inner(&self, what: &str) -> Self {
        Target(Arc::new(TargetParts {
            text: format!("{what} in {}", self.0.text),
            ..(*self.0).clone()
        }))
    }

    /// A response that lacks what it must have.
    pub(crate) fn incomplete(&self, what: &str) -> StorageError {
        let TargetParts { text, address, .. } = &*self.0;
        StorageError::Other(ServiceError {
            message: format!("{text}: the response of {address} has no {what}"),
            code: None,
        })
    }

    /// Translates an error of the SDK.
    pub(crate) fn error(&self, error: &azure_core::Error) -> StorageError {
        let TargetParts {
            text,
            address,
            advice,
        } = &*self.0;
        let plain = |message: String| ServiceError { message, code: None };
        match error.kind() {
            ErrorKind::HttpResponse {
                status, raw_response, ..
            } => self.response(u16::from(*status), raw_response.as_deref()),
            ErrorKind::Connection => StorageError::Unavailable(plain(format!(
                "{text}: cannot connect to {address}: {}",
                root(error)
            ))),
            ErrorKind::Io => StorageError::Unavailable(plain(format!(
                "{text}: no response from {address}: {}",
                root(error)
            ))),
            ErrorKind::Credential => {
                let message = format!("{text}: there is no token for {address}: {}", root(error));
                if is_about_network(error) {
                    StorageError::Unavailable(plain(message))
                } else {
                    StorageError::Unauthorized(plain(format!("{message}; {advice}")))
                }
            }
            _ => StorageError::Other(plain(format!("{text} at {address}: {}", root(error)))),
        }
    }

    fn response(&self, status: u16, response: Option<&RawResponse>) -> StorageError {
        let TargetParts {
            text,
            address,
            advice,
        } = &*self.0;
        let body = response.map_or("", |response| {
            std::str::from_utf8(response.body()).unwrap_or_default()
        });
        let code = response
            .and_then(|response| response.headers().get_optional_str(&ERROR_CODE))
            .or_else(|| element(body, "Code"))
            .map(str::to_owned);
        let named = code.clone().unwrap_or_else(|| format!("status {status}"));
        let message = element(body, "Message").map(first_line).unwrap_or_default();
        let said = if message.is_empty() {
            named.clone()
        } else {
            format!("{message} ({named})")
        };
        let kind = Kind::of(status, code.as_deref());
        let message = match kind {
            Kind::NotFound => format!("{text} does not exist ({named})"),
            Kind::Conflict => format!("{text}: {said}"),
            Kind::PreconditionFailed => {
                format!("{text} was changed or taken over by another client: {said}")
            }
            // The service's words repeat what was sent, with the signature.
            Kind::Unauthorized => format!("{text}: {address} denies access ({named}); {advice}"),
            Kind::Unavailable => format!("{text}: {address} is not available: {said}"),
            Kind::Other => format!("{text}: {address} does not accept the request: {said}"),
        };
        let error = ServiceError { message, code };
        match kind {
            Kind::NotFound => StorageError::NotFound(error),
            Kind::Conflict => StorageError::Conflict(error),
            Kind::PreconditionFailed => StorageError::PreconditionFailed(error),
            Kind::Unauthorized => StorageError::Unauthorized(error),
            Kind::Unavailable => StorageError::Unavailable(error),
            Kind::Other => StorageError::Other(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NotFound,
    Conflict,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
    Other,
}

impl Kind {
    fn of(status: u16, code: Option<&str>) -> Self {
        match (status, code) {
            // Lost leases and messages are the same to a caller, whatever the status.
            (
                _,
                Some(
                    "PopReceiptMismatch"
                    | "LeaseIdMismatchWithLeaseOperation"
                    | "LeaseNotPresentWithLeaseOperation"
                    | "LeaseIsBrokenAndCannotBeRenewed",
                ),
            ) => Kind::PreconditionFailed,
            (404, _) => Kind::NotFound,
            (409, _) => Kind::Conflict,
            (412, _) => Kind::PreconditionFailed,
            (401 | 403, _) => Kind::Unauthorized,
            (408 | 429 | 500..=599, _) => Kind::Unavailable,
            _ => Kind::Other,
        }
    }
}

/// The cause at the end of the chain: what the SDK adds says only that a request failed.
fn root(error: &azure_core::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    // Those of credentials have several lines.
    let lines: Vec<String> = last
        .to_string()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    lines.join(" ")
}

/// Whether the service of an error's cause could not be reached.
fn is_about_network(error: &azure_core::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let kind = cause
            .downcast_ref::<azure_core::Error>()
            .map(azure_core::Error::kind);
        if matches!(kind, Some(ErrorKind::Connection | ErrorKind::Io)) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The text of an element of the service's XML, as it is written.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}

/// The service's message without the id of the request and the time, which are on lines of their own.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars().take(MAX_MESSAGE).collect()
}
