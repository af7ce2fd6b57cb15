//! What a mock host keeps: logs, metrics, and the call that is on its way.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_ffi::FfiFuture;

use super::request::{Request, TestFunction};
use crate::{Response, abi};

/// A record that the extension logged through `tracing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The level.
    pub level: tracing::Level,
    /// Where it comes from: the module, most often.
    pub target: String,
    /// The message, with ` name=value` for each field.
    pub message: String,
    /// The invocation that it belongs to, where there is one.
    pub invocation: Option<String>,
}

type Labels = Vec<(String, String)>;

/// A metric by its name and labels, sorted.
type Metrics<T> = Mutex<Vec<(String, Labels, &'static T)>>;

#[derive(Default)]
pub(super) struct State {
    logs: Mutex<Vec<LogRecord>>,
    counters: Metrics<AtomicU64>,
    histograms: Metrics<Mutex<Vec<f64>>>,
}

/// What `init` may ask for.
pub(super) struct Init {
    pub(super) function: Arc<TestFunction>,
    pub(super) state: Arc<State>,
}

/// A call.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) function: Arc<TestFunction>,
    pub(super) request: Option<Request>,
    /// The last one counts. Never shortened, so that what is lent of it lives as long as the call; in `Arc`s, so that
    /// growing does not move it.
    pub(super) trace_contexts: Mutex<Vec<Arc<(String, String)>>>,
    pub(super) attributes: Mutex<Vec<(String, Arc<abi::Value>)>>,
    pub(super) waiting: Mutex<Option<FfiFuture<abi::Waited>>>,
    pub(super) counts_allocations: AtomicBool,
    pub(super) state: Arc<State>,
}

/// How a call ended.
pub(super) struct End {
    pub(super) kind: u8,
    pub(super) exception: Option<[String; 3]>,
    pub(super) extension: Option<String>,
    /// What the function returned: a `DATA_…` kind, and the data.
    pub(super) returned: Option<(u8, Vec<u8>)>,
    pub(super) allocated_blocks: Option<(u64, u64)>,
    /// `None` where the trigger is not HTTP.
    pub(super) response: Option<Response>,
}

thread_local! {
    /// The host that calls the extension on this thread: whose log it is.
    static CURRENT: RefCell<Option<Arc<State>>> = const { RefCell::new(None) };
}

/// Runs `f`; what it logs on this thread outside of an invocation belongs to this host.
pub(super) fn within<T>(state: &Arc<State>, f: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(Arc::clone(state)));
    // What it calls does not unwind: the border functions catch panics.
    let result = f();
    CURRENT.set(outer);
    result
}

/// The host that calls the extension on this thread.
pub(super) fn current() -> Option<Arc<State>> {
    CURRENT.with_borrow(Clone::clone)
}

impl State {
    pub(super) fn log(&self, record: LogRecord) {
        lock(&self.logs).push(record);
    }

    pub(super) fn logs(&self) -> Vec<LogRecord> {
        lock(&self.logs).clone()
    }

    pub(super) fn register_counter(&self, name: String, labels: Labels) -> &'static AtomicU64 {
        registered(&self.counters, name, labels)
    }

    pub(super) fn register_histogram(&self, name: String, labels: Labels) -> &'static Mutex<Vec<f64>> {
        registered(&self.histograms, name, labels)
    }

    pub(super) fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        find(&self.counters, name, labels).map(|counter| counter.load(Ordering::Relaxed))
    }

    pub(super) fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<Vec<f64>> {
        find(&self.histograms, name, labels).map(|values| lock(values).clone())
    }
}

/// Handles live as long as the process, as the contract says; tests end soon.
fn registered<T: Default>(metrics: &Metrics<T>, name: String, mut labels: Labels) -> &'static T {
    labels.sort();
    let mut metrics = lock(metrics);
    if let Some((.., known)) = metrics
        .iter()
        .find(|(known, its, _)| *known == name && *its == labels)
    {
        return known;
    }
    let made: &'static T = Box::leak(Box::default());
    metrics.push((name, labels, made));
    made
}

fn find<T>(metrics: &Metrics<T>, name: &str, labels: &[(&str, &str)]) -> Option<&'static T> {
    let mut wanted: Labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    wanted.sort();
    let metrics = lock(metrics);
    let found = metrics
        .iter()
        .find(|(known, its, _)| known == name && *its == wanted);
    found.map(|(.., metric)| *metric)
}

impl End {
    /// The response that a host would answer with.
    pub(super) fn status(&self) -> u16 {
        self.response.as_ref().map_or(0, |response| response.status)
    }
}

/// Nothing that holds one of our locks can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
