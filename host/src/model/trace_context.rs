//! The trace context that a function sees, and that extensions may replace.

use std::sync::OnceLock;

use smallvec::SmallVec;

/// The length of a `traceparent` of version 00.
const TRACEPARENT: usize = 55;

/// W3C trace context headers; an absent one is empty.
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

    /// Returns `traceparent` and `tracestate`.
    pub fn headers(&self) -> (&str, &str) {
        // It was made from text.
        let traceparent = std::str::from_utf8(&self.traceparent).unwrap_or_default();
        (traceparent, &self.tracestate)
    }
}

/// The trace contexts of a call, of which the last counts. None is ever removed, so borrows stay valid for as long as
/// `self`. The first, mostly the only one, needs no allocation.
#[derive(Debug, Default)]
pub(super) struct TraceContexts {
    first: OnceLock<Entry>,
}

#[derive(Debug)]
struct Entry {
    context: TraceContext,
    next: OnceLock<Box<Entry>>,
}

impl TraceContexts {
    /// Adds a context, which counts from now on.
    pub(super) fn set(&self, context: TraceContext) {
        let entry = Entry {
            context,
            next: OnceLock::new(),
        };
        let Err(entry) = self.first.set(entry) else { return };
        let Some(mut last) = self.last() else { return };
        let mut entry = Box::new(entry);
        // Another thread may be faster: then this context goes behind the other one.
        while let Err(refused) = last.next.set(entry) {
            entry = refused;
            while let Some(next) = last.next.get() {
                last = next;
            }
        }
    }

    /// Returns the last context.
    pub(super) fn get(&self) -> Option<&TraceContext> {
        self.last().map(|entry| &entry.context)
    }

    fn last(&self) -> Option<&Entry> {
        let mut last = self.first.get()?;
        while let Some(next) = last.next.get() {
            last = next;
        }
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts_and_earlier_ones_stay_borrowed() {
        let contexts = TraceContexts::default();
        assert_eq!(contexts.get(), None);
        contexts.set(TraceContext::new("a", "x=1"));
        let first = contexts.get().expect("it was set");
        for name in ["b", "c"] {
            contexts.set(TraceContext::new(name, ""));
            assert_eq!(contexts.get().map(TraceContext::headers), Some((name, "")));
        }
        assert_eq!(first.headers(), ("a", "x=1"));
    }

    #[test]
    fn none_is_lost_between_threads() {
        let contexts = TraceContexts::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| contexts.set(TraceContext::new("a", "")));
            }
        });
        let mut count = 1;
        let mut entry = contexts.first.get().expect("one was first");
        while let Some(next) = entry.next.get() {
            (count, entry) = (count + 1, next);
        }
        assert_eq!(count, 4);
    }
}
