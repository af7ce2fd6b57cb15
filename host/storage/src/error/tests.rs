//! Responses and what becomes of them.

use azure_core::http::StatusCode;
use azure_core::http::headers::Headers;

use super::*;

fn target() -> Target {
    Target::new(
        "queue 'orders' of storage account a".to_owned(),
        "a.example.org".to_owned(),
        "check the key",
    )
}

/// The error for a response with this status, code and body.
fn error(status: u16, code: Option<&str>, body: &str) -> StorageError {
    let mut headers = Headers::new();
    if let Some(code) = code {
        headers.insert(ERROR_CODE, code.to_owned());
    }
    let status = StatusCode::from(status);
    let response = RawResponse::from_bytes(status, headers, body.to_owned());
    target().error(&azure_core::Error::with_message(
        ErrorKind::HttpResponse {
            status,
            error_code: code.map(str::to_owned),
            raw_response: Some(Box::new(response)),
        },
        "failed",
    ))
}

#[test]
fn responses_become_kinds_of_errors() {
    type Variant = fn(ServiceError) -> StorageError;
    let expected: [(u16, &str, Variant); 14] = [
        (404, "QueueNotFound", StorageError::NotFound),
        (404, "MessageNotFound", StorageError::NotFound),
        (409, "BlobAlreadyExists", StorageError::Conflict),
        (409, "LeaseAlreadyPresent", StorageError::Conflict),
        (412, "ConditionNotMet", StorageError::PreconditionFailed),
        (400, "PopReceiptMismatch", StorageError::PreconditionFailed),
        (
            409,
            "LeaseIdMismatchWithLeaseOperation",
            StorageError::PreconditionFailed,
        ),
        (
            409,
            "LeaseNotPresentWithLeaseOperation",
            StorageError::PreconditionFailed,
        ),
        (403, "AuthenticationFailed", StorageError::Unauthorized),
        (401, "NoAuthenticationInformation", StorageError::Unauthorized),
        (503, "ServerBusy", StorageError::Unavailable),
        (500, "OperationTimedOut", StorageError::Unavailable),
        (429, "TooManyRequests", StorageError::Unavailable),
        (413, "RequestBodyTooLarge", StorageError::Other),
    ];
    for (status, code, variant) in expected {
        let error = error(status, Some(code), "");
        let inner = ServiceError {
            message: error.to_string(),
            code: Some(code.to_owned()),
        };
        assert_eq!(error, variant(inner), "{status} {code}");
        assert!(error.to_string().contains(code), "{error}");
        assert!(error.to_string().contains("queue 'orders'"), "{error}");
    }
}

#[test]
fn the_services_words_are_shown_except_about_access() {
    let body = "\u{feff}<?xml version=\"1.0\"?><Error><Code>OutOfRangeInput</Code><Message>One of the inputs is out of range.\nRequestId:1\nTime:2</Message></Error>";
    assert_eq!(
        error(400, None, body).to_string(),
        "queue 'orders' of storage account a: a.example.org does not accept the request: One of the inputs is out of range. (OutOfRangeInput)"
    );
    let body =
        "<Error><Code>AuthenticationFailed</Code><Message>The signature 'abc' is wrong</Message></Error>";
    let text = error(403, Some("AuthenticationFailed"), body).to_string();
    assert_eq!(
        text,
        "queue 'orders' of storage account a: a.example.org denies access (AuthenticationFailed); check the key"
    );
    assert_eq!(
        error(502, None, "<html>Bad Gateway</html>").to_string(),
        "queue 'orders' of storage account a: a.example.org is not available: status 502"
    );
}
