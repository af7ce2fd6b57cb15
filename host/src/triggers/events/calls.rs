//! How a trigger in the supervisor has calls made.

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::model::{Event, EventEnd, EventFunction, RetryContext};

/// A call that a worker is to make.
#[derive(Debug)]
pub struct PendingCall {
    /// What the call is about.
    pub event: Event,
    /// Takes how the call ended. Dropped if nobody makes it.
    pub end: oneshot::Sender<EventEnd>,
}

/// Has calls made, until it stops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventCalls {
    pending: mpsc::UnboundedSender<PendingCall>,
    stop: CancellationToken,
}

impl EventCalls {
    /// Returns a handle that puts calls into `pending` until `stop` is cancelled.
    pub fn new(pending: mpsc::UnboundedSender<PendingCall>, stop: CancellationToken) -> Self {
        EventCalls { pending, stop }
    }

    /// Whether the trigger is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the trigger is to end. It begins no calls from then on, and ends when those that run have ended.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Has a worker make this call, and waits until it has ended. While no worker is ready, it waits for one.
    pub async fn call(&self, event: Event) -> EventEnd {
        let (end, ended) = oneshot::channel();
        // Both fail only when the host has ended, or the worker that had the call.
        if self.pending.send(PendingCall { event, end }).is_err() {
            return EventEnd::Lost;
        }
        ended.await.unwrap_or(EventEnd::Lost)
    }

    /// Has this call made, and made again as the function's retry policy says. No retry begins while the trigger ends.
    pub async fn call_with_retries(&self, function: &EventFunction, event: Event) -> EventEnd {
        let Some(policy) = &function.retry else {
            return self.call(event).await;
        };
        let max = policy.max.unwrap_or(RetryContext::UNLIMITED);
        let mut attempt = Event {
            retry: RetryContext {
                max,
                ..RetryContext::default()
            },
            ..event
        };
        loop {
            let end = self.call(attempt.clone()).await;
            let EventEnd::Failed(exception) = end else {
                return end;
            };
            let made = attempt.retry.count;
            let Some(delay) = policy.delay(made, fastrand::f64()) else {
                return EventEnd::Failed(exception);
            };
            tracing::info!(
                "function {:?}: retry {} {} in {delay:?}",
                function.name,
                made + 1,
                match policy.max {
                    Some(max) => format!("of {max}"),
                    None => "(there is no limit)".to_owned(),
                }
            );
            tokio::select! {
                () = sleep(delay) => {}
                () = self.stopping() => return EventEnd::Failed(exception),
            }
            attempt.retry.count = made.saturating_add(1);
            attempt.retry.exception = Some(exception);
        }
    }
}
