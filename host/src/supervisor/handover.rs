//! When a worker may begin to take requests: an old one never answers after a new one.

use std::pin::Pin;

/// The time at which a worker may begin to take requests: when its predecessor begins no more calls.
pub(super) struct Handover(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Handover {
    pub(super) fn now() -> Self {
        Handover(Box::pin(std::future::ready(())))
    }

    /// Returns a handover that comes when this has ended.
    pub(super) fn when(end: impl Future<Output = ()> + Send + 'static) -> Self {
        Handover(Box::pin(end))
    }

    /// Returns a handover that comes after an earlier one, too: the predecessor itself may not have begun yet.
    pub(super) fn after(self, earlier: Option<Handover>) -> Self {
        match earlier {
            None => self,
            Some(earlier) => Handover(Box::pin(async move {
                earlier.0.await;
                self.0.await;
            })),
        }
    }
}

/// Waits for the handover. Without one it never returns. Cancel-safe.
pub(super) async fn begin(handover: &mut Option<Handover>) {
    match handover {
        Some(handover) => handover.0.as_mut().await,
        None => std::future::pending().await,
    }
}
