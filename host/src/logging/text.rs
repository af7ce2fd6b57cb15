//! Records for people: `time LEVEL logger: message name=value …`. More lines of a message, and a traceback, follow on
//! lines of their own, which begin with two spaces. So every line that does not is the start of a record.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::IS_CRITICAL;
use super::escape::{Indented, OneLine};

/// Formats records as lines for people.
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        SystemTime.format_time(&mut writer)?;
        let level = *event.metadata().level();
        let name = if parts.is_critical {
            "CRITICAL"
        } else {
            level.as_str()
        };
        if writer.has_ansi_escapes() {
            write!(writer, " \x1b[{}m{name:>5}\x1b[0m ", colour(level))?;
        } else {
            write!(writer, " {name:>5} ")?;
        }
        let logger = parts
            .logger
            .as_deref()
            .unwrap_or_else(|| event.metadata().target());
        // The fields go to the first line, even if the message has more lines.
        let message = parts.message.trim_end_matches('\n');
        let first_end = message.find('\n').unwrap_or(message.len());
        let (first, rest) = message.split_at(first_end);
        let (logger, first, rest) = (OneLine(logger), OneLine(first), Indented(rest));
        writeln!(writer, "{logger}: {first}{}{rest}", OneLine(&parts.fields))?;
        match parts.traceback.as_deref().map(|text| text.trim_end_matches('\n')) {
            Some(traceback) if !traceback.is_empty() => {
                writeln!(writer, "  {}", Indented(traceback))
            }
            _ => Ok(()),
        }
    }
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

/// The fields of an event, by their place in the line.
#[derive(Default)]
struct Parts {
    message: String,
    /// ` name=value` for each other field.
    fields: String,
    /// The logger of a record of a function or an extension.
    logger: Option<String>,
    traceback: Option<String>,
    is_critical: bool,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            IS_CRITICAL => self.is_critical = value,
            _ => self.record_debug(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "logger" => self.logger = Some(value.to_owned()),
            "traceback" => self.traceback = Some(value.to_owned()),
            // Only for log collectors. A person finds the function and the trace by the invocation id.
            "trace_id" | "span_id" | "fields" => {}
            "function" if self.logger.is_some() => {}
            // A single word needs no quotes.
            name if value.contains(char::is_whitespace) => {
                let _ = write!(self.fields, " {name}={value:?}");
            }
            name => {
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::logged;
    use super::*;
    use crate::logging::{Level, Record, record};

    #[test]
    fn nothing_in_a_record_looks_like_another_one() {
        let forged = "2025-01-01T00:00:00.000000Z  INFO funcdock: all is well";
        let log = logged(Line, || {
            record(
                Level::Error,
                &Record {
                    invocation: Some("i\rd"),
                    exception: Some(&format!("Traceback:\n  File \"x\"\n{forged}\n\x1b[2J\n")),
                    ..Record::new(
                        &format!("shop\n{forged}"),
                        &format!("first\r\n{forged}\n\nlast\n"),
                    )
                },
            );
            tracing::warn!(path = %format!("/a\n{forged}"), word = "b\x1b", "one\u{2028}line");
        });
        let lines: Vec<&str> = log.lines().collect();
        let (time, first) = lines[0].split_at(27);
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(
            first,
            format!(" ERROR shop\\n{forged}: first\\r invocation=\"i\\rd\"")
        );
        let further = [
            &format!("  {forged}"),
            "  ",
            "  last",
            "  Traceback:",
            "    File \"x\"",
            &format!("  {forged}"),
            "  \\x1b[2J",
        ];
        assert_eq!(lines[1..8], further);
        let last = format!("one\\u2028line path=/a\\n{forged} word=b\\x1b");
        assert!(lines[8].ends_with(&last), "{}", lines[8]);
        assert_eq!(lines.len(), 9, "{log}");
    }
}
