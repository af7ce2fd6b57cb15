//! One span: what it knows, and how that changes until it ends.

use std::borrow::Cow;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use funcdock_extension_api::Exception;
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::export::Pipeline;

/// The most attributes and events that a span keeps, as OpenTelemetry's SDKs have it.
pub(crate) const LIMIT: usize = 128;

pub(crate) const ERROR_TYPE: Key = Key::from_static_str("error.type");

static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
});

/// One span, open or ended.
#[derive(Debug)]
pub struct Span {
    name: Cow<'static, str>,
    context: SpanContext,
    /// `None` once the span has ended, and from the start where it is not recorded.
    data: Mutex<Option<SpanData>>,
}

/// A Python exception.
#[derive(Debug, Clone, Copy)]
pub struct Raised<'a> {
    pub type_name: &'a str,
    pub message: &'a str,
    pub traceback: &'a str,
}

impl<'a> From<Exception<'a>> for Raised<'a> {
    fn from(exception: Exception<'a>) -> Self {
        Raised {
            type_name: exception.type_name,
            message: exception.message,
            traceback: exception.traceback,
        }
    }
}

impl Span {
    /// A span that starts now. Recorded if its trace is sampled and somebody takes it.
    pub(crate) fn start(
        pipeline: &Pipeline,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Span {
        let ids = RandomIdGenerator::default();
        let context = match parent {
            Some(parent) => SpanContext::new(
                parent.trace_id(),
                ids.new_span_id(),
                parent.trace_flags(),
                false,
                parent.trace_state().clone(),
            ),
            None => SpanContext::new(
                ids.new_trace_id(),
                ids.new_span_id(),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
        };
        let recorded = pipeline.is_on() && context.is_sampled();
        let data = recorded.then(|| {
            let start = SystemTime::now();
            SpanData {
                span_context: context.clone(),
                parent_span_id: parent.map_or(SpanId::INVALID, SpanContext::span_id),
                parent_span_is_remote: parent.is_some_and(SpanContext::is_remote),
                span_kind: kind,
                name: name.clone(),
                start_time: start,
                end_time: start,
                attributes: attributes(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: SCOPE.clone(),
            }
        });
        Span {
            name,
            context,
            data: Mutex::new(data),
        }
    }

    /// Lets the span start now, unless it has ended.
    pub(crate) fn restart(&self) {
        self.change("a start", |data| data.start_time = SystemTime::now());
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Sets an attribute; one of that name is replaced.
    pub fn set_attribute(&self, key: impl Into<Key>, value: Value) {
        self.change("an attribute", |data| set_attribute(data, key.into(), value));
    }

    pub fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        self.change("an event", |data| add_event(data, name.into(), attributes));
    }

    pub fn set_status(&self, status: Status) {
        self.change("a status", |data| set_status(data, status));
    }

    /// An exception that left the span: an event, and the status.
    pub fn record(&self, raised: &Raised<'_>) {
        self.change("an exception", |data| {
            set_attribute(data, ERROR_TYPE, raised.type_name.to_owned().into());
            record(data, raised);
        });
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut SpanData)) {
        match self.data().as_mut() {
            Some(data) => change(data),
            None => tracing::debug!(
                "{what} for span {:?}, which has ended or is not recorded, is ignored",
                self.name
            ),
        }
    }

    fn data(&self) -> MutexGuard<'_, Option<SpanData>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the span, unless it has ended. `last` may still change it.
    pub(crate) fn end(&self, pipeline: &Pipeline, at: SystemTime, last: impl FnOnce(&mut SpanData)) {
        let ended = self.data().take();
        if let Some(mut data) = ended {
            last(&mut data);
            // The wall clock may have been set back meanwhile.
            data.end_time = at.max(data.start_time);
            pipeline.export(data);
        }
    }
}

pub(crate) fn set_attribute(data: &mut SpanData, key: Key, value: Value) {
    if let Some(pair) = data.attributes.iter_mut().find(|pair| pair.key == key) {
        pair.value = value;
    } else if data.attributes.len() < LIMIT {
        data.attributes.push(KeyValue::new(key, value));
    } else {
        data.dropped_attributes_count += 1;
    }
}

fn add_event(data: &mut SpanData, name: Cow<'static, str>, attributes: Vec<KeyValue>) {
    if data.events.events.len() < LIMIT {
        let event = Event::new(name, SystemTime::now(), attributes, 0);
        data.events.events.push(event);
    } else {
        data.events.dropped_count += 1;
    }
}

/// As OpenTelemetry has it: an explicit "ok" is final, and nothing goes back to "unset".
pub(crate) fn set_status(data: &mut SpanData, status: Status) {
    if data.status != Status::Ok && status != Status::Unset {
        data.status = status;
    }
}

pub(crate) fn record(data: &mut SpanData, raised: &Raised<'_>) {
    let mut attributes = vec![
        KeyValue::new("exception.type", raised.type_name.to_owned()),
        KeyValue::new("exception.message", raised.message.to_owned()),
    ];
    if !raised.traceback.is_empty() {
        attributes.push(KeyValue::new("exception.stacktrace", raised.traceback.to_owned()));
    }
    add_event(data, "exception".into(), attributes);
    let description = format!("{}: {}", raised.type_name, raised.message);
    set_status(data, Status::error(description));
}
