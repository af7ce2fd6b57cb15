//! What a request is about: nearly always a resource, which a function may have.

use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::responses::{self, ResponseBody};

/// The most parameters of a query, as in Django; Kestrel has 1,024. Whoever parses more of them (the host for functions, or
/// a framework) keeps the interpreter from other calls meanwhile.
const MAX_PARAMETERS: usize = 1_000;

const TOO_MANY_PARAMETERS: &str = "the query has more than 1000 parameters\n";

/// Returns the response to a request that no function gets; `None` for all others.
pub(super) fn answer(parts: &Parts) -> Option<Response<ResponseBody>> {
    let path = parts.uri.path();
    if parts.method == Method::CONNECT {
        Some(responses::closing(responses::no_tunnels()))
    } else if path.starts_with('/') {
        let is_too_long = has_too_many_parameters(parts.uri.query());
        is_too_long.then(|| responses::plain(StatusCode::BAD_REQUEST, TOO_MANY_PARAMETERS))
    } else if path == "*" && parts.method == Method::OPTIONS {
        Some(responses::options())
    } else {
        // A host alone, or "*" with another method.
        Some(responses::closing(responses::bad_target()))
    }
}

fn has_too_many_parameters(query: Option<&str>) -> bool {
    // Shorter ones cannot.
    let query = query.filter(|query| query.len() >= MAX_PARAMETERS);
    query.is_some_and(|query| memchr::memchr_iter(b'&', query.as_bytes()).count() >= MAX_PARAMETERS)
}
