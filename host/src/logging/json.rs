//! Records for log collectors: one JSON object a line.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::IS_CRITICAL;
use super::Level;
use super::about::About;
use super::escape::is_control;

/// The level of records that are more than errors.
const CRITICAL: &str = "CRITICAL";

/// Appends a record as JSON.
pub(super) fn write(event: &Event<'_>, line: &mut String) -> Result<About, fmt::Error> {
    let level = *event.metadata().level();
    let mut object = Object {
        level: level.as_str(),
        ..Object::default()
    };
    SystemTime.format_time(&mut Writer::new(&mut object.timestamp))?;
    event.record(&mut object);
    if object.logger.is_empty() {
        object.logger = event.metadata().target().to_owned();
    }
    object.write(line)?;
    Ok(About::new(level, object.level == CRITICAL, object.function))
}

/// Returns a record of what was printed, which has no logger of its own.
pub(super) fn printed(level: Level, logger: &str, function: Option<&str>, message: &str) -> String {
    let mut object = Object {
        level: match level {
            Level::Critical => CRITICAL,
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        },
        logger: logger.to_owned(),
        message: message.to_owned(),
        function: function.map(str::to_owned),
        ..Object::default()
    };
    let mut line = String::new();
    // Writing to a String does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut object.timestamp));
    let _ = object.write(&mut line);
    line
}

impl Object {
    /// Appends the record and the end of its line.
    fn write(&self, line: &mut String) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        // JSON escapes no others than C0. They occur only inside of strings.
        for piece in text.split_inclusive(is_control) {
            match piece.chars().next_back().filter(|last| is_control(*last)) {
                Some(last) => {
                    let before = &piece[..piece.len() - last.len_utf8()];
                    write!(line, "{before}\\u{:04x}", u32::from(last))?;
                }
                None => line.push_str(piece),
            }
        }
        line.push('\n');
        Ok(())
    }
}

/// A record. Unknown fields are left out.
#[derive(Default, Serialize)]
struct Object {
    /// RFC 3339, UTC.
    timestamp: String,
    level: &'static str,
    logger: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<String>,
    /// All other fields, in their own object, so that they cannot replace the keys above.
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

impl Object {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "logger" => value.clone_into(&mut self.logger),
            "invocation" => self.invocation_id = Some(value.to_owned()),
            "function" => self.function = Some(value.to_owned()),
            "trace_id" => self.trace_id = Some(value.to_owned()),
            "span_id" => self.span_id = Some(value.to_owned()),
            "traceback" if value.is_empty() => {}
            "traceback" => self.exception = Some(value.to_owned()),
            // The fields of a `super::Record`.
            "fields" => match serde_json::from_str(value) {
                Ok(Value::Object(fields)) => self.fields.extend(fields),
                _ => self.add(field, value),
            },
            _ => self.add(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            IS_CRITICAL => self.level = CRITICAL,
            _ => self.add(field, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing;
    use super::*;
    use crate::logging::{Format, Record, record};

    /// Returns the records that `act` logs, each line parsed.
    fn logged(act: impl FnOnce()) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect(line);
        testing::logged(Format::Json, act).lines().map(parse).collect()
    }

    /// Removes the time of a record and checks its format.
    fn without_time(mut record: Value) -> Value {
        let time = record
            .as_object_mut()
            .and_then(|record| record.remove("timestamp"));
        let time = time.expect("a time");
        let time = time.as_str().expect("a text");
        assert!(
            time.len() == 27 && &time[10..11] == "T" && time.ends_with('Z'),
            "{time}"
        );
        record
    }

    #[test]
    fn the_hosts_records_have_their_fields_and_types() {
        let records = logged(|| {
            tracing::warn!(
                target: "funcdock::test",
                extension = %"x", times = 3, ratio = 0.5, nan = f64::NAN, on = true, "level" = "mine",
                "two\nlines and a \"quote\""
            );
        });
        let records: Vec<Value> = records.into_iter().map(without_time).collect();
        let fields =
            json!({ "extension": "x", "times": 3, "ratio": 0.5, "nan": null, "on": true, "level": "mine" });
        assert_eq!(
            records,
            [json!({
                "level": "WARN", "logger": "funcdock::test", "message": "two\nlines and a \"quote\"", "fields": fields
            })]
        );
    }

    #[test]
    fn records_of_apps_have_their_logger_and_ids() {
        let records = logged(|| {
            record(Level::Info, &Record::new("root", "outside of calls"));
            record(
                Level::Error,
                &Record {
                    invocation: Some("i"),
                    function: Some("f"),
                    trace_id: Some("t"),
                    span_id: Some("s"),
                    exception: Some("Traceback"),
                    fields: Some(r#"{"order": 7}"#),
                    ..Record::new("shop", "failed")
                },
            );
        });
        let records: Vec<Value> = records.into_iter().map(without_time).collect();
        assert_eq!(
            records,
            [
                json!({ "level": "INFO", "logger": "root", "message": "outside of calls" }),
                json!({
                    "level": "ERROR", "logger": "shop", "message": "failed", "invocation_id": "i", "function": "f",
                    "trace_id": "t", "span_id": "s", "exception": "Traceback", "fields": { "order": 7 }
                }),
            ]
        );
    }

    #[test]
    fn what_was_printed_becomes_a_record() {
        let line = printed(Level::Info, "stdout", Some("f"), "a\u{85}b");
        assert!(
            line.ends_with("}\n") && !line.trim_end().contains(is_control),
            "{line}"
        );
        let record = without_time(serde_json::from_str(&line).expect("JSON"));
        let expected = json!({ "level": "INFO", "logger": "stdout", "message": "a\u{85}b", "function": "f" });
        assert_eq!(record, expected);
    }

    #[test]
    fn a_record_is_one_line_for_every_reader() {
        let message = "a\nb\r\x1b\x7f\u{85}\u{9b}\u{2028}\u{2029}ü";
        let log = testing::logged(Format::Json, || tracing::warn!("{message}"));
        let (line, rest) = log.split_once('\n').expect("a line");
        assert_eq!(rest, "");
        assert!(!line.contains(is_control), "{line:?}");
        let record: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(record["message"], message);
    }
}
