//! The way from the hooks to the exporter's thread: spans, already encoded, in batches.
//!
//! A hook writes its span behind the others of the newest batch. The exporter's thread takes whole batches,
//! and is woken once a batch, not once a span. Emptied batches go back to be filled again: at 100,000 spans a second,
//! asking the system for fresh memory costs more than writing the spans.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::{DecodeError, Message};

use super::ExportError;
use crate::settings::Batching;

/// How many empty batches are kept, and up to which size.
const SPARE: usize = 4;
const SPARE_BYTES: usize = 4 << 20;

/// Ended spans, in the order in which they ended; or items of another signal, of which the same holds.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    spans: usize,
    encoded: Vec<u8>,
}

impl Batch {
    /// Of so many items, encoded as their exporter takes them.
    pub(crate) fn new(items: usize, encoded: Vec<u8>) -> Self {
        Batch {
            spans: items,
            encoded,
        }
    }

    /// How many spans it holds.
    pub(crate) fn len(&self) -> usize {
        self.spans
    }

    /// The spans as fields of OTLP's `ScopeSpans`, metrics as fields of `ScopeMetrics`. Log records each
    /// bring a scope of their own, named after their logger: as fields of `ResourceLogs`.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The spans as objects, for exporters that write another format.
    pub(crate) fn spans(&self) -> Result<Vec<Span>, DecodeError> {
        Ok(ScopeSpans::decode(self.encoded())?.spans)
    }
}

/// Bounded, in spans. Any number of threads put; one takes.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Batching,
    state: Mutex<State>,
    /// The exporter's thread waits here, for a full batch or the end.
    taker: Condvar,
    /// Who shuts down waits here, for the exporter's thread.
    closer: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// All are full, but for the last.
    batches: VecDeque<Batch>,
    /// The spans in `batches`.
    waiting: usize,
    dropped: u64,
    spare: Vec<Batch>,
    closed: bool,
    /// The exporter's thread has ended.
    finished: bool,
    /// What became of the last batch, until somebody asks.
    last_error: Option<ExportError>,
}

impl Queue {
    pub(super) fn new(limits: Batching) -> Self {
        Queue {
            limits,
            state: Mutex::default(),
            taker: Condvar::new(),
            closer: Condvar::new(),
        }
    }

    /// Adds the span that `encode` appends. Where the queue is full or closed, it is dropped, and `false`.
    pub(super) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.waiting >= self.limits.queue || state.closed {
            state.dropped += 1;
            return false;
        }
        let batch = match state.batches.back_mut() {
            Some(batch) if batch.spans < self.limits.batch => batch,
            _ => {
                let batch = state.spare.pop().unwrap_or_default();
                state.batches.push_back(batch);
                let last = state.batches.len() - 1;
                &mut state.batches[last]
            }
        };
        encode(&mut batch.encoded);
        batch.spans += 1;
        state.waiting += 1;
        let is_full = batch.spans == self.limits.batch;
        drop(guard);
        if is_full {
            self.taker.notify_one();
        }
        true
    }

    /// Waits for a full batch and takes it; one that is not full after the delay, and from a closed queue. `None`
    /// when a closed queue is empty.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            let is_early = |state: &mut State| state.waiting < self.limits.batch && !state.closed;
            state = self
                .taker
                .wait_timeout_while(state, self.limits.delay, is_early)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if let Some(batch) = state.batches.pop_front() {
                state.waiting -= batch.spans;
                return Some(batch);
            }
            if state.closed {
                return None;
            }
        }
    }

    /// Takes a batch back that was dealt with.
    pub(super) fn recycle(&self, mut batch: Batch) {
        batch.spans = 0;
        batch.encoded.clear();
        let mut state = self.lock();
        if state.spare.len() < SPARE && batch.encoded.capacity() <= SPARE_BYTES {
            state.spare.push(batch);
        }
    }

    /// Takes no more spans from now on.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.taker.notify_one();
    }

    /// The exporter's thread ends; the result is that of the last batch.
    pub(super) fn finish(&self, last: Result<(), ExportError>) {
        let mut state = self.lock();
        state.finished = true;
        state.last_error = last.err();
        drop(state);
        self.closer.notify_all();
    }

    /// Waits until the exporter's thread has ended. `None` if it has not by the deadline; an error is told once.
    pub(super) fn wait_until_finished(&self, deadline: Duration) -> Option<Result<(), ExportError>> {
        let (mut state, _) = self
            .closer
            .wait_timeout_while(self.lock(), deadline, |state| !state.finished)
            .unwrap_or_else(PoisonError::into_inner);
        let result = state.last_error.take().map_or(Ok(()), Err);
        state.finished.then_some(result)
    }

    /// How many spans wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// How many spans were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
