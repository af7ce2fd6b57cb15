//! One span: what it knows, and how that changes until it ends.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use funcdock_extension_api::Exception;
use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as EncodedKind;

use crate::context::SpanContext;
use crate::encode::{self, Attributes};
use crate::export::Pipeline;
use crate::settings::Limits;

/// The most links that a span keeps, as OpenTelemetry's SDKs have it.
const LINKS: usize = 128;

/// The number of `ScopeSpans.spans`.
const SCOPE_SPANS_SPANS: u32 = 2;

pub(crate) const ERROR_TYPE: Key = Key::from_static_str("error.type");

/// One span, open or ended.
#[derive(Debug)]
pub(crate) struct Span {
    name: Cow<'static, str>,
    context: SpanContext,
    is_recorded: bool,
    /// `None` once the span has ended, and from the start where it is not recorded.
    record: Mutex<Option<Record>>,
}

#[derive(Debug, Clone, Copy)]
struct Parent {
    id: SpanId,
    is_remote: bool,
}

impl Parent {
    fn of(context: &SpanContext) -> Self {
        Parent {
            id: context.span_id(),
            is_remote: context.is_remote(),
        }
    }
}

/// What changes until the span ends.
#[derive(Debug)]
struct Record {
    parent: Option<Parent>,
    limits: Limits,
    /// What the span was called later.
    name: Option<String>,
    kind: SpanKind,
    start: SystemTime,
    attributes: Vec<KeyValue>,
    dropped_attributes: usize,
    events: Vec<Event>,
    dropped_events: usize,
    links: Vec<Link>,
    dropped_links: usize,
    status: Status,
}

impl Record {
    fn starting(kind: SpanKind, start: SystemTime, limits: Limits) -> Self {
        Record {
            parent: None,
            limits,
            name: None,
            kind,
            start,
            attributes: Vec::new(),
            dropped_attributes: 0,
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: Status::Unset,
        }
    }
}

/// Another span that one has to do with.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) to: SpanContext,
    pub(crate) attributes: Vec<KeyValue>,
}

