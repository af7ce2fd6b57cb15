//! The calls whose tracer function code uses. Most calls have none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use opentelemetry::trace::SpanId;

use crate::call::Call;

/// Prunes dead entries beyond this size. An attribute that is read after the end of its call leaves one behind.
const PRUNE_AT: usize = 1024;

/// Calls by the ids of their own spans. The tracers keep them alive, and invocations keep the tracers.
#[derive(Default)]
pub(crate) struct TracedCalls {
    /// The number of calls, for a look-up without the lock.
    count: AtomicUsize,
    calls: Mutex<HashMap<SpanId, Weak<Call>>>,
}

impl TracedCalls {
    /// Returns the call of this span; runs `make` if there is none.
    pub(crate) fn get_or_make(&self, id: SpanId, make: impl FnOnce() -> Call) -> Arc<Call> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = calls.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        if calls.len() >= PRUNE_AT {
            calls.retain(|_, call| call.strong_count() > 0);
        }
        let call = Arc::new(make());
        calls.insert(id, Arc::downgrade(&call));
        self.count.store(calls.len(), Ordering::Release);
        call
    }

    /// Removes the call of this span at its end, and returns it if function code uses its tracer.
    pub(crate) fn take(&self, id: SpanId) -> Option<Arc<Call>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let call = calls.remove(&id);
        self.count.store(calls.len(), Ordering::Release);
        call?.upgrade()
    }
}
