//! Panics stop here: every call from the host runs inside [`guarded`], within the extension's own library.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::abi;

thread_local! {
    /// How many guarded calls this thread is in: inside, the panic hook keeps the message for the host.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic becomes an error of kind [`abi::ERROR_PANIC`] with the message and the place.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, abi::Error> {
    DEPTH.set(DEPTH.get() + 1);
    // State behind `&self` may be left half-changed, as with any panic in a multi-threaded program: locks
    // poison, and an extension that cares uses them.
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(describe)
}

/// Logs a panic of a thread that no hook runs on. The thread ends, and nobody else may tell.
fn log(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let message = info.payload_as_str().unwrap_or("a value that is not text");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => {
            tracing::error!("the thread {name:?} panicked: {message} (at {place})\n{trace}")
        }
        _ => tracing::error!("the thread {name:?} panicked: {message} (at {place})"),
    }
}

/// Runs a destructor. A panic is logged: there is no other way to report it.
pub(crate) fn guarded_drop(what: &str, f: impl FnOnce()) {
    if let Err(error) = guarded(f) {
        // Whoever takes the log record is not to panic in turn.
        let _ = guarded(|| tracing::error!("the destructor of {what} {}", error.message));
    }
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> abi::Error {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a value that is not text".to_owned(),
    };
    let place = LOCATION
        .take()
        .map(|place| format!(" (at {place})"))
        .unwrap_or_default();
    // A payload's destructor may panic in turn; then it is leaked.
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    abi::Error::new(abi::ERROR_PANIC, format!("panicked: {text}{place}"))
}

/// Whether panics of threads that no hook runs on go into the host's log.
static LOGS: AtomicBool = AtomicBool::new(false);

/// Sends the panics of threads of the extension's own into the host's log, whatever its format is.
pub(crate) fn log_panics() {
    LOGS.store(true, Ordering::Relaxed);
}

/// Keeps the panics of guarded calls off stderr (the host reports them); others print as before, or are
/// [logged](log_panics).
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() > 0 {
                LOCATION.replace(info.location().map(ToString::to_string));
            } else if LOGS.load(Ordering::Relaxed) {
                log(info);
            } else {
                default(info);
            }
        }));
    });
}
