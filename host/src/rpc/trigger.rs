//! The trigger by which the host starts every call, of functions with any trigger.

use std::sync::Arc;

use socket2::Socket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::http_uri::PassedOn;
use super::invocation::{self, Asked};
use super::reports::{Report, Served, ServedFunctions};
use crate::pipeline::LoadedFunction;
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// Makes the calls that the session hands over.
pub(super) struct HostTrigger {
    reports: UnboundedSender<Report>,
    http: Option<Socket>,
}

impl HostTrigger {
    /// Returns the trigger of a host that passes requests on to `http`.
    pub(super) fn new(reports: UnboundedSender<Report>, http: Option<Socket>) -> Self {
        HostTrigger { reports, http }
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
        let passed_on = self.http.map(|socket| PassedOn::serve(socket, calls.clone()));
        let passed_on = passed_on.transpose();
        let passed_on = passed_on.map_err(|error| format!("the socket of HttpUri: {error}"))?;
        let (passed_on, serving) = passed_on.unzip();
        let served = ServedFunctions {
            functions: served.collect(),
            threads: runner.threads(),
            calls: sender,
        };
        self.reports
            .send(Report::Functions(served))
            .map_err(|_| "the connection to the host has ended".to_owned())?;
        let making = make_calls(asked, calls, passed_on);
        Ok(match serving {
            None => Box::pin(making),
            Some(serving) => Box::pin(async { tokio::try_join!(making, serving).map(|_| ()) }),
        })
    }
}

async fn make_calls(
    mut asked: UnboundedReceiver<Asked>,
    calls: Calls,
    passed_on: Option<PassedOn>,
) -> Result<(), String> {
    let passed_on = passed_on.as_ref();
    loop {
        tokio::select! {
            biased;
            Some(call) = asked.recv() => begin(call, &calls, passed_on),
            () = calls.draining() => break,
        }
    }
    // They came before the order to drain. Later ones are refused by their sender.
    asked.close();
    while let Some(call) = asked.recv().await {
        begin(call, &calls, passed_on);
    }
    Ok(())
}

fn begin(asked: Asked, calls: &Calls, passed_on: Option<&PassedOn>) {
    match passed_on.filter(|_| asked.awaits_request()) {
        Some(passed_on) => calls.spawn(passed_on.clone().call(asked)),
        None => {
            let handle = calls.clone();
            calls.spawn(async move { invocation::make(asked, &handle).await });
        }
    }
}
