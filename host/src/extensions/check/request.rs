//! Reads an HTTP request from a file: the message as HTTP/1.1 has it, with any ends of lines.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use smallvec::SmallVec;

use crate::model::{HttpRequest, Scheme, append_header, is_authority};

/// Why a file is not a request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// The first line is not a request line.
    #[error("line 1: expected a request line such as \"POST /api/hello HTTP/1.1\", found {found:?}")]
    Line {
        /// The line.
        found: String,
    },
    /// A line before the empty one is not a header.
    #[error("line {line}: expected a header such as \"content-type: text/plain\", found {found:?}")]
    Header {
        /// The number of the line.
        line: usize,
        /// The line.
        found: String,
    },
    /// There are too many headers.
    #[error("line {line}: there are too many headers")]
    TooMany {
        /// The number of the line.
        line: usize,
    },
    /// A header is not one that this supports, or the body does not fit it.
    #[error("{name}: expected {expected}, found {found}")]
    Framing {
        /// The header.
        name: HeaderName,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

/// Checks that this is an HTTP request.
///
/// # Errors
/// It is not.
pub fn check_request(message: &[u8]) -> Result<(), RequestError> {
    parse(message).map(|_| ())
}

/// Parses a request.
pub(super) fn parse(message: &[u8]) -> Result<HttpRequest, RequestError> {
    let mut rest = message;
    let (method, uri, version) = request_line(next_line(&mut rest).unwrap_or_default())?;
    let mut headers = HeaderMap::new();
    let mut number = 1;
    while let Some(line) = next_line(&mut rest).filter(|line| !line.is_empty()) {
        number += 1;
        let (name, value) = header_line(line).ok_or_else(|| RequestError::Header {
            line: number,
            found: shown(line),
        })?;
        append_header(&mut headers, name, value).map_err(|_| RequestError::TooMany { line: number })?;
    }
    let host = headers
        .get(header::HOST)
        .cloned()
        .unwrap_or(HeaderValue::from_static("localhost"));
    if !is_authority(host.as_bytes()) {
        return Err(RequestError::Framing {
            name: header::HOST,
            expected: "a name or an address, and maybe a port",
            found: shown(host.as_bytes()),
        });
    }
    Ok(HttpRequest {
        body: Bytes::copy_from_slice(body(&headers, rest)?).into(),
        method,
        uri,
        version,
        headers,
        route_params: SmallVec::new(),
        scheme: Scheme::Http,
        host,
        client: "127.0.0.1:50000".into(),
        peer: "127.0.0.1:50000".into(),
        websocket: None,
    })
}

/// Takes the next line, without its end; `None` at the end of the message.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (*rest, &rest[rest.len()..]),
    };
    *rest = after;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn request_line(line: &[u8]) -> Result<(Method, Uri, Version), RequestError> {
    let parsed = || {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
        let uri: Uri = words.next()?.parse().ok()?;
        let version = match words.next() {
            Some("HTTP/1.1") | None => Version::HTTP_11,
            Some("HTTP/1.0") => Version::HTTP_10,
            Some("HTTP/2") => Version::HTTP_2,
            Some(_) => return None,
        };
        let is_whole = words.next().is_none() && uri.path().starts_with('/');
        is_whole.then_some((method, uri, version))
    };
    parsed().ok_or_else(|| RequestError::Line { found: shown(line) })
}

fn header_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// Returns the body: as much as `Content-Length` says, or the rest of the file.
fn body<'a>(headers: &HeaderMap, rest: &'a [u8]) -> Result<&'a [u8], RequestError> {
    if let Some(coding) = headers.get(header::TRANSFER_ENCODING) {
        return Err(RequestError::Framing {
            name: header::TRANSFER_ENCODING,
            expected: "no such header, and the body as it is",
            found: shown(coding.as_bytes()),
        });
    }
    let Some(length) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(rest);
    };
    let bytes = length.to_str().ok().and_then(|text| text.parse::<usize>().ok());
    bytes
        .and_then(|bytes| rest.get(..bytes))
        .ok_or_else(|| RequestError::Framing {
            name: header::CONTENT_LENGTH,
            expected: "the number of bytes after the empty line, or less",
            found: format!("{} and {} bytes", shown(length.as_bytes()), rest.len()),
        })
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_any_ends_of_lines() {
        for text in [
            "POST /api/x?y=1 HTTP/1.1\r\nHost: shop.example:80\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello\n",
            "POST /api/x?y=1\nhost: shop.example:80\nx-a:1\nx-a:2\n\nhello\n",
        ] {
            let request = parse(text.as_bytes()).expect(text);
            assert_eq!(
                (request.method, request.uri.to_string()),
                (Method::POST, "/api/x?y=1".to_owned())
            );
            assert_eq!(request.host, "shop.example:80");
            let values: Vec<_> = request.headers.get_all("x-a").iter().collect();
            assert_eq!(values, ["1", "2"]);
            assert_eq!(request.body, "hello\n".into());
        }
        let get = parse(b"GET /").expect("a request line is enough");
        assert_eq!(
            (get.host, get.body),
            (HeaderValue::from_static("localhost"), "".into())
        );
        let cut = parse(b"POST / HTTP/1.0\ncontent-length: 2\n\nok\n")
            .expect("the end of a line is not the body's");
        assert_eq!((cut.version, cut.body), (Version::HTTP_10, "ok".into()));
    }

    #[test]
    fn what_is_not_a_request_is_named_by_its_line() {
        for (text, expected) in [
            ("", "line 1: expected a request line"),
            ("hello", "found \"hello\""),
            ("GET api/x HTTP/1.1", "line 1: expected a request line"),
            ("GET / HTTP/3", "line 1: expected a request line"),
            (
                "GET / HTTP/1.1\nx: 1\nno header\n",
                "line 3: expected a header such as",
            ),
            (
                "GET / HTTP/1.1\nhost: a b\n",
                "host: expected a name or an address",
            ),
            (
                "GET / HTTP/1.1\ntransfer-encoding: chunked\n",
                "transfer-encoding: expected no such header",
            ),
            (
                "GET / HTTP/1.1\ncontent-length: 3\n\nab",
                "content-length: expected the number of bytes",
            ),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
