//! What the companion, `companion.py`, calls: spans as a plain tree, one method each for what can be done to one.
//!
//! Which span is current, and what function code sees of all this, is Python's to say: it knows its contexts. Tracing
//! must not break a function: what cannot be recorded (a dict as an attribute, anything on a span that has ended) is
//! logged and ignored.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Result, Value};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};

use crate::attributes;
use crate::call::Call;
use crate::context::SpanContext;
use crate::export::Pipeline;
use crate::logs::Logs;
use crate::propagation::{Baggage, Caller, Decision, Given, Propagators, parse_traceparent};
use crate::samplers::Samplers;
use crate::span::{Raised, Span};

/// What the companion is docked with: what has to do with no single call.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) samplers: Arc<Samplers>,
    pub(crate) propagators: Propagators,
    pub(crate) logs: Arc<Logs>,
    pub(crate) instrument: bool,
}

impl ContextObject for Root {
    fn class_name(&self) -> &str {
        "OpenCensus"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["span", "inject", "extract"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "span" => {
                let [name, kind, start, traceparent, tracestate] =
                    arguments.bind(["name", "kind", "start", "traceparent", "tracestate"])?;
                let parent = remote(&text(traceparent)?, &text(tracestate)?);
                let span = self.start(text(name)?, kind_of(kind)?, parent);
                span.start_at(time(start)?);
                Ok(Value::object(SpanObject::Alone(self.clone(), Arc::new(span))))
            }
            "inject" => {
                let [traceparent, tracestate] = arguments.bind(["traceparent", "tracestate"])?;
                let given = text(traceparent)?;
                let span = remote(&given, &text(tracestate)?)
                    .ok_or_else(|| Error::new(ErrorKind::Value, format!("{given:?} is no traceparent")))?;
                Ok(headers(self.propagators.inject(&span, &Baggage::default())))
            }
            "extract" => {
                let [headers] = arguments.bind(["headers"])?;
                let caller = self.propagators.extract(&given(headers)?, |_| {});
                Ok(caller.parent.map_or(Value::None, |span| context(&span)))
            }
            _ => Err(no_method("OpenCensus", method)),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "logger" => Some(Value::object(self.logs.logger())),
            "instrument" => Some(self.instrument.into()),
            _ => None,
        })
    }
}

impl Root {
    /// A span outside of all invocations, sampled as the calls of a function that has no sampler of its own.
    fn start(&self, name: String, kind: SpanKind, parent: Option<SpanContext>) -> Span {
        let caller = Caller {
            decision: parent.as_ref().map_or(Decision::Deferred, |parent| {
                if parent.is_sampled() {
                    Decision::Accept
                } else {
                    Decision::Deny
                }
            }),
            parent,
            ..Caller::default()
        };
        let span = caller.begin(self.samplers.of(""));
        Span::start_as(
            &self.pipeline,
            name.into(),
            kind,
            span,
            caller.parent.as_ref(),
            SystemTime::now(),
        )
    }
}

/// A span.
pub(crate) enum SpanObject {
    /// An invocation's own.
    Invocation(Arc<Call>),
    /// One that function code opened within an invocation.
    Within(Arc<Call>, Arc<Span>),
    /// One outside of all invocations.
    Alone(Root, Arc<Span>),
}

impl ContextObject for SpanObject {
    fn class_name(&self) -> &str {
        "Span"
    }

