//! A line on stdout for each request, when its response has been sent or its client has left.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, Uri, Version};
use httpdate::HttpDate;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use super::client::Client;
use super::origin;
use crate::logging::{AccessLogFormat, hide_secret_parameters, print_unread};
use crate::model::Invocation;

/// The status of a request whose client left before the response was there: nginx's.
const CLIENT_LEFT: u16 = 499;

/// A request that is logged when this is dropped.
pub(super) struct Entry(Record);

/// What is known of a request.
struct Record {
    format: AccessLogFormat,
    arrived: SystemTime,
    begun: Instant,
    client: Arc<str>,
    method: Method,
    target: String,
    version: Version,
    host: Option<String>,
    user_agent: Option<String>,
    call: Option<Called>,
    status: u16,
    bytes: u64,
}

/// The call that a request began, among the extensions of its response.
#[derive(Clone)]
struct Called {
    function: String,
    invocation_id: String,
}

impl Entry {
    /// Takes note of a request that has arrived.
    pub(super) fn begin<B>(format: AccessLogFormat, request: &http::Request<B>, client: &Client) -> Self {
        Entry(Record::of(format, request, client))
    }

    /// Takes note of the response.
    pub(super) fn answer<B>(&mut self, response: &Response<B>) {
        self.0.status = response.status().as_u16();
        self.0.call = response.extensions().get::<Called>().cloned();
    }

    /// Takes note of a part of the response that was taken to be sent.
    pub(super) fn add(&mut self, bytes: usize) {
        self.0.bytes += bytes as u64;
    }
}

impl Record {
    fn of<B>(format: AccessLogFormat, request: &http::Request<B>, client: &Client) -> Self {
        let headers = request.headers();
        let address = origin::forwarded_client(headers, client);
        Record {
            format,
            arrived: SystemTime::now(),
            begun: Instant::now(),
            client: address.unwrap_or_else(|| Arc::clone(client.address())),
            method: request.method().clone(),
            target: target(request.uri()),
            version: request.version(),
            host: host(headers, request.uri()),
            user_agent: headers.get(USER_AGENT).map(text),
            call: None,
            status: CLIENT_LEFT,
            bytes: 0,
        }
    }

    fn line(&self) -> String {
        let client = without_port(&self.client);
        let version = match self.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/1.1",
        };
        let Record {
            method,
            target,
            status,
            bytes,
            ..
        } = self;
        match self.format {
            AccessLogFormat::Common => {
                let time = common_time(self.arrived);
                format!("{client} - - [{time}] \"{method} {target} {version}\" {status} {bytes}\n")
            }
            AccessLogFormat::Json => {
                let mut record = json!({
                    "timestamp": humantime::format_rfc3339_micros(self.arrived).to_string(),
                    "client": client,
                    "method": method.as_str(),
                    "target": target,
                    "protocol": version,
                    "host": self.host,
                    "user_agent": self.user_agent,
                    "status": status,
                    "bytes": bytes,
                    "duration_ms": milliseconds(self.begun),
                });
                if let Some(call) = &self.call {
                    record["function"] = call.function.as_str().into();
                    record["invocation_id"] = call.invocation_id.as_str().into();
                }
                format!("{}\n", in_ascii(&record.to_string()))
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        print_unread(&self.0.line());
    }
}

/// Returns the time that has passed, in milliseconds with three decimals.
fn milliseconds(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// Returns the host that the request is for, without a user and a password.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let authority = uri.authority().map(|authority| authority.as_str().to_owned());
    let host = authority.or_else(|| headers.get(HOST).map(text))?;
    Some(host.rsplit('@').next().unwrap_or_default().to_owned())
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Returns the target of a request to show: in ASCII, as the server lets through all of Unicode, and what looks like the end
/// of a line or steers a terminal is among it.
fn target(uri: &Uri) -> String {
    /// A quote would end the request in a line of the common format.
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'"');
    let mut target = match uri.path() {
        "" => uri.authority().map_or("", |authority| authority.as_str()),
        path => path,
    }
    .to_owned();
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(&hide_secret_parameters(query));
    }
    utf8_percent_encode(&target, ESCAPED).to_string()
}

/// Returns JSON in ASCII. It has other characters only in texts, where each may be escaped.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' => ascii.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
    }
    ascii
}

/// Returns an address, which has a port, without it. "-" if there is none.
fn without_port(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, _)) => host.trim_start_matches('[').trim_end_matches(']'),
        None => "-",
    }
}

/// Returns a time as the common format has it, in UTC: "30/Nov/2026:16:20:01 +0000".
fn common_time(time: SystemTime) -> String {
    // "Mon, 30 Nov 2026 16:20:01 GMT"
    let date = HttpDate::from(time).to_string();
    let part = |range| date.get(range).unwrap_or_default();
    format!(
        "{}/{}/{}:{} +0000",
        part(5..7),
        part(8..11),
        part(12..16),
        part(17..25)
    )
}

/// Has the log name the call that has made this response.
pub(super) fn name_call<B>(response: &mut Response<B>, invocation: &Invocation) {
    response.extensions_mut().insert(Called {
        function: invocation.function().name.clone(),
        invocation_id: invocation.id().to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;
    use crate::model::Scheme;

    /// Returns the line of a request that was answered with 200 and five bytes.
    fn line(format: AccessLogFormat, target: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(Some(peer), true, Scheme::Http);
        let mut record = Record::of(format, &request.body(()).expect("a request"), &client);
        record.arrived = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_055_601);
        record.status = 200;
        record.bytes = 5;
        record.line()
    }

    #[test]
    fn the_common_format_is_what_tools_read() {
        for (target, headers, expected) in [
            (
                "/api/hello?a=1",
                &[][..],
                "127.0.0.1 - - [30/Nov/2026:16:20:01 +0000] \"GET /api/hello?a=1 HTTP/1.1\" 200 5\n",
            ),
            (
                "/?code=K&x&token=T&code",
                &[("x-forwarded-for", "2001:db8::7, 10.0.0.1")],
                "2001:db8::7 - - [30/Nov/2026:16:20:01 +0000] \"GET /?code=***&x&token=***&code HTTP/1.1\" 200 5\n",
            ),
            (
                "/a?c%6fde=K&sig=S&x=\u{85}\u{2028}\u{9b}",
                &[],
                "127.0.0.1 - - [30/Nov/2026:16:20:01 +0000] \
                 \"GET /a?c%6fde=***&sig=***&x=%C2%85%E2%80%A8%C2%9B HTTP/1.1\" 200 5\n",
            ),
            (
                "/\"",
                &[],
                "127.0.0.1 - - [30/Nov/2026:16:20:01 +0000] \"GET /%22 HTTP/1.1\" 200 5\n",
            ),
        ] {
            assert_eq!(line(AccessLogFormat::Common, target, headers), expected);
        }
    }

    #[test]
    fn json_has_what_the_client_says_of_itself() {
        let headers = [
            ("host", "u:p@shop.example"),
            ("user-agent", "a\"b\u{2028}\u{1f980}"),
        ];
        let line = line(AccessLogFormat::Json, "/api/hello", &headers);
        assert!(
            line.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
        let mut record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert!(record["duration_ms"].take().as_f64().is_some());
        assert_eq!(
            record,
            json!({
                "timestamp": "2026-11-30T16:20:01.000000Z", "client": "127.0.0.1", "method": "GET", "target": "/api/hello",
                "protocol": "HTTP/1.1", "host": "shop.example", "user_agent": "a\"b\u{2028}\u{1f980}", "status": 200, "bytes": 5,
                "duration_ms": null,
            })
        );
    }
}
