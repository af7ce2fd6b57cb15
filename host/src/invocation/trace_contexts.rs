//! The trace context that a function sees, as extensions replace it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use smallvec::SmallVec;

/// The length of a `traceparent` of version 00.
const TRACEPARENT: usize = 55;

/// W3C trace context headers; empty where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: SmallVec<[u8; TRACEPARENT]>,
    tracestate: Box<str>,
}

impl TraceContext {
    /// Copies the headers.
    pub fn new(traceparent: &str, tracestate: &str) -> Self {
        TraceContext {
            traceparent: SmallVec::from_slice(traceparent.as_bytes()),
            tracestate: tracestate.into(),
        }
    }

    /// `traceparent` and `tracestate`.
    pub fn headers(&self) -> (&str, &str) {
        // It was made of text.
        let traceparent = std::str::from_utf8(&self.traceparent).unwrap_or_default();
        (traceparent, &self.tracestate)
    }
}

/// What was set, the last one counting. What was lent of any stays good as long as this. The first, mostly the only
/// one, costs no allocation.
#[derive(Debug, Default)]
pub(super) struct TraceContexts {
    first: OnceLock<TraceContext>,
    /// Never shortened. In `Arc`s, so that growing does not move them.
    later: Mutex<Vec<Arc<TraceContext>>>,
}

impl TraceContexts {
    pub(super) fn set(&self, context: TraceContext) {
        if let Err(context) = self.first.set(context) {
            let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
            later.push(Arc::new(context));
        }
    }

    pub(super) fn get(&self) -> Option<&TraceContext> {
        let first = self.first.get()?;
        let later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = later.last() else {
            return Some(first);
        };
        let last = Arc::as_ptr(last);
        // SAFETY: an entry is never removed before `self`, which is borrowed.
        Some(unsafe { &*last })
    }
}
