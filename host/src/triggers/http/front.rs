//! Takes a request to its response: the route, the limits, the body, the call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;

use super::access_log::{self, Entry};
use super::admin::{HostPaths, Route};
use super::announced::{self, AnnouncedCalls};
use super::body::{self, ReadError};
use super::budget::Budget;
use super::client::Client;
use super::cors;
use super::counts::ResponseCounts;
use super::destinations::{Destinations, Endpoint, Routes};
use super::handshake::Handshake;
use super::limits::{Limits, Outstanding};
use super::origin::Origin;
use super::reply::{self, Reply};
use super::responses::{self, ResponseBody};
use super::router::Match;
use super::target;
use super::tunnel;
use super::wire::Socket;
use crate::app::HttpConfig;
use crate::logging::AccessLogFormat;
use crate::model::route::RequestPath;
use crate::model::{Body, Cors, Data, HttpRequest, Scheme, Start, TrustedProxies};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;

/// Responds to the requests of a worker.
pub(super) struct Front {
    destinations: Destinations,
    calls: Calls,
    limits: Limits,
    concurrent: Option<Arc<Semaphore>>,
    outstanding: Outstanding,
    bodies: Arc<Budget>,
    custom_headers: HeaderMap,
    proxies: TrustedProxies,
    cors: Option<Cors>,
    responses: Arc<ResponseCounts>,
    access_log: Option<AccessLogFormat>,
}

impl Front {
    /// Returns a front for these functions, which all have an HTTP trigger. All other requests are for `paths`.
    pub(super) fn new(
        config: HttpConfig,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
        paths: HostPaths,
        responses: Arc<ResponseCounts>,
    ) -> Self {
        let routes = Routes::new(&config.route_prefix, functions, paths);
        Front::with(config, Destinations::Routes(Box::new(routes)), calls, responses)
    }

    /// Returns a front for the requests of these calls.
    pub(super) fn for_announced(
        config: HttpConfig,
        announced: Arc<dyn AnnouncedCalls>,
        calls: Calls,
    ) -> Self {
        Front::with(config, Destinations::Announced(announced), calls, Arc::default())
    }

    fn with(
        config: HttpConfig,
        destinations: Destinations,
        calls: Calls,
        responses: Arc<ResponseCounts>,
    ) -> Self {
        Front {
            destinations,
            calls,
            concurrent: config
                .max_concurrent_requests
                .map(|count| Arc::new(Semaphore::new(count as usize))),
            outstanding: Outstanding::new(config.max_outstanding_requests),
            bodies: Budget::new(config.max_total_request_body_size),
            limits: Limits {
                body: config.max_request_body_size,
                pause: config.client_timeout,
            },
            custom_headers: config.custom_headers,
            proxies: config.trusted_proxies,
            cors: config.cors,
            responses,
            access_log: config.access_log,
        }
    }

    /// Returns the longest pause of a client within a request.
    pub(super) fn pause(&self) -> Duration {
        self.limits.pause
    }

    /// Returns the client of a connection whose URLs have this scheme. Who may open the file of a socket is trusted.
    pub(super) fn client(&self, socket: &Socket, scheme: Scheme) -> Client {
        let address = socket.peer();
        let is_proxy = address.is_some_and(|address| self.proxies.contains(address.ip()));
        Client::new(address, is_proxy || socket.is_unix(), scheme)
    }

    /// Responds to a request of this client.
    pub(super) async fn respond(
        &self,
        request: Request<Incoming>,
        client: &Client,
    ) -> Response<ResponseBody> {
        let origin = self
            .cors
            .as_ref()
            .and_then(|_| request.headers().get(ORIGIN).cloned());
        let entry = self
            .access_log
            .map(|format| Entry::begin(format, &request, client));
        let mut response = self.route(request, client).await;
        self.responses.add(response.status());
        for (name, value) in &self.custom_headers {
            response.headers_mut().append(name, value.clone());
        }
        if let Some(cors) = &self.cors {
            cors::allow(cors, origin.as_ref(), response.headers_mut());
        }
        match entry {
            Some(entry) => responses::logged(response, entry),
            None => response,
        }
    }

