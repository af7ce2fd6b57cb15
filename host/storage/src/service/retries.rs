//! When a request is sent again. The SDK's own policy waits for as long as a response tells it to, which may be hours.

use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_core::http::headers::{RETRY_AFTER, RETRY_AFTER_MS, X_MS_RETRY_AFTER_MS};
use azure_core::http::policies::{RetryHeaders, RetryPolicy};
use azure_core::sleep::sleep;
use azure_core::time::Duration;

use crate::limits::Limits;

/// Delays between tries are not longer, whatever the service wants: the caller tries again later.
const MAX_DELAY: Duration = Duration::seconds(5);

/// A number of retries with growing delays, after the statuses that the SDK takes for transient.
#[derive(Debug)]
pub(super) struct Retries {
    retries: u32,
    first_delay: Duration,
    headers: RetryHeaders,
}

impl Retries {
    /// Takes the number of retries, and the first delay.
    pub(super) fn new(limits: Limits) -> Self {
        Retries {
            retries: limits.retries,
            first_delay: Duration::try_from(limits.retry_delay).unwrap_or(MAX_DELAY),
            headers: RetryHeaders {
                retry_headers: vec![X_MS_RETRY_AFTER_MS, RETRY_AFTER_MS, RETRY_AFTER],
            },
        }
    }

    /// The delay before a retry, counted from one: doubled each time, and at least what the service wants.
    fn delay(&self, retry: u32, wanted: Option<Duration>) -> Duration {
        let doubled = 2_i32.saturating_pow(retry.saturating_sub(1));
        let delay = self.first_delay.checked_mul(doubled).unwrap_or(MAX_DELAY);
        wanted.map_or(delay, |wanted| wanted.max(delay)).min(MAX_DELAY)
    }
}

#[async_trait]
impl RetryPolicy for Retries {
    fn is_expired(&self, _since_start: Duration, retries: u32) -> bool {
        retries >= self.retries
    }

    fn retry_headers(&self) -> Option<&RetryHeaders> {
        Some(&self.headers)
    }

    fn retry_status_codes(&self) -> &[StatusCode] {
        // The SDK's own: 408, 429, 500, 502, 503, 504.
        &[]
    }

    fn sleep_duration(&self, retry: u32) -> Duration {
        self.delay(retry, None)
    }

    async fn wait(&self, retry: u32, wanted: Option<Duration>) {
        // Clients that failed together do not come back together.
        sleep(self.delay(retry, wanted) * (1.0 + fastrand::f64() / 4.0)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_whatever_the_service_wants() {
        let retries = Retries::new(Limits::default());
        let delay = |retry, wanted| retries.delay(retry, wanted);
        assert_eq!(delay(1, None), Duration::milliseconds(200));
        assert_eq!(delay(2, None), Duration::milliseconds(400));
        assert_eq!(delay(5, None), Duration::milliseconds(3200));
        assert_eq!(delay(6, None), MAX_DELAY);
        assert_eq!(delay(u32::MAX, None), MAX_DELAY);
        assert_eq!(delay(1, Some(Duration::seconds(1))), Duration::seconds(1));
        assert_eq!(
            delay(2, Some(Duration::milliseconds(1))),
            Duration::milliseconds(400)
        );
        assert_eq!(delay(1, Some(Duration::hours(1))), MAX_DELAY);
        assert!(!retries.is_expired(Duration::hours(1), 1));
        assert!(retries.is_expired(Duration::ZERO, 2));
    }
}
