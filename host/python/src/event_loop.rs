//! Asynchronous functions on the worker's one event loop.
//!
//! Calls are queued, and the loop is woken once for all that came since it last looked, through a descriptor
//! that it watches.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use funcdock::invocation::{Invocation, Outcome};
use nix::sys::eventfd::{EfdFlags, EventFd};
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::runner::Runtime;
use crate::{arguments, calls, hooks, results};

/// What the loop is to do.
enum Order {
    /// Begin with this call of the function of this index.
    Begin(usize, Arc<Invocation>),
    /// Cancel this call, if it runs.
    GiveUp(Arc<Invocation>),
}

/// The queue of orders for the loop.
pub(crate) struct Handover {
    queue: Mutex<Vec<Order>>,
    /// There is something in the queue that the loop was not woken for.
    waiting: AtomicBool,
    event: EventFd,
    /// The loop was woken and has not looked yet.
    signalled: AtomicBool,
    /// No call is to begin any more, and those that run are to be cancelled.
    cancelling: AtomicBool,
    stopping: AtomicBool,
}

impl Handover {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Handover {
            queue: Mutex::default(),
            waiting: AtomicBool::new(false),
            event: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            signalled: AtomicBool::new(false),
            cancelling: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    /// Queues a call. From any thread, attached or not.
    pub(crate) fn push(&self, function: usize, invocation: Arc<Invocation>) {
        self.order(Order::Begin(function, invocation));
    }

    /// Cancels a call, unless it has ended. From any thread.
    pub(crate) fn give_up(&self, invocation: Arc<Invocation>) {
        self.order(Order::GiveUp(invocation));
        self.wake();
    }

    fn order(&self, order: Order) {
        lock(&self.queue).push(order);
        self.waiting.store(true, Ordering::Release);
    }

    /// Wakes the loop for what was queued. From any thread, attached or not.
    pub(crate) fn wake(&self) {
        if self.waiting.swap(false, Ordering::AcqRel) {
            self.signal();
        }
    }

    /// Cancels the calls that run, and begins no more. From any thread.
    pub(crate) fn cancel(&self) {
        self.cancelling.store(true, Ordering::Release);
        self.signal();
    }

    fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Acquire)
    }

    /// Ends [`run`]. From any thread.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.signal();
    }

    fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            // Fails only when the counter would overflow, and then the loop is awake anyway.
            let _ = self.event.write(1);
        }
    }

    fn take(&self) -> Vec<Order> {
        // The order matters: what is pushed after the swap signals anew.
        let _ = self.event.read();
        self.signalled.swap(false, Ordering::AcqRel);
        std::mem::take(&mut *lock(&self.queue))
    }
}

/// The tasks of the calls that run, by the address of the invocation, which the call keeps alive. The loop itself holds
/// its tasks weakly.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<HashMap<usize, Py<PyAny>>>);

impl Tasks {
    fn insert(&self, invocation: &Arc<Invocation>, task: Py<PyAny>) {
        lock(&self.0).insert(key(invocation), task);
    }

    fn remove(&self, invocation: &Arc<Invocation>) {
        let removed = lock(&self.0).remove(&key(invocation));
        // Not under the lock: it may be the last reference.
        drop(removed);
    }

    /// Cancels the call, if it runs. Attached.
    fn cancel(&self, py: Python<'_>, invocation: &Arc<Invocation>) {
        let task = lock(&self.0).get(&key(invocation)).map(|task| task.clone_ref(py));
        // Not under the lock: what the task waits for may have code of the app run.
        if let Some(task) = task {
            cancel(task.bind(py));
        }
    }

    /// Cancels all calls that run. Attached.
    fn cancel_all(&self, py: Python<'_>) {
        let tasks: Vec<_> = lock(&self.0).values().map(|task| task.clone_ref(py)).collect();
        for task in tasks {
            cancel(task.bind(py));
        }
    }
}

fn cancel(task: &Bound<'_, PyAny>) {
    // asyncio's own do not fail, but the app may have tasks of another class.
    if let Err(error) = task.call_method0(intern!(task.py(), "cancel")) {
        tracing::warn!("a call cannot be cancelled: {error}");
    }
}

fn key(invocation: &Arc<Invocation>) -> usize {
    Arc::as_ptr(invocation).addr()
}

/// Nothing that holds one of our locks can panic or run Python code.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the loop calls when its descriptor is readable.
#[pyclass(frozen, module = "funcdock")]
struct Dispatcher {
    runtime: Arc<Runtime>,
    event_loop: Py<PyAny>,
}

