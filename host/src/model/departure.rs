//! The departure of a client that does not wait for the response.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is called when the client leaves.
type OnDeparture = Box<dyn FnOnce() + Send>;

/// Whether the client has left, and who wants to know. The call goes on: its function may end it sooner. The calls of one
/// connection may share it, as they come one after the other.
#[derive(Default)]
pub struct Departure {
    has_left: AtomicBool,
    on_departure: Mutex<Option<OnDeparture>>,
}

impl Departure {
    /// Whether the client has left.
    pub fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }

    /// Has this called once when the client leaves: at once if it has left. Replaces what was to be called before.
    pub fn notify(&self, call: impl FnOnce() + Send + 'static) {
        *self.lock() = Some(Box::new(call));
        if self.has_left() {
            self.notify_waiter();
        }
    }

    /// Records that the client has left.
    pub fn leave(&self) {
        self.has_left.store(true, Ordering::Release);
        self.notify_waiter();
    }

    fn notify_waiter(&self) {
        let call = self.lock().take();
        // Not under the lock: it runs code of the one who wants to know.
        if let Some(call) = call {
            call();
        }
    }

    /// Locks the notice. No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Option<OnDeparture>> {
        self.on_departure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn whoever_asks_is_notified_once() {
        let (departure, notices) = (Departure::default(), Arc::new(AtomicU32::new(0)));
        let count = || {
            let notices = Arc::clone(&notices);
            move || {
                notices.fetch_add(1, Ordering::Relaxed);
            }
        };
        departure.notify(count());
        assert!(!departure.has_left());
        departure.leave();
        departure.leave();
        assert_eq!((departure.has_left(), notices.load(Ordering::Relaxed)), (true, 1));
        departure.notify(count());
        assert_eq!(notices.load(Ordering::Relaxed), 2, "it has left already");
    }
}
