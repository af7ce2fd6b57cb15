//! What the rest of the worker tells the session.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::invocation::Asked;
use crate::model::Exception;
use crate::pipeline::LoadedFunction;

/// What the rest of the worker reports.
pub(super) enum Report {
    /// The functions are there; [`Ready`](Report::Ready) comes next.
    Functions(ServedFunctions),
    Ready,
    /// The app cannot be loaded.
    Failed(String),
    /// The worker cannot go on.
    Unhealthy(String),
}

/// A function that the host may call.
pub(super) struct Served {
    pub(super) function: Arc<LoadedFunction>,
    /// Whether its calls run on threads, and not on the event loop.
    pub(super) needs_thread: bool,
    /// Why it could not be loaded.
    pub(super) failure: Option<Exception>,
}

/// The functions that the host may call, and the way to call them.
pub(super) struct ServedFunctions {
    pub(super) functions: Vec<Served>,
    /// The number of threads for functions.
    pub(super) threads: usize,
    pub(super) calls: UnboundedSender<Asked>,
}