#[pymethods]
impl Dispatcher {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let handover = &self.runtime.handover;
        let orders = handover.take();
        // After that: what is said later signals anew.
        let cancelling = handover.is_cancelling();
        for order in orders {
            match order {
                Order::GiveUp(invocation) => self.runtime.tasks.cancel(py, &invocation),
                Order::Begin(_, invocation) if invocation.is_over() => {}
                Order::Begin(_, invocation) if cancelling => {
                    self.runtime.complete(invocation, Outcome::Cancelled, false);
                }
                Order::Begin(function, invocation) => {
                    if let Err(error) = self.start(py, function, &invocation) {
                        self.runtime
                            .complete(invocation, results::raised(py, &error), false);
                    }
                }
            }
        }
        if cancelling {
            self.runtime.tasks.cancel_all(py);
        }
        if handover.stopping.load(Ordering::Acquire) {
            self.event_loop.call_method0(py, intern!(py, "stop"))?;
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.runtime.handover.stopping.load(Ordering::Acquire)
    }
}

impl Dispatcher {
    fn start(&self, py: Python<'_>, index: usize, invocation: &Arc<Invocation>) -> PyResult<()> {
        let function = &self.runtime.functions[index];
        let arguments = arguments::build(py, &self.runtime.classes, function, invocation)?;
        let (callee, keywords) = hooks::callee(function, &arguments)?;
        let call = AsyncCall {
            runtime: Arc::clone(&self.runtime),
            function: index,
            invocation: Arc::clone(invocation),
            outputs: arguments.outputs.into_iter().map(Bound::unbind).collect(),
            allocated_before: self.runtime.allocated_blocks(py, invocation),
            told: AtomicBool::new(false),
        };
        let start = self
            .runtime
            .package
            .tasks
            .bind(py)
            .getattr(intern!(py, "start"))?;
        let task = start.call1((&self.event_loop, callee, keywords, Bound::new(py, call)?))?;
        // Its end is told in a later turn of the loop, even where the app makes its loop begin tasks at once.
        self.runtime.tasks.insert(invocation, task.unbind());
        Ok(())
    }
}

/// A call that runs as a task; the task tells it how it ended, and that it has.
#[pyclass(frozen, module = "funcdock")]
struct AsyncCall {
    runtime: Arc<Runtime>,
    function: usize,
    invocation: Arc<Invocation>,
    outputs: Vec<Py<PyAny>>,
    allocated_before: Option<u64>,
    /// How it ended is known.
    told: AtomicBool,
}

impl AsyncCall {
    fn note_allocations(&self, py: Python<'_>) {
        self.runtime
            .note_allocations(py, &self.invocation, self.allocated_before);
    }

    /// Whether we have cancelled it.
    fn is_given_up(&self) -> bool {
        self.runtime.handover.is_cancelling() || self.invocation.is_over()
    }

    fn end(&self, outcome: Outcome) {
        self.told.store(true, Ordering::Relaxed);
        self.runtime
            .complete(Arc::clone(&self.invocation), outcome, false);
    }
}

#[pymethods]
impl AsyncCall {
    /// For the records of its task.
    #[getter]
    fn for_logs(&self) -> calls::Call {
        calls::Call::of(&self.invocation)
    }

    fn returned(&self, value: &Bound<'_, PyAny>) {
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|output| output.bind(value.py()).clone())
            .collect();
        let outcome = results::returned(&self.runtime.functions[self.function], value, &outputs);
        self.note_allocations(value.py());
        self.end(outcome);
    }

    /// The task has ended, after it has told how: but one that is cancelled before its first step tells nothing.
    fn ended(&self, _task: &Bound<'_, PyAny>) {
        self.runtime.tasks.remove(&self.invocation);
        if !self.told.load(Ordering::Relaxed) {
            self.end(match self.is_given_up() {
                true => Outcome::Cancelled,
                false => results::lost("the task was cancelled before it began"),
            });
        }
    }

    fn raised(&self, error: &Bound<'_, PyAny>) {
        let (py, error) = (error.py(), PyErr::from_value(error.clone()));
        self.note_allocations(py);
        self.end(
            match self.is_given_up() && error.is_instance_of::<CancelledError>(py) {
                true => Outcome::Cancelled,
                false => results::raised(py, &error),
            },
        );
    }
}

/// Runs the loop until [`Handover::stop`]. Attached, on the main thread; detached while the loop waits.
pub(crate) fn run(py: Python<'_>, runtime: &Arc<Runtime>) -> PyResult<()> {
    let event_loop = runtime.event_loop.bind(py);
    let dispatcher = Bound::new(
        py,
        Dispatcher {
            runtime: Arc::clone(runtime),
            event_loop: event_loop.clone().unbind(),
        },
    )?;
    event_loop.call_method1("add_reader", (runtime.handover.event.as_raw_fd(), &dispatcher))?;
    let is_stopping = dispatcher.getattr("is_stopping")?;
    runtime
        .package
        .tasks
        .bind(py)
        .call_method1("run", (event_loop, is_stopping))?;
    Ok(())
}
