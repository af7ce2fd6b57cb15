//! The host's own paths, and the methods that each has. They are compared without case.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::app::RESERVED;

/// What a request to the host itself asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`.
    Home,
    /// `/healthz`: whether this worker serves.
    Health,
    /// `/readyz`: whether all workers serve.
    Readiness,
    /// `/admin/host/ping`.
    Ping,
    /// `/admin/host/status`.
    Status,
    /// `/admin/host/logs`: the log.
    Logs,
    /// `/admin/warmup`.
    WarmUp,
    /// `/admin/extensions`.
    Extensions,
    /// `/admin/extensions/flush`.
    Flush,
    /// `/metrics`, `/admin/metrics`.
    Metrics,
    /// `/admin/functions`.
    Functions,
    /// `/admin/functions/<name>`.
    Function(String),
    /// The same with POST: run it.
    Run(String),
    /// The keys of the host or of a function.
    Keys(KeysRoute),
    /// `/runtime/webhooks/blobs`: events of blobs, or a check whether they are wanted.
    BlobEvents,
    /// A path that has only these methods.
    WrongMethod {
        allow: &'static str,
        /// Whether everybody may ask for the path.
        is_open: bool,
    },
    /// Nothing.
    Unknown,
}

/// A request about keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysRoute {
    pub(crate) owner: KeyOwner,
    pub(crate) action: KeyAction,
}

/// Whose keys they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyOwner {
    Host,
    System,
    Function(String),
}

impl KeysRoute {
    /// Returns the name of the function whose keys they are.
    pub(crate) fn function(&self) -> Option<&str> {
        match &self.owner {
            KeyOwner::Function(name) => Some(name),
            KeyOwner::Host | KeyOwner::System => None,
        }
    }
}

/// What is to happen with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyAction {
    List,
    Get(String),
    /// Sets the key to the value in the body.
    Put(String),
    /// Sets the key to a random value.
    Renew(String),
    Delete(String),
}

const READ: &str = "GET, HEAD";
const READ_OR_RUN: &str = "GET, HEAD, POST";
const POST: &str = "POST";
pub(super) const OPTIONS_OR_POST: &str = "OPTIONS, POST";
const KEY: &str = "DELETE, GET, HEAD, POST, PUT";

/// Whether the host keeps this path for itself, whatever the routes of functions.
pub(crate) fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    RESERVED
        .iter()
        .any(|reserved| first.eq_ignore_ascii_case(reserved))
}

impl Route {
    /// Returns what a request asks for.
    pub(crate) fn find(method: &Method, path: &str) -> Self {
        let decoded = percent_decode_str(path.trim_matches('/')).decode_utf8_lossy();
        let steps: Vec<&str> = decoded.split('/').filter(|step| !step.is_empty()).collect();
        let lowered: Vec<String> = steps.iter().map(|step| step.to_ascii_lowercase()).collect();
        let lowered: Vec<&str> = lowered.iter().map(String::as_str).collect();
        let read = |route| only(method, &[Method::GET, Method::HEAD], READ, route);
        let any = |route| {
            only(
                method,
                &[Method::GET, Method::HEAD, Method::POST],
                READ_OR_RUN,
                route,
            )
        };
        match lowered.as_slice() {
            [] => read(Route::Home),
            ["healthz"] => read(Route::Health),
            ["readyz"] => read(Route::Readiness),
            ["metrics"] | ["admin", "metrics"] => read(Route::Metrics),
            ["admin", "host", "ping"] => any(Route::Ping),
            ["admin", "host", "status"] => read(Route::Status),
            ["admin", "host", "logs"] => read(Route::Logs),
            ["admin", "warmup"] => any(Route::WarmUp),
            ["admin", "extensions"] => read(Route::Extensions),
            ["admin", "extensions", "flush"] => only(method, &[Method::POST], POST, Route::Flush),
            ["admin", "functions"] => read(Route::Functions),
            ["admin", "functions", _] if method == Method::POST => Route::Run(steps[2].to_owned()),
            ["admin", "functions", _] => any(Route::Function(steps[2].to_owned())),
            ["runtime", "webhooks", "blobs"] => match *method {
                Method::POST | Method::OPTIONS => Route::BlobEvents,
                _ => Route::WrongMethod {
                    allow: OPTIONS_OR_POST,
                    is_open: true,
                },
            },
            ["admin", "host", list, rest @ ..] => {
                let owner = match *list {
                    "keys" | "functionkeys" => KeyOwner::Host,
                    "systemkeys" => KeyOwner::System,
                    _ => return Route::Unknown,
                };
                keys(method, owner, &steps[3..], rest.len())
            }
            ["admin", "functions", _, "keys", rest @ ..] => {
                let owner = KeyOwner::Function(steps[2].to_owned());
                keys(method, owner, &steps[4..], rest.len())
            }
            _ => Route::Unknown,
        }
    }

