//! What a span says of its invocation, by OpenTelemetry's semantic conventions for FaaS and HTTP; and values
//! from Python as values of OpenTelemetry.

use std::borrow::Cow;

use funcdock_extension_api::{HttpRequest, Value as Python};
use opentelemetry::{Array, Value};

use crate::encode::Attributes;

/// What is the same for every call of a function. The texts live as long as the process: see `Functions`.
#[derive(Debug, Clone, Copy)]
pub struct TracedFunction {
    pub name: &'static str,
    /// `faas.trigger`.
    pub trigger: &'static str,
    /// `http.route`, with the slash in front.
    pub route: Option<&'static str>,
}

/// What is read of an HTTP request.
#[derive(Debug, Default, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub version: &'static str,
    /// The socket's other end, with its port.
    pub client: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub host: Option<&'a str>,
}

impl<'a> From<HttpRequest<'a>> for Request<'a> {
    fn from(request: HttpRequest<'a>) -> Self {
        Request {
            method: request.method(),
            path: request.path(),
            query: request.query(),
            version: request.version(),
            client: request.client_address(),
            user_agent: request.header("user-agent"),
            host: request.header("host"),
        }
    }
}

/// Tells what an invocation's span is about.
pub(crate) fn tell(
    attributes: &mut Attributes<'_>,
    function: &TracedFunction,
    invocation_id: &str,
    cold: bool,
    request: Option<&Request<'_>>,
) {
    attributes.string("faas.name", function.name);
    attributes.string("faas.trigger", function.trigger);
    attributes.string("faas.invocation_id", invocation_id);
    attributes.bool("faas.coldstart", cold);
    let Some(request) = request else {
        return;
    };
    if is_known_method(request.method) {
        attributes.string("http.request.method", request.method);
    } else {
        attributes.string("http.request.method", "_OTHER");
        attributes.string("http.request.method_original", request.method);
    }
    attributes.string("url.scheme", "http");
    attributes.string("url.path", request.path);
    if !request.query.is_empty() {
        attributes.string("url.query", &without_secrets(request.query));
    }
    if let Some(route) = function.route {
        attributes.string("http.route", route);
    }
    attributes.string("network.protocol.version", request.version);
    if let Some(client) = request.client {
        attributes.string("client.address", split_port(client).0);
    }
    if let Some(agent) = request.user_agent {
        attributes.string("user_agent.original", agent);
    }
    if let Some((host, port)) = request.host.map(split_port) {
        attributes.string("server.address", host);
        if let Some(port) = port {
            attributes.int("server.port", port.into());
        }
    }
}

/// `faas.trigger` for the type of a trigger's binding.
pub(crate) fn faas_trigger(binding: &str) -> &'static str {
    match binding.to_ascii_lowercase().as_str() {
        "httptrigger" => "http",
        "timertrigger" => "timer",
        "queuetrigger" | "servicebustrigger" | "eventhubtrigger" | "eventgridtrigger" | "kafkatrigger"
        | "rabbitmqtrigger" => "pubsub",
        "blobtrigger" | "cosmosdbtrigger" | "sqltrigger" => "datasource",
        _ => "other",
    }
}

/// Whether the conventions list the method; a client can invent any number of others.
fn is_known_method(method: &str) -> bool {
    matches!(
        method,
        "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH" | "TRACE" | "CONNECT"
    )
}

