//! Whether a worker can go on serving.

use std::sync::{Arc, OnceLock};

/// The health of a worker. It is lost once, and does not come back: the worker is replaced.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    /// Why it is lost.
    reason: OnceLock<String>,
    report: Box<dyn Fn(&str) + Send + Sync>,
}

impl Health {
    /// Returns the health of a worker that has just begun. `report` gets the reason when it is lost.
    pub(super) fn new(report: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Health(Arc::new(Inner {
            reason: OnceLock::new(),
            report,
        }))
    }

    /// Reports that the worker cannot go on serving: `reason` is a sentence, and `details` follow it in the log. From any
    /// thread, not attached to an interpreter; does not wait for the owner of the worker.
    pub fn fail(&self, reason: &str, details: &str) {
        let separator = if details.is_empty() { "" } else { "\n" };
        tracing::error!("{reason}{separator}{details}");
        if self.0.reason.set(reason.to_owned()).is_ok() {
            (self.0.report)(reason);
        }
    }

    /// Returns why the worker cannot go on serving; `None` if it can.
    pub fn failure(&self) -> Option<&str> {
        self.0.reason.get().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_first_reason_is_reported_and_stays() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&reported);
        let health = Health::new(Box::new(move |reason| {
            log.lock().expect("not poisoned").push(reason.to_owned());
        }));
        assert_eq!(health.failure(), None);
        health.fail("first", "");
        health.fail("second", "details");
        assert_eq!(health.failure(), Some("first"));
        assert_eq!(*reported.lock().expect("not poisoned"), ["first"]);
    }
}
