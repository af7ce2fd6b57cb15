//! Answers what Event Grid sends about blobs, as Azure's host does: its check of the webhook, in both schemas, and events.

use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use super::route::OPTIONS_OR_POST;
use crate::keys::KeyRing;
use crate::triggers::blob::{BlobWebhook, KEY_NAME, WebhookError};
use crate::triggers::http::access::KeyCheck;
use crate::triggers::http::responses::{self, ResponseBody};

/// What Event Grid says that a request is.
const EVENT_TYPE: &str = "aeg-event-type";

/// Where the check of CloudEvents comes from.
const REQUEST_ORIGIN: &str = "webhook-request-origin";
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// The webhook for events of blobs.
pub(super) struct Webhook {
    taker: BlobWebhook,
    /// What requires its key.
    check: Option<KeyCheck>,
}

impl Webhook {
    /// Returns the webhook, which needs one of these keys. An app that has functions for it gets the key for it, which may
    /// block for a moment.
    pub(super) fn new(taker: BlobWebhook, keys: Option<&KeyRing>) -> Self {
        if let Some(keys) = keys.filter(|_| taker.has_functions()) {
            match keys.folder().make_system_key(KEY_NAME) {
                Ok(true) => tracing::info!(
                    "the system key {KEY_NAME:?}, which Event Grid needs for events of blobs, was made in {}",
                    keys.folder().path().display()
                ),
                Ok(false) => {}
                Err(error) => tracing::error!(
                    "the system key {KEY_NAME:?}, which Event Grid needs for events of blobs, cannot be made, so it needs the \
                     master key: {error}"
                ),
            }
        }
        Webhook {
            taker,
            check: keys.map(|keys| KeyCheck::of_extension(keys.clone(), KEY_NAME)),
        }
    }

    /// Returns what requires its key; `None` if none is needed.
    pub(super) fn check(&self) -> Option<&KeyCheck> {
        self.check.as_ref()
    }

    /// Answers a request with this body, which is a POST or OPTIONS.
    pub(super) async fn answer(&self, parts: &Parts, body: &[u8]) -> Response<ResponseBody> {
        answer(&self.taker, parts, body).await
    }
}

async fn answer(webhook: &BlobWebhook, parts: &Parts, body: &[u8]) -> Response<ResponseBody> {
    let function = match webhook.function(function_name(parts).as_deref()) {
        Ok(function) => function,
        Err(error) => return refused(&error),
    };
    if parts.method == Method::OPTIONS {
        return handshake(parts);
    }
    let kind = parts.headers.get(EVENT_TYPE).map(HeaderValue::as_bytes);
    let is = |expected: &str| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(expected.as_bytes()));
    if is("SubscriptionValidation") {
        return match webhook.validate(function, body) {
            Ok(code) => responses::json(&json!({ "validationResponse": code })),
            Err(error) => refused(&error),
        };
    }
    if is("Unsubscribe") {
        return responses::plain(StatusCode::OK, "");
    }
    // Other senders of CloudEvents do not have the header.
    if is("Notification") || (kind.is_none() && has_cloud_events(parts)) {
        return match webhook.record(function, body).await {
            Ok(()) => responses::plain(StatusCode::ACCEPTED, ""),
            Err(error) => refused(&error),
        };
    }
    let found = kind.map_or_else(
        || "none".to_owned(),
        |kind| format!("{:?}", String::from_utf8_lossy(kind)),
    );
    responses::plain(
        StatusCode::BAD_REQUEST,
        format!(
            "expected the header {EVENT_TYPE} with SubscriptionValidation, Notification or Unsubscribe, as Event Grid sends it, \
             or a body of the type application/cloudevents+json; found {found}\n"
        ),
    )
}

/// Returns the name of the function in the query.
fn function_name(parts: &Parts) -> Option<String> {
    let mut query = form_urlencoded::parse(parts.uri.query()?.as_bytes());
    query
        .find(|(name, _)| name.eq_ignore_ascii_case("functionName"))
        .map(|(_, value)| value.into_owned())
}

fn has_cloud_events(parts: &Parts) -> bool {
    let kind = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/cloudevents"))
}

/// Lets the sender of CloudEvents that asks send, as much as it wants.
fn handshake(parts: &Parts) -> Response<ResponseBody> {
    let Some(origin) = parts.headers.get(REQUEST_ORIGIN) else {
        return responses::plain(
            StatusCode::BAD_REQUEST,
            "expected the header WebHook-Request-Origin, as the senders of CloudEvents have it\n",
        );
    };
    let mut response = responses::plain(StatusCode::OK, "");
    let headers = response.headers_mut();
    headers.insert(ALLOWED_ORIGIN, origin.clone());
    headers.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
    headers.insert(ALLOW, HeaderValue::from_static(OPTIONS_OR_POST));
    response
}

fn refused(error: &WebhookError) -> Response<ResponseBody> {
    let status = match error {
        WebhookError::NoName | WebhookError::Events(_) => StatusCode::BAD_REQUEST,
        WebhookError::NoFunction(_) => StatusCode::NOT_FOUND,
        WebhookError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    responses::plain(status, format!("{error}\n"))
}
