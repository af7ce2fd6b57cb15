//! What function code needs to carry a trace on by itself: `tracer.propagator` and `tracer.baggage`.

use std::sync::Arc;

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Result, Value};

use super::{SpanContextObject, Tracer, no_method, required, type_error};
use crate::call::Call;
use crate::propagation::{Baggage, Given, parse_traceparent};

/// `tracer.propagator`.
pub(super) struct PropagatorObject(pub(super) Arc<Call>);

impl ContextObject for PropagatorObject {
    fn class_name(&self) -> &str {
        "Propagator"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["to_headers", "from_headers"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "to_headers" => {
                let [span_context] = arguments.bind(["span_context"])?;
                self.write(span_context)
            }
            "from_headers" => {
                let [headers] = arguments.bind(["headers"])?;
                self.read(required(headers, "headers")?)
            }
            _ => Err(no_method("Propagator", method)),
        }
    }
}

impl PropagatorObject {
    /// The headers for a request that continues the trace of a span, which is the current one unless its
    /// `traceparent` is given.
    fn write(&self, span_context: Option<Value>) -> Result<Value> {
        let headers = match span_context {
            None | Some(Value::None) => {
                let current = Tracer(Arc::clone(&self.0)).current();
                self.0.headers(current.span().context())
            }
            Some(Value::Str(traceparent)) => {
                let span = parse_traceparent(&traceparent).ok_or_else(|| {
                    let message = format!("span_context: {traceparent:?} is no traceparent");
                    Error::new(ErrorKind::Value, message)
                })?;
                // What others had to say goes with their trace alone.
                let own = self.0.invocation().context();
                let is_own = own.trace_id() == span.trace_id();
                self.0.headers(&match is_own {
                    true => span.with_trace_state(own.trace_state().clone()),
                    false => span,
                })
            }
            Some(other) => {
                let found = other.type_name();
                let message = format!("span_context: expected a traceparent (str) or None, found {found}");
                return Err(type_error(message));
            }
        };
        let entry = |(name, value): (&str, String)| (name.to_owned(), Value::Str(value));
        Ok(Value::Map(headers.into_iter().map(entry).collect()))
    }

    /// The context of the span that these headers name; None where they name none.
    fn read(&self, headers: Value) -> Result<Value> {
        let Value::Map(headers) = headers else {
            let found = headers.type_name();
            return Err(type_error(format!("headers: expected dict, found {found}")));
        };
        // As of a request: what is no text names nobody.
        let text = |(name, value): (String, Value)| Some((name, value.into_string().ok()?));
        let headers = Given::new(headers.into_iter().filter_map(text));
        let caller = self.0.propagators().extract(&headers, |_| {});
        Ok(match caller.parent {
            Some(parent) => Value::object(SpanContextObject(parent)),
            None => Value::None,
        })
    }
}

/// `tracer.baggage`: of a key that comes twice, the last value.
pub(super) fn baggage(baggage: &Baggage) -> Value {
    let entry =
        |(key, value): (&str, std::borrow::Cow<'_, str>)| (key.to_owned(), Value::Str(value.into_owned()));
    Value::Map(baggage.entries().map(entry).collect())
}

#[cfg(test)]
mod tests;
