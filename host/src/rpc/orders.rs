//! The orders of a worker that the host drives.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use socket2::Socket;
use tokio::sync::mpsc::UnboundedSender;

use super::reports::Report;
use super::trigger::HostTrigger;
use crate::control::Ready;
use crate::triggers::Trigger;
use crate::worker::{Orders, Pulse};

/// Orders that come over the stream of messages.
pub struct HostOrders {
    reports: UnboundedSender<Report>,
    drain: mpsc::Receiver<Duration>,
    /// Where the host passes requests on to.
    http: Option<Socket>,
}

impl HostOrders {
    /// Returns orders, which report to `reports`, and what orders to drain. The host passes requests on to `http`.
    pub(super) fn new(
        reports: UnboundedSender<Report>,
        http: Option<Socket>,
    ) -> (Self, mpsc::Sender<Duration>) {
        let (order, drain) = mpsc::channel();
        (HostOrders { reports, drain, http }, order)
    }

    fn report(&self, report: Report) {
        // It fails only when the session has ended, and everything with it.
        let _ = self.reports.send(report);
    }
}

impl Orders for HostOrders {
    fn ready(&mut self, _ready: Ready, _pulse: Pulse) {
        self.report(Report::Ready);
    }

    fn failed(&mut self, phase: &str, message: &str) {
        self.report(Report::Failed(format!("{phase} failed\n{message}")));
    }

    fn unhealthy(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        let reports = self.reports.clone();
        Box::new(move |reason| drop(reports.send(Report::Unhealthy(reason.to_owned()))))
    }

    fn trigger(&mut self) -> Option<Box<dyn Trigger>> {
        Some(Box::new(HostTrigger::new(self.reports.clone(), self.http.take())))
    }

    fn wait_for_drain(&mut self) -> Duration {
        self.drain.recv().unwrap_or_default()
    }

    fn drained(&mut self, statistics: Value) {
        tracing::debug!("extensions: {statistics}");
    }
}
