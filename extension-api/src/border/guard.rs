//! Panics stop here: every call from the host runs inside [`guarded`], within the extension's own library.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

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

/// Keeps the panics of guarded calls off stderr (the host reports them); others print as before.
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() > 0 {
                LOCATION.replace(info.location().map(ToString::to_string));
            } else {
                default(info);
            }
        }));
    });
}
