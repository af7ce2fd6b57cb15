//! The thread behind the metrics: reads the process' memory, and exports at intervals, on demand and at the end.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{FlushError, State, Target, collect};
use crate::export::{Batch, Delivery, ExportError, FailureLog, ShutdownSignal};
use crate::signal::Signal;

/// How often the memory is read.
const READ_EVERY: Duration = Duration::from_secs(1);

/// A handle to the thread.
pub(super) struct Worker(Arc<Orders>);

/// The thread's orders, and its progress.
#[derive(Default)]
struct Orders {
    progress: Mutex<Progress>,
    /// For the exporter, which may wait.
    closing: ShutdownSignal,
    /// The thread waits here.
    given: Condvar,
    /// Threads that flush or shut down wait here.
    done: Condvar,
}

#[derive(Default)]
struct Progress {
    /// The number of the last requested flush, and of the last finished one.
    flush: u64,
    flushed: u64,
    /// The error of the last flush, until it is reported.
    last_error: Option<ExportError>,
    closed: bool,
    /// The thread has ended.
    finished: bool,
}

impl Worker {
    pub(super) fn start(state: Arc<State>, target: Option<Target>) -> io::Result<Worker> {
        let orders = Arc::new(Orders::default());
        let run = {
            let orders = Arc::clone(&orders);
            move || orders.serve(&state, target)
        };
        thread::Builder::new()
            .name("export-metrics".to_owned())
            .spawn(run)?;
        Ok(Worker(orders))
    }

    pub(super) fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        let mut progress = self.0.lock();
        progress.flush += 1;
        let flush = progress.flush;
        self.0.given.notify_one();
        self.0.wait(progress, deadline, |progress| {
            progress.flushed >= flush || progress.finished
        })
    }

    pub(super) fn close(&self, deadline: Instant) {
        self.0.closing.begin(deadline);
        self.0.lock().closed = true;
        self.0.given.notify_one();
    }

    pub(super) fn shutdown(&self, deadline: Duration) -> Result<(), FlushError> {
        self.close(Instant::now() + deadline);
        self.0.wait(self.0.lock(), deadline, |progress| progress.finished)
    }
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the thread is done; reports an error of its last flush once.
    fn wait(
        &self,
        progress: MutexGuard<'_, Progress>,
        deadline: Duration,
        is_done: impl Fn(&Progress) -> bool,
    ) -> Result<(), FlushError> {
        let (mut progress, _) = self
            .done
            .wait_timeout_while(progress, deadline, |progress| !is_done(progress))
            .unwrap_or_else(PoisonError::into_inner);
        match progress.last_error.take() {
            Some(error) => Err(error.into()),
            None if is_done(&progress) => Ok(()),
            None => Err(FlushError::Deadline),
        }
    }

    /// The thread's life.
    fn serve(&self, state: &State, target: Option<Target>) {
        let mut export = target.map(PeriodicExport::new);
        loop {
            let due = export.as_ref().map(|export| export.next);
            let (flush, closed) = self.next(due);
            state.read_memory();
            let is_requested = flush.is_some() || closed;
            let result = match &mut export {
                Some(export) if is_requested || export.is_due() => export.run(state, &self.closing),
                _ => Ok(()),
            };
            if !is_requested {
                continue;
            }
            let mut progress = self.lock();
            progress.last_error = result.err();
            progress.flushed = flush.unwrap_or(progress.flushed);
            progress.finished = closed;
            drop(progress);
            self.done.notify_all();
            if closed {
                return;
            }
        }
    }

    /// Waits until there is something to do. Returns the requested flush, if any, and whether it is the end.
    fn next(&self, due: Option<Instant>) -> (Option<u64>, bool) {
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let wait = until_due.map_or(READ_EVERY, |until| until.min(READ_EVERY));
        let is_idle = |progress: &mut Progress| progress.flush == progress.flushed && !progress.closed;
        let (progress, _) = self
            .given
            .wait_timeout_while(self.lock(), wait, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        let flush = (progress.flush > progress.flushed).then_some(progress.flush);
        (flush, progress.closed)
    }
}

/// A target, and when its next export is due.
struct PeriodicExport {
    target: Target,
    failures: FailureLog,
    next: Instant,
}

impl PeriodicExport {
    fn new(target: Target) -> Self {
        PeriodicExport {
            failures: FailureLog::new(Signal::Metrics, &target.name),
            next: Instant::now() + target.interval,
            target,
        }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn run(&mut self, state: &State, closing: &ShutdownSignal) -> Result<(), ExportError> {
        self.next = Instant::now() + self.target.interval;
        let Some(batch) = collect::batch(state) else {
            return Ok(());
        };
        let result = self.target.exporter.export(&batch, closing);
        self.log(&batch, &result);
        result.map(drop)
    }

    fn log(&mut self, batch: &Batch, result: &Result<Delivery, ExportError>) {
        match result {
            Ok(_) => self.failures.export_worked(),
            Err(error) => self.failures.export_failed(batch.len(), error),
        }
    }
}
