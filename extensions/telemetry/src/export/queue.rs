//! The way from the hooks to an exporter's thread: encoded spans in batches.
//!
//! A hook writes its span behind the others of the newest batch. The exporter's thread takes whole batches, and wakes once
//! a batch, not once a span. Emptied batches are filled again: at 100,000 spans a second, fresh memory from the system
//! costs more than writing the spans.
//!
//! The fate of each span is counted under the same lock, so the sums are exact.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::tally::{Fate, Tally};
use super::{Batch, Delivery, ExportError};
use crate::settings::Batching;

/// How many empty batches are kept, and up to which size.
const SPARE: usize = 4;
const SPARE_BYTES: usize = 4 << 20;
/// The size at which a batch is full: by default, collectors take 4 MiB in a message of gRPC.
const BATCH_BYTES: usize = 3 << 20;

/// A queue that is bounded in spans and in bytes. Any number of threads put; one takes.
pub(super) struct Queue {
    limits: Batching,
    state: Mutex<State>,
    /// The exporter's thread waits here, for a batch or the end.
    taker: Condvar,
    /// Threads that flush or shut down wait here, for the exporter's thread.
    waiter: Condvar,
}

#[derive(Default)]
struct State {
    /// All but the last are full.
    batches: VecDeque<Batch>,
    /// The spans in `batches`.
    waiting: usize,
    /// The spans that the exporter has.
    in_flight: usize,
    /// The bytes of both.
    bytes: usize,
    tally: Tally,
    /// The number of spans put in and taken out so far.
    put: u64,
    taken: u64,
    /// So many are taken without waiting for batches to fill.
    urgent: u64,
    spare: Vec<Batch>,
    closed: bool,
    /// The exporter's thread has ended.
    finished: bool,
    /// The last error since a flush or the end began.
    error: Option<ExportError>,
}

/// The deadline passed before the exporter was done.
#[derive(Debug)]
pub(super) struct DeadlinePassed {
    /// The number of spans that still wait or are on their way.
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

    /// Adds the span that `encode` appends. Drops it if the queue is full or closed; the error says why.
    pub(super) fn put(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), Fate> {
        let mut guard = self.lock();
        let wake = guard.put(&self.limits, encode)?;
        drop(guard);
        if wake {
            self.taker.notify_one();
        }
        Ok(())
    }

    /// Takes a full batch. Takes one that is not full after the delay, and from a queue that is flushed or closed. `None`
    /// when a closed queue is empty.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            state = self
                .taker
                .wait_timeout_while(state, self.limits.delay, |state| !state.is_due(&self.limits))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if let Some(batch) = state.batches.pop_front() {
                state.waiting -= batch.items;
                state.in_flight = batch.items;
                state.taken += batch.items as u64;
                return Some(batch);
            }
            if state.closed {
                return None;
            }
        }
    }

    /// Takes a batch back, and counts its spans by the result of its export.
    pub(super) fn record_batch(&self, mut batch: Batch, result: Result<Delivery, ExportError>) {
        let mut state = self.lock();
        // 0 if its spans were given up meanwhile.
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
        batch.items = 0;
        batch.encoded.clear();
        if state.spare.len() < SPARE && batch.encoded.capacity() <= SPARE_BYTES {
            state.spare.push(batch);
        }
        drop(state);
        self.waiter.notify_all();
    }

    /// Exports what waits now, without waiting for batches to fill.
    pub(super) fn request_flush(&self) {
        let mut state = self.lock();
        state.urgent = state.put;
        state.error = None;
        drop(state);
        self.taker.notify_one();
    }

    /// Waits for the end of the requested flush. Returns the last error of that time.
    pub(super) fn flush(&self, deadline: Instant) -> Result<Result<(), ExportError>, DeadlinePassed> {
        let state = self.lock();
        let target = state.urgent;
        self.wait(state, deadline, |state| {
            state.finished_spans() >= target || state.finished
        })
    }

    /// Takes no further spans.
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

    /// Waits until the exporter's thread of a closed queue has ended. If the deadline passes first, drops all spans that
    /// are left. Returns the last error of that time.
    pub(super) fn end(&self, deadline: Instant) -> Result<Result<(), ExportError>, DeadlinePassed> {
        let result = self.wait(self.lock(), deadline, |state| state.finished);
        if result.is_err() {
            self.lock().give_up();
        }
        result
    }

    /// Reads the fates of the spans so far.
    pub(super) fn with_tally<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.lock().tally)
    }

    fn wait(
        &self,
        state: MutexGuard<'_, State>,
        deadline: Instant,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<Result<(), ExportError>, DeadlinePassed> {
        let left = deadline.saturating_duration_since(Instant::now());
        let (mut state, _) = self
            .waiter
            .wait_timeout_while(state, left, |state| !is_done(state))
            .unwrap_or_else(PoisonError::into_inner);
        if is_done(&state) {
            Ok(state.error.take().map_or(Ok(()), Err))
        } else {
            Err(DeadlinePassed {
                spans: state.waiting + state.in_flight,
            })
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether to wake the exporter's thread.
    fn put(&mut self, limits: &Batching, encode: impl FnOnce(&mut Vec<u8>)) -> Result<bool, Fate> {
        if self.closed {
            return Err(self.drop_one(Fate::Shutdown));
        }
        if self.waiting >= limits.queue {
            return Err(self.drop_one(Fate::QueueFull));
        }
        let batch = match self.batches.back_mut() {
            Some(batch) if batch.items < limits.batch => batch,
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
            if batch.items == 0 {
                self.batches.pop_back();
            }
            return Err(self.drop_one(Fate::QueueFull));
        }
        batch.items += 1;
        let mut wake = batch.items == limits.batch;
        if before > 0 && batch.encoded.len() > BATCH_BYTES {
            // Too large for one message: the span begins the next batch.
            batch.items -= 1;
            let mut next = self.spare.pop().unwrap_or_default();
            next.encoded.extend_from_slice(&batch.encoded[before..]);
            next.items = 1;
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
            Some(first) => first.items >= limits.batch || self.batches.len() > 1,
            None => false,
        };
        first_is_full || self.taken < self.urgent || self.closed
    }

    /// The number of spans whose fate is known, apart from those that were not put in.
    fn finished_spans(&self) -> u64 {
        self.taken - self.in_flight as u64
    }

    /// Drops all spans that are left, as nobody waits for the exporter any longer.
    fn give_up(&mut self) {
        let lost = self.waiting + std::mem::take(&mut self.in_flight);
        self.tally.add(Fate::Shutdown, lost);
        for batch in std::mem::take(&mut self.batches) {
            self.bytes -= batch.encoded.len();
            self.taken += batch.items as u64;
        }
        self.waiting = 0;
    }
}
