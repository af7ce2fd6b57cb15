//! The host's own paths, for operators. Those below `/admin` win over every function's route. A function with the route
//! "metrics" under an empty prefix, or one that takes all paths, replaces the host's `/metrics`: `/admin/metrics` is the same.
//!
//! One path is not for operators: the webhook for events of blobs, which is at the address of the functions and has a key of
//! its own.

mod blob_events;
mod functions;
mod keys;
mod logs;
mod route;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{ALLOW, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode};

use super::access::KeyCheck;
use super::responses::{self, ResponseBody};
use crate::app::{AdminAddress, HttpConfig};
use crate::keys::KeyRing;
use crate::model::{AuthLevel, Origins};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;
use crate::triggers::blob::BlobWebhook;
use blob_events::Webhook;

pub(super) use route::{Route, is_reserved};

/// The operator's requests to a worker: reports about itself and the other workers, and a flush.
pub trait Admin: Send + Sync + 'static {
    /// `GET /healthz`: why this worker cannot go on serving, if it cannot. Waits for nobody.
    fn failure(&self) -> Option<&str>;

    /// `GET /admin/host/status`, with the processes of all workers.
    fn status(&self) -> AdminFuture<'_, Status>;

    /// `GET /readyz`, of all workers: why some do not serve. Empty if all do.
    fn not_ready(&self) -> AdminFuture<'_, Vec<String>>;

    /// `GET /admin/extensions`, of all workers.
    fn extensions(&self) -> AdminFuture<'_, serde_json::Value>;

    /// `GET /metrics`, of all workers, in the text format of OpenMetrics.
    fn metrics(&self) -> AdminFuture<'_, String>;

    /// `POST /admin/extensions/flush`, of all workers.
    fn flush(&self) -> AdminFuture<'_, FlushReport>;
}

/// The state of a worker.
#[derive(Debug)]
pub struct Status {
    /// Whether the worker can go on serving.
    pub is_healthy: bool,
    /// What operators see.
    pub report: serde_json::Value,
}

/// The future of a method of [`Admin`] that waits for other workers.
pub type AdminFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is not flushed, by the index of the worker. Empty if all workers have flushed everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// What failed, one text for each extension.
    pub failures: Vec<(u32, String)>,
    /// The workers that were not asked, as they are not ready, or have not replied in time.
    pub missing: Vec<u32>,
    /// The workers that are already flushing.
    pub busy: Vec<u32>,
}

/// The host's own paths in a worker.
pub(super) struct HostPaths {
    admin: Arc<dyn Admin>,
    functions: Vec<Arc<LoadedFunction>>,
    calls: Calls,
    has_home: bool,
    /// Whether the paths for operators are here.
    is_for_operators: bool,
    /// The keys that can be changed, while requests need some.
    keys: Option<KeyRing>,
    /// What requires the master key.
    check: Option<KeyCheck>,
    /// The pages that may send requests that change something, where no key is needed.
    origins: Option<Origins>,
    /// What takes events of blobs, if that is here.
    webhook: Option<Webhook>,
}

impl HostPaths {
    /// Returns the paths at the address of the functions, which are all functions of the app. May block for a moment on the
    /// file system.
    pub(super) fn new(
        admin: Arc<dyn Admin>,
        functions: Vec<Arc<LoadedFunction>>,
        webhook: BlobWebhook,
        calls: Calls,
        config: &HttpConfig,
    ) -> Self {
        let keys = config.keys.clone().map(KeyRing::of_host);
        HostPaths {
            admin,
            functions,
            calls,
            has_home: config.has_home && !config.route_prefix.is_empty(),
            is_for_operators: config.admin.is_none(),
            check: keys.clone().and_then(for_operators),
            webhook: Some(Webhook::new(webhook, keys.as_ref())),
            keys,
            origins: config.cors.as_ref().map(|cors| cors.origins.clone()),
        }
    }

    /// Returns the paths at an address for operators alone.
    pub(super) fn at(&self, admin: &AdminAddress) -> Self {
        let keys = admin.keys.clone().map(KeyRing::of_host);
        HostPaths {
            admin: Arc::clone(&self.admin),
            functions: self.functions.clone(),
            calls: self.calls.clone(),
            has_home: false,
            is_for_operators: true,
            check: keys.clone().and_then(for_operators),
            keys: self.keys.clone().or(keys),
            origins: None,
            webhook: None,
        }
    }

