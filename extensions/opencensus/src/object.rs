//! What function code sees: `context.tracer`, its spans, and their contexts, with OpenCensus' names.
//!
//! Tracing must not break a function: what cannot be recorded (a dict as an attribute, anything on a span
//! that has ended) is logged and ignored. Calls that are wrong in themselves raise, as any Python call does.

mod propagator;

use std::sync::Arc;

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Exception, Result, Value};
use opentelemetry::KeyValue;
use opentelemetry::trace::Status;

use crate::attributes;
use crate::call::Call;
use crate::context::SpanContext;
use crate::propagation::TraceParent;
use crate::span::Span;
use propagator::PropagatorObject;

const DEFAULT_NAME: &str = "span";

/// `context.tracer`.
pub(crate) struct Tracer(pub(crate) Arc<Call>);

/// A span: one that function code opened, or the invocation's own.
struct SpanObject {
    call: Arc<Call>,
    /// `None` for the invocation's own span.
    opened: Option<Arc<Span>>,
}

/// `tracer.span_context`: what another service needs to know to go on with the trace.
struct SpanContextObject(SpanContext);

impl ContextObject for Tracer {
    fn class_name(&self) -> &str {
        "Tracer"
    }

    fn methods(&self) -> &'static [&'static str] {
        &[
            "span",
            "start_span",
            "end_span",
            "current_span",
            "add_attribute_to_current_span",
        ]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "span" | "start_span" => Ok(self.current().open(name(arguments)?)),
            "end_span" => {
                let [] = arguments.bind([])?;
                self.current().end();
                Ok(Value::None)
            }
            "current_span" => {
                let [] = arguments.bind([])?;
                Ok(Value::object(self.current()))
            }
            "add_attribute_to_current_span" => {
                self.current().add_attribute(arguments)?;
                Ok(Value::None)
            }
            _ => Err(no_method("Tracer", method)),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "span_context" => Some(self.current().span_context()),
            "propagator" => Some(Value::object(PropagatorObject(Arc::clone(&self.0)))),
            "baggage" => Some(propagator::baggage(self.0.baggage())),
            _ => None,
        })
    }
}

impl Tracer {
    fn current(&self) -> SpanObject {
        SpanObject {
            call: Arc::clone(&self.0),
            opened: self.0.current(),
        }
    }
}

impl SpanObject {
    fn span(&self) -> &Span {
        match &self.opened {
            Some(span) => span,
            None => self.call.invocation(),
        }
    }

    /// A child that starts now.
    fn open(&self, name: String) -> Value {
        Value::object(SpanObject {
            call: Arc::clone(&self.call),
            opened: Some(self.call.open_span(name, self.span())),
        })
    }

    fn restart(&self) {
        match &self.opened {
            Some(span) => self.call.restart(span),
            None => {
                tracing::debug!("the invocation's span started with it; a start by the function is ignored")
            }
        }
    }

    fn end(&self) {
        match &self.opened {
            Some(span) => self.call.end_span(span),
            None => tracing::debug!("the invocation's span ends with it; an end by the function is ignored"),
        }
    }

    fn add_attribute(&self, arguments: Arguments) -> Result<()> {
        let [key, value] = arguments.bind(["attribute_key", "attribute_value"])?;
        let key = required(key, "attribute_key")?.into_string()?;
        let value = required(value, "attribute_value")?;
        if let Some(value) = attribute(&key, value) {
            self.span().set_attribute(key, value);
        }
        Ok(())
    }

    fn add_annotation(&self, mut arguments: Arguments) -> Result<()> {
        let description = match arguments.keyword.iter().position(|(key, _)| key == "description") {
            Some(index) => arguments.keyword.remove(index).1,
            None if arguments.positional.is_empty() => Value::None,
            None => arguments.positional.remove(0),
        };
        if !arguments.positional.is_empty() {
            return Err(type_error(
                "takes one positional argument, the description; give attributes by keyword",
            ));
        }
        let pairs = arguments.keyword.into_iter().filter_map(|(key, value)| {
            let value = attribute(&key, value)?;
            Some(KeyValue::new(key, value))
        });
        self.span().add_event(description.into_string()?, pairs.collect());
        Ok(())
    }