/// Replaces the values of parameters that are credentials: `code` is a function's key, the others are the
/// signatures that the conventions name.
fn without_secrets(query: &str) -> Cow<'_, str> {
    let secret = |parameter: &str| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        ["code", "sig", "Signature", "AWSAccessKeyId", "X-Goog-Signature"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    if !query.split('&').any(secret) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len() + 8);
    for parameter in query.split('&') {
        if !redacted.is_empty() {
            redacted.push('&');
        }
        match parameter.split_once('=') {
            Some((name, _)) if secret(parameter) => {
                redacted.push_str(name);
                redacted.push_str("=REDACTED");
            }
            _ => redacted.push_str(parameter),
        }
    }
    Cow::Owned(redacted)
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` or a bare `v6` as host and port.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    let has_no_colon = |host: &str| !host.bytes().any(|byte| byte == b':');
    let colon = authority.bytes().rposition(|byte| byte == b':');
    let (host, port) = match colon.map(|at| (&authority[..at], &authority[at + 1..])) {
        Some((host, port)) if host.ends_with(']') || has_no_colon(host) => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (authority, None),
        },
        _ => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    (bare.unwrap_or(host), port)
}

/// A value from Python. `None` for what OpenTelemetry has no value for: None, bytes, dict, mixed lists.
pub(crate) fn from_python(value: Python) -> Option<Value> {
    Some(match value {
        Python::Bool(value) => value.into(),
        Python::Int(value) => value.into(),
        Python::Float(value) => value.into(),
        Python::Str(value) => value.into(),
        Python::List(values) => Value::Array(match values.first() {
            None | Some(Python::Str(_)) => Array::String(all(values, |value| match value {
                Python::Str(value) => Some(value.into()),
                _ => None,
            })?),
            Some(Python::Bool(_)) => Array::Bool(all(values, |value| match value {
                Python::Bool(value) => Some(value),
                _ => None,
            })?),
            Some(Python::Int(_)) => Array::I64(all(values, |value| match value {
                Python::Int(value) => Some(value),
                _ => None,
            })?),
            Some(Python::Float(_)) => Array::F64(all(values, |value| match value {
                Python::Float(value) => Some(value),
                _ => None,
            })?),
            Some(_) => return None,
        }),
        _ => return None,
    })
}

fn all<T>(values: Vec<Python>, convert: impl Fn(Python) -> Option<T>) -> Option<Vec<T>> {
    values.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    const HELLO: TracedFunction = TracedFunction {
        name: "hello",
        trigger: "http",
        route: Some("/api/hello/{name}"),
    };

    fn told(function: &TracedFunction, id: &str, cold: bool, request: Option<&Request<'_>>) -> Vec<String> {
        let mut out = Vec::new();
        tell(&mut Attributes::new(&mut out, &[]), function, id, cold, request);
        let span = Span::decode(&out[..]).expect("they are fields of a span");
        let text = |pair: KeyValue| {
            let value = match pair.value.and_then(|value| value.value) {
                Some(any_value::Value::StringValue(text)) => text,
                Some(any_value::Value::BoolValue(value)) => value.to_string(),
                Some(any_value::Value::IntValue(value)) => value.to_string(),
                other => format!("{other:?}"),
            };
            format!("{}={value}", pair.key)
        };
        span.attributes.into_iter().map(text).collect()
    }

    #[test]
    fn a_request_in_full() {
        let request = Request {
            method: "GET",
            path: "/api/hello/a%20b",
            query: "x=1&code=s3cret",
            version: "1.1",
            client: Some("127.0.0.1:40000"),
            user_agent: Some("curl/8"),
            host: Some("localhost:7071"),
        };
        let expected = [
            "faas.name=hello",
            "faas.trigger=http",
            "faas.invocation_id=an-id",
            "faas.coldstart=true",
            "http.request.method=GET",
            "url.scheme=http",
            "url.path=/api/hello/a%20b",
            "url.query=x=1&code=REDACTED",
            "http.route=/api/hello/{name}",
            "network.protocol.version=1.1",
            "client.address=127.0.0.1",
            "user_agent.original=curl/8",
            "server.address=localhost",
            "server.port=7071",
        ];
        assert_eq!(told(&HELLO, "an-id", true, Some(&request)), expected);
    }

    #[test]
    fn a_request_with_little_and_a_call_without_one() {
        let request = Request {
            method: "BREW",
            path: "/",
            version: "1.0",
            ..Request::default()
        };
        let function = TracedFunction { route: None, ..HELLO };
        let expected = [
            "http.request.method=_OTHER",
            "http.request.method_original=BREW",
            "url.scheme=http",
            "url.path=/",
            "network.protocol.version=1.0",
        ];
        assert_eq!(told(&function, "an-id", false, Some(&request))[4..], expected);
        assert_eq!(told(&HELLO, "an-id", false, None).len(), 4, "only FaaS");
    }

    #[test]
    fn secrets_stay_out_of_the_query() {
        let cases = [
            ("a=1&b=2", "a=1&b=2"),
            ("code=k&a=1", "code=REDACTED&a=1"),
            ("a=1&SIG=k%3D&code", "a=1&SIG=REDACTED&code"),
            ("barcode=1&code2=2", "barcode=1&code2=2"),
        ];
        for (query, expected) in cases {
            assert_eq!(without_secrets(query), expected);
        }
    }

    #[test]
    fn triggers() {
        let cases = [
            ("httpTrigger", "http"),
            ("TimerTrigger", "timer"),
            ("serviceBusTrigger", "pubsub"),
            ("blobTrigger", "datasource"),
            ("activityTrigger", "other"),
        ];
        for (binding, expected) in cases {
            assert_eq!(faas_trigger(binding), expected);
        }
    }

    #[test]
    fn hosts_and_ports() {
        let cases = [
            ("localhost:7071", ("localhost", Some(7071))),
            ("example.org", ("example.org", None)),
            ("[::1]:80", ("::1", Some(80))),
            ("[::1]", ("::1", None)),
            ("fe80::1", ("fe80::1", None)),
            ("host:http", ("host:http", None)),
        ];
        for (authority, expected) in cases {
            assert_eq!(split_port(authority), expected, "{authority}");
        }
    }

    #[test]
    fn values_from_python() {
        let list = |values: Vec<Python>| from_python(Python::List(values)).map(|value| value.to_string());
        assert_eq!(from_python("x".into()), Some("x".into()));
        assert_eq!(from_python(true.into()), Some(true.into()));
        assert_eq!(from_python(7.into()), Some(7_i64.into()));
        assert_eq!(from_python(0.5.into()), Some(0.5.into()));
        assert_eq!(list(vec![1.into(), 2.into()]).as_deref(), Some("[1,2]"));
        assert_eq!(list(vec!["a".into()]).as_deref(), Some("[\"a\"]"));
        assert_eq!(list(vec![]).as_deref(), Some("[]"));
        assert_eq!(list(vec![1.into(), "a".into()]), None, "mixed");
        assert_eq!(from_python(Python::None), None);
        assert_eq!(from_python(Python::Map(Vec::new())), None);
    }
}
