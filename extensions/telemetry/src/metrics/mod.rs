//! OpenTelemetry's metrics of functions (`faas.*`), exported by OTLP.
//!
//! Hooks only add to atomics. A thread does the rest: it reads the process' memory once a second while there are calls,
//! and exports.

mod collect;
mod instrument;
mod process;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry_sdk::Resource;
use thiserror::Error;

use crate::credentials::url_to_show;
use crate::destinations::{self, StartError};
use crate::export::{ExportError, Exporter};
use crate::settings::MetricsConfig;
use crate::signal::Signal;
use instrument::{Counter, Histogram};
use worker::Worker;

/// Upper bounds for durations, in seconds, as the conventions advise.
pub const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

const MIB: f64 = (1 << 20) as f64;

/// Upper bounds for memory, in bytes: the sizes of plans for function apps, and steps between them.
pub const BYTES: &[f64] = &[
    32.0 * MIB,
    64.0 * MIB,
    96.0 * MIB,
    128.0 * MIB,
    192.0 * MIB,
    256.0 * MIB,
    384.0 * MIB,
    512.0 * MIB,
    768.0 * MIB,
    1024.0 * MIB,
    1536.0 * MIB,
    2048.0 * MIB,
    4096.0 * MIB,
    8192.0 * MIB,
];

/// The metrics of a worker. Used by any number of threads.
pub struct Metrics {
    state: Arc<State>,
    is_exported: bool,
    worker: Worker,
}

/// What the hooks write, and the thread reads.
struct State {
    series: Mutex<Vec<&'static Series>>,
    /// The start of counting, on both clocks.
    began: Instant,
    began_wall: SystemTime,
    /// The age of the process then. `None` if the system does not say.
    age: Option<Duration>,
    /// When the last function was loaded, in nanoseconds since the start of counting.
    loaded: AtomicU64,
    /// The resident set when it was last read, in bytes; 0 if it cannot be read.
    resident: AtomicU64,
    /// Whether a call has ended since then.
    is_busy: AtomicBool,
}

/// The metrics of one function. They live as long as the process.
pub struct Series {
    faas_name: &'static str,
    trigger: &'static str,
    is_exported: bool,
    /// Calls that succeeded.
    invocations: Counter,
    /// All others.
    errors: Counter,
    /// Those of `errors` that exceeded `functionTimeout`.
    timeouts: Counter,
    coldstarts: Counter,
    invoke_duration: Histogram,
    init_duration: Histogram,
    mem_usage: Histogram,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub struct CallOutcome {
    /// Whether it counts as a failure.
    pub is_error: bool,
    /// Whether `functionTimeout` ended it.
    pub timed_out: bool,
    /// Whether the function ran: no extension answered or refused before it.
    pub ran: bool,
}

/// The last metrics were not exported.
#[derive(Debug, Error)]
pub enum FlushError {
    /// The export takes longer than the deadline.
    #[error("their export has not ended")]
    Deadline,
    /// The export failed.
    #[error("{0}")]
    Export(#[from] ExportError),
}

impl Metrics {
    /// Starts counting, and the exporter that the settings name, if any.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(config: Option<MetricsConfig>, resource: &Resource) -> Result<Metrics, StartError> {
        let target = config.map(|MetricsConfig { collector, interval }| {
            Ok::<_, StartError>(Target {
                exporter: destinations::otlp(Signal::Metrics, &collector, resource)?,
                name: url_to_show(&collector.url.to_string()),
                interval,
            })
        });
        Metrics::new(target.transpose()?)
    }

    fn new(target: Option<Target>) -> Result<Metrics, StartError> {
        let state = Arc::new(State {
            series: Mutex::default(),
            began: Instant::now(),
            began_wall: SystemTime::now(),
            age: process::age(),
            loaded: AtomicU64::new(0),
            resident: AtomicU64::new(process::resident().unwrap_or(0)),
            is_busy: AtomicBool::new(false),
        });
        Ok(Metrics {
            is_exported: target.is_some(),
            worker: Worker::start(Arc::clone(&state), target)?,
            state,
        })
    }

    /// Makes the series of a function. Call it once a function: all are kept.
    pub fn series(&self, faas_name: &'static str, trigger: &'static str) -> &'static Series {
        let series: &'static Series = Box::leak(Box::new(Series {
            faas_name,
            trigger,
            is_exported: self.is_exported,
            invocations: Counter::default(),
            errors: Counter::default(),
            timeouts: Counter::default(),
            coldstarts: Counter::default(),
            invoke_duration: Histogram::new(SECONDS, instrument::NANOSECONDS),
            init_duration: Histogram::new(SECONDS, instrument::NANOSECONDS),
            mem_usage: Histogram::new(BYTES, instrument::BYTES),
        }));
        let mut all = self.state.series.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(series);
        series
    }

    /// Returns the time in nanoseconds since the start of counting, to measure how long a call takes.
    #[inline]
    pub fn now(&self) -> u64 {
        self.state.now()
    }

    /// Notes that a function was loaded.
    pub fn function_loaded(&self) {
        self.state.loaded.store(self.now(), Ordering::Relaxed);
    }

    /// Counts the worker's first call. Returns how long the worker took to start, in seconds, from the start of the process
    /// until its functions were loaded; the time that it waited for a call does not count.
    pub fn cold_start(&self, series: &Series) -> Option<f64> {
        series.coldstarts.add();
        let age = self.state.age?;
        let loaded = Duration::from_nanos(self.state.loaded.load(Ordering::Relaxed));
        Some(series.init_duration.record(nanoseconds(age + loaded)))
    }

    /// Counts a call that took so many nanoseconds.
    pub fn call_ended(&self, series: &Series, took: u64, call: CallOutcome) {
        if series.is_exported {
            series.count(took, call, self.resident());
        }
        // A store each time would take the cache line from other threads.
        if call.ran && !self.state.is_busy.load(Ordering::Relaxed) {
            self.state.is_busy.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the process' resident set in bytes, as last read; `None` if it cannot be read.
    #[inline]
    pub fn resident(&self) -> Option<u64> {
        Some(self.state.resident.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Exports the metrics now, if they are exported.
    ///
    /// # Errors
    /// The deadline passed before the end of the export, or it failed.
    pub fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        self.worker.flush(deadline)
    }

    /// Lets the thread export a last time and end; does not wait for it.
    pub fn close(&self, deadline: Instant) {
        self.worker.close(deadline);
    }

    /// Closes, and waits for the end.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    pub fn shutdown(&self, deadline: Duration) -> Result<(), FlushError> {
        self.worker.shutdown(deadline)
    }
}

impl Series {
    fn count(&self, took: u64, call: CallOutcome, resident: Option<u64>) {
        let counter = match call.is_error {
            true => &self.errors,
            false => &self.invocations,
        };
        counter.add();
        if call.timed_out {
            self.timeouts.add();
        }
        if call.ran {
            self.invoke_duration.record(took);
            if let Some(resident) = resident {
                self.mem_usage.record(resident);
            }
        }
    }
}

impl State {
    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Reads the process' memory, if a call has ended since it was last read.
    fn read_memory(&self) {
        if self.is_busy.swap(false, Ordering::Relaxed)
            && let Some(resident) = process::resident()
        {
            self.resident.store(resident, Ordering::Relaxed);
        }
    }
}

/// Where metrics are exported to.
struct Target {
    exporter: Box<dyn Exporter>,
    /// The target's name in the log.
    name: String,
    interval: Duration,
}

/// 64 bits hold 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
