//! The calls whose tracer function code has asked for: most calls never have one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use opentelemetry::trace::SpanId;

use crate::call::Call;

/// Beyond so many it is looked whether they are still alive: who asks once a call has ended leaves one behind.
const MANY: usize = 1024;

/// Calls by the ids of their own spans. The tracers keep them alive, and these the invocations.
#[derive(Default)]
pub(crate) struct Asked {
    /// How many there are, for a look without the lock.
    count: AtomicUsize,
    calls: Mutex<HashMap<SpanId, Weak<Call>>>,
}

impl Asked {
    /// The call of this span, made if it is not known yet.
    pub(crate) fn get_or_make(&self, id: SpanId, make: impl FnOnce() -> Call) -> Arc<Call> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = calls.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        if calls.len() >= MANY {
            calls.retain(|_, call| call.strong_count() > 0);
        }
        let call = Arc::new(make());
        calls.insert(id, Arc::downgrade(&call));
        self.count.store(calls.len(), Ordering::Release);
        call
    }

    /// The call of this span, if somebody has asked for its tracer. Its end has come: it is not known any more.
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
