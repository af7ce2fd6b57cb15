//! Waits for times that may not be set.

use tokio::time::{Instant, sleep_until};

/// Waits until this time. Without one it never returns. Cancel-safe.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