/// A Python exception.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raised<'a> {
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
    /// A span that starts now, of the same trace as its parent. Recorded if its trace is sampled and somebody
    /// takes it.
    pub(crate) fn start(
        pipeline: &Pipeline,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
    ) -> Span {
        let context = match parent {
            Some(parent) => parent.child(),
            None => SpanContext::root().with_decision(true, false),
        };
        Span::start_as(pipeline, name, kind, context, parent, SystemTime::now())
    }

    /// A span that starts at this time, known as `context`.
    pub(crate) fn start_as(
        pipeline: &Pipeline,
        name: Cow<'static, str>,
        kind: SpanKind,
        context: SpanContext,
        parent: Option<&SpanContext>,
        at: SystemTime,
    ) -> Span {
        let is_recorded = pipeline.is_on() && context.is_sampled();
        Span {
            name,
            context,
            is_recorded,
            record: Mutex::new(is_recorded.then(|| Record {
                parent: parent.map(Parent::of),
                ..Record::starting(kind, at, pipeline.limits())
            })),
        }
    }

    /// Whether the span is exported once it ends. One that is not has its ids and nothing else.
    pub(crate) fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Whether it is recorded and has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.record().is_some()
    }

    /// What was not known of the span when it was made.
    pub(crate) fn begun(&self, at: SystemTime, parent: Option<&SpanContext>) {
        self.change("a beginning", |record| {
            record.start = at;
            record.parent = parent.map(Parent::of);
        });
    }

    /// Has the span start at another time, if one is given, unless it has ended.
    pub(crate) fn start_at(&self, time: Option<SystemTime>) {
        if let Some(time) = time {
            self.change("a start", |record| record.start = time);
        }
    }

    /// The name that it was started with.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Gives the span another name.
    pub(crate) fn rename(&self, name: String) {
        self.change("a name", |record| record.name = Some(name));
    }

    pub(crate) fn set_kind(&self, kind: SpanKind) {
        self.change("a kind", |record| record.kind = kind);
    }

    pub(crate) fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Sets an attribute; one of that name is replaced.
    pub(crate) fn set_attribute(&self, key: impl Into<Key>, value: Value) {
        self.change("an attribute", |record| record.set_attribute(key.into(), value));
    }

    /// Adds an event of this time, or of now.
    pub(crate) fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: Vec<KeyValue>,
        at: Option<SystemTime>,
    ) {
        self.change("an event", |record| record.add_event(name.into(), attributes, at));
    }

    /// Links to a span that this one has to do with and that is not its parent: of a message that it works on, say.
    pub(crate) fn add_link(&self, to: SpanContext, attributes: Vec<KeyValue>) {
        self.change("a link", |record| record.add_link(Link { to, attributes }));
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.change("a status", |record| record.set_status(status));
    }

    /// An exception that left the span: an attribute, an event, and the status.
    pub(crate) fn raised(&self, raised: &Raised<'_>) {
        self.change("an exception", |record| record.raised(raised));
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut Record)) {
        if !self.is_recorded {
            return;
        }
        match self.record().as_mut() {
            Some(record) => change(record),
            None => tracing::debug!("{what} for span {:?}, which has ended, is ignored", self.name),
        }
    }

    fn record(&self) -> MutexGuard<'_, Option<Record>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the span, unless it has ended. `tell` gives attributes that function code did not set.
    pub(crate) fn end(&self, pipeline: &Pipeline, at: SystemTime, tell: impl FnOnce(&mut Attributes<'_>)) {
        if !self.is_recorded {
            return;
        }
        let ended = self.record().take();
        if let Some(record) = ended {
            // The wall clock may have been set back meanwhile.
            let at = at.max(record.start);
            pipeline.export(|out| self.encode(out, &record, at, tell));
        }
    }

    /// Writes the span as one of the `spans` of OTLP's `ScopeSpans`.
    fn encode(
        &self,
        out: &mut Vec<u8>,
        record: &Record,
        end: SystemTime,
        tell: impl FnOnce(&mut Attributes<'_>),
    ) {
        encode::large_message(out, SCOPE_SPANS_SPANS, |out| {
            encode::bytes(out, 1, &self.context.trace_id().to_bytes());
            encode::bytes(out, 2, &self.context.span_id().to_bytes());
            let trace_state = self.context.trace_state().header();
            if !trace_state.is_empty() {
                encode::string(out, 3, trace_state);
            }
            if let Some(parent) = &record.parent {
                encode::bytes(out, 4, &parent.id.to_bytes());
            }
            let has_remote_parent = record.parent.is_some_and(|parent| parent.is_remote);
            let flags = encode::span_flags(self.context.trace_flags(), has_remote_parent);
            encode::fixed32(out, 16, flags);
            encode::string(out, 5, record.name.as_deref().unwrap_or(&self.name));
            encode::varint(out, 6, EncodedKind::from(record.kind.clone()) as u64);
            encode::fixed64(out, 7, encode::unix_nanos(record.start));
            encode::fixed64(out, 8, encode::unix_nanos(end));
            let mut attributes = Attributes::new(out, &record.attributes, record.limits);
            tell(&mut attributes);
            let dropped = record.dropped_attributes + attributes.finish();
            if dropped > 0 {
                encode::varint(out, 10, dropped as u64);
            }
            for event in &record.events {
                encode::event(out, 11, event);
            }
            if record.dropped_events > 0 {
                encode::varint(out, 12, record.dropped_events as u64);
            }
            for link in &record.links {
                encode::link(out, 13, link);
            }
            if record.dropped_links > 0 {
                encode::varint(out, 14, record.dropped_links as u64);
            }
            encode::status(out, 15, &record.status);
        });
    }
}

impl Record {
    fn set_attribute(&mut self, key: Key, mut value: Value) {
        cut(&mut value, &self.limits);
        if let Some(pair) = self.attributes.iter_mut().find(|pair| pair.key == key) {
            pair.value = value;
        } else if self.attributes.len() < self.limits.attributes {
            self.attributes.push(KeyValue::new(key, value));
        } else {
            self.dropped_attributes += 1;
        }
    }

    fn add_event(&mut self, name: Cow<'static, str>, mut attributes: Vec<KeyValue>, at: Option<SystemTime>) {
        if self.events.len() < self.limits.events {
            for pair in &mut attributes {
                cut(&mut pair.value, &self.limits);
            }
            let event = Event::new(name, at.unwrap_or_else(SystemTime::now), attributes, 0);
            self.events.push(event);
        } else {
            self.dropped_events += 1;
        }
    }

    fn add_link(&mut self, link: Link) {
        if self.links.len() < LINKS {
            self.links.push(link);
        } else {
            self.dropped_links += 1;
        }
    }

    /// As OpenTelemetry has it: an explicit "ok" is final, and nothing goes back to "unset".
    fn set_status(&mut self, status: Status) {
        if self.status != Status::Ok && status != Status::Unset {
            self.status = status;
        }
    }

    fn raised(&mut self, raised: &Raised<'_>) {
        self.set_attribute(ERROR_TYPE, raised.type_name.to_owned().into());
        let mut attributes = vec![
            KeyValue::new("exception.type", raised.type_name.to_owned()),
            KeyValue::new("exception.message", raised.message.to_owned()),
        ];
        if !raised.traceback.is_empty() {
            attributes.push(KeyValue::new("exception.stacktrace", raised.traceback.to_owned()));
        }
        self.add_event("exception".into(), attributes, None);
        let description = format!("{}: {}", raised.type_name, raised.message);
        self.set_status(Status::error(description));
    }
}

/// Cuts the texts of a value that are too long.
fn cut(value: &mut Value, limits: &Limits) {
    let cut = |text: &mut StringValue| {
        let kept = limits.cut(text.as_str());
        if kept.len() < text.as_str().len() {
            *text = kept.to_owned().into();
        }
    };
    match value {
        Value::String(text) => cut(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(cut),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
