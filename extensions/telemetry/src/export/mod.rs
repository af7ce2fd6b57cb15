//! Ended spans on their way out: for each exporter a bounded queue and a thread, which runs the exporter.
//!
//! Hooks only put spans into queues; what may block happens on the exporters' threads. Spans that do not fit, or that an
//! exporter cannot deliver, are dropped and counted: see [`Fate`].
//!
//! To add a destination, implement [`Exporter`]: one function, called with one batch at a time.

mod batch;
mod error;
mod failure_log;
mod pipeline;
mod processor;
mod queue;
mod shutdown_signal;
mod tally;

pub use batch::Batch;
pub use error::{ExportError, FlushErrors};
pub(crate) use error::{FileError, GrpcError};
pub(crate) use failure_log::{FailureLog, RejectionLog};
pub use pipeline::{Pipeline, enter_forked_child};
pub(crate) use processor::Processor;
pub use shutdown_signal::ShutdownSignal;
pub use tally::{Fate, Meter};

/// Takes batches to a destination.
pub trait Exporter: Send + 'static {
    /// Delivers a batch, or gives it up. Called on a thread of its own, so it may block, retries included; pauses end
    /// when `closing` begins.
    ///
    /// # Errors
    /// The batch was not delivered.
    fn export(&mut self, batch: &Batch, closing: &ShutdownSignal) -> Result<Delivery, ExportError>;
}

/// A batch was delivered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The number of its spans that the receiver refused for good.
    pub rejected: usize,
}

#[cfg(test)]
mod tests;
