//! A log that goes to somebody else than stderr: to Microsoft's Functions host, over its own connection.

use std::fmt;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Level, Record};

/// Who has logged a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A function.
    Function,
    /// An extension.
    Extension,
    /// The host.
    Host,
}

/// Takes the records that are logged, on the threads that log them. It must neither block nor log.
pub type Sink = Box<dyn Fn(Author, Level, &Record<'_>) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// Has all records go to this sink from now on.
pub(super) fn set(sink: Sink) {
    // The first one stays: there is one host.
    let _ = SINK.set(sink);
}

/// Returns what takes the records.
pub(super) fn sink() -> Option<&'static Sink> {
    SINK.get()
}

/// Takes what the host logs.
pub(super) struct Forward;

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let Some(sink) = sink() else { return };
        let mut parts = Parts::default();
        event.record(&mut parts);
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG => Level::Debug,
            tracing::Level::TRACE => Level::Trace,
        };
        let record = Record {
            invocation: parts.invocation.as_deref(),
            exception: parts.traceback.as_deref(),
            ..Record::new(metadata.target(), &parts.message)
        };
        sink(Author::Host, level, &record);
    }
}

/// The fields of an event. Those that have no place of their own follow the message.
#[derive(Default)]
struct Parts {
    message: String,
    invocation: Option<String>,
    traceback: Option<String>,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message.insert_str(0, &format!("{value:?}")),
            name => self.message.push_str(&format!(" {name}={value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.insert_str(0, value),
            "invocation" => self.invocation = Some(value.to_owned()),
            "traceback" => self.traceback = Some(value.to_owned()),
            // The host knows the function by the invocation.
            "function" | "trace_id" | "span_id" => {}
            name => self.message.push_str(&format!(" {name}={value}")),
        }
    }
}
