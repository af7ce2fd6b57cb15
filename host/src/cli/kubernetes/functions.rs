//! The functions of an app, by what starts them.

use anyhow::{Result, bail};

use crate::control::{FunctionListing, Ready};
use crate::model::{AuthLevel, BindingSettings, BlobSource, QueueTrigger};
use crate::triggers::sources::serves;

/// The functions of an app, by what starts them.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Whether requests start any.
    pub(super) has_http: bool,
    /// Whether any needs a key.
    pub(super) needs_keys: bool,
    /// Whether a route of a function may be in the place of `/healthz` and `/readyz`.
    pub(super) may_hide_health: bool,
    /// Those with a timer, by name.
    pub(super) timers: Vec<String>,
    /// Those with a queue, by name.
    pub(super) queues: Vec<(String, QueueTrigger)>,
    /// Those with blobs, by name.
    pub(super) blobs: Vec<(String, BlobSource)>,
}

impl Functions {
    /// Returns the functions that a worker has found. Adds a warning for each that is never called.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn new(ready: &Ready, route_prefix: &str, warnings: &mut Vec<String>) -> Result<Self> {
        if ready.functions.is_empty() {
            bail!(
                "the app has no functions: declare one in function_app.py, or in a folder with a function.json"
            );
        }
        let mut functions = Functions::default();
        for listing in &ready.functions {
            functions.add(listing, ready, route_prefix, warnings);
        }
        Ok(functions)
    }

    /// Whether other programs send requests to the host: clients, or Event Grid.
    pub(super) fn needs_service(&self) -> bool {
        let is_pushed = |(_, source): &(_, BlobSource)| *source == BlobSource::EventGrid;
        self.has_http || self.blobs.iter().any(is_pushed)
    }

    fn add(
        &mut self,
        listing: &FunctionListing,
        ready: &Ready,
        route_prefix: &str,
        warnings: &mut Vec<String>,
    ) {
        let FunctionListing { name, kind, .. } = listing;
        if let Some(route) = &listing.route {
            self.has_http = true;
            self.needs_keys |= listing.auth_level.unwrap_or_default() != AuthLevel::Anonymous;
            self.may_hide_health |= route_prefix.is_empty() && may_be_health(route);
            return;
        }
        if kind.eq_ignore_ascii_case("warmupTrigger") {
            return;
        }
        if !serves(kind) {
            warnings.push(format!(
                "function {name:?} has the trigger {kind}, which this host does not serve; only an operator calls it"
            ));
            return;
        }
        let Some(event) = ready.events.iter().find(|event| event.name == *name) else {
            warnings.push(format!(
                "function {name:?} cannot be loaded, so the manifests do not scale for it; the log above says why"
            ));
            return;
        };
        let name = name.clone();
        match &event.trigger.settings {
            BindingSettings::Timer(_) => self.timers.push(name),
            BindingSettings::QueueTrigger(queue) => self.queues.push((name, queue.clone())),
            BindingSettings::BlobTrigger(blob) => self.blobs.push((name, blob.source)),
            // No other binding's type is served by these triggers.
            _ => {}
        }
    }
}

/// Whether `/healthz` or `/readyz` may match a route without a prefix.
fn may_be_health(route: &str) -> bool {
    let first = route.split('/').next().unwrap_or_default();
    first.contains('{')
        || ["healthz", "readyz"]
            .iter()
            .any(|path| first.eq_ignore_ascii_case(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(name: &str, kind: &str, route: Option<(&str, AuthLevel)>) -> FunctionListing {
        FunctionListing {
            name: name.to_owned(),
            kind: kind.to_owned(),
            methods: Vec::new(),
            route: route.map(|(route, _)| route.to_owned()),
            auth_level: route.map(|(_, level)| level),
        }
    }

    fn functions(listings: &[FunctionListing], prefix: &str) -> (Functions, Vec<String>) {
        let ready = Ready {
            functions: listings.to_vec(),
            ..Ready::default()
        };
        let mut warnings = Vec::new();
        let functions = Functions::new(&ready, prefix, &mut warnings).expect("there are some");
        (functions, warnings)
    }

    #[test]
    fn a_function_that_is_never_called_is_named() {
        let (found, warnings) = functions(
            &[
                listing("Bus", "serviceBusTrigger", None),
                listing("Broken", "queueTrigger", None),
                listing("Warm", "warmupTrigger", None),
            ],
            "api",
        );
        assert!(found.queues.is_empty() && !found.needs_service());
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(
            warnings[0].contains("\"Bus\" has the trigger serviceBusTrigger"),
            "{warnings:?}"
        );
        assert!(
            warnings[1].contains("\"Broken\" cannot be loaded"),
            "{warnings:?}"
        );
        let none = Functions::new(&Ready::default(), "api", &mut Vec::new()).expect_err("none");
        assert!(none.to_string().contains("the app has no functions"), "{none}");
    }

    #[test]
    fn keys_and_health_follow_from_the_routes() {
        let open = AuthLevel::Anonymous;
        for (route, prefix, level, needs_keys, may_hide) in [
            ("hello", "", open, false, false),
            ("hello", "", AuthLevel::Function, true, false),
            ("{*path}", "api", open, false, false),
            ("{*path}", "", open, false, true),
            ("Healthz", "", open, false, true),
            ("a/{b}", "", AuthLevel::Admin, true, false),
        ] {
            let (found, _) = functions(&[listing("F", "httpTrigger", Some((route, level)))], prefix);
            let facts = (found.has_http, found.needs_keys, found.may_hide_health);
            assert_eq!(facts, (true, needs_keys, may_hide), "{prefix}/{route}");
        }
    }
}
