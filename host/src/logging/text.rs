//! Records for people: `time LEVEL logger: message name=value …`. More lines of a message, and a traceback, follow on
//! lines of their own, which begin with two spaces. So every line that does not is the start of a record.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::IS_CRITICAL;
use super::about::About;
use super::escape::{Indented, OneLine};

/// Appends a record as lines for people.
pub(super) fn write(event: &Event<'_>, line: &mut String) -> Result<About, fmt::Error> {
    let mut parts = Parts::default();
    event.record(&mut parts);
    SystemTime.format_time(&mut Writer::new(line))?;
    let level = *event.metadata().level();
    let name = if parts.is_critical {
        "CRITICAL"
    } else {
        level.as_str()
    };
    write!(line, " {name:>5} ")?;
    let logger = parts
        .logger
        .as_deref()
        .unwrap_or_else(|| event.metadata().target());
    // The fields go to the first line, even if the message has more lines.
    let message = parts.message.trim_end_matches('\n');
    let first_end = message.find('\n').unwrap_or(message.len());
    let (first, rest) = message.split_at(first_end);
    write!(line, "{}: {}", OneLine(logger), OneLine(first))?;
    // The records of calls have it in their words.
    if let Some(id) = parts.invocation.as_deref().filter(|id| !first.contains(id)) {
        write!(line, " invocation={}", OneLine(&word(id)))?;
    }
    writeln!(line, "{}{}", OneLine(&parts.fields), Indented(rest))?;
    match parts.traceback.as_deref().map(|text| text.trim_end_matches('\n')) {
        Some(traceback) if !traceback.is_empty() => writeln!(line, "  {}", Indented(traceback))?,
        _ => {}
    }
    Ok(About::new(level, parts.is_critical, parts.function))
}

/// Returns a record of this level, as [`write`] has made it, with the colour of the level.
pub(super) fn coloured(line: &str, level: Level) -> String {
    let time = line.find(' ').map_or(line.len(), |space| space + 1);
    let (time, rest) = line.split_at(time);
    let padding = rest.len() - rest.trim_start_matches(' ').len();
    let name = rest[padding..].find(' ').map_or(rest.len(), |end| padding + end);
    let (name, rest) = rest.split_at(name);
    format!("{time}\x1b[{}m{name}\x1b[0m{rest}", colour(level))
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
    invocation: Option<String>,
    function: Option<String>,
    traceback: Option<String>,
    is_critical: bool,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "function" {
            self.function = Some(format!("{value:?}"));
        }
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
        if field.name() == "function" {
            self.function = Some(value.to_owned());
        }
        match field.name() {
            "message" => self.message.push_str(value),
            "logger" => self.logger = Some(value.to_owned()),
            "traceback" => self.traceback = Some(value.to_owned()),
            // Only for log collectors. A person finds the function and the trace by the invocation id.
            "trace_id" | "span_id" | "fields" => {}
            "function" if self.logger.is_some() => {}
            "invocation" if self.logger.is_some() => self.invocation = Some(value.to_owned()),
            name => {
                let _ = write!(self.fields, " {name}={}", word(value));
            }
        }
    }
}

/// Returns a value as a field has it: in quotes, unless it is a single word.
fn word(value: &str) -> Cow<'_, str> {
    match value.contains(char::is_whitespace) {
        true => Cow::Owned(format!("{value:?}")),
        false => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::logged;
    use super::*;
    use crate::logging::{Format, Level, Record, record};

    #[test]
    fn nothing_in_a_record_looks_like_another_one() {
        let forged = "2025-01-01T00:00:00.000000Z  INFO funcdock: all is well";
        let log = logged(Format::Text, || {
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

    #[test]
    fn only_the_level_has_a_colour() {
        let log = logged(Format::Text, || tracing::warn!("a\x1bb"));
        let shown = coloured(&log, tracing::Level::WARN);
        assert_eq!(shown.replace("\x1b[33m WARN\x1b[0m", " WARN"), log);
        assert_ne!(shown, log);
    }
}
