//! Lets in requests that bring the right key.

use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::responses::{self, ResponseBody};
use crate::keys::KeyRing;
use crate::model::AuthLevel;

/// Checks the key of a request.
#[derive(Debug)]
pub(super) struct KeyCheck {
    keys: KeyRing,
    opened_by: OpenedBy,
}

/// The keys that let a request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenedBy {
    /// Those of the function or of the host, and the master key.
    Functions,
    /// The master key.
    Master,
    /// The system key of this name, and the master key.
    System(&'static str),
}

impl KeyCheck {
    /// Returns the check of requests for this level; `None` if everybody may come in.
    pub(super) fn new(keys: KeyRing, level: AuthLevel) -> Option<Self> {
        let opened_by = match level {
            AuthLevel::Anonymous => return None,
            AuthLevel::Function => OpenedBy::Functions,
            AuthLevel::Admin => OpenedBy::Master,
        };
        Some(KeyCheck { keys, opened_by })
    }

    /// Returns the check of requests that need the system key of this name.
    pub(super) fn of_extension(keys: KeyRing, name: &'static str) -> Self {
        KeyCheck {
            keys,
            opened_by: OpenedBy::System(name),
        }
    }

    /// Returns the response to a request that may not come in. Blocks for a moment on the file system.
    pub(super) fn refuse(&self, parts: &Parts) -> Option<Response<ResponseBody>> {
        let Some(key) = key(parts) else {
            return Some(unauthorized(
                "a key is needed: send it in the header x-functions-key, or as ?code=…\n",
            ));
        };
        let needed = match (self.keys.level(&key), self.opened_by) {
            (Some(AuthLevel::Admin), _) | (Some(_), OpenedBy::Functions) => return None,
            (_, OpenedBy::System(name)) if self.keys.has_system_key(name, &key) => return None,
            (None, _) => return Some(unauthorized("this key does not open this\n")),
            (Some(_), OpenedBy::Master) => "the master key".to_owned(),
            (Some(_), OpenedBy::System(name)) => format!("the system key {name:?} or the master key"),
        };
        Some(responses::plain(
            StatusCode::FORBIDDEN,
            format!("this needs {needed}, and this is the key of a function\n"),
        ))
    }
}

/// Returns the key that a request brings: in the header, or else in the query.
fn key(parts: &Parts) -> Option<String> {
    if let Some(header) = parts.headers.get("x-functions-key") {
        // A header that is not text cannot be a key.
        return Some(String::from_utf8_lossy(header.as_bytes()).into_owned());
    }
    let mut query = form_urlencoded::parse(parts.uri.query()?.as_bytes());
    query
        .find(|(name, _)| name.eq_ignore_ascii_case("code"))
        .map(|(_, key)| key.into_owned())
}

/// 401, with the header that HTTP asks for.
fn unauthorized(text: &'static str) -> Response<ResponseBody> {
    let mut response = responses::plain(StatusCode::UNAUTHORIZED, text);
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("FunctionsKey"));
    response
}
