//! Runs asynchronous functions on the worker's only event loop.
//!
//! Calls are queued. A descriptor that the loop watches wakes it, once for all calls that were queued since it last read
//! the queue.

use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use funcdock::model::{Invocation, Outcome};
use funcdock::pipeline::{RunnerCall, Ticket, WorkerHold};
use funcdock::sys::WakeFd;
use pyo3::intern;
use pyo3::prelude::*;

use crate::asgi::{AppLoop, WaitingCall};
use crate::async_call::AsyncCall;
use crate::index::Run;
use crate::runtime::Runtime;
use crate::tasks::{TaskKey, Tasks, lock};
use crate::{arguments, forks, hooks, outcomes};

/// An order to the loop.
enum Order {
    /// Begin this call.
    Begin(RunnerCall),
    /// Cancel this call, if it runs.
    GiveUp(Arc<Invocation>),
    /// Look whether something has happened that this ASGI call waits for.
    LookAgain(Arc<dyn WaitingCall>),
    /// Have the ASGI apps shut down, then say so.
    ShutDown(mpsc::Sender<()>),
    /// Show that the loop makes progress.
    Ping,
}

/// The worker's event loop, and the queue of orders for it.
pub(crate) struct EventLoop {
    runtime: Arc<Runtime>,
    /// The module `funcdock.tasks`.
    tasks_module: Py<PyModule>,
    /// The module `funcdock.asgi`.
    asgi_module: Py<PyModule>,
    event_loop: Py<PyAny>,
    tasks: Tasks,
    queue: Mutex<Vec<Order>>,
    /// The queue has orders for which the loop was not woken.
    waiting: AtomicBool,
    wake: WakeFd,
    /// The loop was woken and has not read the queue yet.
    signalled: AtomicBool,
    /// The loop is beginning calls: it signals their outcomes together when it has begun all of them.
    beginning: AtomicBool,
    /// No more calls begin, and running ones are cancelled.
    cancelling: AtomicBool,
    stopping: AtomicBool,
    /// When the loop was pinged; `None` if it has answered.
    pinged: Mutex<Option<Instant>>,
}

impl EventLoop {
    /// Makes the queue for the loop that `funcdock.tasks` has made.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        tasks_module: Py<PyModule>,
        asgi_module: Py<PyModule>,
        event_loop: Py<PyAny>,
    ) -> std::io::Result<Self> {
        Ok(EventLoop {
            runtime,
            tasks_module,
            asgi_module,
            event_loop,
            tasks: Tasks::default(),
            queue: Mutex::default(),
            waiting: AtomicBool::new(false),
            wake: WakeFd::new()?,
            signalled: AtomicBool::new(false),
            beginning: AtomicBool::new(false),
            cancelling: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            pinged: Mutex::new(None),
        })
    }

    /// Queues a call. From any thread, attached or not.
    pub(crate) fn push(&self, call: RunnerCall) {
        self.order(Order::Begin(call));
    }

    /// Cancels a call, unless it has ended. From any thread.
    pub(crate) fn give_up(&self, invocation: Arc<Invocation>) {
        self.order(Order::GiveUp(invocation));
        self.wake_up();
    }

    fn order(&self, order: Order) {
        lock(&self.queue).push(order);
        self.waiting.store(true, Ordering::Release);
    }

    /// Wakes the loop for queued orders. From any thread, attached or not.
    pub(crate) fn wake_up(&self) {
        if self.waiting.swap(false, Ordering::AcqRel) {
            self.signal();
        }
    }

    /// Cancels running calls and begins no more. From any thread.
    pub(crate) fn cancel(&self) {
        self.cancelling.store(true, Ordering::Release);
        self.signal();
    }

    /// Has the ASGI apps shut down; blocks for at most this time. From any other thread, not attached.
    pub(crate) fn shut_down(&self, time: Duration) {
        let (done, shut_down) = mpsc::channel();
        self.order(Order::ShutDown(done));
        self.wake_up();
        if shut_down.recv_timeout(time).is_err() {
            tracing::warn!("an ASGI app has not shut down in time");
        }
    }

    fn begin_shut_down(&self, py: Python<'_>, done: mpsc::Sender<()>) -> PyResult<()> {
        let done = Bound::new(py, ShutDown(done))?;
        self.asgi_module(py)
            .call_method1(intern!(py, "shut_down"), (done,))?;
        Ok(())
    }

    /// Returns how long the loop has not answered the last ping, and pings it unless it owes an answer. From any thread.
    pub(crate) fn silence(&self) -> Duration {
        let mut pinged = lock(&self.pinged);
        if let Some(at) = *pinged {
            return at.elapsed();
        }
        *pinged = Some(Instant::now());
        drop(pinged);
        self.order(Order::Ping);
        self.wake_up();
        Duration::ZERO
    }

    /// Ends [`run`](Self::run). From any thread.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.signal();
    }

    fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            self.wake.signal();
        }
    }

    fn take(&self) -> Vec<Order> {
        // The order matters: an order that is pushed after the swap signals again.
        self.wake.drain();
        self.signalled.swap(false, Ordering::AcqRel);
        std::mem::take(&mut *lock(&self.queue))
    }
}

