//! How a trigger in the supervisor has calls made.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::model::{Event, EventEnd, EventFunction, RetryContext};

/// The time before a call is made again whose worker died, or that no worker has begun.
const PAUSE: Duration = Duration::from_millis(200);

/// A call that a worker is to make.
#[derive(Debug)]
pub struct PendingCall {
    /// What the call is about.
    pub event: Event,
    /// Whether it runs on one of the worker's threads for functions, of which there are only some.
    pub needs_thread: bool,
    /// Whether no other call for an event is to run in the worker meanwhile.
    pub alone: bool,
    /// Takes how the call ended. Dropped if no worker has got the call.
    pub end: oneshot::Sender<EventEnd>,
}

/// Has calls of a function made, until it stops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventCalls {
    pending: mpsc::UnboundedSender<PendingCall>,
    needs_thread: bool,
    stop: CancellationToken,
}

/// What a call, and its retries, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallsEnd {
    /// One of them succeeded.
    Succeeded,
    /// The last one failed. The log has it already.
    Failed,
    /// The worker ended in each of so many calls.
    WorkersEnded(u32),
    /// The trigger is to end, and another host, or a later start, is to make the call: it counts as not made.
    Interrupted,
}

impl EventCalls {
    /// Returns a handle that puts calls of this function into `pending` until `stop` is cancelled.
    pub fn new(
        function: &EventFunction,
        pending: mpsc::UnboundedSender<PendingCall>,
        stop: CancellationToken,
    ) -> Self {
        EventCalls {
            pending,
            needs_thread: function.needs_thread,
            stop,
        }
    }

    /// Returns what is cancelled when the trigger is to end.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Whether the trigger is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the trigger is to end. It begins no calls from then on, and ends when those that run have ended.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Has this call made, and made again as the function's retry policy says. While no worker is ready, it waits for one.
    ///
    /// If the worker dies, the call is made again, and runs alone in its worker from then on: so a call that ends its worker
    /// takes no others with it. It is given up after `most_lost` such ends.
    pub async fn make(&self, function: &EventFunction, event: Event, most_lost: u32) -> CallsEnd {
        let policy = function.retry.as_ref();
        let max = policy.map_or(0, |policy| policy.max.unwrap_or(RetryContext::UNLIMITED));
        let mut attempt = Event {
            retry: RetryContext {
                max,
                ..RetryContext::default()
            },
            ..event
        };
        let mut lost = 0;
        loop {
            let pause = match self.call(attempt.clone(), lost > 0).await {
                EventEnd::Succeeded => return CallsEnd::Succeeded,
                EventEnd::Failed(mut exception) => {
                    let made = attempt.retry.count;
                    let Some(delay) = policy.and_then(|policy| policy.delay(made, fastrand::f64())) else {
                        return CallsEnd::Failed;
                    };
                    log_retry(function, made + 1, delay);
                    attempt.retry.count = made.saturating_add(1);
                    // As the function of the next attempt sees it.
                    exception.message = exception.to_string();
                    attempt.retry.exception = Some(exception);
                    delay
                }
                _ if self.is_stopping() => return CallsEnd::Interrupted,
                EventEnd::NotBegun => PAUSE,
                EventEnd::Lost => {
                    lost += 1;
                    if lost >= most_lost {
                        return CallsEnd::WorkersEnded(lost);
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stopping() => return CallsEnd::Interrupted,
            }
        }
    }

    /// Has a worker make this call, and waits until it has ended.
    async fn call(&self, event: Event, alone: bool) -> EventEnd {
        if self.is_stopping() {
            return EventEnd::NotBegun;
        }
        let (end, ended) = oneshot::channel();
        let call = PendingCall {
            event,
            needs_thread: self.needs_thread,
            alone,
            end,
        };
        // Fails only when the host has ended.
        if self.pending.send(call).is_err() {
            return EventEnd::NotBegun;
        }
        ended.await.unwrap_or(EventEnd::NotBegun)
    }
}

fn log_retry(function: &EventFunction, number: u32, delay: Duration) {
    let max = function.retry.as_ref().and_then(|policy| policy.max);
    tracing::info!(
        "function {:?}: retry {number} {} in {delay:?}",
        function.name,
        match max {
            Some(max) => format!("of {max}"),
            None => "(there is no limit)".to_owned(),
        }
    );
}