    /// Returns the keys that requests need, if they do.
    pub(super) fn keys(&self) -> Option<&KeyRing> {
        self.keys.as_ref()
    }

    /// Returns the response to a request that may not ask for this.
    pub(super) fn refuse(&self, route: &Route, parts: &Parts) -> Option<Response<ResponseBody>> {
        let is_open = route.is_open() || (*route == Route::Unknown && !is_reserved(parts.uri.path()));
        if is_open {
            return None;
        }
        let check = match (route, &self.webhook) {
            (Route::BlobEvents, Some(webhook)) => webhook.check(),
            _ if self.is_for_operators => self.check.as_ref(),
            _ => return Some(unknown()),
        };
        match check {
            Some(check) => check.refuse(parts),
            None => self
                .is_of_foreign_page(route, parts)
                .then(|| responses::plain(StatusCode::FORBIDDEN, "pages of other origins may not do this\n")),
        }
    }

    /// Whether a web page has sent this, to change something or to read the log, that is neither the host's own nor named by
    /// its origin: a page anywhere can send requests to a developer's machine.
    fn is_of_foreign_page(&self, route: &Route, parts: &Parts) -> bool {
        let matters = !parts.method.is_safe() || *route == Route::Logs;
        let Some(origin) = parts.headers.get(ORIGIN).filter(|_| matters) else {
            return false;
        };
        let is_named = match &self.origins {
            Some(origins @ Origins::These(_)) => origins.contains(origin),
            Some(Origins::Any) | None => false,
        };
        !is_named && !is_own(origin, parts)
    }

