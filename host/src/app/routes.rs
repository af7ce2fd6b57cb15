//! The routes of an app's functions: each is served by one function, and none is the host's own.

use std::collections::BTreeMap;

use http::Method;

use super::error::Problem;
use super::host_config::RESERVED;
use super::json::Item;
use crate::model::{Binding, FunctionDefinition, HttpTrigger};

/// A function to load, and where its route is, for the errors that only show beside other functions.
pub(super) struct Enabled {
    pub(super) function: FunctionDefinition,
    /// A problem without a message at its route, or at its trigger when no route is given; `None` for other triggers.
    route: Option<Problem>,
}

impl Enabled {
    /// Returns a function with these bindings as they were declared.
    pub(super) fn new(function: FunctionDefinition, bindings: &Item<'_>) -> Result<Self, Problem> {
        let mut route = None;
        for (item, binding) in bindings.elements()?.iter().zip(&function.bindings) {
            if binding.http().is_some() {
                let place = item.get("route")?;
                route = Some(place.unwrap_or_else(|| item.clone()).problem(""));
                break;
            }
        }
        Ok(Enabled { function, route })
    }

    fn http(&self) -> Option<(&Problem, &HttpTrigger)> {
        let trigger = self.function.trigger().and_then(Binding::http);
        self.route.as_ref().zip(trigger)
    }
}

/// Finds routes that the host keeps for itself, and functions that would answer the same requests.
pub(super) fn check(functions: &[Enabled], prefix: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    // For each shape of a route, the functions that have it so far.
    let mut taken: BTreeMap<String, Vec<&Enabled>> = BTreeMap::new();
    for enabled in functions {
        let Some((place, http)) = enabled.http() else {
            continue;
        };
        let mut problem = |message| {
            problems.push(Problem {
                message,
                ..place.clone()
            })
        };
        let route = http.route.to_string();
        let first = route.split('/').next().unwrap_or_default();
        if prefix.is_empty()
            && RESERVED
                .iter()
                .any(|reserved| first.eq_ignore_ascii_case(reserved))
        {
            problem(format!(
                "{first:?} is reserved for the host; take another route, or a routePrefix"
            ));
        }
        let others = taken.entry(http.route.shape()).or_default();
        let conflict = others.iter().find_map(|other| {
            let (_, earlier) = other.http()?;
            Some((other, common_methods(http, earlier)?))
        });
        match conflict {
            Some((other, methods)) => problem(format!(
                "{methods} {route:?} is served by the function {:?} already; change the route or the methods of one of \
                 them",
                other.function.name
            )),
            None => others.push(enabled),
        }
    }
    problems
}

/// The methods that both triggers answer, if there are any.
fn common_methods(one: &HttpTrigger, other: &HttpTrigger) -> Option<String> {
    let names = |methods: Vec<&Method>| {
        methods
            .into_iter()
            .map(Method::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let methods = match (one.methods.as_slice(), other.methods.as_slice()) {
        ([], []) => return Some("any method of".to_owned()),
        ([], methods) | (methods, []) => names(methods.iter().collect()),
        (methods, others) => names(methods.iter().filter(|method| others.contains(method)).collect()),
    };
    (!methods.is_empty()).then_some(methods)
}
