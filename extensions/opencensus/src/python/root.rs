//! The extension as the companion gets it.

use std::sync::Arc;

use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::propagation::Propagators;
use funcdock_telemetry::sampling::Samplers;

use crate::log_exports::LogExports;

/// The extension as the companion gets it: what does not belong to a single call.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) samplers: Arc<Samplers>,
    pub(crate) propagators: Propagators,
    pub(crate) logs: LogExports,
    pub(crate) instrument: bool,
}