/// Called when the ASGI apps have shut down.
#[pyclass(frozen, module = "funcdock")]
struct ShutDown(mpsc::Sender<()>);

#[pymethods]
impl ShutDown {
    fn __call__(&self, _task: &Bound<'_, PyAny>) {
        // Nobody waits any more if it took too long.
        let _ = self.0.send(());
    }
}

/// What the loop calls when its descriptor is readable.
#[pyclass(frozen, module = "funcdock")]
struct Dispatcher(Arc<EventLoop>);

#[pymethods]
impl Dispatcher {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let event_loop = &self.0;
        let orders = event_loop.take();
        // Read after `take`, as a later cancellation signals again.
        let cancelling = event_loop.is_cancelling();
        event_loop.beginning.store(true, Ordering::Relaxed);
        for order in orders {
            match order {
                Order::GiveUp(invocation) => event_loop.tasks.cancel(py, &invocation),
                Order::LookAgain(call) => report(call.look_again(py)),
                Order::ShutDown(done) => report(event_loop.begin_shut_down(py, done)),
                Order::Ping => *lock(&event_loop.pinged) = None,
                // Somebody may still wait for how it ended.
                Order::Begin(call) if cancelling || call.invocation.is_given_up() => {
                    event_loop.complete(call.ticket, Outcome::Cancelled);
                }
                Order::Begin(call) => {
                    let ticket = call.ticket;
                    let started = self.start(py, call);
                    forks::end_child_in_loop(py);
                    if let Err(error) = started {
                        event_loop.complete(ticket, outcomes::raised(py, &error));
                    }
                }
            }
        }
        event_loop.beginning.store(false, Ordering::Relaxed);
        event_loop.runtime.completions.flush();
        if cancelling {
            event_loop.tasks.cancel_all(py);
        }
        if self.is_stopping() {
            event_loop.event_loop.call_method0(py, intern!(py, "stop"))?;
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }
}

/// Logs a failure of our own, which must not keep the loop from its other orders.
fn report(result: PyResult<()>) {
    if let Err(error) = result {
        tracing::error!("the event loop: {error}");
    }
}

impl Dispatcher {
    fn start(&self, py: Python<'_>, call: RunnerCall) -> PyResult<()> {
        call.begin();
        let event_loop = &self.0;
        let runtime = &event_loop.runtime;
        let function = runtime.function(&call);
        if let (Run::Asgi(app), None) = (&function.run, &function.hooked) {
            let invocation = Arc::clone(&call.invocation);
            let app_loop: Arc<dyn AppLoop> = Arc::clone(event_loop) as _;
            let task = app.start(py, &app_loop, call)?;
            event_loop.keep_task(TaskKey::of_call(&invocation), &task);
            return Ok(());
        }
        let arguments = arguments::build(py, &runtime.classes, function, &call)?;
        let (callee, keywords) = hooks::callee(function, &arguments)?;
        let invocation = Arc::clone(&call.invocation);
        let outs = arguments.outs.into_iter().map(Bound::unbind).collect();
        let app_loop: Arc<dyn AppLoop> = Arc::clone(event_loop) as _;
        let call = AsyncCall::new(app_loop, Arc::clone(runtime), call, outs);
        let start = event_loop.tasks_module.bind(py).getattr(intern!(py, "start"))?;
        let task = start.call1((&event_loop.event_loop, callee, keywords, Bound::new(py, call)?))?;
        // `ended` runs in a later iteration of the loop.
        event_loop.keep_task(TaskKey::of_call(&invocation), &task);
        Ok(())
    }
}

impl EventLoop {
    /// Runs the loop until [`stop`](Self::stop). Attached, on the main thread; detached while the loop waits.
    pub(crate) fn run(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let dispatcher = Bound::new(py, Dispatcher(Arc::clone(self)))?;
        let event_loop = self.event_loop.bind(py);
        event_loop.call_method1("add_reader", (self.wake.as_raw_fd(), &dispatcher))?;
        let is_stopping = dispatcher.getattr("is_stopping")?;
        self.tasks_module
            .bind(py)
            .call_method1("run", (event_loop, is_stopping))?;
        Ok(())
    }
}

impl AppLoop for EventLoop {
    fn look_again(&self, call: Arc<dyn WaitingCall>) {
        self.order(Order::LookAgain(call));
        self.wake_up();
    }

    fn python<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.event_loop.bind(py)
    }

    fn asgi_module<'py>(&self, py: Python<'py>) -> &Bound<'py, PyModule> {
        self.asgi_module.bind(py)
    }

    fn complete(&self, ticket: Ticket, outcome: Outcome) {
        let more = self.beginning.load(Ordering::Relaxed);
        self.runtime.completions.push(ticket, outcome, more);
    }

    fn hold_worker(&self) -> WorkerHold {
        self.runtime.completions.hold_worker()
    }

    fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Acquire)
    }

    fn keep_task(&self, key: TaskKey, task: &Bound<'_, PyAny>) {
        if !task.is_none() {
            self.tasks.insert(key, task.clone().unbind());
        }
    }

    fn cancel_task(&self, py: Python<'_>, key: TaskKey) {
        self.tasks.cancel_one(py, key);
    }

    fn forget_task(&self, key: TaskKey) {
        self.tasks.remove(key);
    }
}
