//! From a request to its answer: the route, the limits, the body, the call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;

use super::body::{self, BodyError};
use super::responses::{self, Body};
use super::route::RouteTemplate;
use super::routes::{Match, Router};
use crate::invocation::{HttpRequest, LoadedFunction, Pipeline};

/// A function at its route.
pub struct Endpoint {
    /// The route under the prefix.
    pub route: RouteTemplate,
    /// The methods that it takes; empty is all.
    pub methods: Vec<Method>,
    /// The function.
    pub function: Arc<LoadedFunction>,
}

/// What host.json allows requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest request body, in bytes.
    pub body: u64,
    /// How long a client may pause within a request's head or body.
    pub pause: Duration,
    /// Functions that run at once.
    pub concurrent: Option<u32>,
    /// Requests that run or wait.
    pub outstanding: Option<u32>,
}

/// Answers the requests of a worker.
pub struct Front {
    router: Router<Arc<LoadedFunction>>,
    pipeline: Arc<Pipeline>,
    limits: Limits,
    concurrent: Option<Arc<Semaphore>>,
    outstanding: Arc<AtomicU32>,
    custom_headers: HeaderMap,
    admin: Arc<dyn Admin>,
}

/// What a worker tells of itself, and does for its operator.
pub trait Admin: Send + Sync + 'static {
    /// `GET /admin/host/status`.
    fn status(&self) -> serde_json::Value;

    /// `GET /admin/extensions`, of all workers.
    fn extensions(&self) -> Answer<'_, serde_json::Value>;

    /// `GET /metrics`, of all workers, in the text format of OpenMetrics.
    fn metrics(&self) -> Answer<'_, String>;

    /// `POST /admin/extensions/flush`, of all workers.
    fn flush(&self) -> Answer<'_, Flushed>;
}

/// How a flush of all workers went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// All have flushed.
    All,
    /// One flushes already; the others have flushed.
    Busy,
    /// So many have not answered in time.
    Without(usize),
}

/// What takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Front {
    /// A front for these functions.
    pub fn new(
        route_prefix: &str,
        endpoints: Vec<Endpoint>,
        pipeline: Pipeline,
        limits: Limits,
        custom_headers: HeaderMap,
        admin: Arc<dyn Admin>,
    ) -> Self {
        let entries = endpoints
            .into_iter()
            .map(|endpoint| (endpoint.route, endpoint.methods, endpoint.function));
        Front {
            router: Router::new(route_prefix, entries),
            pipeline: Arc::new(pipeline),
            concurrent: limits
                .concurrent
                .map(|count| Arc::new(Semaphore::new(count as usize))),
            outstanding: Arc::default(),
            limits,
            custom_headers,
            admin,
        }
    }

    /// The pipeline that it calls functions through.
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// How long a client may pause within a request.
    pub(super) fn pause(&self) -> Duration {
        self.limits.pause
    }

    /// Answers a request of the client at this address.
    pub(super) async fn answer(&self, request: Request<Incoming>, client: &Arc<str>) -> Response<Body> {
        let mut answer = self.route(request, client).await;
        for (name, value) in &self.custom_headers {
            answer.headers_mut().append(name, value.clone());
        }
        answer
    }

    async fn route(&self, request: Request<Incoming>, client: &Arc<str>) -> Response<Body> {
        let (parts, mut incoming) = request.into_parts();
        if !names_one_host(&parts) {
            let answer = responses::plain(StatusCode::BAD_REQUEST, "the request has no Host, or several\n");
            return responses::closing(answer);
        }
        let (function, route_params) = match self.router.find(&parts.method, parts.uri.path()) {
            Match::Found { value, params } => {
                let owned = params
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into_owned()));
                (Arc::clone(value), owned.collect())
            }
            Match::MethodNotAllowed { allow } => {
                let answer = responses::method_not_allowed(allow);
                return self.refuse(&parts.headers, incoming, answer);
            }
            Match::NotFound => {
                let answer = self.admin(&parts.method, parts.uri.path()).await;
                return self.refuse(&parts.headers, incoming, answer);
            }
        };
        let Some(outstanding) = self.outstanding() else {
            return self.refuse(&parts.headers, incoming, responses::too_many());
        };
        let body = match body::read(&mut incoming, self.limits.body, self.limits.pause).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return self.refuse(&parts.headers, incoming, responses::too_large()),
            Err(BodyError::TimedOut) => return responses::closing(responses::too_slow()),
            Err(BodyError::Broken) => return responses::closing(responses::malformed()),
        };
        let permit = match &self.concurrent {
            // The semaphore is never closed.
            Some(semaphore) => Arc::clone(semaphore).acquire_owned().await.ok(),
            None => None,
        };
        let request = HttpRequest {
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            headers: parts.headers,
            body,
            route_params,
            client: Arc::clone(client),
        };
        let call = self.pipeline.call(function, Some(request), (outstanding, permit));
        responses::of_function(call.await.into_response())
    }

    /// Sends `answer` to a request whose body was not read to its end, or not at all.
    fn refuse(&self, headers: &HeaderMap, body: Incoming, answer: Response<Body>) -> Response<Body> {
        if body.is_end_stream() {
            return answer;
        }
        // Most clients send all before they look for an answer, and would not find it on a connection that is
        // closed meanwhile. Those that ask first are not to be told to go on.
        if !headers.contains_key(EXPECT) {
            tokio::spawn(body::discard(body, self.limits.pause));
        }
        responses::closing(answer)
    }

    /// The host's own paths. A function whose route is "metrics" under an empty prefix comes before ours.
    async fn admin(&self, method: &Method, path: &str) -> Response<Body> {
        let admin = &self.admin;
        match (method, path) {
            (&Method::GET | &Method::HEAD, "/admin/host/status") => responses::json(&admin.status()),
            (&Method::GET | &Method::HEAD, "/admin/extensions") => responses::json(&admin.extensions().await),
            (&Method::GET | &Method::HEAD, "/metrics") => responses::metrics(admin.metrics().await),
            (&Method::POST, "/admin/extensions/flush") => match admin.flush().await {
                Flushed::All => responses::no_content(),
                Flushed::Busy => responses::plain(StatusCode::CONFLICT, "a flush is running already\n"),
                Flushed::Without(workers) => responses::not_flushed(workers),
            },
            _ => responses::plain(StatusCode::NOT_FOUND, "no function has this route\n"),
        }
    }

    /// Counts a request among those that run or wait; `None` when there are too many.
    fn outstanding(&self) -> Option<Outstanding> {
        let Some(limit) = self.limits.outstanding else {
            return Some(Outstanding(None));
        };
        let counted = Outstanding(Some(Arc::clone(&self.outstanding)));
        (self.outstanding.fetch_add(1, Ordering::Relaxed) < limit).then_some(counted)
    }
}

/// What HTTP/1.1 asks for. Two could mean one to us and the other to a proxy before us.
fn names_one_host(parts: &Parts) -> bool {
    match parts.headers.get_all(HOST).iter().count() {
        0 => parts.version < Version::HTTP_11,
        count => count == 1,
    }
}

/// One of the requests that run or wait, until dropped.
struct Outstanding(Option<Arc<AtomicU32>>);

impl Drop for Outstanding {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
