//! Events: what starts calls besides requests. The supervisor notices them, and a worker makes the calls.

use serde::{Deserialize, Serialize};

use super::{Binding, FunctionDefinition};
use super::{Data, Exception, Inputs, RetryContext, RetryPolicy, Start, TraceContext};

/// A function that an event starts, as the supervisor needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventFunction {
    /// Its name.
    pub name: String,
    /// The binding of its trigger.
    pub trigger: Binding,
    /// Whether and when a failed call is made again.
    pub retry: Option<RetryPolicy>,
    /// Whether its calls run on the worker's threads for functions, and not as tasks of its event loop.
    pub needs_thread: bool,
}

impl EventFunction {
    /// Returns the function of this declaration; `None` without a trigger.
    pub fn new(definition: &FunctionDefinition, needs_thread: bool) -> Option<Self> {
        Some(EventFunction {
            name: definition.name.clone(),
            trigger: definition.trigger()?.clone(),
            retry: definition.retry.clone(),
            needs_thread,
        })
    }
}

/// An event for a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The function's name.
    pub function: String,
    /// The data of the trigger.
    pub data: EventData,
    /// What the trigger knows besides its data, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, EventData)>,
    /// The number of this attempt.
    #[serde(default)]
    pub retry: RetryContext,
    /// `traceparent` and `tracestate` of what caused the event, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<(String, String)>,
}

/// Data of an event, as it goes from one process to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventData {
    /// Nothing.
    #[default]
    None,
    /// Text.
    String(String),
    /// JSON, as text.
    Json(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A whole number.
    Int(i64),
}

impl From<EventData> for Data {
    fn from(data: EventData) -> Self {
        match data {
            EventData::None => Data::None,
            EventData::String(text) => Data::String(text),
            EventData::Json(text) => Data::Json(text),
            EventData::Bytes(bytes) => Data::Bytes(bytes.into()),
            EventData::Int(number) => Data::Int(number),
        }
    }
}

impl From<Event> for Start {
    fn from(event: Event) -> Self {
        let metadata = event.metadata.into_iter();
        Start {
            inputs: Inputs::of_trigger(event.data.into()),
            metadata: metadata.map(|(name, data)| (name, data.into())).collect(),
            retry: event.retry,
            trace: event
                .trace
                .map(|(parent, state)| TraceContext::new(&parent, &state)),
            ..Start::default()
        }
    }
}

/// How the call for an event ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventEnd {
    /// The function returned, and what it put out is written.
    Succeeded,
    /// The function raised, timed out, or was refused by an extension. The log has it already.
    Failed(Box<Exception>),
    /// The worker died or stopped while it made the call: nobody knows how far it came.
    Lost,
    /// No worker has begun the call.
    NotBegun,
}
