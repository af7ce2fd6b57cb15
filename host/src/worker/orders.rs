//! Who a worker takes its orders from, and reports to.

use std::time::Duration;

use serde_json::Value;

use crate::control::Ready;

/// Whoever runs a worker: the supervisor, over the control channel, or a program that has a worker of its own. The
/// functions may block; they are called from one thread at a time.
pub trait Orders: Send + 'static {
    /// All functions and extensions are loaded, and calls are served.
    fn ready(&mut self, ready: Ready);

    /// The worker cannot serve the app: `phase`, a noun phrase, failed with this message.
    fn failed(&mut self, phase: &str, message: &str);

    /// Waits until the worker is to stop; returns what running calls get to finish in.
    fn wait_for_drain(&mut self) -> Duration;

    /// All calls have ended or are given up; `statistics` is what the extensions did.
    fn drained(&mut self, statistics: Value);
}
