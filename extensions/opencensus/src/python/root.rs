//! The extension as the companion gets it.

use std::sync::Arc;

use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::logs::Logs;
use funcdock_telemetry::propagation::Propagators;
use funcdock_telemetry::sampling::Samplers;

/// The extension as the companion gets it: what does not belong to a single call.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) samplers: Arc<Samplers>,
    pub(crate) propagators: Propagators,
    pub(crate) logs: Arc<Logs>,
    pub(crate) instrument: bool,
}
