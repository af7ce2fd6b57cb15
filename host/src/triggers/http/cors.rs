//! Tells browsers which pages may send requests and read the responses (CORS, as the Fetch standard has it).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};

use super::responses::{self, ResponseBody};
use crate::model::{Cors, Origins};

/// The answer to the question of a browser whether a page may send a request; `None` for all other requests.
pub(super) fn preflight(cors: &Cors, parts: &Parts) -> Option<Response<ResponseBody>> {
    let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let origin = parts.headers.get(ORIGIN)?;
    if parts.method != Method::OPTIONS {
        return None;
    }
    let mut response = responses::no_content();
    let headers = response.headers_mut();
    if cors.origins.contains(origin) {
        // The route decides about the method, the function about headers.
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(asked) = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    }
    headers.append(
        VARY,
        HeaderValue::from_static("access-control-request-method, access-control-request-headers"),
    );
    Some(response)
}

/// Adds to the response to a request of this origin whether its pages may read it. What the function says of that does not
/// count then.
pub(super) fn allow(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    const ANY: HeaderValue = HeaderValue::from_static("*");
    headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    if cors.origins == Origins::Any {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        return;
    }
    // A cache must not give one page what another was allowed.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|origin| cors.origins.contains(origin)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if cors.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}
