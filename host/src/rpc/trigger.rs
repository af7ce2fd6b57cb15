//! The trigger by which the host starts every call, of functions with any trigger.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::invocation::{self, Asked};
use super::reports::{Report, Served, ServedFunctions};
use crate::pipeline::LoadedFunction;
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// Makes the calls that the session hands over.
pub(super) struct HostTrigger {
    reports: UnboundedSender<Report>,
}

impl HostTrigger {
    pub(super) fn new(reports: UnboundedSender<Report>) -> Self {
        HostTrigger { reports }
    }
}

impl Trigger for HostTrigger {
    fn name(&self) -> &'static str {
        "Functions host"
    }

    fn serves(&self, _kind: &str) -> bool {
        true
    }

    /// An app without functions is ready, too.
    fn serves_more(&self) -> bool {
        true
    }

    fn start(
        self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String> {
        let (sender, asked) = unbounded_channel();
        let runner = calls.runner();
        let served = functions.into_iter().map(|function| Served {
            needs_thread: runner.needs_thread(&function),
            failure: runner.failure(&function).cloned(),
            function,
        });
        let served = ServedFunctions {
            functions: served.collect(),
            threads: runner.threads(),
            calls: sender,
        };
        self.reports
            .send(Report::Functions(served))
            .map_err(|_| "the connection to the host has ended".to_owned())?;
        Ok(Box::pin(make_calls(asked, calls)))
    }
}

async fn make_calls(mut asked: UnboundedReceiver<Asked>, calls: Calls) -> Result<(), String> {
    loop {
        tokio::select! {
            biased;
            Some(call) = asked.recv() => begin(call, &calls),
            () = calls.draining() => break,
        }
    }
    // They came before the order to drain. Later ones are refused by their sender.
    asked.close();
    while let Some(call) = asked.recv().await {
        begin(call, &calls);
    }
    Ok(())
}

fn begin(asked: Asked, calls: &Calls) {
    let handle = calls.clone();
    calls.spawn(async move { invocation::make(asked, &handle).await });
}
