//! Waiting for something to become so.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take. Generous: the machine may be busy, and only a failing test waits for it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `check` gives a value; `None` after [`DEADLINE`].
pub fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = check() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
