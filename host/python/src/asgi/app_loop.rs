//! What ASGI calls need of the event loop that runs them.

use std::sync::Arc;

use funcdock::model::Outcome;
use funcdock::pipeline::{Ticket, WorkerHold};
use pyo3::prelude::*;

use crate::tasks::TaskKey;

/// A call that waits for something that happens elsewhere.
pub(crate) trait WaitingCall: Send + Sync {
    /// Goes on if what it waits for has happened. Attached, on the loop's thread.
    fn look_again(self: Arc<Self>, py: Python<'_>) -> PyResult<()>;
}

/// The event loop of ASGI calls. All but [`look_again`](Self::look_again) are called attached, on its thread.
pub(crate) trait AppLoop: Send + Sync + 'static {
    /// Has the call look whether something has happened that it waits for. From any thread, attached or not.
    fn look_again(&self, call: Arc<dyn WaitingCall>);

    /// Returns Python's loop.
    fn python<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny>;

    /// Returns the module `funcdock.asgi`.
    fn asgi_module<'py>(&self, py: Python<'py>) -> &Bound<'py, PyModule>;

    /// Reports the outcome of a call.
    fn complete(&self, ticket: Ticket, outcome: Outcome);

    /// Has the worker wait for work that goes on after the outcome of its call.
    fn hold_worker(&self) -> WorkerHold;

    /// Whether running calls are cancelled, as the worker stops.
    fn is_cancelling(&self) -> bool;

    /// Keeps the task of a call until it is forgotten. A call that has ended at once has none.
    fn keep_task(&self, key: TaskKey, task: &Bound<'_, PyAny>);

    /// Cancels the task of a call, if it still runs.
    fn cancel_task(&self, py: Python<'_>, key: TaskKey);

    /// Forgets the task of a call that has ended.
    fn forget_task(&self, key: TaskKey);
}