    fn methods(&self) -> &'static [&'static str] {
        // The most frequent first: they are searched in order.
        &[
            "span",
            "end",
            "restart",
            "attribute",
            "identity",
            "event",
            "link",
            "status",
            "raised",
            "headers",
            "rename",
            "kind",
        ]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "span" => return self.open(arguments),
            "end" => {
                let [at] = arguments.bind(["at"])?;
                self.end(time(at)?);
            }
            "restart" => {
                let [] = arguments.bind([])?;
                self.span().start_at(Some(SystemTime::now()));
            }
            "attribute" => {
                let [key, value] = arguments.bind(["key", "value"])?;
                let key = text(key)?;
                if let Some(value) = attribute(&key, value.unwrap_or(Value::None)) {
                    self.span().set_attribute(key, value);
                }
            }
            "identity" => {
                let [] = arguments.bind([])?;
                return Ok(identity(self.span()));
            }
            "headers" => {
                let [] = arguments.bind([])?;
                let span = self.span().context();
                return Ok(headers(match self {
                    SpanObject::Invocation(call) | SpanObject::Within(call, _) => call.headers(span),
                    SpanObject::Alone(root, _) => root.propagators.inject(span, &Baggage::default()),
                }));
            }
            "event" => {
                let [name, pairs, at] = arguments.bind(["name", "attributes", "at"])?;
                self.span().add_event(text(name)?, attributes(pairs)?, time(at)?);
            }
            "link" => {
                let [trace, span, pairs] = arguments.bind(["trace_id", "span_id", "attributes"])?;
                let (trace, span) = (text(trace)?, text(span)?);
                let linked = parse_traceparent(&format!("00-{trace}-{span}-00")).ok_or_else(|| {
                    Error::new(ErrorKind::Value, format!("{trace:?} and {span:?} are no ids"))
                })?;
                self.span().add_link(linked, attributes(pairs)?);
            }
            "status" => {
                let [code, description] = arguments.bind(["code", "description"])?;
                self.span().set_status(status(&text(code)?, text(description)?)?);
            }
            "raised" => {
                let [type_name, message, traceback] =
                    arguments.bind(["type_name", "message", "traceback"])?;
                self.span().raised(&Raised {
                    type_name: &text(type_name)?,
                    message: &text(message)?,
                    traceback: &text(traceback)?,
                });
            }
            "rename" => {
                let [name] = arguments.bind(["name"])?;
                self.span().rename(text(name)?);
            }
            "kind" => {
                let [kind] = arguments.bind(["kind"])?;
                self.span().set_kind(kind_of(kind)?);
            }
            _ => return Err(no_method("Span", method)),
        }
        Ok(Value::None)
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match (name, self) {
            ("open", _) => Some(self.span().is_open().into()),
            ("baggage", SpanObject::Invocation(call) | SpanObject::Within(call, _)) => {
                Some(baggage(call.baggage()))
            }
            _ => None,
        })
    }
}

impl SpanObject {
    fn span(&self) -> &Span {
        match self {
            SpanObject::Invocation(call) => call.invocation(),
            SpanObject::Within(_, span) | SpanObject::Alone(_, span) => span,
        }
    }

    /// A child, or one of another library's span in this process. One that is `bound` ends with its invocation at the
    /// latest.
    fn open(&self, arguments: Arguments) -> Result<Value> {
        let [name, kind, start, bound, traceparent, tracestate] =
            arguments.bind(["name", "kind", "start", "bound", "traceparent", "tracestate"])?;
        let (name, kind, start) = (text(name)?, kind_of(kind)?, time(start)?);
        let foreign = match traceparent {
            None => None,
            Some(_) => remote(&text(traceparent)?, &text(tracestate)?).map(SpanContext::local),
        };
        let parent = foreign.as_ref().unwrap_or_else(|| self.span().context());
        Ok(Value::object(match self {
            SpanObject::Invocation(call) | SpanObject::Within(call, _) => {
                let span = call.open_span(name, kind, parent, matches!(bound, Some(Value::Bool(true))));
                span.start_at(start);
                SpanObject::Within(Arc::clone(call), span)
            }
            SpanObject::Alone(root, _) => {
                let span = Span::start(&root.pipeline, name.into(), kind, Some(parent));
                span.start_at(start);
                SpanObject::Alone(root.clone(), Arc::new(span))
            }
        }))
    }

    fn end(&self, at: Option<SystemTime>) {
        let at = at.unwrap_or_else(SystemTime::now);
        match self {
            SpanObject::Invocation(_) => {
                tracing::debug!("the invocation's span ends with it; an end by the function is ignored");
            }
            SpanObject::Within(call, span) => call.end_span(span, at),
            SpanObject::Alone(root, span) => span.end(&root.pipeline, at, |_| {}),
        }
    }
}

/// The fields of `Identity` in `spans.py`.
fn identity(span: &Span) -> Value {
    match context(span.context()) {
        Value::List(mut fields) => {
            fields.extend([span.is_recorded().into(), span.name().into()]);
            Value::List(fields)
        }
        other => other,
    }
}

/// `[trace id, span id, flags, tracestate]`.
fn context(span: &SpanContext) -> Value {
    Value::List(vec![
        span.trace_id().to_string().into(),
        span.span_id().to_string().into(),
        i64::from(span.trace_flags().to_u8()).into(),
        span.trace_state().header().into(),
    ])
}

