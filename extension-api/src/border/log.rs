//! `tracing` inside an extension's library reaches the host's log.
//!
//! A cdylib has statics of its own, `tracing`'s global subscriber among them, so this installs one that
//! passes every event to the host.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::sync::{Once, OnceLock};

use abi_stable::std_types::{ROption, RStr};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::abi;

static HOST: OnceLock<abi::HostServicesRef> = OnceLock::new();

thread_local! {
    /// Only set during [`within`], while the invocation is alive.
    static INVOCATION: Cell<Option<abi::Invocation<'static>>> = const { Cell::new(None) };
}

/// Runs `f`. Events that it emits on this thread belong to the invocation.
pub(crate) fn within<T>(invocation: Option<abi::Invocation<'_>>, f: impl FnOnce() -> T) -> T {
    /// Restores the outer invocation, also when `f` panics: later events must not belong to an invocation that is gone.
    struct Restore(Option<abi::Invocation<'static>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            INVOCATION.set(self.0);
        }
    }
    // SAFETY: it is alive for this call, at whose end it is taken out again.
    let unbound = invocation.map(|invocation| unsafe { invocation.unbound() });
    let _outer = Restore(INVOCATION.replace(unbound));
    f()
}

/// The invocation whose hook this thread is in. It is not to be used after the hook.
pub(crate) fn current() -> Option<abi::Invocation<'static>> {
    INVOCATION.get()
}

/// Connects this library's `tracing` with the host. Does nothing if the library has a subscriber already.
pub(crate) fn connect(host: abi::HostServicesRef) {
    static CONNECTED: Once = Once::new();
    // Others wait here, as tests do that begin at the same time: an event before the subscriber is there would be lost.
    CONNECTED.call_once(|| {
        if HOST.set(host).is_ok() {
            let _ = tracing::subscriber::set_global_default(Bridge);
        }
    });
}

struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= max_level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(max_level())
    }

    // Spans of the library stay inside it: the host's log knows invocations, not spans.
    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(host) = HOST.get() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        line.message.push_str(&line.fields);
        let level = match *event.metadata().level() {
            Level::ERROR => 1,
            Level::WARN => 2,
            Level::INFO => 3,
            Level::DEBUG => 4,
            Level::TRACE => 5,
        };
        let target = RStr::from_str(event.metadata().target());
        let invocation = INVOCATION.get().map_or(ROption::RNone, ROption::RSome);
        // SAFETY: the host's table lives as long as the process; the invocation is that of the hook which
        // this thread is in, so it is alive.
        unsafe { (host.log())(level, target, RStr::from_str(&line.message), invocation) }
    }
}

fn max_level() -> LevelFilter {
    let Some(host) = HOST.get() else {
        return LevelFilter::OFF;
    };
    // SAFETY: the host's table lives as long as the process.
    match unsafe { (host.max_log_level())() } {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// One event as a line: the message, then ` name=value` for each field.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }
}
