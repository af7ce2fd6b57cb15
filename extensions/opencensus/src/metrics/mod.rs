//! OpenTelemetry's metrics of functions (`faas.*`): counted by the hooks, shown on the host's `/metrics`, and
//! exported by OTLP where that is asked for.
//!
//! What the hooks do are additions to atomics, and to the host's own counters and histograms. All else
//! happens on a thread: it looks at the process' memory once a second while there are calls, and exports.

mod collect;
mod instrument;
mod process;
mod shown;
mod worker;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use funcdock_extension_api::{AppInfo, Result};
use opentelemetry_sdk::Resource;
use thiserror::Error;

use crate::export::{self, ExportError, Exporter, StartError};
use crate::settings::MetricsConfig;
use crate::signal::Signal;
use instrument::{Counter, Histogram};
use shown::{OfTrigger, Shown};
use worker::Worker;

/// Upper bounds for durations, in seconds: those that the conventions advise.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

const MIB: f64 = (1 << 20) as f64;

/// Upper bounds for memory, in bytes: the sizes that plans for function apps come in, and steps between them.
const BYTES: &[f64] = &[
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
pub(crate) struct Metrics {
    state: Arc<State>,
    shown: Shown,
    /// Whether they are exported, too: else what is shown is all that is recorded.
    is_exported: bool,
    worker: Worker,
}

/// What the hooks write, and the thread reads.
struct State {
    series: Mutex<Vec<&'static Series>>,
    /// When counting began, on both clocks.
    began: Instant,
    began_wall: SystemTime,
    /// How old the process was then. `None` where the system does not say.
    age: Option<Duration>,
    /// When the last function was loaded, in nanoseconds since counting began.
    loaded: AtomicU64,
    /// The resident set at the last look, in bytes; 0 where it cannot be read.
    resident: AtomicU64,
    /// Whether a call has ended since.
    is_busy: AtomicBool,
}

/// The metrics of one function. They live as long as the process.
pub(crate) struct Series {
    faas_name: &'static str,
    trigger: &'static str,
    /// Where the host shows the same.
    shown: Option<OfTrigger>,
    is_exported: bool,
    /// Calls that ended well.
    invocations: Counter,
    /// All others.
    errors: Counter,
    /// Those of `errors` that took longer than `functionTimeout`.
    timeouts: Counter,
    coldstarts: Counter,
    invoke_duration: Histogram,
    init_duration: Histogram,
    mem_usage: Histogram,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Whether it counts as one that failed.
    pub(crate) is_error: bool,
    /// Whether `functionTimeout` ended it.
    pub(crate) timed_out: bool,
    /// Whether the function was called, and no extension answered or refused in front of it.
    pub(crate) ran: bool,
}

/// The metrics cannot be had.
#[derive(Debug, Error)]
pub(crate) enum MetricsError {
    #[error("cannot start a thread for metrics: {0}")]
    Thread(#[from] io::Error),
}

/// The last metrics were not exported.
#[derive(Debug, Error)]
pub(crate) enum FlushError {
    #[error("their export has not ended")]
    Deadline,
    #[error("{0}")]
    Export(#[from] ExportError),
}

impl Metrics {
    /// Registers the metrics with the host, and exports them by OTLP where the settings say so.
    pub(crate) fn start(
        app: &AppInfo<'_>,
        config: Option<MetricsConfig>,
        resource: &Resource,
    ) -> Result<Metrics> {
        let shown = Shown::register(app)?;
        let outlet = config.map(|MetricsConfig { collector, interval }| {
            Ok::<_, StartError>(Outlet {
                exporter: export::otlp(Signal::Metrics, &collector, resource)?,
                target: collector.url.to_string(),
                interval,
            })
        });
        Ok(Metrics::new(shown, outlet.transpose()?)?)
    }

    fn new(shown: Shown, outlet: Option<Outlet>) -> std::result::Result<Metrics, MetricsError> {
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
            is_exported: outlet.is_some(),
            worker: Worker::start(Arc::clone(&state), outlet)?,
            state,
            shown,
        })
    }

    /// The series of a function. Ask once a function: each is another one, and all are kept.
    pub(crate) fn series(&self, faas_name: &'static str, trigger: &'static str) -> &'static Series {
        let series: &'static Series = Box::leak(Box::new(Series {
            faas_name,
            trigger,
            shown: self.shown.of(trigger),
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

    /// Now, in nanoseconds since counting began: for the time that a call takes.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.state.now()
    }

    /// A function was loaded.
    pub(crate) fn loaded(&self) {
        self.state.loaded.store(self.now(), Ordering::Relaxed);
    }

    /// The worker's first call begins. Its initialization lasted from the start of the process to the end of
    /// loading: that it waited for a call then is no part of it.
    pub(crate) fn cold_start(&self, series: &Series) {
        series.coldstarts.add();
        let took = self.state.age.map(|age| {
            let loaded = Duration::from_nanos(self.state.loaded.load(Ordering::Relaxed));
            series.init_duration.record(nanoseconds(age + loaded))
        });
        if let Some(shown) = &series.shown {
            shown.coldstarts.add(1);
            if let Some(took) = took {
                shown.init_duration.record(took);
            }
        }
    }

    /// A call ended that took so many nanoseconds.
    pub(crate) fn ended(&self, series: &Series, took: u64, call: Ended) {
        series.count(call);
        if !call.ran {
            return;
        }
        let resident = self.state.resident.load(Ordering::Relaxed);
        if series.is_exported {
            series.invoke_duration.record(took);
            if resident > 0 {
                series.mem_usage.record(resident);
            }
        }
        if let Some(shown) = &series.shown {
            shown
                .invoke_duration
                .record(took as f64 / instrument::NANOSECONDS);
            if resident > 0 {
                shown.mem_usage.record(resident as f64);
            }
        }
        // Not to take the line from the other threads' caches each time.
        if !self.state.is_busy.load(Ordering::Relaxed) {
            self.state.is_busy.store(true, Ordering::Relaxed);
        }
    }

    /// Exports them now, where they are exported.
    ///
    /// # Errors
    /// The deadline passed before, or the export failed.
    pub(crate) fn flush(&self, deadline: Duration) -> std::result::Result<(), FlushError> {
        self.worker.flush(deadline)
    }

    /// Lets the thread export for the last time and end; does not wait for it.
    pub(crate) fn close(&self, deadline: Instant) {
        self.worker.close(deadline);
    }

    /// Closes, and waits for the end.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    pub(crate) fn shutdown(&self, deadline: Duration) -> std::result::Result<(), FlushError> {
        self.worker.shutdown(deadline)
    }
}

impl Series {
    fn count(&self, call: Ended) {
        if self.is_exported {
            let counter = match call.is_error {
                true => &self.errors,
                false => &self.invocations,
            };
            counter.add();
            if call.timed_out {
                self.timeouts.add();
            }
        }
        if let Some(shown) = &self.shown {
            let counter = match call.is_error {
                true => shown.errors,
                false => shown.invocations,
            };
            counter.add(1);
            if call.timed_out {
                shown.timeouts.add(1);
            }
        }
    }
}

impl State {
    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Looks at the memory of the process, if it has had something to do since the last time.
    fn look_at_memory(&self) {
        if self.is_busy.swap(false, Ordering::Relaxed)
            && let Some(resident) = process::resident()
        {
            self.resident.store(resident, Ordering::Relaxed);
        }
    }
}

/// Where metrics are exported to.
struct Outlet {
    exporter: Box<dyn Exporter>,
    /// It, in messages.
    target: String,
    interval: Duration,
}

/// Enough for 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
