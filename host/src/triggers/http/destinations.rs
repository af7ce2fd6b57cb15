//! The functions that requests are for.

use std::sync::Arc;

use http::request::Parts;

use super::access::KeyCheck;
use super::admin::{self, HostPaths};
use super::announced::{AnnouncedCall, AnnouncedCalls};
use super::router::{Match, Router};
use crate::model::HttpTrigger;
use crate::model::route::RequestPath;
use crate::pipeline::LoadedFunction;

/// How requests find their functions.
pub(super) enum Destinations {
    /// By their routes.
    Routes(Box<Routes>),
    /// Each is for a call that is announced in another way.
    Announced(Arc<dyn AnnouncedCalls>),
}

/// Functions at their routes. All other requests are for the host's own paths.
pub(super) struct Routes {
    router: Router<Endpoint>,
    pub(super) paths: HostPaths,
}

/// A function that a request is for.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) function: Arc<LoadedFunction>,
    pub(super) streams_body: bool,
    /// `None` lets everybody in.
    pub(super) key_check: Option<Arc<KeyCheck>>,
}

impl From<&AnnouncedCall> for Endpoint {
    /// Whoever has announced a call has checked the key.
    fn from(call: &AnnouncedCall) -> Self {
        let trigger = call.function.definition.trigger();
        let http = trigger.and_then(|trigger| trigger.http());
        Endpoint {
            function: Arc::clone(&call.function),
            streams_body: http.is_some_and(|http| http.streams_body),
            key_check: None,
        }
    }
}

impl Routes {
    /// Returns the routes, below `prefix`, of these functions, which all have an HTTP trigger.
    pub(super) fn new(prefix: &str, functions: Vec<Arc<LoadedFunction>>, paths: HostPaths) -> Self {
        let keys = paths.keys().cloned();
        let entries = functions.into_iter().filter_map(|function| {
            let HttpTrigger {
                route,
                methods,
                auth_level,
                streams_body,
            } = function.definition.trigger()?.http().cloned().or_else(|| {
                tracing::warn!(
                    "function {:?} is never called: its httpTrigger has no route",
                    function.info.name
                );
                None
            })?;
            let key_check = keys.as_ref().and_then(|keys| {
                let keys = keys.of_function(&function.info.name);
                KeyCheck::new(keys, auth_level).map(Arc::new)
            });
            let endpoint = Endpoint {
                function,
                streams_body,
                key_check,
            };
            Some((route, methods, endpoint))
        });
        Routes {
            router: Router::new(prefix, entries),
            paths,
        }
    }

    /// Finds the function for a request. None has the host's own paths, not even one whose route takes all paths.
    pub(super) fn find<'a>(&'a self, parts: &Parts, path: &'a RequestPath<'_>) -> Match<'a, Endpoint> {
        match admin::is_reserved(parts.uri.path()) {
            true => Match::NotFound,
            false => self.router.find(&parts.method, path),
        }
    }
}
