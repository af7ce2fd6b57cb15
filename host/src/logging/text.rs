//! Records for people: `time LEVEL logger: message name=value …`. More lines of a message, and a traceback, follow on
//! their own lines.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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
        if writer.has_ansi_escapes() {
            write!(writer, " \x1b[{}m{level:>5}\x1b[0m ", colour(level))?;
        } else {
            write!(writer, " {level:>5} ")?;
        }
        let logger = parts
            .logger
            .as_deref()
            .unwrap_or_else(|| event.metadata().target());
        // The fields go to the first line, even if the message has more lines.
        let (first, rest) = match parts.message.split_once('\n') {
            Some((first, rest)) => (first, Some(rest)),
            None => (parts.message.as_str(), None),
        };
        writeln!(writer, "{logger}: {first}{}", parts.fields)?;
        if let Some(rest) = rest {
            writeln!(writer, "{rest}")?;
        }
        match parts.traceback {
            Some(traceback) if !traceback.is_empty() => writeln!(writer, "{traceback}"),
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
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
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
