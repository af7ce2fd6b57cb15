//! What a span collects until it ends.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::context::SpanContext;
use crate::encode::Limits;

/// The most links that a span keeps, as in OpenTelemetry's SDKs.
pub(super) const LINKS: usize = 128;

/// The attribute that says how a span failed.
pub const ERROR_TYPE: Key = Key::from_static_str("error.type");

/// The span's parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    pub(super) id: SpanId,
    pub(super) is_remote: bool,
}

impl Parent {
    pub(super) fn of(context: &SpanContext) -> Self {
        Parent {
            id: context.span_id(),
            is_remote: context.is_remote(),
        }
    }
}

/// What changes until the span ends.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) parent: Option<Parent>,
    pub(super) limits: Limits,
    /// The name that replaces the first one.
    pub(super) name: Option<String>,
    pub(super) kind: SpanKind,
    pub(super) start: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) dropped_attributes: usize,
    pub(super) events: Vec<Event>,
    pub(super) dropped_events: usize,
    pub(super) links: Vec<Link>,
    pub(super) dropped_links: usize,
    pub(super) status: Status,
}

impl Record {
    pub(super) fn new(kind: SpanKind, start: SystemTime, limits: Limits) -> Self {
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

/// A related span that is not the parent.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) to: SpanContext,
    pub(super) attributes: Vec<KeyValue>,
}

/// An exception of Python.
#[derive(Debug, Clone, Copy)]
pub struct RaisedException<'a> {
    /// Its class, with the module unless that is `builtins`.
    pub type_name: &'a str,
    /// `str(exception)`.
    pub message: &'a str,
    /// The formatted traceback; may be empty.
    pub traceback: &'a str,
}

impl Record {
    pub(super) fn set_attribute(&mut self, key: Key, mut value: Value) {
        cut(&mut value, &self.limits);
        if let Some(pair) = self.attributes.iter_mut().find(|pair| pair.key == key) {
            pair.value = value;
        } else if self.attributes.len() < self.limits.attributes {
            self.attributes.push(KeyValue::new(key, value));
        } else {
            self.dropped_attributes += 1;
        }
    }

    pub(super) fn add_event(
        &mut self,
        name: Cow<'static, str>,
        mut attributes: Vec<KeyValue>,
        at: Option<SystemTime>,
    ) {
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

    pub(super) fn add_link(&mut self, link: Link) {
        if self.links.len() < LINKS {
            self.links.push(link);
        } else {
            self.dropped_links += 1;
        }
    }

    /// By OpenTelemetry's rule, an explicit "ok" is final, and "unset" changes nothing.
    pub(super) fn set_status(&mut self, status: Status) {
        if self.status != Status::Ok && status != Status::Unset {
            self.status = status;
        }
    }

    pub(super) fn record_exception(&mut self, exception: &RaisedException<'_>) {
        self.set_attribute(ERROR_TYPE, exception.type_name.to_owned().into());
        let mut attributes = vec![
            KeyValue::new("exception.type", exception.type_name.to_owned()),
            KeyValue::new("exception.message", exception.message.to_owned()),
        ];
        if !exception.traceback.is_empty() {
            attributes.push(KeyValue::new(
                "exception.stacktrace",
                exception.traceback.to_owned(),
            ));
        }
        self.add_event("exception".into(), attributes, None);
        let description = format!("{}: {}", exception.type_name, exception.message);
        self.set_status(Status::error(description));
    }
}

/// Cuts texts that are too long.
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
