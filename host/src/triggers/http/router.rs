//! The router: finds the value that is registered for the method and path of a request.

use http::{HeaderValue, Method};

use crate::model::route::{Params, RequestPath, RouteTemplate};

/// Finds the most specific route for a request.
///
/// Templates are compared segment by segment: literal text comes before a parameter with a constraint or with
/// text around it, then come plain parameters, then catch-alls. Between equals the one that was registered
/// first wins. A route that does not allow the method gives way to the next one that matches.
#[derive(Debug, Clone)]
pub(super) struct Router<T> {
    /// All routes, the most specific first.
    routes: Vec<Route<T>>,
    /// The lower-case paths of the routes without parameters, sorted: nearly all requests are for one of these.
    literals: Vec<(Box<str>, usize)>,
    /// The number of segments of a path that the templates have to know.
    segments: usize,
}

#[derive(Debug, Clone)]
struct Route<T> {
    template: RouteTemplate,
    /// The allowed methods; empty is all.
    methods: Vec<Method>,
    /// Whether it serves HEAD like GET: only if there is no other route of this shape for HEAD.
    head: bool,
    value: T,
}

/// The result of [`Router::find`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Match<'a, T> {
    /// A route matches.
    Found {
        /// The value registered for it.
        value: &'a T,
        /// The values of its parameters.
        params: Params<'a>,
    },
    /// Only routes for other methods match.
    MethodNotAllowed {
        /// These methods, as the value of an `Allow` header.
        allow: HeaderValue,
    },
    /// No route matches.
    NotFound,
}

impl<T> Router<T> {
    /// Returns a router for (template, methods, value) entries, with their templates below `prefix` (a path of literal
    /// text, may be empty). An empty list of methods means all methods.
    pub(super) fn new(
        prefix: &str,
        entries: impl IntoIterator<Item = (RouteTemplate, Vec<Method>, T)>,
    ) -> Self {
        let route = |(template, methods, value): (RouteTemplate, Vec<Method>, T)| {
            let head = methods.is_empty() || methods.contains(&Method::HEAD);
            Route {
                template: template.under(prefix),
                methods,
                head,
                value,
            }
        };
        let mut routes: Vec<_> = entries.into_iter().map(route).collect();
        routes.sort_by_cached_key(|route| route.template.precedence());
        let with_head: Vec<_> = routes
            .iter()
            .filter(|route| route.head)
            .map(Route::shape)
            .collect();
        for route in &mut routes {
            route.head |= route.methods.contains(&Method::GET) && !with_head.contains(&route.shape());
        }
        let literal = |(at, route): (usize, &Route<T>)| {
            route
                .template
                .literal_path()
                .map(|path| (path.to_ascii_lowercase().into_boxed_str(), at))
        };
        let mut literals: Vec<_> = routes.iter().enumerate().filter_map(literal).collect();
        literals.sort_unstable();
        let segments = routes.iter().map(|route| route.template.segments_needed());
        Self {
            segments: segments.max().unwrap_or(0),
            routes,
            literals,
        }
    }

    /// Finds the route for a request. Nothing is allocated for a route without parameters.
    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a RequestPath<'_>) -> Match<'a, T> {
        // Literal text in each segment is the most specific that a route can be.
        if let Some(route) = self.literal(path.trimmed()).find(|route| route.allows(method)) {
            return Match::Found {
                value: &route.value,
                params: Params::new(),
            };
        }
        let mut refused = Vec::new();
        for route in &self.routes {
            let Some(params) = route.template.matches(path, self.segments) else {
                continue;
            };
            if route.allows(method) {
                return Match::Found {
                    value: &route.value,
                    params,
                };
            }
            refused.push(route);
        }
        if refused.is_empty() {
            return Match::NotFound;
        }
        Match::MethodNotAllowed {
            allow: allow(&refused),
        }
    }

    /// Returns the routes with exactly this literal path, which has no slashes around it.
    fn literal(&self, path: &str) -> impl Iterator<Item = &Route<T>> {
        let lowered = || path.bytes().map(|byte| byte.to_ascii_lowercase());
        let start = self
            .literals
            .partition_point(|(literal, _)| literal.bytes().lt(lowered()));
        let same = self.literals[start..]
            .iter()
            .take_while(|(literal, _)| literal.eq_ignore_ascii_case(path));
        same.map(|(_, at)| &self.routes[*at])
    }
}

impl<T> Route<T> {
    fn allows(&self, method: &Method) -> bool {
        if *method == Method::HEAD {
            self.head
        } else {
            self.methods.is_empty() || self.methods.contains(method)
        }
    }

    fn shape(&self) -> String {
        self.template.shape()
    }
}

fn allow<T>(routes: &[&Route<T>]) -> HeaderValue {
    let mut names: Vec<&str> = routes
        .iter()
        .flat_map(|route| &route.methods)
        .map(Method::as_str)
        .collect();
    if routes.iter().any(|route| route.head) {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    HeaderValue::try_from(names.join(", ")).expect("names of methods are tokens, which headers can hold")
}

#[cfg(test)]
mod tests;
