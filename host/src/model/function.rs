//! Functions, as the app declares them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Binding, Direction, RetryPolicy};

/// A function of the app, as declared in any programming model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionDefinition {
    /// Its name.
    pub name: String,
    /// Its folder, absolute.
    pub directory: PathBuf,
    /// The file with its code, absolute.
    pub script_file: PathBuf,
    /// The name of its code in that file; "main" by default.
    pub entry_point: String,
    /// Its bindings, in the order of the declaration. Exactly one is a trigger.
    pub bindings: Vec<Binding>,
    /// `retry`: whether and when a failed call is made again.
    pub retry: Option<RetryPolicy>,
}

impl FunctionDefinition {
    /// Returns the binding that is the trigger.
    pub fn trigger(&self) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.is_trigger())
    }
}

/// The facts of a loaded function for hooks and logs. Hooks borrow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub directory: String,
    /// The binding type of its trigger, as in "httpTrigger".
    pub trigger: String,
    /// The name of its trigger's binding.
    pub trigger_name: String,
    /// For an HTTP trigger, the route template with the prefix, without a leading slash.
    pub route: Option<String>,
    /// Whether the return value makes the HTTP response, and is not bound to something else.
    pub returns_response: bool,
    /// The names of the output bindings that make the HTTP response of a function that returns nothing.
    pub http_outputs: Vec<String>,
}

impl FunctionInfo {
    /// Returns the facts of a function in an app with this route prefix.
    pub fn new(definition: &FunctionDefinition, route_prefix: &str) -> Self {
        let trigger = definition.trigger();
        let http = trigger.and_then(Binding::http);
        let route = http.map(|http| http.route.clone().under(route_prefix).to_string());
        let http_outputs = definition.bindings.iter().filter(|binding| {
            binding.direction == Direction::Out
                && binding.name != "$return"
                && binding.kind.eq_ignore_ascii_case("http")
        });
        let mut returns = definition
            .bindings
            .iter()
            .filter(|binding| binding.name == "$return");
        FunctionInfo {
            returns_response: returns.all(|binding| binding.kind.eq_ignore_ascii_case("http")),
            name: definition.name.clone(),
            directory: definition.directory.to_string_lossy().into_owned(),
            trigger: trigger.map(|binding| binding.kind.clone()).unwrap_or_default(),
            trigger_name: trigger.map(|binding| binding.name.clone()).unwrap_or_default(),
            route,
            http_outputs: http_outputs.map(|binding| binding.name.clone()).collect(),
        }
    }
}