/// What another service says of its span; a malformed state costs only itself.
fn remote(traceparent: &str, tracestate: &str) -> Option<SpanContext> {
    let span = parse_traceparent(traceparent)?;
    Some(span.with_trace_state(tracestate.parse().unwrap_or_default()))
}

fn headers(headers: Vec<(&'static str, String)>) -> Value {
    let entry = |(name, value): (&str, String)| (name.to_owned(), Value::Str(value));
    Value::Map(headers.into_iter().map(entry).collect())
}

/// Headers that function code gives. As of a request: what is no text names nobody.
fn given(headers: Option<Value>) -> Result<Given> {
    match headers.unwrap_or(Value::None) {
        Value::Map(headers) => {
            let text = |(name, value): (String, Value)| Some((name, value.into_string().ok()?));
            Ok(Given::new(headers.into_iter().filter_map(text)))
        }
        other => Err(expected("dict", &other)),
    }
}

/// `tracer.baggage`: of a key that comes twice, the last value.
fn baggage(baggage: &Baggage) -> Value {
    let entry = |(key, value): (&str, Cow<'_, str>)| (key.to_owned(), Value::Str(value.into_owned()));
    Value::Map(baggage.entries().map(entry).collect())
}

/// The value for OpenTelemetry; a warning where there is none.
fn attribute(key: &str, value: Value) -> Option<opentelemetry::Value> {
    let found = value.type_name().to_owned();
    let value = attributes::from_python(value);
    if value.is_none() {
        tracing::warn!(
            "attribute {key:?} is ignored: expected str, bool, int, float or a list of one of them, found {found}"
        );
    }
    value
}

fn attributes(pairs: Option<Value>) -> Result<Vec<KeyValue>> {
    match pairs {
        None | Some(Value::None) => Ok(Vec::new()),
        Some(Value::Map(pairs)) => Ok(pairs
            .into_iter()
            .filter_map(|(key, value)| {
                let value = attribute(&key, value)?;
                Some(KeyValue::new(key, value))
            })
            .collect()),
        Some(other) => Err(expected("dict", &other)),
    }
}

fn status(code: &str, description: String) -> Result<Status> {
    match code {
        "ok" => Ok(Status::Ok),
        "error" => Ok(Status::error(description)),
        "unset" => Ok(Status::Unset),
        other => Err(Error::new(
            ErrorKind::Value,
            format!("expected \"ok\", \"error\" or \"unset\", found {other:?}"),
        )),
    }
}

/// By the numbers that OpenCensus and OpenTelemetry have in Python.
fn kind_of(kind: Option<Value>) -> Result<SpanKind> {
    match kind {
        None | Some(Value::None | Value::Int(0)) => Ok(SpanKind::Internal),
        Some(Value::Int(1)) => Ok(SpanKind::Server),
        Some(Value::Int(2)) => Ok(SpanKind::Client),
        Some(Value::Int(3)) => Ok(SpanKind::Producer),
        Some(Value::Int(4)) => Ok(SpanKind::Consumer),
        Some(Value::Int(kind)) => Err(Error::new(
            ErrorKind::Value,
            format!("expected a kind of span from 0 to 4, found {kind}"),
        )),
        Some(other) => Err(expected("int", &other)),
    }
}

/// Nanoseconds since 1970.
fn time(time: Option<Value>) -> Result<Option<SystemTime>> {
    match time {
        None | Some(Value::None) => Ok(None),
        Some(Value::Int(nanoseconds)) => {
            let since = Duration::from_nanos(nanoseconds.max(0).unsigned_abs());
            Ok(Some(UNIX_EPOCH + since))
        }
        Some(other) => Err(expected("int", &other)),
    }
}

/// None is no text.
fn text(argument: Option<Value>) -> Result<String> {
    match argument {
        None | Some(Value::None) => Ok(String::new()),
        Some(value) => value.into_string(),
    }
}

fn expected(what: &str, found: &Value) -> Error {
    Error::new(
        ErrorKind::Type,
        format!("expected {what}, found {}", found.type_name()),
    )
}

fn no_method(class: &str, method: &str) -> Error {
    Error::new(ErrorKind::Attribute, format!("{class} has no method {method}"))
}

#[cfg(test)]
mod tests;
