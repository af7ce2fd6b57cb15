//! The source of a worker's orders, to which it also reports.

use std::time::Duration;

use serde_json::Value;

use super::service::Pulse;
use crate::control::Ready;
use crate::triggers::Trigger;

/// The owner of a worker: the supervisor, over the control channel, or a program with its own worker. The functions may
/// block; they are called from one thread at a time.
pub trait Orders: Send + 'static {
    /// Reports that all functions and extensions are loaded, and calls are served. `pulse` tells from then on whether they
    /// still are.
    fn ready(&mut self, ready: Ready, pulse: Pulse);

    /// Reports that the worker cannot serve the app: `phase`, a noun phrase, failed with this message.
    fn failed(&mut self, phase: &str, message: &str);

    /// Takes what tells what the threads of the worker's language do, for an owner that asks why the worker does not become
    /// ready. It may be called from any thread.
    fn can_explain(&self, _explain: Box<dyn Fn() -> String + Send + Sync>) {}

    /// Returns what reports that the worker cannot go on serving, and why: its owner may replace it. It may be called from
    /// any thread, and does not block.
    fn unhealthy(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        Box::new(|_| {})
    }

    /// Returns what reports that the worker has answered as many requests as its configuration says. It may be called from
    /// any thread, and does not block.
    fn request_limit_reached(&self) -> Box<dyn Fn() + Send + Sync> {
        Box::new(|| {})
    }

    /// Returns the trigger by which the owner itself starts calls, if it does: it serves its functions before any other.
    /// Called once.
    fn trigger(&mut self) -> Option<Box<dyn Trigger>> {
        None
    }

    /// Waits for the order to stop; returns the time for running calls to finish.
    fn wait_for_drain(&mut self) -> Duration;

    /// Reports that all calls have ended or are given up, with the statistics of the extensions.
    fn drained(&mut self, statistics: Value);
}
