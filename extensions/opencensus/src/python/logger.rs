//! The object that a handler of Python's `logging` calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Result, Value};
use funcdock_telemetry::logs::{Logs, Record, Value as RecordValue};
use opentelemetry::trace::{SpanId, TraceId};

use super::convert::no_method;

/// Takes log records:
///
/// ```python
/// logger.enabled  # whether they go anywhere
/// logger.log(level, logger, message, time, trace_id, span_id, attributes)
/// ```
///
/// with a `LogRecord`'s `levelno`, `name`, `getMessage()` and `created`, the ids as hexadecimal digits (`None` or
/// empty without a span), and a dict of attributes (or `None`).
pub(crate) struct Logger(Arc<Logs>);

impl Logger {
    pub(super) fn new(logs: Arc<Logs>) -> Self {
        Logger(logs)
    }

    fn log(&self, arguments: Arguments) -> Result<()> {
        let [level, logger, message, time, trace, span, attributes] = arguments.bind([
            "level",
            "logger",
            "message",
            "time",
            "trace_id",
            "span_id",
            "attributes",
        ])?;
        let level = match required(level, "level")? {
            Value::Int(level) => level,
            other => return Err(wrong_type("level", "int", &other)),
        };
        let logger = text(required(logger, "logger")?, "logger")?;
        let message = text(required(message, "message")?, "message")?;
        let attributes = match attributes {
            None | Some(Value::None) => Vec::new(),
            Some(Value::Map(pairs)) => record_map(pairs),
            Some(other) => return Err(wrong_type("attributes", "dict", &other)),
        };
        self.0.record(&Record {
            at: instant(time)?,
            level,
            logger: &logger,
            body: &message,
            trace: id(trace, "trace_id", 32, |digits| TraceId::from_hex(digits).ok())?
                .filter(|id| *id != TraceId::INVALID),
            span: id(span, "span_id", 16, |digits| SpanId::from_hex(digits).ok())?
                .filter(|id| *id != SpanId::INVALID),
            attributes: &attributes,
        });
        Ok(())
    }
}

impl ContextObject for Logger {
    fn class_name(&self) -> &str {
        "Logger"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "log" => self.log(arguments).map(|()| Value::None),
            _ => Err(no_method("Logger", method)),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "enabled" => Some(self.0.pipeline().is_on().into()),
            _ => None,
        })
    }
}

/// Makes a record's attributes; values may nest.
fn record_map(pairs: Vec<(String, Value)>) -> Vec<(String, RecordValue)> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key, record_value(value))).collect()
}

fn record_value(value: Value) -> RecordValue {
    match value {
        Value::Str(text) => RecordValue::Text(text),
        Value::Bool(value) => RecordValue::Bool(value),
        Value::Int(value) => RecordValue::Int(value),
        Value::Float(value) => RecordValue::Double(value),
        Value::Bytes(bytes) => RecordValue::Bytes(bytes),
        Value::List(values) => RecordValue::List(values.into_iter().map(record_value).collect()),
        Value::Map(pairs) => RecordValue::Map(record_map(pairs)),
        _ => RecordValue::None,
    }
}

fn required(argument: Option<Value>, name: &str) -> Result<Value> {
    argument.ok_or_else(|| Error::new(ErrorKind::Type, format!("missing argument {name:?}")))
}

fn text(value: Value, name: &str) -> Result<String> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(wrong_type(name, "str", &other)),
    }
}

/// Reads seconds since 1970; now if there are none, or they exceed the clock.
fn instant(time: Option<Value>) -> Result<SystemTime> {
    let seconds = match time {
        None | Some(Value::None) => return Ok(SystemTime::now()),
        Some(Value::Float(seconds)) => seconds,
        Some(Value::Int(seconds)) => seconds as f64,
        Some(other) => return Err(wrong_type("time", "float", &other)),
    };
    let since = Duration::try_from_secs_f64(seconds).ok();
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Ok(time.unwrap_or_else(SystemTime::now))
}

/// Reads an id of so many hexadecimal digits.
fn id<T>(
    value: Option<Value>,
    name: &str,
    length: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let digits = match value {
        None | Some(Value::None) => return Ok(None),
        Some(value) => text(value, name)?,
    };
    if digits.is_empty() {
        return Ok(None);
    }
    // The parser would also take a sign, and fewer digits.
    let is_hex = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = || {
        let problem = format!("{name}: expected {length} hexadecimal digits, found {digits:?}");
        Error::new(ErrorKind::Value, problem)
    };
    is_hex
        .then(|| parse(&digits))
        .flatten()
        .map(Some)
        .ok_or_else(wrong)
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> Error {
    let found = found.type_name();
    Error::new(
        ErrorKind::Type,
        format!("{name}: expected {expected}, found {found}"),
    )
}

#[cfg(test)]
mod tests;
