//! One span: what it knows, and how that changes until it ends.

mod encode;
mod record;

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Key, KeyValue, Value};

use crate::context::SpanContext;
use crate::encode::Attributes;
use crate::export::Pipeline;
use record::{Link, Parent, Record};

pub use record::{ERROR_TYPE, RaisedException};

/// One span, open or ended.
#[derive(Debug)]
pub struct Span {
    name: Cow<'static, str>,
    context: SpanContext,
    is_recorded: bool,
    /// `None` once the span has ended, and from the start if it is not recorded.
    record: Mutex<Option<Record>>,
}

impl Span {
    /// Starts a span now, in the same trace as its parent. It is recorded if its trace is sampled and the pipeline is on.
    pub fn start(
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

    /// Starts a span at this time, known as `context`.
    pub fn start_as(
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
                ..Record::new(kind, at, pipeline.limits())
            })),
        }
    }

    /// Whether the span is exported once it ends. One that is not has only its ids.
    pub fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Whether it is recorded and has not ended.
    pub fn is_open(&self) -> bool {
        self.record().is_some()
    }

    /// Sets start time and parent.
    pub fn set_origin(&self, at: SystemTime, parent: Option<&SpanContext>) {
        self.change("a start", |record| {
            record.start = at;
            record.parent = parent.map(Parent::of);
        });
    }

    /// Sets the start time, if one is given.
    pub fn start_at(&self, time: Option<SystemTime>) {
        if let Some(time) = time {
            self.change("a start", |record| record.start = time);
        }
    }

    /// The first name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the span another name.
    pub fn rename(&self, name: String) {
        self.change("a name", |record| record.name = Some(name));
    }

    /// The kind; that of a span that is not recorded, or has ended, is internal.
    pub fn kind(&self) -> SpanKind {
        self.record()
            .as_ref()
            .map_or(SpanKind::Internal, |record| record.kind.clone())
    }

    /// Sets the kind.
    pub fn set_kind(&self, kind: SpanKind) {
        self.change("a kind", |record| record.kind = kind);
    }

    /// What other services need to know of it.
    pub fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Sets an attribute; one of that name is replaced.
    pub fn set_attribute(&self, key: impl Into<Key>, value: Value) {
        self.change("an attribute", |record| record.set_attribute(key.into(), value));
    }

    /// Adds an event at this time, or now.
    pub fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: Vec<KeyValue>,
        at: Option<SystemTime>,
    ) {
        self.change("an event", |record| record.add_event(name.into(), attributes, at));
    }

    /// Links a related span that is not the parent, such as that of a message which this one handles.
    pub fn add_link(&self, to: SpanContext, attributes: Vec<KeyValue>) {
        self.change("a link", |record| record.add_link(Link { to, attributes }));
    }

    /// Sets the status, unless it is "ok" already.
    pub fn set_status(&self, status: Status) {
        self.change("a status", |record| record.set_status(status));
    }

    /// Records an exception that left the span: an attribute, an event, and the status.
    pub fn record_exception(&self, exception: &RaisedException<'_>) {
        self.change("an exception", |record| record.record_exception(exception));
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

    /// Ends the span, unless it has ended. `write` writes attributes that function code did not set.
    pub fn end(&self, pipeline: &Pipeline, at: SystemTime, write: impl FnOnce(&mut Attributes<'_>)) {
        if !self.is_recorded {
            return;
        }
        let ended = self.record().take();
        if let Some(record) = ended {
            // The wall clock may have been set back meanwhile.
            let at = at.max(record.start);
            pipeline.export(|out| encode::span(out, self, &record, at, write));
        }
    }
}

#[cfg(test)]
mod tests;