    fn set_status(&self, arguments: Arguments) -> Result<()> {
        let [code, description] = arguments.bind(["code", "description"])?;
        let description = match description {
            None | Some(Value::None) => String::new(),
            Some(text) => text.into_string()?,
        };
        self.span()
            .set_status(status(required(code, "code")?, description)?);
        Ok(())
    }

    fn span_context(&self) -> Value {
        Value::object(SpanContextObject(self.span().context().clone()))
    }
}

impl ContextObject for SpanObject {
    fn class_name(&self) -> &str {
        "Span"
    }

    fn methods(&self) -> &'static [&'static str] {
        &[
            "span",
            "add_attribute",
            "add_annotation",
            "set_status",
            "start",
            "finish",
            "end",
        ]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "span" => return Ok(self.open(name(arguments)?)),
            "add_attribute" => self.add_attribute(arguments)?,
            "add_annotation" => self.add_annotation(arguments)?,
            "set_status" => self.set_status(arguments)?,
            "start" => {
                let [] = arguments.bind([])?;
                self.restart();
            }
            "finish" | "end" => {
                let [] = arguments.bind([])?;
                self.end();
            }
            _ => return Err(no_method("Span", method)),
        }
        Ok(Value::None)
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        let span = self.span();
        Ok(match name {
            "name" => Some(span.name().into()),
            "span_context" => Some(self.span_context()),
            name => id(span.context(), name),
        })
    }

    fn enter(&self) -> Result<Option<Value>> {
        self.restart();
        Ok(None)
    }

    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        if let Some(exception) = exception {
            self.span().raised(&exception.into());
        }
        self.end();
        Ok(false)
    }
}

impl ContextObject for SpanContextObject {
    fn class_name(&self) -> &str {
        "SpanContext"
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "traceparent" => Some(TraceParent::of(&self.0).as_str().into()),
            "tracestate" => Some(self.0.trace_state().header().into()),
            name => id(&self.0, name),
        })
    }
}

fn id(context: &SpanContext, name: &str) -> Option<Value> {
    match name {
        "trace_id" => Some(context.trace_id().to_string().into()),
        "span_id" => Some(context.span_id().to_string().into()),
        _ => None,
    }
}

fn name(arguments: Arguments) -> Result<String> {
    match arguments.bind(["name"])? {
        [None] => Ok(DEFAULT_NAME.to_owned()),
        [Some(name)] => name.into_string(),
    }
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

/// `"ok"`, `"error"`, `"unset"`, or a canonical code as OpenCensus has it: 0 is OK, all others are errors.
fn status(code: Value, description: String) -> Result<Status> {
    let code = match code {
        Value::Str(code) => code.to_ascii_lowercase(),
        Value::Int(0) => "ok".to_owned(),
        Value::Int(_) => "error".to_owned(),
        other => {
            let found = other.type_name();
            return Err(type_error(format!("code: expected str or int, found {found}")));
        }
    };
    match code.as_str() {
        "ok" => Ok(Status::Ok),
        "error" => Ok(Status::error(description)),
        "unset" => Ok(Status::Unset),
        other => Err(Error::new(
            ErrorKind::Value,
            format!("code: expected \"ok\", \"error\" or \"unset\", found {other:?}"),
        )),
    }
}

fn required(argument: Option<Value>, name: &str) -> Result<Value> {
    argument.ok_or_else(|| type_error(format!("missing argument {name:?}")))
}

fn type_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Type, message)
}

fn no_method(class: &str, method: &str) -> Error {
    Error::new(ErrorKind::Attribute, format!("{class} has no method {method}"))
}

#[cfg(test)]
mod tests;
