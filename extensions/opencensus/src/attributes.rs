//! What a span says of its invocation, by OpenTelemetry's semantic conventions for FaaS and HTTP; and values
//! from Python as values of OpenTelemetry.

use std::borrow::Cow;

use funcdock_extension_api::{HttpRequest, Value as Python};
use opentelemetry::{Array, Value};

use crate::encode::{Attributes, Encoded};
use crate::forwarded::Forwarded;
use crate::settings::Limits;

/// What is the same for every call of a function. It lives as long as the process: see `Functions`.
#[derive(Debug, Default)]
pub(crate) struct TracedFunction {
    pub name: &'static str,
    /// `faas.name`: in Azure, the function app's name stands in front.
    pub faas_name: &'static str,
    /// `faas.trigger`.
    pub trigger: &'static str,
    /// `cloud.resource_id`. The function's own, which the conventions want on its spans; the resource has the
    /// app's.
    pub resource_id: Option<&'static str>,
    /// `http.route`, with the slash in front.
    pub route: Option<&'static str>,
    /// What it tells of each call, so that not each encodes it: see [`encoded`](Self::encoded).
    pub encoded: Encoded,
}

impl TracedFunction {
    /// Encodes what it tells, by the limits that its spans have.
    pub(crate) fn encoded(mut self, limits: Limits) -> Self {
        self.encoded = Encoded::of(limits, |attributes| self.tell(attributes));
        self
    }

    fn tell(&self, attributes: &mut Attributes<'_>) {
        attributes.string("faas.name", self.faas_name);
        attributes.string("faas.trigger", self.trigger);
        if let Some(id) = self.resource_id {
            attributes.string("cloud.resource_id", id);
        }
        if let Some(route) = self.route {
            attributes.string("http.route", route);
        }
    }
}

/// What is read of an HTTP request.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub version: &'static str,
    /// The socket's other end, with its port.
    pub peer: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub host: Option<&'a str>,
    pub(crate) forwarded: Forwarded<'a>,
}

impl<'a> From<HttpRequest<'a>> for Request<'a> {
    fn from(request: HttpRequest<'a>) -> Self {
        Request {
            method: request.method(),
            path: request.path(),
            query: request.query(),
            version: request.version(),
            peer: request.client_address(),
            user_agent: request.header("user-agent"),
            host: request.header("host"),
            forwarded: Forwarded::read(|name| request.header(name)),
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
    attributes.encoded(&function.encoded, |attributes| function.tell(attributes));
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
    let forwarded = &request.forwarded;
    attributes.string("url.scheme", forwarded.scheme.unwrap_or("http"));
    attributes.string("url.path", request.path);
    if !request.query.is_empty() {
        attributes.string("url.query", &without_secrets(request.query));
    }
    attributes.string("network.protocol.version", request.version);
    if let Some(client) = forwarded.client.or(request.peer) {
        attributes.string("client.address", split_port(client).0);
    }
    // Without a proxy it is the client's address.
    if let (Some(_), Some((peer, port))) = (forwarded.client, request.peer.map(split_port)) {
        attributes.string("network.peer.address", peer);
        if let Some(port) = port {
            attributes.int("network.peer.port", port.into());
        }
    }
    if let Some(agent) = request.user_agent {
        attributes.string("user_agent.original", agent);
    }
    if let Some((host, port)) = forwarded.host.or(request.host).map(split_port) {
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

/// A function for tests.
#[cfg(test)]
pub(crate) static HELLO: std::sync::LazyLock<TracedFunction> = std::sync::LazyLock::new(|| {
    let function = TracedFunction {
        name: "hello",
        faas_name: "hello",
        trigger: "http",
        ..TracedFunction::default()
    };
    function.encoded(Limits::default())
});

#[cfg(test)]
mod tests;
