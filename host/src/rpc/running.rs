//! The calls that run, for the host to cancel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The calls that run and can be cancelled, by their ids. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<String, CancellationToken>>>);

/// A call that runs, until this is dropped.
pub(super) struct Cancellable {
    running: Running,
    id: String,
    token: CancellationToken,
}

impl Running {
    /// Adds a call.
    pub(super) fn add(&self, id: String) -> Cancellable {
        let token = CancellationToken::new();
        self.lock().insert(id.clone(), token.clone());
        Cancellable {
            running: self.clone(),
            id,
            token,
        }
    }

    /// Cancels the call with this id, if it runs.
    pub(super) fn cancel(&self, id: &str) {
        if let Some(token) = self.lock().get(id) {
            token.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        // It is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancellable {
    /// Whether the call is cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the call is cancelled.
    pub(super) async fn cancelled(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.running.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_cancelled_while_it_runs_and_forgotten_then() {
        let running = Running::default();
        let (one, other) = (running.add("1".to_owned()), running.add("2".to_owned()));
        running.cancel("3");
        running.cancel("1");
        running.cancel("1");
        assert!(one.token.is_cancelled() && !other.token.is_cancelled());
        drop(one);
        drop(other);
        running.cancel("2");
        assert!(running.lock().is_empty());
    }
}
