//! Headers that belong to the connection and to the framing of messages, which the server alone sets.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, UPGRADE};
use http::{HeaderMap, StatusCode};

use crate::model::{Body, CONNECTION_HEADERS, HttpResponse, is_connection_header};

/// Removes from a response of a function or an extension what the server sets itself.
///
/// What is left: `Connection: close`, which closes the connection after the response; `Upgrade` in a 426, which has to say
/// what the client must speak; and to HEAD the length of a body that is not there, which only the function knows.
pub(super) fn remove(response: &mut HttpResponse, is_head: bool) {
    if !response.headers.keys().any(is_connection_header) {
        return;
    }
    let headers = &mut response.headers;
    let closes = has_token(headers, &CONNECTION, "close");
    let upgrade = match response.status {
        StatusCode::UPGRADE_REQUIRED => headers.get(UPGRADE).cloned(),
        _ => None,
    };
    let is_length_kept = is_head && response.status != StatusCode::NO_CONTENT && is_unknown(&response.body);
    let length = is_length_kept.then(|| length(headers)).flatten();
    for name in &CONNECTION_HEADERS {
        headers.remove(name);
    }
    // There is room for them, as at least as many were removed.
    if closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    } else if let Some(upgrade) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, upgrade);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Whether a header, which is a list, has this token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(token))
}

/// Whether nothing else says how long this body would be.
fn is_unknown(body: &Body) -> bool {
    body.bytes().is_none_or(|bytes| bytes.is_empty())
}

/// Returns the length that the headers declare, if it is one, and the same in all of them.
fn length(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next()?;
    let is_number = first.as_bytes().iter().all(u8::is_ascii_digit);
    let is_valid = is_number && first.to_str().is_ok_and(|text| text.parse::<u64>().is_ok());
    (is_valid && lengths.all(|other| other == first)).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_alone_frames_responses() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: [(u16, Headers, Headers); 6] = [
            (
                200,
                &[("x-own", "kept"), ("date", "kept")],
                &[("x-own", "kept"), ("date", "kept")],
            ),
            (
                200,
                &[
                    ("content-length", "7"),
                    ("transfer-encoding", "gzip"),
                    ("te", "trailers"),
                    ("trailer", "x-own"),
                    ("upgrade", "h2c"),
                    ("keep-alive", "timeout=5"),
                    ("proxy-connection", "keep-alive"),
                    ("connection", "keep-alive, Upgrade"),
                ],
                &[],
            ),
            (
                200,
                &[("connection", "x-own"), ("connection", "foo, Close")],
                &[("connection", "close")],
            ),
            (
                426,
                &[("upgrade", "foo/2")],
                &[("connection", "Upgrade"), ("upgrade", "foo/2")],
            ),
            (426, &[("content-length", "0")], &[]),
            (101, &[("upgrade", "foo"), ("connection", "upgrade")], &[]),
        ];
        for (status, given, expected) in cases {
            let headers = |pairs: Headers| {
                let mut headers = HeaderMap::new();
                for (name, value) in pairs {
                    headers.append(*name, HeaderValue::from_static(value));
                }
                headers
            };
            let mut response = HttpResponse {
                status: StatusCode::from_u16(status).expect("a status"),
                headers: headers(given),
                body: Body::default(),
            };
            remove(&mut response, false);
            assert_eq!(response.headers, headers(expected), "{status} {given:?}");
        }
    }
}
