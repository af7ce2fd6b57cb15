//! Log records, exported beside the spans that they belong to: by OTLP, or to Application Insights.
//!
//! A record is encoded once, and waits in its own queue for the exporter's thread: nothing here blocks.

use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::Resource;

use crate::destinations::{self, StartError};
use crate::encode;
use crate::export::{Meter, Pipeline};
use crate::settings::LogsConfig;

/// Where log records go. Used by any number of threads.
pub struct Logs {
    pipeline: Pipeline,
}

/// A log record.
#[derive(Debug)]
pub struct Record<'a> {
    /// When it was made.
    pub at: SystemTime,
    /// Python's number: 10 for debug to 50 for critical, and others between.
    pub level: i64,
    /// The logger's name, which becomes the record's scope.
    pub logger: &'a str,
    /// The message.
    pub body: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<TraceId>,
    /// The span that it was made in.
    pub span: Option<SpanId>,
    /// Those of an exception are `exception.type`, `exception.message` and `exception.stacktrace`.
    pub attributes: &'a [(String, Value)],
}

/// The value of a record's attribute. Values may nest.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    None,
    /// A text.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Keys and values.
    Map(Vec<(String, Value)>),
}

impl Logs {
    /// Starts the exporter that the settings name, if any. `meter` makes the host's counters for an exporter's name.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        config: Option<LogsConfig>,
        resource: &Resource,
        meter: impl Fn(&str) -> Result<Meter, String>,
    ) -> Result<Logs, StartError> {
        destinations::logs(config, resource, meter).map(Logs::to)
    }

    /// Sends records into this pipeline.
    pub fn to(pipeline: Pipeline) -> Logs {
        Logs { pipeline }
    }

    /// The pipeline, for flushing and the end.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Takes a record. Never blocks: drops and counts it if the queue is full.
    pub fn record(&self, record: &Record<'_>) {
        self.pipeline.export(|out| record.encode(out, SystemTime::now()));
    }
}

/// The most attributes that a record keeps, as in OpenTelemetry's SDKs.
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

    /// Returns the record as it is in a batch.
    #[cfg(test)]
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out, SystemTime::now());
        out
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

/// Returns `SeverityNumber`: each ten of Python's levels has a name and four numbers.
fn severity(level: i64) -> u64 {
    /// The number for an unknown severity.
    const UNSPECIFIED: u64 = 0;
    /// The last one, FATAL4.
    const LAST: u64 = 24;
    match u64::try_from(level) {
        Err(_) | Ok(0) => UNSPECIFIED,
        Ok(level) => (1 + level / 10 * 4 + (level % 10).min(3)).min(LAST),
    }
}

/// Returns the level's name in Python's `logging`.
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

/// Writes the content of an `AnyValue`.
fn any_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::None => {}
        Value::Text(text) => encode::string(out, 1, text),
        Value::Bool(value) => encode::varint(out, 2, u64::from(*value)),
        Value::Int(value) => encode::varint(out, 3, *value as u64),
        Value::Double(value) => encode::fixed64(out, 4, value.to_bits()),
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
    }
}

#[cfg(test)]
mod tests;
