//! The bindings of functions, with the settings of each type that this host serves.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::expression::{BlobPathTemplate, BlobPattern, Template};
use super::route::RouteTemplate;
use super::schedule::Schedule;

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
    /// Of a queueTrigger.
    QueueTrigger(QueueTrigger),
    /// Of a queue that messages are put into.
    Queue(QueueOutput),
    /// Of a blobTrigger.
    BlobTrigger(BlobTrigger),
    /// Of a blob that is read or written.
    Blob(BlobBinding),
    /// Of any other type.
    Other,
}

impl BindingSettings {
    /// Returns the name of the connection to storage, if a binding of this type has one; an empty one is the default.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::QueueTrigger(QueueTrigger { connection, .. })
            | Self::Queue(QueueOutput { connection, .. })
            | Self::BlobTrigger(BlobTrigger { connection, .. })
            | Self::Blob(BlobBinding { connection, .. }) => Some(connection),
            Self::Http(_) | Self::Timer(_) | Self::Other => None,
        }
    }
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

/// The settings of a queueTrigger binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueTrigger {
    /// The queue's name.
    pub queue: String,
    /// The name of the connection; empty is the default one.
    pub connection: String,
}

/// The settings of a queue binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueOutput {
    /// The queue's name.
    #[serde(with = "as_text")]
    pub queue: Template,
    /// The name of the connection; empty is the default one.
    pub connection: String,
}

/// The settings of a blobTrigger binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlobTrigger {
    /// The blobs whose content starts the function.
    #[serde(with = "as_text")]
    pub path: BlobPattern,
    /// The name of the connection; empty is the default one.
    pub connection: String,
    /// How the host is to notice blobs.
    #[serde(default)]
    pub source: BlobSource,
}

/// `source` of a blobTrigger: how the host is to notice blobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BlobSource {
    /// It looks into the container again and again.
    #[default]
    Polling,
    /// Event Grid calls a webhook of the host.
    EventGrid,
}

/// The settings of a blob binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlobBinding {
    /// The blob.
    #[serde(with = "as_text")]
    pub path: BlobPathTemplate,
    /// The name of the connection; empty is the default one.
    pub connection: String,
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
    /// Where it is, as a JSON object: the function opens it itself. No declaration says so; the type of a parameter does.
    Reference,
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

/// Serializes a value as the text that it is parsed from.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
