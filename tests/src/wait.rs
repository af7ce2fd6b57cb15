//! Waits for conditions, and runs work concurrently.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take. Generous, as the machine may be busy and only a failing test waits this long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `check` returns a value; returns `None` after [`DEADLINE`].
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

/// Runs `work` on `threads` threads at once, each with its number. Returns the results in the order of the numbers.
pub fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
