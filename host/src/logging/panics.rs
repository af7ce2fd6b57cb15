//! Panics of the host become records. The standard library would print them to stderr, and wait for its reader.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;
use std::time::Duration;

/// How long a panic that may end the process waits for the reader of the log.
const PATIENCE: Duration = Duration::from_millis(200);

/// Logs panics instead of printing them.
pub(super) fn log_them() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload_as_str().unwrap_or("a value that is not text");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        thread,
        traceback = backtrace.as_deref(),
        "panicked at {place}: {message}"
    );
    if thread == "main" {
        super::STDERR.flush(PATIENCE);
    }
}
