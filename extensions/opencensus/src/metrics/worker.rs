//! The thread behind the metrics: looks at the process' memory, and exports at intervals, on demand and at
//! the end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{FlushError, MetricsError, Outlet, State, collect};
use crate::export::{Batch, Closing, Delivery, ExportError, Trouble};
use crate::signal::Signal;

/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The thread, as those see it that want something of it.
pub(super) struct Worker(Arc<Orders>);

/// What is asked of the thread, and what it has done.
#[derive(Default)]
struct Orders {
    state: Mutex<Asked>,
    /// For the exporter, which may wait.
    closing: Closing,
    /// The thread waits here.
    given: Condvar,
    /// Who has asked waits here.
    done: Condvar,
}

#[derive(Default)]
struct Asked {
    /// The number of the last flush that was asked for, and of the last that was done.
    flush: u64,
    flushed: u64,
    /// What became of the last flush, until somebody asks.
    last_error: Option<ExportError>,
    closed: bool,
    /// The thread has ended.
    finished: bool,
}

impl Worker {
    pub(super) fn start(state: Arc<State>, outlet: Option<Outlet>) -> Result<Worker, MetricsError> {
        let orders = Arc::new(Orders::default());
        let run = {
            let orders = Arc::clone(&orders);
            move || orders.serve(&state, outlet)
        };
        thread::Builder::new()
            .name("export-metrics".to_owned())
            .spawn(run)?;
        Ok(Worker(orders))
    }

    pub(super) fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        let mut asked = self.0.lock();
        asked.flush += 1;
        let flush = asked.flush;
        self.0.given.notify_one();
        self.0
            .wait(asked, deadline, |asked| asked.flushed >= flush || asked.finished)
    }

    pub(super) fn close(&self, deadline: Instant) {
        self.0.closing.begin(deadline);
        self.0.lock().closed = true;
        self.0.given.notify_one();
    }

    pub(super) fn shutdown(&self, deadline: Duration) -> Result<(), FlushError> {
        self.close(Instant::now() + deadline);
        self.0.wait(self.0.lock(), deadline, |asked| asked.finished)
    }
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the thread has done something; an error of its last flush is told once.
    fn wait(
        &self,
        asked: MutexGuard<'_, Asked>,
        deadline: Duration,
        is_done: impl Fn(&Asked) -> bool,
    ) -> Result<(), FlushError> {
        let (mut asked, _) = self
            .done
            .wait_timeout_while(asked, deadline, |asked| !is_done(asked))
            .unwrap_or_else(PoisonError::into_inner);
        match asked.last_error.take() {
            Some(error) => Err(error.into()),
            None if is_done(&asked) => Ok(()),
            None => Err(FlushError::Deadline),
        }
    }

    /// The thread's life.
    fn serve(&self, state: &State, outlet: Option<Outlet>) {
        let mut outlet = outlet.map(Exporting::new);
        loop {
            let due = outlet.as_ref().map(|outlet| outlet.next);
            let (flush, closed) = self.next(due);
            state.look_at_memory();
            let is_asked = flush.is_some() || closed;
            let result = match &mut outlet {
                Some(outlet) if is_asked || outlet.is_due() => outlet.export(state, &self.closing),
                _ => Ok(()),
            };
            if !is_asked {
                continue;
            }
            let mut asked = self.lock();
            asked.last_error = result.err();
            asked.flushed = flush.unwrap_or(asked.flushed);
            asked.finished = closed;
            drop(asked);
            self.done.notify_all();
            if closed {
                return;
            }
        }
    }

    /// Waits until there is something to do; says which flush was asked for, if one was, and whether it is
    /// the end.
    fn next(&self, due: Option<Instant>) -> (Option<u64>, bool) {
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let wait = until_due.map_or(LOOK_EVERY, |until| until.min(LOOK_EVERY));
        let is_idle = |asked: &mut Asked| asked.flush == asked.flushed && !asked.closed;
        let (asked, _) = self
            .given
            .wait_timeout_while(self.lock(), wait, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        let flush = (asked.flush > asked.flushed).then_some(asked.flush);
        (flush, asked.closed)
    }
}

/// An outlet, and when it is due.
struct Exporting {
    outlet: Outlet,
    trouble: Trouble,
    next: Instant,
}

impl Exporting {
    fn new(outlet: Outlet) -> Self {
        Exporting {
            trouble: Trouble::new(Signal::Metrics, &outlet.target),
            next: Instant::now() + outlet.interval,
            outlet,
        }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn export(&mut self, state: &State, closing: &Closing) -> Result<(), ExportError> {
        self.next = Instant::now() + self.outlet.interval;
        let Some(batch) = collect::batch(state) else {
            return Ok(());
        };
        let result = self.outlet.exporter.export(&batch, closing);
        self.note(&batch, &result);
        result.map(drop)
    }

    fn note(&mut self, batch: &Batch, result: &Result<Delivery, ExportError>) {
        match result {
            Ok(_) => self.trouble.worked(),
            Err(error) => self.trouble.failed(batch.len(), error),
        }
    }
}