    async fn route(&self, mut request: Request<Incoming>, client: &Client) -> Response<ResponseBody> {
        let has_upgrade = request.headers().contains_key(UPGRADE);
        let upgrade = has_upgrade.then(|| hyper::upgrade::on(&mut request));
        let (mut parts, mut incoming) = request.into_parts();
        if let Some(response) = target::answer(&parts) {
            return self.refuse(&parts.headers, incoming, response);
        }
        let Ok(origin) = Origin::read(&mut parts, client) else {
            let response = responses::plain(StatusCode::BAD_REQUEST, INVALID_HOST);
            return responses::closing(response);
        };
        if let Some(response) = self.cors.as_ref().and_then(|cors| cors::preflight(cors, &parts)) {
            return self.refuse(&parts.headers, incoming, response);
        }
        let mut announced = None;
        let (endpoint, route_params) = match &self.destinations {
            Destinations::Routes(routes) => match routes.find(&parts, &RequestPath::new(parts.uri.path())) {
                Match::Found { value, params } => {
                    let owned = params
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value.to_owned()));
                    (value.clone(), owned.collect())
                }
                Match::MethodNotAllowed { allow } => {
                    let response = responses::method_not_allowed(allow);
                    return self.refuse(&parts.headers, incoming, response);
                }
                Match::NotFound => {
                    return self.answer_itself(&routes.paths, &parts, incoming, &origin).await;
                }
            },
            Destinations::Announced(calls) => match calls.take(&parts.headers).await {
                Ok(mut call) => {
                    let endpoint = Endpoint::from(&*call);
                    let route_params = std::mem::take(&mut call.route_params);
                    announced = Some(call);
                    (endpoint, route_params)
                }
                Err(error) => return self.refuse(&parts.headers, incoming, error.response()),
            },
        };
        if let Some(response) = endpoint.key_check.as_ref().and_then(|check| check.refuse(&parts)) {
            return self.refuse(&parts.headers, incoming, response);
        }
        let Some(outstanding) = self.outstanding.add() else {
            return self.refuse(&parts.headers, incoming, responses::too_many());
        };
        let handshake = match upgrade.is_some().then(|| Handshake::read(&parts, &incoming)) {
            Some(Err(error)) => return self.refuse(&parts.headers, incoming, error.response()),
            Some(Ok(handshake)) => handshake.zip(upgrade),
            None => None,
        };
        let (websocket, tunnel) = handshake
            .map(|(handshake, upgrade)| tunnel::open(handshake, upgrade, self.limits.body))
            .unzip();
        // A stream that is too large already is refused by `read`.
        let mut arriving = None;
        let mut share = None;
        let body = if endpoint.streams_body
            && !incoming.is_end_stream()
            && incoming.size_hint().lower() <= self.limits.body
        {
            let (stream, is_too_large) = body::stream(incoming, self.limits.body, self.limits.pause);
            arriving = Some((stream.clone(), is_too_large));
            Body::Stream(stream)
        } else {
            let limits = &self.limits;
            match body::read(&mut incoming, limits.body, limits.pause, &self.bodies).await {
                Ok((body, its_share)) => {
                    share = its_share;
                    Body::Bytes(body)
                }
                Err(error) => return self.refuse_unread(&parts.headers, incoming, error),
            }
        };
        let place = client.place().await;
        let permit = match &self.concurrent {
            // The semaphore is never closed.
            Some(semaphore) => Arc::clone(semaphore).acquire_owned().await.ok(),
            None => None,
        };
        let is_head = parts.method == Method::HEAD;
        let request = HttpRequest {
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            headers: parts.headers,
            body,
            route_params,
            scheme: origin.scheme,
            host: origin.host,
            client: origin.client.unwrap_or_else(|| Arc::clone(client.address())),
            peer: Arc::clone(client.address()),
            websocket,
        };
        let (announced, caller) = announced.map(|call| (call.start, call.caller)).unzip();
        let mut start = Start {
            http_reply: Some(&Reply),
            departure: Some(Arc::clone(client.departure())),
            ..announced.unwrap_or_default()
        };
        start.inputs.trigger = Data::Request(Box::new(request));
        let held = (outstanding, place, permit, share);
        let function = endpoint.function;
        let ended = match caller {
            None => self.calls.call(function, start, held).await,
            Some(caller) => match announced::call(&self.calls, function, start, caller, held).await {
                Some(ended) => ended,
                None => return responses::closing(responses::stopping()),
            },
        };
        let (invocation, result) = ended;
        if let Some((stream, is_too_large)) = arriving {
            // Whoever keeps the request must not keep the connection with it.
            drop(stream.take());
            let status = result.http_status(&invocation);
            if is_too_large.load(Ordering::Relaxed) && status == Some(StatusCode::INTERNAL_SERVER_ERROR) {
                // The function could not read on, and that is the client's fault.
                return responses::closing(responses::too_large());
            }
        }
        let response = reply::into_response(invocation.function(), result);
        let mut response = match tunnel {
            Some(tunnel) => tunnel.respond(response, &self.calls),
            None => responses::of_function(response, is_head),
        };
        if self.access_log.is_some() {
            access_log::name_call(&mut response, &invocation);
        }
        response
    }

    /// Responds to a request that is for no function.
    async fn answer_itself(
        &self,
        paths: &HostPaths,
        parts: &Parts,
        mut incoming: Incoming,
        origin: &Origin,
    ) -> Response<ResponseBody> {
        let route = Route::find(&parts.method, parts.uri.path());
        if let Some(response) = paths.refuse(&route, parts) {
            return self.refuse(&parts.headers, incoming, response);
        }
        let mut read = (Bytes::new(), None);
        if route.has_body() {
            let limits = &self.limits;
            match body::read(&mut incoming, limits.body, limits.pause, &self.bodies).await {
                Ok(whole) => read = whole,
                Err(error) => return self.refuse_unread(&parts.headers, incoming, error),
            }
        }
        let base = format!(
            "{}://{}",
            origin.scheme.as_str(),
            origin.host.to_str().unwrap_or_default()
        );
        let response = paths.answer(route, parts, &read.0, &base).await;
        self.refuse(&parts.headers, incoming, response)
    }

    /// Responds to a request whose body cannot be read.
    fn refuse_unread(&self, headers: &HeaderMap, body: Incoming, error: ReadError) -> Response<ResponseBody> {
        match error {
            ReadError::TooLarge => self.refuse(headers, body, responses::too_large()),
            ReadError::NoRoom => self.refuse(headers, body, responses::no_room()),
            ReadError::TimedOut => responses::closing(responses::too_slow()),
            ReadError::Broken if self.calls.is_draining() => responses::closing(responses::stopping()),
            ReadError::Broken => responses::closing(responses::malformed()),
        }
    }

    /// Sends a response to a request whose body was not read to its end, or not at all.
    fn refuse(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        response: Response<ResponseBody>,
    ) -> Response<ResponseBody> {
        if body.is_end_stream() {
            return response;
        }
        // Most clients send the whole body before they read the response. If the connection closed meanwhile, they
        // would not get it. Clients that ask first (Expect) must not be invited to send.
        if !headers.contains_key(EXPECT) {
            tokio::spawn(body::discard(body, self.limits.pause));
        }
        responses::closing(response)
    }
}

const INVALID_HOST: &str = "the request has no valid Host, or several\n";
