//! Limits how often a function is called: a token bucket for each function, for each client, or for each value of a
//! header. Calls beyond the limit are answered 429 with `Retry-After`, and the function is not called.
//!
//! host.json switches it on under the name "rate-limit":
//!
//! ```json
//! "workerExtensions": { "rate-limit": { "functions": ["search"], "settings": { "per_second": 5, "burst": 20 } } }
//! ```
//!
//! As a model: an extension of function level, that answers early, with a metric of its own and settings that are
//! checked before anything starts. The algorithm takes the time as an argument, so its tests do not wait.

mod bucket;
mod settings;

use std::time::{Duration, Instant};

use funcdock_extension_api::{
    Counter, Extension, Flow, FunctionInfo, Invocation, Response, Result, extension,
};

use bucket::{Bucket, KeyedBuckets, Limit};
use settings::Key;

pub use settings::Settings;

/// The extension: one a function.
pub struct RateLimit {
    limit: Limit,
    key: Key,
    /// The bucket of all calls that have no key.
    shared: Bucket,
    keyed: KeyedBuckets,
    /// Where the buckets' time begins.
    start: Instant,
    limited: Counter,
}

#[extension(scope = function)]
impl Extension for RateLimit {
    type Settings = Settings;

    fn configure(settings: &Settings) -> Result<()> {
        settings.limit()?;
        Ok(())
    }

    fn init(settings: Settings, info: &FunctionInfo<'_>) -> Result<Self> {
        Ok(RateLimit {
            limit: settings.limit()?,
            shared: Bucket::default(),
            keyed: KeyedBuckets::new(settings.max_keys),
            key: settings.key,
            start: Instant::now(),
            limited: info.counter("limited_total", "Calls that were answered 429.", &[])?,
        })
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
        // 64 bits of nanoseconds last for 584 years.
        let now = self.start.elapsed().as_nanos() as u64;
        let taken = match self.key.of(call.http_request()) {
            Some(key) => self.keyed.take(key, self.limit, now),
            None => self.shared.take(self.limit, now),
        };
        Ok(match taken {
            Ok(()) => Flow::Continue(()),
            Err(wait) => {
                self.limited.add(1);
                Flow::Respond(too_many(wait))
            }
        })
    }
}

/// Returns the answer to a call that may be repeated after `wait`.
fn too_many(wait: Duration) -> Response {
    let seconds = whole_seconds(wait);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    Response::new(429)
        .header("retry-after", seconds.to_string())
        .header("content-type", "text/plain; charset=utf-8")
        .body(format!("Too many requests: try again in {seconds} {unit}.\n"))
}

/// Rounds up, to at least 1: a client that waits that long finds a token.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        for (nanoseconds, seconds) in [
            (0, 1),
            (1, 1),
            (1_000_000_000, 1),
            (1_000_000_001, 2),
            (90_000_000_000, 90),
        ] {
            assert_eq!(
                whole_seconds(Duration::from_nanos(nanoseconds)),
                seconds,
                "{nanoseconds}"
            );
        }
    }

    #[test]
    fn the_answer_says_when_to_come_back() {
        let answer = too_many(Duration::from_millis(1500));
        assert_eq!(answer.status, 429);
        assert!(
            answer
                .headers
                .contains(&("retry-after".to_owned(), "2".to_owned()))
        );
        assert_eq!(answer.body, b"Too many requests: try again in 2 seconds.\n");
        assert!(
            too_many(Duration::from_millis(1))
                .body
                .ends_with(b"in 1 second.\n")
        );
    }
}
