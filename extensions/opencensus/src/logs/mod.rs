//! Log records of function code, exported by OTLP next to the spans that they belong to.
//!
//! A record comes from a handler of Python's `logging` through [`object::Logger`], is encoded once, and waits
//! in a queue of its own for the exporter's thread: nothing here blocks.

mod object;

use std::sync::Arc;
use std::time::SystemTime;

use funcdock_extension_api::Value;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::Resource;

use crate::encode;
use crate::export::{Pipeline, StartError};
use crate::settings::LogsConfig;

pub(crate) use object::Logger;

/// Where log records go. Used by any number of threads.
pub(crate) struct Logs {
    pipeline: Pipeline,
}

/// A log record.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) at: SystemTime,
    /// As Python numbers them: 10 for debug to 50 for critical, and what lies between.
    pub(crate) level: i64,
    /// The logger's name, which is the record's scope.
    pub(crate) logger: &'a str,
    pub(crate) body: &'a str,
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<SpanId>,
    /// Those of an exception are `exception.type`, `exception.message` and `exception.stacktrace`.
    pub(crate) attributes: &'a [(String, Value)],
}

impl Logs {
    /// The way to the collector that the settings name, or to nowhere.
    pub(crate) fn start(config: Option<LogsConfig>, resource: &Resource) -> Result<Logs, StartError> {
        Pipeline::of_logs(config, resource).map(Logs::to)
    }

    pub(crate) fn to(pipeline: Pipeline) -> Logs {
        Logs { pipeline }
    }

    /// For flushing and the end.
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Takes a record. Never blocks: where the queue is full it is dropped, and counted.
    pub(crate) fn record(&self, record: &Record<'_>) {
        self.pipeline.export(|out| record.encode(out, SystemTime::now()));
    }

    /// The object through which Python gives its records.
    pub(crate) fn logger(self: &Arc<Self>) -> Logger {
        Logger::new(Arc::clone(self))
    }
}

/// The most attributes that a record keeps, as OpenTelemetry's SDKs have it.
const LIMIT: usize = 128;

/// The number of `ResourceLogs.scope_logs`.
const SCOPE_LOGS: u32 = 2;

impl Record<'_> {
    /// Writes the record as a `ScopeLogs` of `ResourceLogs`, with its logger as the scope.
    fn encode(&self, out: &mut Vec<u8>, observed: SystemTime) {
        encode::message(out, SCOPE_LOGS, |out| {
            encode::message(out, 1, |scope| encode::string(scope, 1, self.logger));
            encode::message(out, 2, |out| self.encode_record(out, observed));
        });
    }

    fn encode_record(&self, out: &mut Vec<u8>, observed: SystemTime) {
        encode::fixed64(out, 1, encode::unix_nanos(self.at));
        encode::varint(out, 2, severity(self.level));
        encode::string(out, 3, &level_name(self.level));
        encode::message(out, 5, |body| encode::string(body, 1, self.body));
        let kept = self.attributes.len().min(LIMIT);
        for (key, value) in &self.attributes[..kept] {
            encode::attribute(out, 6, key, |out| any_value(out, value));
        }
        if kept < self.attributes.len() {
            encode::varint(out, 7, (self.attributes.len() - kept) as u64);
        }
        if let Some(trace) = self.trace {
            encode::bytes(out, 9, &trace.to_bytes());
        }
        if let Some(span) = self.span {
            encode::bytes(out, 10, &span.to_bytes());
        }
        encode::fixed64(out, 11, encode::unix_nanos(observed));
    }
}

/// `SeverityNumber`: each ten of Python's levels has a name and four numbers.
fn severity(level: i64) -> u64 {
    /// The number that says nothing.
    const UNSPECIFIED: u64 = 0;
    /// The last one, FATAL4.
    const LAST: u64 = 24;
    match u64::try_from(level) {
        Err(_) | Ok(0) => UNSPECIFIED,
        Ok(level) => (1 + level / 10 * 4 + (level % 10).min(3)).min(LAST),
    }
}

/// The level's name as Python's `logging` has it.
fn level_name(level: i64) -> std::borrow::Cow<'static, str> {
    match level {
        0 => "NOTSET".into(),
        10 => "DEBUG".into(),
        20 => "INFO".into(),
        30 => "WARNING".into(),
        40 => "ERROR".into(),
        50 => "CRITICAL".into(),
        level => format!("Level {level}").into(),
    }
}

/// The content of an `AnyValue`. Those of log records may nest.
fn any_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(text) => encode::string(out, 1, text),
        Value::Bool(value) => encode::varint(out, 2, u64::from(*value)),
        Value::Int(value) => encode::varint(out, 3, *value as u64),
        Value::Float(value) => encode::fixed64(out, 4, value.to_bits()),
        Value::List(values) => encode::message(out, 5, |out| {
            for value in values {
                encode::message(out, 1, |out| any_value(out, value));
            }
        }),
        Value::Map(pairs) => encode::message(out, 6, |out| {
            for (key, value) in pairs {
                encode::attribute(out, 1, key, |out| any_value(out, value));
            }
        }),
        Value::Bytes(bytes) => encode::bytes(out, 7, bytes),
        // An empty one stands for nothing.
        _ => {}
    }
}

#[cfg(test)]
mod tests;
