//! The end of the process: by itself within some time, else by force, as code of the app may hang.

use std::time::{Duration, Instant};

/// How long a worker may take to end by itself when the time for its calls is over.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// When the process ends at the latest.
#[derive(Debug, Default)]
pub(super) struct Departure(Option<Instant>);

impl Departure {
    /// Whether the worker is leaving.
    pub(super) fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the process by force some seconds after this time for calls. Returns `false` if it ends earlier anyway.
    pub(super) fn begin(&mut self, time: Duration) -> bool {
        let left = time + GRACE;
        let end = Instant::now() + left;
        if self.0.is_some_and(|earlier| earlier <= end) {
            return false;
        }
        self.0 = Some(end);
        let timer = std::thread::Builder::new().name("leaving".to_owned());
        let started = timer.spawn(move || {
            std::thread::sleep(left);
            crate::logging::print_error(
                &"funcdock worker: the worker is ended: code of the app still runs, and the time to finish is over",
            );
            crate::logging::exit(1);
        });
        if started.is_err() {
            crate::logging::exit(1);
        }
        true
    }
}
