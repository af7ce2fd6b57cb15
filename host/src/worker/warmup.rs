//! The warmupTrigger: functions that each worker calls once, before it takes requests.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::model::Start;
use crate::pipeline::LoadedFunction;
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// Calls the functions.
pub(super) struct Warmup {
    /// Dropped when they have ended.
    sender: Sender<()>,
}

/// Waits until the functions have ended.
pub(super) struct Warm(Receiver<()>);

impl Warmup {
    /// Returns the trigger, and what waits for the end of its calls.
    pub(super) fn new() -> (Self, Warm) {
        let (sender, receiver) = channel();
        (Warmup { sender }, Warm(receiver))
    }
}

impl Warm {
    /// Blocks until all functions have ended; at once if there are none, or when the worker drains.
    pub(super) fn wait(self) {
        // Nothing is ever sent: this returns when the sender is dropped.
        let _ = self.0.recv();
    }
}

impl Trigger for Warmup {
    fn name(&self) -> &'static str {
        "warm-up"
    }

    fn serves(&self, kind: &str) -> bool {
        kind.eq_ignore_ascii_case("warmupTrigger")
    }

    fn start(
        self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String> {
        Ok(Box::pin(async move {
            for function in functions {
                tokio::select! {
                    // What it raises is logged. The worker takes requests nevertheless, as Azure's host does.
                    _ = calls.call(function, Start::default(), ()) => {}
                    () = calls.draining() => break,
                }
            }
            drop(self.sender);
            calls.draining().await;
            Ok(())
        }))
    }
}