    /// Responds to a request with this body that no function's route matches, and that was not refused. `base` is the URL
    /// of the host as the client has it, without a slash at its end.
    pub(super) async fn answer(
        &self,
        route: Route,
        parts: &Parts,
        body: &[u8],
        base: &str,
    ) -> Response<ResponseBody> {
        match route {
            Route::Home if self.has_home => responses::page(HOME),
            Route::Home | Route::Unknown => unknown(),
            Route::WrongMethod { allow, .. } => {
                let mut response = responses::plain(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "this path does not allow this method\n",
                );
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Route::Ping => responses::plain(StatusCode::OK, ""),
            Route::Health => match self.admin.failure() {
                None => responses::plain(StatusCode::OK, "ok\n"),
                Some(reason) => responses::plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            },
            Route::Readiness => match self.admin.not_ready().await {
                reasons if reasons.is_empty() => responses::plain(StatusCode::OK, "ready\n"),
                reasons => {
                    let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
                    responses::plain(StatusCode::SERVICE_UNAVAILABLE, lines)
                }
            },
            Route::Status => {
                let Status { is_healthy, report } = self.admin.status().await;
                let mut response = responses::json(&report);
                if !is_healthy {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                response
            }
            Route::Logs => logs::answer(parts, &self.calls, &self.functions),
            Route::WarmUp => {
                self.warm_up().await;
                responses::plain(StatusCode::OK, "")
            }
            Route::Extensions => responses::json(&self.admin.extensions().await),
            Route::Flush => flushed(&self.admin.flush().await),
            Route::Metrics => responses::metrics(self.admin.metrics().await),
            Route::Functions => {
                let all = self.functions.iter();
                responses::json(&all.map(|function| functions::describe(function, base)).collect())
            }
            Route::Function(name) => match functions::find(&self.functions, &name) {
                Some(function) => responses::json(&functions::describe(function, base)),
                None => no_function(),
            },
            Route::Run(name) => match functions::find(&self.functions, &name) {
                Some(function) => functions::run(function, &self.calls, body).await,
                None => no_function(),
            },
            Route::BlobEvents => match &self.webhook {
                Some(webhook) => webhook.answer(parts, body).await,
                None => unknown(),
            },
            Route::Keys(request) => match &self.keys {
                Some(_)
                    if request
                        .function()
                        .is_some_and(|name| functions::find(&self.functions, name).is_none()) =>
                {
                    no_function()
                }
                Some(keys) => keys::answer(keys.folder().clone(), request, body).await,
                None => responses::plain(
                    StatusCode::FORBIDDEN,
                    "there are keys only while requests need them: start the host with --enable-auth\n",
                ),
            },
        }
    }

    /// Calls the app's functions that warm it up, and waits for them.
    async fn warm_up(&self) {
        let is_warm_up =
            |function: &&Arc<LoadedFunction>| function.info.trigger.eq_ignore_ascii_case("warmupTrigger");
        for function in self.functions.iter().filter(is_warm_up) {
            // What it raises is logged.
            functions::call(function, &self.calls, functions::Input::None).await;
        }
    }
}

fn for_operators(keys: KeyRing) -> Option<KeyCheck> {
    KeyCheck::new(keys, AuthLevel::Admin)
}

/// Whether an origin is that of this host, by a name that no page of another machine can take: an address, or localhost.
fn is_own(origin: &HeaderValue, parts: &Parts) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(((_, origin), host)) = origin.zip(host) else {
        return false;
    };
    let is_fixed = |authority: &str| {
        let uri = authority.parse::<Authority>();
        uri.is_ok_and(|authority| {
            let host = authority.host().trim_matches(['[', ']']);
            host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
        })
    };
    origin.eq_ignore_ascii_case(host) && is_fixed(host)
}

/// The page at `/`.
const HOME: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Function app</title>\n\
                    <h1>This function app is up and running.</h1>\n</html>\n";

fn unknown() -> Response<ResponseBody> {
    responses::plain(StatusCode::NOT_FOUND, "no function has this route\n")
}

fn no_function() -> Response<ResponseBody> {
    responses::plain(StatusCode::NOT_FOUND, "no function has this name\n")
}

/// Responds to a flush: 204 if all is flushed, else a line for each worker and extension.
fn flushed(report: &FlushReport) -> Response<ResponseBody> {
    let status = match report {
        FlushReport { failures, .. } if !failures.is_empty() => StatusCode::INTERNAL_SERVER_ERROR,
        FlushReport { missing, .. } if !missing.is_empty() => StatusCode::GATEWAY_TIMEOUT,
        FlushReport { busy, .. } if !busy.is_empty() => StatusCode::CONFLICT,
        _ => return responses::no_content(),
    };
    let failures = report
        .failures
        .iter()
        .map(|(worker, failure)| format!("worker {worker}: {failure}\n"));
    let missing = report.missing.iter().map(|worker| {
        format!("worker {worker}: not flushed: it is not ready, or has not replied in time; see the log, and ask again\n")
    });
    let busy = report
        .busy
        .iter()
        .map(|worker| format!("worker {worker}: a flush is running already\n"));
    responses::plain(status, failures.chain(missing).chain(busy).collect::<String>())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer_to(report: FlushReport) -> (u16, String) {
        let response = flushed(&report);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn the_answer_to_a_flush_names_what_is_missing() {
        assert_eq!(answer_to(FlushReport::default()).await, (204, String::new()));
        let busy = FlushReport {
            busy: vec![1],
            ..FlushReport::default()
        };
        let (status, body) = answer_to(busy.clone()).await;
        assert_eq!(
            (status, body.as_str()),
            (409, "worker 1: a flush is running already\n")
        );
        let missing = FlushReport {
            missing: vec![0, 2],
            ..busy
        };
        let (status, body) = answer_to(missing.clone()).await;
        assert_eq!(status, 504);
        assert!(body.starts_with("worker 0: not flushed: "), "{body}");
        assert!(
            body.contains("\nworker 2: not flushed: ") && body.contains("\nworker 1: a flush"),
            "{body}"
        );
        let failed = FlushReport {
            failures: vec![(
                1,
                "extension \"spans\": flush failed: the disk is full".to_owned(),
            )],
            ..missing
        };
        let (status, body) = answer_to(failed).await;
        assert_eq!(status, 500);
        assert!(
            body.starts_with("worker 1: extension \"spans\": flush failed: the disk is full\n"),
            "{body}"
        );
    }
}