    /// Whether a request for this has a body that counts.
    pub(crate) fn has_body(&self) -> bool {
        match self {
            Route::Run(_) | Route::BlobEvents => true,
            Route::Keys(KeysRoute { action, .. }) => matches!(action, KeyAction::Put(_)),
            _ => false,
        }
    }

    /// Whether everybody may ask this, as nothing is learned from it but that the host is there.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Route::WrongMethod { is_open, .. } => *is_open,
            route => matches!(
                route,
                Route::Home | Route::Health | Route::Readiness | Route::Ping
            ),
        }
    }
}

fn only(method: &Method, methods: &[Method], allow: &'static str, route: Route) -> Route {
    match methods.contains(method) {
        true => route,
        false => Route::WrongMethod {
            allow,
            is_open: route.is_open(),
        },
    }
}

fn closed(allow: &'static str) -> Route {
    Route::WrongMethod {
        allow,
        is_open: false,
    }
}

fn keys(method: &Method, owner: KeyOwner, steps: &[&str], count: usize) -> Route {
    let name = || steps.first().copied().unwrap_or_default().to_owned();
    let action = match (count, method) {
        (0, &Method::GET | &Method::HEAD) => KeyAction::List,
        (0, _) => return closed(READ),
        (1, &Method::GET | &Method::HEAD) => KeyAction::Get(name()),
        (1, &Method::PUT) => KeyAction::Put(name()),
        (1, &Method::POST) => KeyAction::Renew(name()),
        (1, &Method::DELETE) => KeyAction::Delete(name()),
        (1, _) => return closed(KEY),
        _ => return Route::Unknown,
    };
    Route::Keys(KeysRoute { owner, action })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(owner: KeyOwner, action: KeyAction) -> Route {
        Route::Keys(KeysRoute { owner, action })
    }

    #[test]
    fn paths_and_methods_are_those_of_azure() {
        let hello = || "Hello".to_owned();
        let function = || KeyOwner::Function(hello());
        for (request, expected) in [
            ("GET /", Route::Home),
            ("HEAD /healthz", Route::Health),
            ("GET /readyz/", Route::Readiness),
            ("POST /admin/host/ping", Route::Ping),
            ("GET /Admin/Host/Status", Route::Status),
            ("GET /admin/host/logs", Route::Logs),
            ("POST /admin/host/logs", closed("GET, HEAD")),
            ("GET /admin/metrics", Route::Metrics),
            ("POST /metrics", closed("GET, HEAD")),
            ("GET /admin/functions/Hello", Route::Function(hello())),
            ("POST /admin/functions/Hello", Route::Run(hello())),
            ("PUT /admin/functions/Hello", closed("GET, HEAD, POST")),
            ("GET /admin/host/keys", keys_of(KeyOwner::Host, KeyAction::List)),
            (
                "POST /admin/host/functionKeys/my%20key",
                keys_of(KeyOwner::Host, KeyAction::Renew("my key".to_owned())),
            ),
            (
                "PUT /admin/host/systemkeys/grid",
                keys_of(KeyOwner::System, KeyAction::Put("grid".to_owned())),
            ),
            (
                "DELETE /admin/functions/Hello/keys/old",
                keys_of(function(), KeyAction::Delete("old".to_owned())),
            ),
            (
                "GET /admin/functions/Hello/keys/a",
                keys_of(function(), KeyAction::Get("a".to_owned())),
            ),
            ("PATCH /admin/host/keys/a", closed("DELETE, GET, HEAD, POST, PUT")),
            ("DELETE /admin/host/keys", closed("GET, HEAD")),
            ("POST /runtime/webhooks/blobs", Route::BlobEvents),
            ("OPTIONS /Runtime/WebHooks/Blobs/", Route::BlobEvents),
            (
                "GET /runtime/webhooks/blobs",
                Route::WrongMethod {
                    allow: "OPTIONS, POST",
                    is_open: true,
                },
            ),
            ("POST /runtime/webhooks/eventgrid", Route::Unknown),
            ("GET /admin/host/secrets", Route::Unknown),
            ("GET /admin/host/keys/a/b", Route::Unknown),
            ("GET /api/hello", Route::Unknown),
        ] {
            let (method, path) = request.split_once(' ').expect("two words");
            let method = method.parse().expect("a method");
            assert_eq!(Route::find(&method, path), expected, "{request}");
        }
    }

    #[test]
    fn little_is_open() {
        let open = ["/", "/healthz", "/readyz", "/admin/host/ping"];
        let others = [
            "/admin/host/status",
            "/admin/host/logs",
            "/metrics",
            "/admin/functions",
            "/admin/host/keys",
            "/admin/x",
        ];
        for (paths, expected) in [(&open[..], true), (&others[..], false)] {
            for path in paths {
                assert_eq!(Route::find(&Method::GET, path).is_open(), expected, "{path}");
            }
        }
    }
}
