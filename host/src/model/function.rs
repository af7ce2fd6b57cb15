//! Functions and their bindings, as the app declares them.

use std::path::PathBuf;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RetryPolicy;
use super::route::RouteTemplate;
use super::schedule::Schedule;

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

/// One binding of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The parameter that it binds to, or "$return".
    pub name: String,
    /// Its type, as written (compared without case): "httpTrigger", "http", "timerTrigger", …
    pub kind: String,
    /// The direction of its data.
    pub direction: Direction,
    /// The form in which the function takes its data, if the declaration sets one.
    pub data_type: Option<DataType>,
    /// The settings of its type, parsed.
    pub settings: BindingSettings,
    /// All members of the declaration, for the trigger that serves this type.
    pub properties: Map<String, Value>,
}

impl Binding {
    /// Returns the settings of an httpTrigger.
    pub fn http(&self) -> Option<&HttpTrigger> {
        match &self.settings {
            BindingSettings::Http(http) => Some(http),
            _ => None,
        }
    }

    /// Returns the settings of an httpTrigger, for changing.
    pub fn http_mut(&mut self) -> Option<&mut HttpTrigger> {
        match &mut self.settings {
            BindingSettings::Http(http) => Some(http),
            _ => None,
        }
    }

    /// Whether this binding starts the function: its type ends in "Trigger", in any case.
    pub fn is_trigger(&self) -> bool {
        const SUFFIX: &str = "trigger";
        let start = self.kind.len().checked_sub(SUFFIX.len());
        start
            .and_then(|start| self.kind.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(SUFFIX))
    }
}

/// The settings of a binding of a type that this host serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BindingSettings {
    /// Of an httpTrigger.
    Http(HttpTrigger),
    /// Of a timerTrigger.
    Timer(TimerTrigger),
    /// Of any other type.
    Other,
}

/// The settings of a timerTrigger binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimerTrigger {
    /// When it is called.
    pub schedule: Schedule,
    /// Whether it is called when the host starts, too.
    pub run_on_startup: bool,
    /// Whether the last call is remembered, so that one that was missed is made up for. By default those of a minute or more
    /// between calls are.
    pub use_monitor: Option<bool>,
}

/// The direction of a binding's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the function.
    In,
    /// Out of it.
    Out,
    /// Both ways.
    InOut,
}

/// `dataType`: the form in which a function takes a binding's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A stream.
    Stream,
}

/// The settings of an httpTrigger binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpTrigger {
    /// The route under the app's prefix; the function's name by default.
    pub route: RouteTemplate,
    /// The allowed methods; empty is all.
    #[serde(with = "methods")]
    pub methods: Vec<Method>,
    /// The key that a request needs.
    pub auth_level: AuthLevel,
    /// Whether the function reads the request's body while it arrives, instead of whole.
    #[serde(default)]
    pub streams_body: bool,
}

/// `authLevel`: the key that a request needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthLevel {
    /// None.
    Anonymous,
    /// A function key.
    #[default]
    Function,
    /// The master key.
    Admin,
}

/// Serializes methods as their names.
mod methods {
    use http::Method;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(methods: &[Method], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(methods.iter().map(Method::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Method>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let parse = |name: &String| Method::from_bytes(name.as_bytes()).map_err(D::Error::custom);
        names.iter().map(parse).collect()
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
        FunctionInfo {
            name: definition.name.clone(),
            directory: definition.directory.to_string_lossy().into_owned(),
            trigger: trigger.map(|binding| binding.kind.clone()).unwrap_or_default(),
            trigger_name: trigger.map(|binding| binding.name.clone()).unwrap_or_default(),
            route,
            http_outputs: http_outputs.map(|binding| binding.name.clone()).collect(),
        }
    }
}
