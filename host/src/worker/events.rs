//! Makes the calls for events that the supervisor's triggers have noticed.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::model::{CallResult, Event, EventEnd, Exception, Outcome};
use crate::pipeline::LoadedFunction;
use crate::triggers::sources::serves;
use crate::triggers::{Calls, Trigger, TriggerFuture};

/// Reports how a call ended: by its id.
type Report = dyn Fn(u64, EventEnd) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The events that start calls of a worker, each with an id.
pub(super) struct Events {
    receiver: mpsc::UnboundedReceiver<(u64, Event)>,
    report: Arc<Report>,
}

impl Events {
    /// Returns events from this receiver. `report` takes how each call ended.
    pub(super) fn new(
        receiver: mpsc::UnboundedReceiver<(u64, Event)>,
        report: impl Fn(u64, EventEnd) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
    ) -> Self {
        Events {
            receiver,
            report: Arc::new(report),
        }
    }
}

impl Trigger for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn serves(&self, kind: &str) -> bool {
        serves(kind)
    }

    fn start(
        mut self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String> {
        let by_name = functions.into_iter();
        let by_name: HashMap<_, _> = by_name
            .map(|function| (function.info.name.to_ascii_lowercase(), function))
            .collect();
        Ok(Box::pin(async move {
            loop {
                tokio::select! {
                    biased;
                    Some((id, event)) = self.receiver.recv() => self.begin(id, event, &by_name, &calls),
                    () = calls.draining() => break,
                }
            }
            // They came before the order to drain.
            while let Ok((id, event)) = self.receiver.try_recv() {
                self.begin(id, event, &by_name, &calls);
            }
            Ok(())
        }))
    }
}

impl Events {
    /// Begins the call for an event.
    fn begin(&self, id: u64, event: Event, functions: &HashMap<String, Arc<LoadedFunction>>, calls: &Calls) {
        let function = functions.get(&event.function.to_ascii_lowercase()).cloned();
        let (report, handle) = (Arc::clone(&self.report), calls.clone());
        calls.spawn(async move {
            let end = match function {
                Some(function) => end_of(handle.call(function, event.into(), ()).await.1),
                // The app is being replaced by one that has it, or no longer has it.
                None => EventEnd::NotBegun,
            };
            report(id, end).await;
        });
    }
}

fn end_of(result: CallResult) -> EventEnd {
    match result.into_parts().0 {
        Outcome::Returned(_) | Outcome::Answered { .. } => EventEnd::Succeeded,
        Outcome::Raised(exception) | Outcome::Refused { error: exception, .. } => EventEnd::Failed(exception),
        Outcome::TimedOut(limit) => EventEnd::Failed(Box::new(Exception {
            type_name: "TimeoutError".to_owned(),
            message: format!("the function took longer than {limit:?}"),
            traceback: String::new(),
        })),
        Outcome::Cancelled => EventEnd::Lost,
    }
}
