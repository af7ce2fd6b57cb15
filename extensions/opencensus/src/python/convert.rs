//! Arguments of Python as values of Rust, and the other way round.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use funcdock_extension_api::{Error, ErrorKind, Result, Value};
use funcdock_telemetry::context::SpanContext;
use funcdock_telemetry::propagation::{Baggage, parse_traceparent};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value as Attribute};

/// Reads the span of another service. A malformed state is dropped alone.
pub(super) fn remote(traceparent: &str, tracestate: &str) -> Option<SpanContext> {
    let span = parse_traceparent(traceparent)?;
    Some(span.with_trace_state(tracestate.parse().unwrap_or_default()))
}

/// Makes `[trace id, span id, flags, tracestate]`.
pub(super) fn context(span: &SpanContext) -> Vec<Value> {
    vec![
        span.trace_id().to_string().into(),
        span.span_id().to_string().into(),
        i64::from(span.trace_flags().to_u8()).into(),
        span.trace_state().header().into(),
    ]
}

/// Makes a dict of headers.
pub(super) fn headers(headers: Vec<(&'static str, String)>) -> Value {
    let entry = |(name, value): (&str, String)| (name.to_owned(), Value::Str(value));
    Value::Map(headers.into_iter().map(entry).collect())
}

/// Makes `tracer.baggage`: the last value of a key that comes twice.
pub(super) fn baggage(baggage: &Baggage) -> Value {
    let entry = |(key, value): (&str, Cow<'_, str>)| (key.to_owned(), Value::Str(value.into_owned()));
    Value::Map(baggage.entries().map(entry).collect())
}

/// Makes OpenTelemetry's value; warns if there is none.
pub(super) fn attribute(key: &str, value: Value) -> Option<Attribute> {
    let found = value.type_name().to_owned();
    let value = from_python(value);
    if value.is_none() {
        tracing::warn!(
            "attribute {key:?} is ignored: expected str, bool, int, float or a list of one of them, found {found}"
        );
    }
    value
}

/// Reads a dict of attributes.
pub(super) fn attributes(pairs: Option<Value>) -> Result<Vec<KeyValue>> {
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

/// Reads a status by its name.
pub(super) fn status(code: &str, description: String) -> Result<Status> {
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

/// Returns the number of a kind in OpenCensus and OpenTelemetry.
pub(super) fn span_kind_number(kind: &SpanKind) -> i64 {
    match kind {
        SpanKind::Internal => 0,
        SpanKind::Server => 1,
        SpanKind::Client => 2,
        SpanKind::Producer => 3,
        SpanKind::Consumer => 4,
    }
}

/// Reads a kind by its number in OpenCensus and OpenTelemetry.
pub(super) fn span_kind(kind: Option<Value>) -> Result<SpanKind> {
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

/// Reads nanoseconds since 1970.
pub(super) fn time(time: Option<Value>) -> Result<Option<SystemTime>> {
    match time {
        None | Some(Value::None) => Ok(None),
        Some(Value::Int(nanoseconds)) => {
            let since = Duration::from_nanos(nanoseconds.max(0).unsigned_abs());
            Ok(Some(UNIX_EPOCH + since))
        }
        Some(other) => Err(expected("int", &other)),
    }
}

/// Reads a text; empty for None.
pub(super) fn text(argument: Option<Value>) -> Result<String> {
    match argument {
        None | Some(Value::None) => Ok(String::new()),
        Some(value) => value.into_string(),
    }
}

/// An error for an argument of the wrong type.
pub(super) fn expected(what: &str, found: &Value) -> Error {
    Error::new(
        ErrorKind::Type,
        format!("expected {what}, found {}", found.type_name()),
    )
}

/// An error for a method that the class does not have.
pub(super) fn no_method(class: &str, method: &str) -> Error {
    Error::new(ErrorKind::Attribute, format!("{class} has no method {method}"))
}

/// Makes OpenTelemetry's value; `None` for None, bytes, dicts and mixed lists.
fn from_python(value: Value) -> Option<Attribute> {
    Some(match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Str(value) => value.into(),
        Value::List(values) => Attribute::Array(match values.first() {
            None | Some(Value::Str(_)) => Array::String(all(values, |value| match value {
                Value::Str(value) => Some(value.into()),
                _ => None,
            })?),
            Some(Value::Bool(_)) => Array::Bool(all(values, |value| match value {
                Value::Bool(value) => Some(value),
                _ => None,
            })?),
            Some(Value::Int(_)) => Array::I64(all(values, |value| match value {
                Value::Int(value) => Some(value),
                _ => None,
            })?),
            Some(Value::Float(_)) => Array::F64(all(values, |value| match value {
                Value::Float(value) => Some(value),
                _ => None,
            })?),
            Some(_) => return None,
        }),
        _ => return None,
    })
}

fn all<T>(values: Vec<Value>, convert: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
    values.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_from_python() {
        let list = |values: Vec<Value>| from_python(Value::List(values)).map(|value| value.to_string());
        assert_eq!(from_python("x".into()), Some("x".into()));
        assert_eq!(from_python(true.into()), Some(true.into()));
        assert_eq!(from_python(7.into()), Some(7_i64.into()));
        assert_eq!(from_python(0.5.into()), Some(0.5.into()));
        assert_eq!(list(vec![1.into(), 2.into()]).as_deref(), Some("[1,2]"));
        assert_eq!(list(vec!["a".into()]).as_deref(), Some("[\"a\"]"));
        assert_eq!(list(vec![]).as_deref(), Some("[]"));
        assert_eq!(list(vec![1.into(), "a".into()]), None, "mixed");
        assert_eq!(from_python(Value::None), None);
        assert_eq!(from_python(Value::Map(Vec::new())), None);
    }
}
