//! Triggers, which start calls: one folder per kind, and a registry for the triggers of custom host builds.
//!
//! A trigger gets the functions that it serves and a handle to start calls with. All triggers of a worker run on its one
//! serving thread, and must not block it. Adding one changes nothing else: the worker finds it by its [`Registration`].

pub(crate) mod blob;
pub mod events;
pub mod http;
mod messages;
mod outage;
mod queue;
pub mod sources;
mod timer;

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::model::{CallResult, Invocation, Start};
use crate::pipeline::{FunctionRunner, LoadedFunction, Pipeline};

pub use inventory;

/// A source of calls.
pub trait Trigger: Send + 'static {
    /// Returns the trigger's name, for messages.
    fn name(&self) -> &'static str;

    /// Whether it serves functions whose trigger binding has this type, in any case.
    fn serves(&self, kind: &str) -> bool;

    /// Whether it is started in an app that has no functions for it, as it serves more than functions.
    fn serves_more(&self) -> bool {
        false
    }

    /// Prepares to serve these functions, and returns what serves them. Called within the tokio runtime of the serving
    /// thread, before that thread starts. The worker drives the returned future until it ends by itself, which it does soon after
    /// [`Calls::draining`]. An error of it says why the trigger cannot go on: the worker is replaced.
    ///
    /// # Errors
    /// A message for the user that says what is wrong. The worker does not start.
    fn start(
        self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String>;
}

/// The future that serves the functions of a trigger.
pub type TriggerFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A trigger's handle to start calls and to notice that the worker drains. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    pipeline: Arc<Pipeline>,
    tasks: TaskTracker,
    drain: CancellationToken,
}

impl Calls {
    /// Returns a handle that starts calls through `pipeline`, as tasks of `tasks`, until `drain` is cancelled.
    pub fn new(pipeline: Arc<Pipeline>, tasks: TaskTracker, drain: CancellationToken) -> Self {
        Calls {
            pipeline,
            tasks,
            drain,
        }
    }

    /// Calls a function; see [`Pipeline::call`].
    pub fn call<G: Send + Sync + 'static>(
        &self,
        function: Arc<LoadedFunction>,
        start: Start,
        held: G,
    ) -> impl Future<Output = (Arc<Invocation>, CallResult)> {
        self.pipeline.call(function, start, held)
    }

    /// Calls a function, unless that is cancelled; see [`Pipeline::call_until`].
    pub fn call_until<G: Send + Sync + 'static>(
        &self,
        function: Arc<LoadedFunction>,
        start: Start,
        held: G,
        cancelled: impl Future<Output = ()>,
    ) -> impl Future<Output = (Arc<Invocation>, CallResult)> {
        self.pipeline.call_until(function, start, held, cancelled)
    }

    /// Returns what runs the functions.
    pub(crate) fn runner(&self) -> &dyn FunctionRunner {
        self.pipeline.runner()
    }

    /// Runs a task that the worker waits for when it drains.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Whether another call would begin at once.
    pub(crate) fn has_idle_place(&self) -> bool {
        self.pipeline.has_idle_place()
    }

    /// Whether the worker drains.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Waits until the worker drains. From then on, start only calls that were already requested.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }
}

/// The arguments of a trigger's constructor.
pub struct Setup<'a> {
    /// The app that is served.
    pub app: &'a App,
    /// The index of the worker, from 0.
    pub worker: u32,
}

/// A trigger that is linked into this host, by its constructor:
/// `inventory::submit! { Registration::new(|setup| Ok(Box::new(MyTrigger::new(setup)?))) }`.
pub struct Registration(fn(&Setup<'_>) -> Result<Box<dyn Trigger>, String>);

inventory::collect!(Registration);

impl Registration {
    /// Registers a trigger, which each worker makes once, whether the app has functions for it or not: what only those
    /// need is checked in [`Trigger::start`]. An error is a message for the user: the worker does not start.
    pub const fn new(make: fn(&Setup<'_>) -> Result<Box<dyn Trigger>, String>) -> Self {
        Registration(make)
    }
}

/// Makes the triggers that are linked into this host.
///
/// # Errors
/// The error of the first trigger that cannot be made.
pub fn registered(setup: &Setup<'_>) -> Result<Vec<Box<dyn Trigger>>, String> {
    let registrations = inventory::iter::<Registration>.into_iter();
    registrations
        .map(|registration| (registration.0)(setup))
        .collect()
}
