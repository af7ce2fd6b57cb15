//! A span as the companion gets it.

use std::sync::Arc;
use std::time::SystemTime;

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Result, Value};
use funcdock_telemetry::context::SpanContext;
use funcdock_telemetry::propagation::{Baggage, parse_traceparent};
use funcdock_telemetry::span::{RaisedException, Span};

use super::convert::{
    attribute, attributes, baggage, context, headers, no_method, remote, span_kind, span_kind_number, status,
    text, time,
};
use super::root::Root;
use crate::call::Call;

/// A span.
pub(crate) enum SpanObject {
    /// An invocation's own.
    Invocation(Arc<Call>),
    /// A span of function code within an invocation.
    Within(Arc<Call>, Arc<Span>),
    /// A span outside of invocations.
    Alone(Root, Arc<Span>),
}

impl ContextObject for SpanObject {
    fn class_name(&self) -> &str {
        "Span"
    }

    fn methods(&self) -> &'static [&'static str] {
        // The most frequent first, as they are searched in order.
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
                    Error::new(
                        ErrorKind::Value,
                        format!("{trace:?} and {span:?} are not valid ids"),
                    )
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
                self.span().record_exception(&RaisedException {
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
                self.span().set_kind(span_kind(kind)?);
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

    /// Starts a child of this span, or of another library's span in this process. A `bound` one ends with its invocation at
    /// the latest.
    fn open(&self, arguments: Arguments) -> Result<Value> {
        let [name, kind, start, bound, traceparent, tracestate] =
            arguments.bind(["name", "kind", "start", "bound", "traceparent", "tracestate"])?;
        let (name, kind, start) = (text(name)?, span_kind(kind)?, time(start)?);
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

/// Makes the fields of `Identity` in `spans.py`.
fn identity(span: &Span) -> Value {
    let mut fields = context(span.context());
    let kind = span_kind_number(&span.kind());
    fields.extend([span.is_recorded().into(), span.name().into(), kind.into()]);
    Value::List(fields)
}
