//! The way from the hooks to an exporter's thread: spans, already encoded, in batches.
//!
//! A hook writes its span behind the others of the newest batch. The exporter's thread takes whole batches,
//! and is woken once a batch, not once a span. Emptied batches go back to be filled again: at 100,000 spans a second,
//! asking the system for fresh memory costs more than writing the spans.
//!
//! What becomes of each span is counted here, under the lock that it came in by, so that the sums are exact.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::{DecodeError, Message};

use super::tally::{Fate, Tally};
use super::{Delivery, ExportError};
use crate::settings::Batching;

/// How many empty batches are kept, and up to which size.
const SPARE: usize = 4;
const SPARE_BYTES: usize = 4 << 20;
/// A batch takes no further span beyond this: collectors take 4 MiB in a message of gRPC unless told otherwise.
const BATCH_BYTES: usize = 3 << 20;

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

    /// A batch of these spans.
    #[cfg(test)]
    pub(super) fn of(spans: Vec<Span>) -> Self {
        let count = spans.len();
        let scope = ScopeSpans {
            spans,
            ..ScopeSpans::default()
        };
        Batch {
            spans: count,
            encoded: scope.encode_to_vec(),
        }
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

/// Bounded, in spans and in bytes. Any number of threads put; one takes.
pub(super) struct Queue {
    limits: Batching,
    state: Mutex<State>,
    /// The exporter's thread waits here, for a batch or the end.
    taker: Condvar,
    /// Who flushes or shuts down waits here, for the exporter's thread.
    waiter: Condvar,
}

#[derive(Default)]
struct State {
    /// All are full, but for the last.
    batches: VecDeque<Batch>,
    /// The spans in `batches`.
    waiting: usize,
    /// The spans that the exporter has.
    in_flight: usize,
    /// The bytes of both.
    bytes: usize,
    tally: Tally,
    /// How many spans were put in so far, and how many of them were taken out.
    put: u64,
    taken: u64,
    /// So many are to be taken without waiting for batches to fill.
    urgent: u64,
    spare: Vec<Batch>,
    closed: bool,
    /// The exporter's thread has ended.
    finished: bool,
    /// What went wrong since somebody began to wait.
    error: Option<ExportError>,
}

/// Waiting for the exporter ended before it was done.
#[derive(Debug)]
pub(super) struct Late {
    /// How many spans still wait or are on their way.
    pub(super) spans: usize,
}

impl Queue {
    pub(super) fn new(limits: Batching, tally: Tally) -> Self {
        Queue {
            limits,
            state: Mutex::new(State {
                tally,
                ..State::default()
            }),
            taker: Condvar::new(),
            waiter: Condvar::new(),
        }
    }

    /// Adds the span that `encode` appends. Where the queue is full or closed, it is dropped, and the error says
    /// why.
    pub(super) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), Fate> {
        let mut guard = self.lock();
        let wake = guard.put(&self.limits, encode)?;
        drop(guard);
        if wake {
            self.taker.notify_one();
        }
        Ok(())
    }

    /// Waits for a full batch and takes it; one that is not full after the delay, and from a queue that is flushed
    /// or closed. `None` when a closed queue is empty.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            state = self
                .taker
                .wait_timeout_while(state, self.limits.delay, |state| !state.is_due(&self.limits))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if let Some(batch) = state.batches.pop_front() {
                state.waiting -= batch.spans;
                state.in_flight = batch.spans;
                state.taken += batch.spans as u64;
                return Some(batch);
            }
            if state.closed {
                return None;
            }
        }
    }

    /// Takes a batch back that was dealt with, and counts its spans.
    pub(super) fn settle(&self, mut batch: Batch, result: Result<Delivery, ExportError>) {
        let mut state = self.lock();
        // Nothing is, where its spans were given up meanwhile.
        let spans = std::mem::take(&mut state.in_flight);
        match result {
            Ok(delivery) => {
                let rejected = delivery.rejected.min(spans);
                state.tally.add(Fate::Rejected, rejected);
                state.tally.add(Fate::Exported, spans - rejected);
            }
            Err(error) => {
                state.tally.add(Fate::ExportFailed, spans);
                state.error = Some(error);
            }
        }
        state.bytes -= batch.encoded.len();
        batch.spans = 0;
        batch.encoded.clear();
        if state.spare.len() < SPARE && batch.encoded.capacity() <= SPARE_BYTES {
            state.spare.push(batch);
        }
        drop(state);
        self.waiter.notify_all();
    }

    /// Lets what waits go out now.
    pub(super) fn hurry(&self) {
        let mut state = self.lock();
        state.urgent = state.put;
        state.error = None;
        drop(state);
        self.taker.notify_one();
    }

    /// Waits until what was hurried has gone out. An error is the last one of that time.
    pub(super) fn flush(&self, deadline: Instant) -> Result<Result<(), ExportError>, Late> {
        let state = self.lock();
        let target = state.urgent;
        self.wait(state, deadline, |state| {
            state.settled() >= target || state.finished
        })
    }

    /// Takes no more spans from now on.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.error = None;
        drop(state);
        self.taker.notify_one();
    }

    /// The exporter's thread ends.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.waiter.notify_all();
    }

    /// Waits until the exporter's thread of a closed queue has ended. Where it has not in time, all spans that are
    /// left are dropped. An error is the last one of that time.
    pub(super) fn end(&self, deadline: Instant) -> Result<Result<(), ExportError>, Late> {
        let result = self.wait(self.lock(), deadline, |state| state.finished);
        if result.is_err() {
            self.lock().give_up();
        }
        result
    }

    /// Reads what became of the spans so far.
    pub(super) fn with_tally<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.lock().tally)
    }

    fn wait(
        &self,
        state: MutexGuard<'_, State>,
        deadline: Instant,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<Result<(), ExportError>, Late> {
        let left = deadline.saturating_duration_since(Instant::now());
        let (mut state, _) = self
            .waiter
            .wait_timeout_while(state, left, |state| !is_done(state))
            .unwrap_or_else(PoisonError::into_inner);
        if is_done(&state) {
            Ok(state.error.take().map_or(Ok(()), Err))
        } else {
            Err(Late {
                spans: state.waiting + state.in_flight,
            })
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether the exporter's thread should look.
    fn put(&mut self, limits: &Batching, encode: impl FnOnce(&mut Vec<u8>)) -> Result<bool, Fate> {
        if self.closed {
            return Err(self.drop_one(Fate::Shutdown));
        }
        if self.waiting >= limits.queue {
            return Err(self.drop_one(Fate::QueueFull));
        }
        let batch = match self.batches.back_mut() {
            Some(batch) if batch.spans < limits.batch => batch,
            _ => {
                let batch = self.spare.pop().unwrap_or_default();
                self.batches.push_back(batch);
                let last = self.batches.len() - 1;
                &mut self.batches[last]
            }
        };
        let before = batch.encoded.len();
        encode(&mut batch.encoded);
        let grown = batch.encoded.len() - before;
        if self.bytes + grown > limits.queue_bytes {
            batch.encoded.truncate(before);
            batch.encoded.shrink_to(SPARE_BYTES);
            if batch.spans == 0 {
                self.batches.pop_back();
            }
            return Err(self.drop_one(Fate::QueueFull));
        }
        batch.spans += 1;
        let mut wake = batch.spans == limits.batch;
        if before > 0 && batch.encoded.len() > BATCH_BYTES {
            // Too much for one message: the span begins the next.
            batch.spans -= 1;
            let mut next = self.spare.pop().unwrap_or_default();
            next.encoded.extend_from_slice(&batch.encoded[before..]);
            next.spans = 1;
            batch.encoded.truncate(before);
            self.batches.push_back(next);
            wake = true;
        }
        self.bytes += grown;
        self.waiting += 1;
        self.put += 1;
        Ok(wake)
    }

    fn drop_one(&mut self, fate: Fate) -> Fate {
        self.tally.add(fate, 1);
        fate
    }

    /// Whether the exporter's thread should take a batch now, or end.
    fn is_due(&self, limits: &Batching) -> bool {
        let first_is_full = match self.batches.front() {
            Some(first) => first.spans >= limits.batch || self.batches.len() > 1,
            None => false,
        };
        first_is_full || self.taken < self.urgent || self.closed
    }

    /// How many of the spans that were put in have met their fate.
    fn settled(&self) -> u64 {
        self.taken - self.in_flight as u64
    }

    /// Nobody waits for the exporter any longer: what is left is lost.
    fn give_up(&mut self) {
        let lost = self.waiting + std::mem::take(&mut self.in_flight);
        self.tally.add(Fate::Shutdown, lost);
        for batch in std::mem::take(&mut self.batches) {
            self.bytes -= batch.encoded.len();
            self.taken += batch.spans as u64;
        }
        self.waiting = 0;
    }
}
